"""Encoders: blocks in, chunks of bytes out."""
