"""The audio server itself. Knows nothing of Home Assistant; could be lifted out as a library."""
