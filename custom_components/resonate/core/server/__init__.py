"""Everything that awaits: sockets, sessions, groups, the loop that plays."""
