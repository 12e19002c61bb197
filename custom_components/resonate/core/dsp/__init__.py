"""Processors that give a channel its sound."""
