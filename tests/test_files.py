"""What hassfest and HACS would reject, checked offline."""

from functools import reduce
import json
from pathlib import Path
import tomllib
from typing import Any

import homeassistant.components
from homeassistant.util import yaml as yaml_util
import pytest

from custom_components.resonate.condition import CONDITIONS
from custom_components.resonate.core.errors import Refusal
from custom_components.resonate.core.events import LossReason
from custom_components.resonate.core.stream.policy import SendPolicy
from custom_components.resonate.entity import ERROR_TO_KEY, REFUSAL_TO_KEY
from custom_components.resonate.happenings import HAPPENING_TYPES
from custom_components.resonate.sensor import OUT_OF_SYNC, SYNCHRONISED
from custom_components.resonate.silence import SilenceReason
from custom_components.resonate.trigger import TRIGGERS
from tests.checks.code import known_keys, placed_keys, schema_problems, strings, undeclared_components, used_keys
from tests.checks.manifest import hacs_problems, manifest_problems, png_size, quality_scale_problems
from tests.checks.texts import (
    action_problems,
    automation_problems,
    icon_problems,
    parity_problems,
    translation_problems,
    untranslated,
)

ROOT = Path(__file__).parents[1]
INTEGRATION = ROOT / "custom_components" / "resonate"
COMPONENTS = Path(homeassistant.components.__path__[0])
LANGUAGES = ("de", "en", "es", "fr", "nl")


def _json(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def _optional(name: str) -> dict[str, Any]:
    """Read a file that an integration has only when it needs it."""
    path = INTEGRATION / name
    if not path.exists():
        return {}
    return _json(path) if path.suffix == ".json" else yaml_util.load_yaml_dict(str(path))


def _texts(language: str) -> dict[str, Any]:
    return _json(INTEGRATION / "translations" / f"{language}.json")


def _shell_sources() -> dict[str, str]:
    """Return the modules that know Home Assistant, by name."""
    paths = sorted(INTEGRATION.rglob("*.py"))
    return {
        str(path.relative_to(INTEGRATION)): path.read_text(encoding="utf-8")
        for path in paths
        if INTEGRATION / "core" not in path.parents
    }


def test_manifest() -> None:
    manifest = _json(INTEGRATION / "manifest.json")
    assert manifest_problems(manifest, folder=INTEGRATION.name, components=COMPONENTS) == []


def test_the_only_integration_here() -> None:
    folders = [path for path in INTEGRATION.parent.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert folders == [INTEGRATION]
    assert not (INTEGRATION.parent / "__init__.py").exists()


def test_every_imported_integration_is_declared() -> None:
    assert undeclared_components(_shell_sources().values(), _json(INTEGRATION / "manifest.json")) == set()


def test_set_up_has_a_schema() -> None:
    assert schema_problems((INTEGRATION / "__init__.py").read_text(encoding="utf-8")) == []


def test_config_flow_is_where_the_manifest_says() -> None:
    manifest = _json(INTEGRATION / "manifest.json")
    assert manifest["config_flow"] is (INTEGRATION / "config_flow.py").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations(language: str) -> None:
    assert translation_problems(_texts(language)) == []


def test_every_language_is_there_and_checked() -> None:
    assert {path.name for path in (INTEGRATION / "translations").iterdir()} == {f"{name}.json" for name in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_say_the_same(language: str) -> None:
    assert parity_problems(_texts("en"), _texts(language)) == []


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_nothing_is_left_in_english(language: str) -> None:
    assert untranslated(_texts("en"), _texts(language)) == []


def test_actions_are_described_and_have_icons() -> None:
    assert action_problems(_optional("services.yaml"), _texts("en"), _optional("icons.json")) == []


@pytest.mark.parametrize(("section", "table"), [("triggers", TRIGGERS), ("conditions", CONDITIONS)])
def test_triggers_and_conditions_are_described_and_have_icons(section: str, table: dict[str, object]) -> None:
    described = _optional(f"{section}.yaml")
    assert automation_problems(section, described, _texts("en"), _optional("icons.json")) == []
    assert {key for key in described if not key.startswith(".")} == table.keys()


def test_icons() -> None:
    icons, texts = _optional("icons.json"), _texts("en")
    assert icon_problems(icons) == []
    assert _entity_keys(icons) == _entity_keys(texts)


def _entity_keys(tree: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return platform and key of the entities that a file has something for."""
    return {("entity", platform, key) for platform, entities in tree["entity"].items() for key in entities}


def _is_there(texts: dict[str, Any], path: tuple[str, ...]) -> bool:
    return reduce(lambda tree, key: tree.get(key, {}), path, texts) != {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_is_translated_where_it_is_looked_up(language: str) -> None:
    texts = _texts(language)
    sources = _shell_sources().items()
    placed = {path for name, source in sources for path in placed_keys(Path(name).name, source)}
    placed |= {("exceptions", key) for key in (*ERROR_TO_KEY.values(), *REFUSAL_TO_KEY.values())}
    assert {path for path in placed if not _is_there(texts, path)} == set()
    assert _entity_keys(texts) - placed == set()


def test_every_refusal_has_a_text() -> None:
    assert set(REFUSAL_TO_KEY) == set(Refusal)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("entity", "sensor", "silence_reason", "state"), set(SilenceReason)),
        (("entity", "sensor", "sync_state", "state"), {SYNCHRONISED, OUT_OF_SYNC}),
        (("entity", "event", "device", "state_attributes", "event_type", "state"), set(HAPPENING_TYPES)),
        (
            ("entity", "event", "device", "state_attributes", "reason", "state"),
            set(LossReason) - {LossReason.SERVER_STOPPED},
        ),
        (("device_automation", "trigger_type"), set(HAPPENING_TYPES)),
        (("selector", "policy", "options"), set(SendPolicy)),
    ],
)
def test_every_word_that_people_see_is_translated(path: tuple[str, ...], words: set[str]) -> None:
    texts: Any = reduce(lambda tree, key: tree[key], path, _texts("en"))
    assert texts.keys() == words


def test_every_translation_key_in_use_is_translated() -> None:
    known = known_keys(_texts("en"))
    flows = {"config_flow.py", "repairs.py"}
    missing = {
        f"{name}: {kind} {key}"
        for name, source in _shell_sources().items()
        for kind, key in used_keys(source)
        if (kind == "key" or name in flows) and key not in known[kind]
    }
    assert missing == set()


def test_every_exception_and_repair_translated_is_in_use() -> None:
    used = {text for source in _shell_sources().values() for text in strings(source)}
    texts = _texts("en")
    unused = {*texts.get("exceptions", {}), *texts.get("issues", {})} - used
    assert unused == set()


def test_quality_scale() -> None:
    scale = yaml_util.load_yaml_dict(str(INTEGRATION / "quality_scale.yaml"))
    assert quality_scale_problems(scale) == []


@pytest.mark.parametrize("kind", ["triggers", "conditions"])
def test_what_there_is_is_in_the_documents(kind: str) -> None:
    documents = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    names = [key for key in _optional(f"{kind}.yaml") if not key.startswith(".")]
    assert [name for name in names if f"- {kind[:-1]}: resonate.{name}\n" not in documents] == []


@pytest.mark.parametrize(
    ("rule", "file"),
    [("docs-actions", "services"), ("docs-triggers", "triggers"), ("docs-conditions", "conditions")],
)
def test_nothing_is_exempt_that_is_there(rule: str, file: str) -> None:
    status = yaml_util.load_yaml_dict(str(INTEGRATION / "quality_scale.yaml"))["rules"][rule]
    assert (INTEGRATION / f"{file}.yaml").exists() is not (isinstance(status, dict) and status["status"] == "exempt")


@pytest.mark.parametrize(("name", "size"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_brand(name: str, size: int) -> None:
    assert png_size((INTEGRATION / "brand" / name).read_bytes()) == (size, size)


def test_hacs() -> None:
    hacs = _json(ROOT / "hacs.json")
    assert hacs_problems(hacs) == []
    # What is supported is what is tested.
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert f"homeassistant=={hacs['homeassistant']}" in groups["dev"]


def test_one_version_everywhere() -> None:
    version = _json(INTEGRATION / "manifest.json")["version"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_typed() -> None:
    assert (INTEGRATION / "py.typed").exists()


def test_pins_are_home_assistants() -> None:
    """What a test instance runs with is what Home Assistant would install."""
    constraints = dict(
        line.lower().split("==")
        for line in (COMPONENTS.parent / "package_constraints.txt").read_text(encoding="utf-8").split()
        if "==" in line
    )
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    pins = [text.lower().split("==") for group in ("core-test", "dev") for text in groups[group] if "==" in text]
    other = [
        f"{name}: {version}, Home Assistant {constraints[name]}"
        for name, version in pins
        if constraints.get(name, version) != version
    ]
    assert other == []
