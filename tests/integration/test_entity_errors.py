"""Everything the core can refuse has words in every language."""

import json
from pathlib import Path

import pytest

from custom_components.resonate.core.errors import Refusal

TRANSLATIONS = Path(__file__).parents[2] / "custom_components" / "resonate" / "translations"


@pytest.mark.parametrize("language", sorted(path.stem for path in TRANSLATIONS.glob("*.json")))
@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_translated(refusal: Refusal, language: str) -> None:
    exceptions = json.loads((TRANSLATIONS / f"{language}.json").read_text())["exceptions"]
    assert exceptions[f"refused_{refusal}"]["message"]
