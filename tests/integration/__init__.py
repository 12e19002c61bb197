"""The shell in a real Home Assistant, with the real core behind it."""
