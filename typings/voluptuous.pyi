# Home Assistant answers for `voluptuous` with probatio; the real voluptuous is installed too, and its types do not fit.
from probatio import *
