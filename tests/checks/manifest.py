"""manifest.json, hacs.json, quality_scale.yaml and the brand's images."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
import re
import struct
from typing import Any, Final
from urllib.parse import urlsplit

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from packaging.requirements import InvalidRequirement, Requirement

_REQUIRED: Final = {
    "codeowners",
    "documentation",
    "domain",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "name",
    "version",
}
_KNOWN: Final = _REQUIRED | {
    "after_dependencies",
    "bluetooth",
    "config_flow",
    "dependencies",
    "dhcp",
    "disabled",
    "homekit",
    "import_executor",
    "loggers",
    "mqtt",
    "quality_scale",
    "requirements",
    "single_config_entry",
    "ssdp",
    "usb",
    "zeroconf",
}
_IOT_CLASSES: Final = {
    "assumed_state",
    "calculated",
    "cloud_polling",
    "cloud_push",
    "local_polling",
    "local_push",
}
_INTEGRATION_TYPES: Final = {"device", "entity", "hardware", "helper", "hub", "service", "system", "virtual"}
_HACS_KEYS: Final = {
    "content_in_root",
    "country",
    "filename",
    "hacs",
    "hide_default_branch",
    "homeassistant",
    "name",
    "persistent_directory",
    "render_readme",
    "zip_release",
}
QUALITY_RULES: Final = frozenset(  # bronze, silver, gold, platinum
    """
    action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
    dependency-transparency docs-actions docs-conditions docs-high-level-description docs-installation-instructions
    docs-removal-instructions docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data
    test-before-configure test-before-setup unique-config-entry

    action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
    entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage

    devices diagnostics discovery discovery-update-info docs-data-update docs-examples docs-known-limitations
    docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices
    entity-category entity-device-class entity-disabled-by-default entity-translations exception-translations
    icon-translations reconfiguration-flow repair-issues stale-devices

    async-dependency inject-websession strict-typing
    """.split()  # noqa: SIM905 - fifty lines of quotes say no more
)


def manifest_problems(manifest: Mapping[str, Any], *, folder: str, components: Path) -> list[str]:
    """Say what is wrong with a manifest; `components` is where Home Assistant's own integrations lie."""
    problems = [f"{key} is missing" for key in sorted(_REQUIRED - manifest.keys())]
    if problems:
        return problems
    problems += [f"{key} is not a key of a manifest" for key in manifest if key not in _KNOWN]
    problems += _order_problems(list(manifest))
    if manifest["domain"] != folder:
        problems.append(f"domain {manifest['domain']} is not the folder's name")
    for key in ("documentation", "issue_tracker"):
        url = urlsplit(manifest[key])
        if url.scheme != "https" or not url.netloc:
            problems.append(f"{key} is not an https address")
    if AwesomeVersion(manifest["version"]).strategy is AwesomeVersionStrategy.UNKNOWN:
        problems.append(f"version {manifest['version']} is none")
    if manifest["iot_class"] not in _IOT_CLASSES:
        problems.append(f"iot_class {manifest['iot_class']} is none")
    if manifest["integration_type"] not in _INTEGRATION_TYPES:
        problems.append(f"integration_type {manifest['integration_type']} is none")
    problems += [f"codeowner {owner} has no @" for owner in manifest["codeowners"] if not owner.startswith("@")]
    for text in manifest.get("requirements", []):
        problems += _requirement_problems(text)
    for key in ("dependencies", "after_dependencies"):
        problems += [
            f"{key}: Home Assistant has no {name}"
            for name in manifest.get(key, [])
            if not (components / name / "manifest.json").is_file()
        ]
    for record in manifest.get("zeroconf", []):
        kind = record if isinstance(record, str) else record["type"]
        if not re.fullmatch(r"_[a-z0-9-]{1,15}\._(tcp|udp)\.local\.", kind):
            problems.append(f"zeroconf {kind} is not a type of service")
    return problems


def _order_problems(keys: list[str]) -> list[str]:
    if keys[:2] != ["domain", "name"]:
        return ["domain and name do not come first"]
    return [f"{second} comes before {first}" for first, second in pairwise(keys[2:]) if second < first]


def _requirement_problems(text: str) -> list[str]:
    if " " in text:
        return [f"requirement {text} contains a space"]
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        return [f"requirement {text}: {error}"]
    # Home Assistant constrains these libraries anew every month: a pin would break with the next release.
    if any(specifier.operator in {"==", "==="} for specifier in requirement.specifier):
        return [f"requirement {text} is a pin"]
    return []


def hacs_problems(hacs: Mapping[str, Any]) -> list[str]:
    """Say what HACS would not take in hacs.json."""
    problems = [f"{key} is not a key of hacs.json" for key in sorted(hacs.keys() - _HACS_KEYS)]
    if not hacs.get("name"):
        problems.append("name is missing")
    if hacs.get("zip_release") and not hacs.get("filename"):
        problems.append("zip_release without a filename")
    return problems


def quality_scale_problems(scale: Mapping[str, Any]) -> list[str]:
    """Say which rules of the quality scale are missing, unknown or without a proper status."""
    rules = scale.get("rules", {})
    problems = [f"{rule} is missing" for rule in sorted(QUALITY_RULES - rules.keys())]
    problems += [f"{rule} is not a rule" for rule in sorted(rules.keys() - QUALITY_RULES)]
    for rule, entry in rules.items():
        status = entry if isinstance(entry, str) else entry.get("status")
        if status not in {"done", "exempt", "todo"}:
            problems.append(f"{rule} has no status")
        elif status == "exempt" and (isinstance(entry, str) or not entry.get("comment")):
            problems.append(f"{rule} is exempt for no reason")
    return problems


def png_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a PNG. Raises ValueError for anything else."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise ValueError("not a PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height
