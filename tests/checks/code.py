"""What the shell's source says that other files must agree with: imports, schemas, translation keys."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from homeassistant.const import Platform

# Integrations that load us, rather than we them: a platform file of theirs in our folder.
_PLATFORM_LIKE: Final = {*Platform, "device_automation", "diagnostics", "repairs", "system_health"}


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree, leaving out what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _running(child)


def imported_components(source: str) -> set[str]:
    """Return Home Assistant's integrations that a module imports."""
    prefix = "homeassistant.components"
    names: set[str] = set()
    for node in _running(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == prefix:
            names |= {f"{prefix}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[2] for name in names if name.startswith(f"{prefix}.")}


def undeclared_components(sources: Iterable[str], manifest: Mapping[str, Any]) -> set[str]:
    """Return the integrations that are imported and not in the manifest's dependencies."""
    imported = {name for source in sources for name in imported_components(source)}
    return imported - {*manifest.get("dependencies", []), *manifest.get("after_dependencies", [])} - _PLATFORM_LIKE


def schema_problems(source: str) -> list[str]:
    """Say when `async_setup` has no `CONFIG_SCHEMA` beside it, or the other way round."""
    tree = ast.parse(source)
    has_setup = any(isinstance(node, ast.AsyncFunctionDef) and node.name == "async_setup" for node in tree.body)
    targets = {
        ast.unparse(target)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    if has_setup and "CONFIG_SCHEMA" not in targets:
        return ["async_setup without CONFIG_SCHEMA"]
    if not has_setup and "CONFIG_SCHEMA" in targets:
        return ["CONFIG_SCHEMA without async_setup"]
    return []


def strings(source: str) -> set[str]:
    """Return every literal string of a module."""
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def used_keys(source: str) -> Iterator[tuple[str, str]]:
    """Yield the translation keys that a module names literally, with where they are looked up.

    Kinds: `key` (an exception, a repair, an entity, a device), `step`, `abort`, `error`.
    """
    arguments = {"translation_key": "key", "step_id": "step", "reason": "abort"}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.keyword(arg=str(name), value=ast.Constant(value=str(key))) if name in arguments:
                yield arguments[name], key
            case ast.Assign(targets=[ast.Name(id="_attr_translation_key")], value=ast.Constant(value=str(key))):
                yield "key", key
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id="errors"))], value=ast.Constant(value=str(key))):
                yield "error", key
            case ast.keyword(arg="errors", value=ast.Dict(values=values)):
                yield from (
                    ("error", value.value)
                    for value in values
                    if isinstance(value, ast.Constant) and isinstance(value.value, str)
                )


def placed_keys(module: str, source: str) -> Iterator[tuple[str, ...]]:
    """Yield where in the translations a module has its literal keys looked up; `module` is its file's name."""
    entity = ("entity", module.removesuffix(".py"))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords):
                for keyword in keywords:
                    if keyword.arg == "translation_key" and isinstance(key := keyword.value, ast.Constant):
                        yield *_section(name, entity), str(key.value)
            case ast.Assign(targets=[ast.Name(id="_attr_translation_key")], value=ast.Constant(value=str(key))):
                yield *entity, key


def _section(name: str, entity: tuple[str, str]) -> tuple[str, ...]:
    """Return where what is called by this name has its translations."""
    if name == "async_create_issue":
        return ("issues",)
    if name.endswith("SelectorConfig"):
        return ("selector",)
    return entity if name.endswith("Description") else ("exceptions",)


def known_keys(texts: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the translation keys that there are, by the kinds of `used_keys`."""
    flows = [texts.get("config", {}), texts.get("options", {}), *texts.get("config_subentries", {}).values()]
    flows += [issue["fix_flow"] for issue in texts.get("issues", {}).values() if "fix_flow" in issue]
    keys = {
        *texts.get("exceptions", {}),
        *texts.get("issues", {}),
        *texts.get("device", {}),
        *texts.get("selector", {}),
    }
    keys |= {key for platform in texts.get("entity", {}).values() for key in platform}
    known = {"key": keys}
    for kind in ("step", "abort", "error"):
        known[kind] = {key for flow in flows for key in flow.get(kind, {})}
    return known
