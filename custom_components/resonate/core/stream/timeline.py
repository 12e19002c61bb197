"""Frames to instants and back, from one anchor: never summed, so nothing drifts."""

from dataclasses import dataclass

from ..units import US_PER_S, ServerTimeUs, us_to_frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The frame `anchor_frame` of the mix is heard at the instant `anchor`; all else follows."""

    anchor: ServerTimeUs
    anchor_frame: int
    mix_rate: int
    """Hz."""

    def instant(self, index: int, rate: int | None = None) -> ServerTimeUs:
        """Return when frame `index` is heard, rounded down to the µs.

        `index` counts at `rate` (the mix rate unless told) from the same zero as the frames of the mix.
        """
        rate = self.mix_rate if rate is None else rate
        ahead = index * self.mix_rate - self.anchor_frame * rate
        return ServerTimeUs(self.anchor + ahead * US_PER_S // (rate * self.mix_rate))

    def frame_at(self, at: ServerTimeUs) -> int:
        """Return the first frame of the mix that is heard at `at` or later."""
        return self.anchor_frame + us_to_frames(at - self.anchor, self.mix_rate)


def convert_index(frame: int, from_rate: int, to_rate: int) -> int:
    """Return the first frame at `to_rate` that lies at or after `frame` of `from_rate`, both counted from one zero."""
    return -(-frame * to_rate // from_rate)
