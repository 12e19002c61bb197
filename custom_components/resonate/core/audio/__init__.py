"""Blocks of samples: to and from bytes, other rates, other lanes."""
