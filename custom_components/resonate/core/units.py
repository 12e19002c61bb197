"""Identities, instants and the conversions between frames and microseconds: the only place that rounds."""

from typing import Final, NewType

ClientId = NewType("ClientId", str)
"""How a client names itself on the wire; a player is a client with the player role."""
GroupId = NewType("GroupId", str)
TrackId = NewType("TrackId", int)
"""One reading of one medium in a group's mix; a seek makes a new one."""
EntryId = NewType("EntryId", int)
"""A medium in its place in a queue."""
ServerTimeUs = NewType("ServerTimeUs", int)
"""An instant: integer microseconds of the server's monotonic clock. The difference of two is a plain int."""

US_PER_S: Final = 1_000_000
US_PER_MS: Final = 1_000


def frames_to_us(frame_count: int, sample_rate: int) -> int:
    """Return the length of `frame_count` frames in whole µs, rounded down."""
    return frame_count * US_PER_S // sample_rate


def us_to_frames(length_us: int, sample_rate: int) -> int:
    """Return how many frames begin within `length_us`, rounded up: the first frame at or after that instant."""
    return -(-length_us * sample_rate // US_PER_S)


def db_to_gain(gain_db: float) -> float:
    """Return the linear amplitude factor of `gain_db`."""
    return float(10 ** (gain_db / 20))
