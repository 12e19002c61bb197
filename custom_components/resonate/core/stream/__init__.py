"""Channels to players: topology in, start payloads and chunks out."""
