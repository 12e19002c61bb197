"""One channel at one sample rate: resampled once for all pipelines that pack it."""

from collections import deque
from collections.abc import Callable
from math import gcd

from ..audio.resample import Resampler
from ..channel import Channel
from ..formats import Block
from .work import Work

type MakeResampler = Callable[[int, int, int], Resampler]
"""From rate, to rate, lanes."""


class Stem:
    """Takes blocks of its channel in order, keeps them at its rate for whoever packs them. Render pool only.

    Frames of the mix are called frames, those at its own rate have indexes; both count from one zero.
    """

    def __init__(self, channel: Channel, rate: int, *, mix_rate: int, make_resampler: MakeResampler) -> None:
        """`reset` must come before anything else."""
        self.channel = channel
        self.rate = rate
        self.next_frame = 0
        """The frame of the mix that it wants next."""
        self.first_index = 0
        """What it keeps begins here,"""
        self.end_index = 0
        """and ends before this."""
        self.is_finished = False
        """It has given out everything; `reset` or `go_on` must come before more."""
        self.is_fresh = True
        """It has taken nothing since its reset."""
        self._resampled_blocks = 0
        self._mix_rate = mix_rate
        self._resampler = None if rate == mix_rate else make_resampler(mix_rate, rate, len(channel.layout))
        self._blocks: deque[Block] = deque()
        self._surplus_frames = 0

    @property
    def key(self) -> tuple[Channel, int]:
        """What of all that is heard it is."""
        return self.channel, self.rate

    @property
    def work(self) -> Work:
        """What it has done so far."""
        return Work(resampled_blocks=self._resampled_blocks)

    def reset(self, index: int) -> None:
        """Begin anew, with nothing kept: the first thing it gives is `index`.

        What it wants next lies before that, as much as its resampler needs to be settled there.
        """
        self._blocks.clear()
        self.first_index = self.end_index = index
        self.is_fresh = True
        self._settle()

    def go_on(self) -> None:
        """Begin anew after `finish`, where that ended."""
        self._settle()

    def _settle(self) -> None:
        self.is_finished = False
        self.next_frame, self._surplus_frames = self.end_index, 0
        if self._resampler is not None:
            self._resampler.reset()
            # Both rates meet at every multiple of this frame: started there, output k lies exactly at its instant.
            grid = self._mix_rate // gcd(self._mix_rate, self.rate)
            first = self.end_index * self._mix_rate // self.rate - self._resampler.preroll_frames
            self.next_frame = first // grid * grid
            self._surplus_frames = self.end_index - self.next_frame * self.rate // self._mix_rate

    def take(self, block: Block) -> None:
        """Take the next frames of the channel."""
        self.is_fresh = False
        self.next_frame += len(block)
        if self._resampler is not None:
            block = self._resampler.process(block)
            self._resampled_blocks += 1
        self._keep(block)

    def finish(self) -> None:
        """Give out what is held back: nothing follows."""
        self.is_finished = True
        if self._resampler is not None:
            self._keep(self._resampler.flush())

    def read(self, index: int) -> Block | None:
        """Return what there is from `index` on, up to the end of the block that it was made in; None without any.

        The block is not to be changed.
        """
        if not self.first_index <= index < self.end_index:
            return None
        at = self.end_index
        for block in reversed(self._blocks):  # nearly always it is the last one
            at -= len(block)
            if at <= index:
                return block[index - at :]
        return None

    def forget_before(self, index: int) -> None:
        """Drop what lies before `index` entirely."""
        while self._blocks and self.first_index + len(self._blocks[0]) <= index:
            self.first_index += len(self._blocks.popleft())

    def _keep(self, block: Block) -> None:
        if self._surplus_frames:
            dropped = min(self._surplus_frames, len(block))
            self._surplus_frames -= dropped
            block = block[dropped:]
        if len(block):
            self._blocks.append(block)
            self.end_index += len(block)
