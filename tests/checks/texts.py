"""translations/*.json, services.yaml and icons.json."""

from collections.abc import Iterator, Mapping
import re
from string import Formatter
from typing import Any, Final

type Tree = Mapping[str, Any]

_SECTIONS: Final = {
    "common",
    "conditions",
    "config",
    "config_panel",
    "config_subentries",
    "device",
    "device_automation",
    "entity",
    "exceptions",
    "issues",
    "options",
    "selector",
    "services",
    "system_health",
    "title",
    "triggers",
}
_KEY: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?")
_HTML: Final = re.compile(r"</?[a-zA-Z][^>]*>")
_URL: Final = re.compile(r"\b[a-z]+://|\bwww\.", re.IGNORECASE)
_QUOTED_PLACEHOLDER: Final = re.compile(r"'\{\w+\}'")


def leaves(tree: Tree, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value that is not a mapping, with the keys that lead to it."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def placeholders(text: str) -> set[str]:
    """Return the names in curly brackets. Raises ValueError when the brackets do not match."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def translation_problems(texts: Tree) -> list[str]:
    """Say what is wrong with one language's file, by itself."""
    problems = [f"{key} is not a section" for key in texts if key not in _SECTIONS]
    for path, text in leaves(texts):
        name = ".".join(path)
        problems += [f"{name}: {key} is not a key" for key in path if not _KEY.fullmatch(key)]
        problems += [f"{name}: {complaint}" for complaint in _text_problems(text)]
    for name, form in _forms(texts):
        extra = form.get("data_description", {}).keys() - form.get("data", {}).keys()
        problems += [f"{name}: {key} is described, but no field" for key in sorted(extra)]
        problems += [
            f"{name}: {key} is not described"
            for key in sorted(form.get("data", {}).keys() - form.get("data_description", {}).keys())
        ]
    for key, entry in texts.get("exceptions", {}).items():
        if set(entry) != {"message"}:
            problems.append(f"exceptions.{key}: a message, and nothing else")
    for key, entry in texts.get("issues", {}).items():
        if "title" not in entry or ("description" in entry) == ("fix_flow" in entry):
            problems.append(f"issues.{key}: a title, and either a description or a fix_flow")
    return problems


def _text_problems(text: Any) -> Iterator[str]:
    if not isinstance(text, str) or not text:
        yield "not a text"
        return
    if text != text.strip():
        yield "space at an end"
    if _HTML.search(text):
        yield "HTML"
    if _URL.search(text):
        yield "an address belongs into a placeholder"
    if _QUOTED_PLACEHOLDER.search(text):
        yield "a placeholder in single quotes is not replaced"
    if "[%key:" in text:
        yield "references are not resolved in custom integrations"
    try:
        placeholders(text)
    except ValueError:
        yield "curly brackets do not match"


def _forms(texts: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield every form of every flow, and every section of a form."""
    flows: dict[str, Tree] = {key: texts[key] for key in ("config", "options") if key in texts}
    flows |= {f"config_subentries.{key}": flow for key, flow in texts.get("config_subentries", {}).items()}
    flows |= {
        f"issues.{key}": entry["fix_flow"] for key, entry in texts.get("issues", {}).items() if "fix_flow" in entry
    }
    for flow_name, flow in flows.items():
        for step_name, step in flow.get("step", {}).items():
            yield f"{flow_name}.{step_name}", step
            for section_name, section in step.get("sections", {}).items():
                yield f"{flow_name}.{step_name}.{section_name}", section


def parity_problems(reference: Tree, other: Tree) -> list[str]:
    """Say where another language differs in its keys or its placeholders from the reference."""
    ours, theirs = dict(leaves(reference)), dict(leaves(other))
    problems = [f"{'.'.join(path)} is missing" for path in ours if path not in theirs]
    problems += [f"{'.'.join(path)} is not in the reference" for path in theirs if path not in ours]
    problems += [
        f"{'.'.join(path)}: other placeholders"
        for path in ours
        if path in theirs and placeholders(ours[path]) != placeholders(theirs[path])
    ]
    return problems


def untranslated(reference: Tree, other: Tree) -> list[str]:
    """Return where another language has the very words of the reference.

    One or two words may be the same in both (Port, Format, Option A); three are not.
    """
    ours, theirs = dict(leaves(reference)), dict(leaves(other))
    return [".".join(path) for path, text in ours.items() if theirs.get(path) == text and len(text.split()) > 2]


def action_problems(actions: Tree, texts: Tree, icons: Tree) -> list[str]:
    """Say where services.yaml, its names and descriptions, and its icons do not agree."""
    translated: Tree = texts.get("services", {})
    problems = [f"{key} is translated, but no action" for key in sorted(translated.keys() - actions.keys())]
    problems += [
        f"{key} has an icon, but is no action" for key in sorted(icons.get("services", {}).keys() - actions.keys())
    ]
    for name, action in actions.items():
        text = translated.get(name, {})
        problems += _named(name, text)
        if "service" not in icons.get("services", {}).get(name, {}):
            problems.append(f"{name} has no icon")
        fields, sections = _fields((action or {}).get("fields", {}))
        for kind, wanted in (("fields", fields), ("sections", sections)):
            given = text.get(kind, {})
            problems += [f"{name}.{key} is translated, but not there" for key in sorted(given.keys() - wanted)]
            for key in sorted(wanted):
                described = given.get(key, {})
                problems += _named(
                    f"{name}.{key}", described if kind == "fields" else {"description": "-", **described}
                )
    return problems


def automation_problems(section: str, described: Tree, texts: Tree, icons: Tree) -> list[str]:
    """Say where triggers.yaml or conditions.yaml, their texts and their icons do not agree.

    `section` is `triggers` or `conditions`; keys that begin with a dot are only there to be referred to.
    """
    wanted = {key: value or {} for key, value in described.items() if not key.startswith(".")}
    translated: Tree = texts.get(section, {})
    pictured: Tree = icons.get(section, {})
    problems = [f"{key} is translated, but not there" for key in sorted(translated.keys() - wanted.keys())]
    problems += [f"{key} has an icon, but is not there" for key in sorted(pictured.keys() - wanted.keys())]
    for name, entry in wanted.items():
        text = translated.get(name, {})
        problems += _named(name, text)
        if not pictured.get(name, {}).get(section.removesuffix("s")):
            problems.append(f"{name} has no icon")
        fields, given = entry.get("fields", {}), text.get("fields", {})
        problems += [f"{name}.{key} is translated, but not there" for key in sorted(given.keys() - fields.keys())]
        for key in sorted(fields):
            problems += _named(f"{name}.{key}", given.get(key, {}))
    return problems


def _named(name: str, text: Tree) -> list[str]:
    return [f"{name} has no {key}" for key in ("name", "description") if not text.get(key)]


def _fields(fields: Tree) -> tuple[set[str], set[str]]:
    """Return the names of an action's fields, those in sections too, and of its sections."""
    sections = {name for name, field in fields.items() if field and "fields" in field}
    inner = {name for section in sections for name in fields[section]["fields"]}
    return (fields.keys() - sections) | inner, sections


def icon_problems(icons: Tree) -> list[str]:
    """Say which icons are none, or the same as the default they stand for."""
    problems = [
        f"{'.'.join(path)}: {icon} is not an icon" for path, icon in leaves(icons) if not str(icon).startswith("mdi:")
    ]
    for platform, entities in icons.get("entity", {}).items():
        for key, entity in entities.items():
            if "default" not in entity:
                problems.append(f"entity.{platform}.{key} has no default")
            problems += [
                f"entity.{platform}.{key}.{state} is the default anyway"
                for state, icon in entity.get("state", {}).items()
                if icon == entity.get("default")
            ]
    return problems
