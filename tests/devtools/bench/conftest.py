"""The core by the name that script/bench has for it."""

import devtools.bench  # noqa: F401  # puts it on the path
