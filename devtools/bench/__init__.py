"""Benchmarks: how long, how much, how late. They measure, they never judge; tests do not time."""
