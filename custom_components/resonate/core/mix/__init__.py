"""Tracks on a timeline and their sum."""
