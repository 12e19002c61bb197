"""A module per message family: fields, parse, serialise."""
