"""The core by the name that script/serve has for it."""

import devtools.serve  # noqa: F401  # puts it on the path
