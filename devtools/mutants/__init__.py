"""Seeded faults: each must be noticed by the test that is there to notice it."""
