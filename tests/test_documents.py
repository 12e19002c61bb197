"""What documents promise: examples that can be pasted, and links that lead somewhere."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any, Final

import homeassistant.components
from homeassistant.util import yaml as yaml_util
import pytest

ROOT: Final = Path(__file__).parents[1]
INTEGRATION: Final = ROOT / "custom_components" / "resonate"
COMPONENTS: Final = Path(homeassistant.components.__path__[0])
DOCUMENTS: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
ADDED_BY_SCHEMA: Final = frozenset({"media", "media_content_id", "media_content_type", "extra"})
"""What actions of `media_player` take beyond the fields that their descriptions list."""
_EXAMPLE: Final = re.compile(r"^( *)```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")


def examples() -> list[Any]:
    """Return what the examples of all documents say."""
    texts = (match.group(2) for path in DOCUMENTS for match in _EXAMPLE.finditer(path.read_text(encoding="utf-8")))
    return [yaml_util.parse_yaml(text) for text in texts]


def steps(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in an example."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from steps(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from steps(inner)


def named(kind: str) -> list[dict[str, Any]]:
    """Return the steps of all examples that name an action, a trigger or a condition."""
    return [step for example in examples() for step in steps(example) if isinstance(step.get(kind), str)]


def described(path: Path) -> dict[str, Any]:
    """Return what a file of actions, triggers or conditions describes, by name."""
    return {key: value or {} for key, value in yaml_util.load_yaml_dict(str(path)).items() if not key.startswith(".")}


@pytest.mark.parametrize(
    ("kind", "file"), [("action", "services"), ("trigger", "triggers"), ("condition", "conditions")]
)
def test_all_there_is_has_an_example_and_no_example_more(kind: str, file: str) -> None:
    shown = {step[kind].removeprefix("resonate.") for step in named(kind) if step[kind].startswith("resonate.")}
    assert shown == described(INTEGRATION / f"{file}.yaml").keys()


def test_examples_give_actions_what_they_take() -> None:
    for domain, folder in (("resonate", INTEGRATION), ("media_player", COMPONENTS / "media_player")):
        actions = described(folder / "services.yaml")
        for step in named("action"):
            if step["action"].startswith(f"{domain}."):
                fields = actions[step["action"].removeprefix(f"{domain}.")].get("fields", {})
                more = step.get("data", {}).keys() - fields.keys()
                assert more <= (ADDED_BY_SCHEMA if domain == "media_player" else frozenset()), step


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in _LINK.findall(path.read_text(encoding="utf-8")):
        file = path.parent / target if target else path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, anchor
