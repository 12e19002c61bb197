"""Every check of tests/checks complains about what it is for, and only then."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import homeassistant.components
import pytest

from tests.checks.code import known_keys, placed_keys, schema_problems, strings, undeclared_components, used_keys
from tests.checks.manifest import QUALITY_RULES, hacs_problems, manifest_problems, png_size, quality_scale_problems
from tests.checks.texts import (
    action_problems,
    automation_problems,
    icon_problems,
    parity_problems,
    translation_problems,
    untranslated,
)

COMPONENTS = Path(homeassistant.components.__path__[0])

MANIFEST: dict[str, Any] = {
    "domain": "good",
    "name": "Good",
    "codeowners": ["@somebody"],
    "config_flow": True,
    "dependencies": ["http"],
    "documentation": "https://example.org",
    "integration_type": "hub",
    "iot_class": "local_push",
    "issue_tracker": "https://example.org/issues",
    "requirements": ["av>=19.0.0"],
    "version": "1.2.3",
    "zeroconf": ["_good._tcp.local.", {"type": "_better._udp.local."}],
}


def _manifest_problems(manifest: dict[str, Any]) -> list[str]:
    return manifest_problems(manifest, folder="good", components=COMPONENTS)


def test_a_good_manifest() -> None:
    assert _manifest_problems(MANIFEST) == []


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("domain", "other", "not the folder's name"),
        ("codeowners", ["somebody"], "has no @"),
        ("documentation", "http://example.org", "documentation is not an https address"),
        ("documentation", "https://", "documentation is not an https address"),
        ("issue_tracker", "example.org", "issue_tracker is not an https address"),
        ("integration_type", "thing", "integration_type thing"),
        ("iot_class", "local", "iot_class local"),
        ("version", "one", "version one"),
        ("requirements", ["av >=19"], "contains a space"),
        ("requirements", ["av>>19"], "requirement av>>19"),
        ("requirements", ["av==19.0.0"], "is a pin"),
        ("dependencies", ["no_such_integration"], "Home Assistant has no no_such_integration"),
        ("zeroconf", ["_good._tcp"], "not a type of service"),
        ("zzz", True, "zzz is not a key"),
    ],
)
def test_a_bad_manifest(key: str, value: object, complaint: str) -> None:
    (problem,) = _manifest_problems(MANIFEST | {key: value})
    assert complaint in problem


def test_a_manifest_without_a_version() -> None:
    assert _manifest_problems({key: value for key, value in MANIFEST.items() if key != "version"}) == [
        "version is missing"
    ]


def test_a_manifest_in_disorder() -> None:
    name_first = {"name": "Good", **{key: value for key, value in MANIFEST.items() if key != "name"}}
    assert _manifest_problems(name_first) == ["domain and name do not come first"]
    version_early = {key: MANIFEST[key] for key in ("domain", "name", "version")} | MANIFEST
    assert _manifest_problems(version_early) == ["codeowners comes before version"]


def test_hacs() -> None:
    assert hacs_problems({"name": "Good", "homeassistant": "2026.11.0"}) == []
    assert hacs_problems({"name": "Good", "domains": []}) == ["domains is not a key of hacs.json"]
    assert hacs_problems({"homeassistant": "2026.11.0"}) == ["name is missing"]
    assert hacs_problems({"name": "Good", "zip_release": True}) == ["zip_release without a filename"]


def test_quality_scale() -> None:
    rules: dict[str, Any] = dict.fromkeys(QUALITY_RULES, "todo")
    assert len(rules) == 54
    assert quality_scale_problems({"rules": rules}) == []
    assert quality_scale_problems({"rules": rules | {"brands": "maybe"}}) == ["brands has no status"]
    assert quality_scale_problems({"rules": rules | {"brands": "exempt"}}) == ["brands is exempt for no reason"]
    assert quality_scale_problems({"rules": rules | {"colour": "done"}}) == ["colour is not a rule"]
    del rules["brands"]
    assert quality_scale_problems({"rules": rules}) == ["brands is missing"]


def test_png_size() -> None:
    assert png_size(bytes.fromhex("89504e470d0a1a0a0000000d4948445200000100000002000806000000")) == (256, 512)
    with pytest.raises(ValueError, match="not a PNG"):
        png_size(b"GIF89a" + bytes(40))


TEXTS: dict[str, Any] = {
    "config": {
        "step": {
            "user": {
                "title": "Set up",
                "data": {"port": "Port"},
                "data_description": {"port": "Where players connect"},
                "sections": {"more": {"data": {"host": "Address"}, "data_description": {"host": "Of what"}}},
            }
        },
        "abort": {"already_configured": "It is there"},
        "error": {"port_in_use": "Port {port} is taken"},
    },
    "entity": {"select": {"channel": {"name": "Channel", "state": {"main": "Main"}}}},
    "exceptions": {"not_playable": {"message": "{media} cannot be played"}},
    "issues": {"port_moved": {"title": "Moved", "description": "To {port}"}},
    "services": {
        "play": {
            "name": "Play",
            "description": "Plays",
            "fields": {
                "media": {"name": "Media", "description": "What"},
                "gain": {"name": "Gain", "description": "How much"},
            },
            "sections": {"advanced": {"name": "Advanced"}},
        }
    },
}
ACTIONS: dict[str, Any] = {"play": {"fields": {"media": {}, "advanced": {"fields": {"gain": None}}}}}
ICONS: dict[str, Any] = {
    "services": {"play": {"service": "mdi:play"}},
    "entity": {"select": {"channel": {"default": "mdi:speaker", "state": {"main": "mdi:home"}}}},
}


def _changed(tree: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy with the value at a dotted path set."""
    changed = deepcopy(tree)
    *parents, last = path.split(".")
    inner = changed
    for key in parents:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return changed


def test_good_texts() -> None:
    assert translation_problems(TEXTS) == []
    assert parity_problems(TEXTS, deepcopy(TEXTS)) == []
    assert action_problems(ACTIONS, TEXTS, ICONS) == []
    assert icon_problems(ICONS) == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("cfg", {"a": "b"}, "not a section"),
        ("exceptions.Bad", {"message": "No"}, "Bad is not a key"),
        ("config.abort.gone", " Gone", "space at an end"),
        ("config.abort.gone", "", "not a text"),
        ("config.abort.gone", None, "not a text"),
        ("config.abort.gone", "It is <b>gone</b>", "HTML"),
        ("config.abort.gone", "See https://example.org", "placeholder"),
        ("config.abort.gone", "See '{place}'", "single quotes"),
        ("config.abort.gone", "See {place", "do not match"),
        ("config.abort.gone", "[%key:common::gone%]", "not resolved"),
        ("config.step.user.data_description.host", "What", "host is described, but no field"),
        ("config.step.user.data.host", "Host", "host is not described"),
        ("config.step.user.sections.more.data.rate", "Rate", "rate is not described"),
        ("options", {"step": {"init": {"data": {"a": "A"}}}}, "a is not described"),
        ("config_subentries", {"group": {"step": {"user": {"data": {"a": "A"}}}}}, "a is not described"),
        ("exceptions.lost", {"title": "Lost"}, "a message"),
        ("issues.lost", {"title": "Lost"}, "either a description or a fix_flow"),
        ("issues.lost", {"title": "A", "fix_flow": {"step": {"a": {"data": {"b": "B"}}}}}, "b is not described"),
    ],
)
def test_bad_texts(path: str, value: object, complaint: str) -> None:
    (problem,) = translation_problems(_changed(TEXTS, path, value))
    assert complaint in problem


def test_languages_that_differ() -> None:
    more = _changed(TEXTS, "config.abort.gone", "Gone")
    assert parity_problems(more, TEXTS) == ["config.abort.gone is missing"]
    assert parity_problems(TEXTS, more) == ["config.abort.gone is not in the reference"]
    other = _changed(TEXTS, "config.error.port_in_use", "{prot} ist belegt")
    assert parity_problems(TEXTS, other) == ["config.error.port_in_use: other placeholders"]


def test_languages_that_do_not_differ() -> None:
    english = {"config": {"abort": {"gone": "It is gone"}, "step": {"user": {"data": {"port": "Port"}}}}}
    assert untranslated(english, english) == ["config.abort.gone"]
    assert untranslated(english, _changed(english, "config.abort.gone", "Es ist weg")) == []
    assert untranslated(english, {}) == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("services.stop", {"name": "Stop", "description": "Stops"}, "stop is translated, but no action"),
        ("services.play.name", "", "play has no name"),
        ("services.play.fields.media.description", "", "play.media has no description"),
        ("services.play.fields.gain.name", "", "play.gain has no name"),
        ("services.play.fields.rate", {"name": "Rate"}, "play.rate is translated, but not there"),
        ("services.play.sections.advanced", {}, "play.advanced has no name"),
    ],
)
def test_actions_badly_described(path: str, value: object, complaint: str) -> None:
    assert action_problems(ACTIONS, _changed(TEXTS, path, value), ICONS) == [complaint]


def test_actions_without_icons() -> None:
    assert action_problems(ACTIONS, TEXTS, {}) == ["play has no icon"]
    extra = _changed(ICONS, "services.stop", {"service": "mdi:stop"})
    assert action_problems(ACTIONS, TEXTS, extra) == ["stop has an icon, but is no action"]


TRIGGERS: dict[str, Any] = {".target": {"entity": {}}, "ended": {"fields": {"before": {}}}, "began": None}
TRIGGER_TEXTS: dict[str, Any] = {
    "triggers": {
        "began": {"name": "Began", "description": "It began"},
        "ended": {"name": "Ended", "description": "It ended", "fields": {"before": {"name": "B", "description": "B"}}},
    }
}
TRIGGER_ICONS: dict[str, Any] = {"triggers": {"began": {"trigger": "mdi:play"}, "ended": {"trigger": "mdi:stop"}}}


def test_good_triggers() -> None:
    assert automation_problems("triggers", TRIGGERS, TRIGGER_TEXTS, TRIGGER_ICONS) == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("triggers.other", {"name": "Other", "description": "Other"}, "other is translated, but not there"),
        ("triggers.began.name", "", "began has no name"),
        ("triggers.ended.fields.before.description", "", "ended.before has no description"),
        ("triggers.began.fields.rate", {"name": "Rate"}, "began.rate is translated, but not there"),
    ],
)
def test_triggers_badly_described(path: str, value: object, complaint: str) -> None:
    assert automation_problems("triggers", TRIGGERS, _changed(TRIGGER_TEXTS, path, value), TRIGGER_ICONS) == [complaint]


def test_triggers_without_icons() -> None:
    assert automation_problems("triggers", TRIGGERS, TRIGGER_TEXTS, {}) == ["ended has no icon", "began has no icon"]
    extra = _changed(TRIGGER_ICONS, "triggers.other", {"trigger": "mdi:stop"})
    assert automation_problems("triggers", TRIGGERS, TRIGGER_TEXTS, extra) == ["other has an icon, but is not there"]


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("services.play.service", "play", "is not an icon"),
        ("entity.select.channel.state.main", "mdi:speaker", "is the default anyway"),
        ("entity.select.other", {}, "has no default"),
    ],
)
def test_bad_icons(path: str, value: object, complaint: str) -> None:
    (problem,) = icon_problems(_changed(ICONS, path, value))
    assert complaint in problem


def test_undeclared_components() -> None:
    source = """
from typing import TYPE_CHECKING
import homeassistant.components.http.const
from homeassistant.components import tts, media_player
from homeassistant.components.zeroconf import async_get_instance
from homeassistant.core import HomeAssistant
if TYPE_CHECKING:
    from homeassistant.components.esphome import x
def later():
    from homeassistant.components import stream
"""
    assert undeclared_components([source], {}) == {"http", "stream", "zeroconf"}
    declared = {"dependencies": ["http"], "after_dependencies": ["stream", "zeroconf"]}
    assert undeclared_components([source], declared) == set()


def test_set_up_and_schema() -> None:
    setup, schema = "async def async_setup(hass, config): ...\n", "CONFIG_SCHEMA: object = 1\n"
    assert schema_problems(setup + schema) == []
    assert schema_problems("") == []
    assert schema_problems(setup) == ["async_setup without CONFIG_SCHEMA"]
    assert schema_problems("CONFIG_SCHEMA = 1") == ["CONFIG_SCHEMA without async_setup"]


def test_keys_in_use() -> None:
    source = """
_attr_translation_key = "channel"
errors["base"] = "port_in_use"
flow.async_show_form(step_id="user", errors={"port": "too_low", CONF: other})
flow.async_abort(reason="already_configured")
raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_playable")
"""
    assert set(used_keys(source)) == {
        ("key", "channel"),
        ("key", "not_playable"),
        ("step", "user"),
        ("abort", "already_configured"),
        ("error", "port_in_use"),
        ("error", "too_low"),
    }
    assert {"base", "not_playable"} <= strings(source)


def test_keys_are_looked_up_in_their_section() -> None:
    source = """
_attr_translation_key = "channel"
SENSORS = (SensorEntityDescription(key="a", translation_key="buffer"),)
raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_playable")
raise exceptions.ServiceValidationError(translation_key="not_ours")
ir.async_create_issue(hass, DOMAIN, "x", translation_key="port_taken")
SelectSelectorConfig(options=[], translation_key="policy")
HomeAssistantError(translation_key=key)
"""
    assert set(placed_keys("sensor.py", source)) == {
        ("entity", "sensor", "channel"),
        ("entity", "sensor", "buffer"),
        ("exceptions", "not_playable"),
        ("exceptions", "not_ours"),
        ("issues", "port_taken"),
        ("selector", "policy"),
    }


def test_keys_there_are() -> None:
    known = known_keys(TEXTS | {"options": {"step": {"init": {}}}})
    assert known == {
        "key": {"channel", "not_playable", "port_moved"},
        "step": {"user", "init"},
        "abort": {"already_configured"},
        "error": {"port_in_use"},
    }
