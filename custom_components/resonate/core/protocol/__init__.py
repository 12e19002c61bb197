"""The wire without I/O: text and bytes in, events and text or bytes out."""
