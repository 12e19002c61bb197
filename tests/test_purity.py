"""The core can be lifted out: it loads as a package of its own, where there is no Home Assistant."""

from pathlib import Path
import subprocess
import sys

INTEGRATION = Path(__file__).parents[1] / "custom_components" / "resonate"

# Appended to the path: in front, the integration's select.py would shadow the library's.
SCRIPT = """
import importlib
import importlib.abc
import pkgutil
import sys

class Refusal(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"homeassistant", "custom_components", "voluptuous", "probatio"}:
            raise ModuleNotFoundError(f"{name} is not for the core", name=name)
        return None

def explode(name):
    raise

sys.meta_path.insert(0, Refusal())
sys.path.append(sys.argv[1])
package = importlib.import_module(sys.argv[2])
print(package.__name__)
for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=explode):
    importlib.import_module(module.name)
    print(module.name)
"""


def _import_all(folder: Path, package: str) -> subprocess.CompletedProcess[str]:
    """Import every module of a package in a fresh interpreter that refuses Home Assistant."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(folder), package]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_every_module_of_the_core_loads_without_home_assistant() -> None:
    result = _import_all(INTEGRATION, "core")
    assert result.returncode == 0, result.stderr
    modules = {
        ".".join(path.relative_to(INTEGRATION).with_suffix("").parts).removesuffix(".__init__")
        for path in (INTEGRATION / "core").rglob("*.py")
    }
    assert set(result.stdout.split()) == modules


def test_an_impure_module_is_caught(tmp_path: Path) -> None:
    inner = tmp_path / "impure" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "impure" / "__init__.py").touch()
    (inner / "__init__.py").touch()
    (inner / "good.py").write_text("import json\n", encoding="utf-8")
    assert _import_all(tmp_path, "impure").returncode == 0

    (inner / "bad.py").write_text("from homeassistant.core import HomeAssistant\n", encoding="utf-8")
    result = _import_all(tmp_path, "impure")
    assert result.returncode != 0
    assert "homeassistant is not for the core" in result.stderr


def test_reaching_into_the_shell_is_caught(tmp_path: Path) -> None:
    package = tmp_path / "impure"
    package.mkdir()
    (package / "__init__.py").touch()
    (tmp_path / "const.py").touch()
    (package / "bad.py").write_text("from ..const import DOMAIN\n", encoding="utf-8")
    result = _import_all(tmp_path, "impure")
    assert result.returncode != 0
    assert "beyond top-level package" in result.stderr
