"""The core is tested as the package `core`, as a library of its own: Home Assistant is not needed, nor loaded."""

from pathlib import Path
import sys

from hypothesis import Phase, settings

_INTEGRATION = str(Path(__file__).parents[2] / "custom_components" / "resonate")
if _INTEGRATION not in sys.path:
    sys.path.append(_INTEGRATION)  # appended: in front, the integration's select.py would shadow the library's

# No deadlines: they measure the machine. `--hypothesis-profile=thorough` looks longer.
settings.register_profile("usual", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=2000)
# For whom it is enough that something fails: script/mutants.
settings.register_profile("unshrunk", deadline=None, max_examples=50, phases=[Phase.explicit, Phase.generate])
settings.load_profile("usual")
