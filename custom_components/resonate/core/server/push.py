"""Audio that is fed by hand: an intercom, a line input, another player's output."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from ..audio.pcm import unpack
from ..channel import MAIN_FEED, FeedId
from ..errors import FormatError, MediaError, MediaOpenError
from ..formats import LAYOUT_BY_COUNT, AudioFormat, Block
from ..media.entry import Entry, enter
from ..media.media_stream import MediaStream, PlayerChannel
from ..media.request import MediaRequest
from ..media.source import Passage, SourceInfo
from ..units import US_PER_S, us_to_frames

CAPACITY_US: Final = 5 * US_PER_S
"""How much may wait to be read before `push` does."""
_FEED_KEPT_US: Final = 15 * US_PER_S
"""A feed that somebody chooses is read from what is heard then; main is read ahead of that by reader and horizon."""


class _Piece(NamedTuple):
    begin: int
    data: bytes


class _PushedSource:
    """One channel of a session: a WaitingSource. Frames are counted at its own rate, from the session's beginning.

    What the pool works on (`_batch`, the resampler) is handed over on the loop, by `wait`.
    """

    def __init__(self, audio_format: AudioFormat, *, is_live: bool, on_taken: Callable[[], None]) -> None:
        audio_format.require_known()
        self.format = audio_format
        self.end = 0
        """The first frame that was not given yet."""
        self.next = 0
        """The first frame that was not read yet."""
        self.is_finished = False
        self.is_closed = False
        self._is_live = is_live
        self._on_taken = on_taken
        self._pieces: deque[_Piece] = deque()
        self._batch: list[_Piece] = []
        self._batch_begin = 0
        self._mix_rate = audio_format.sample_rate
        self._entry = Entry(0, 0, None)
        self._surplus_count = 0
        self._is_flushed = False
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    # As a source

    def open(self) -> SourceInfo:
        """Tell what it is. Raises MediaOpenError once it was closed: what is fed can be played once."""
        if self.is_closed:
            raise MediaOpenError("nothing is fed to it any more")
        layout = LAYOUT_BY_COUNT[self.format.channel_count]
        return SourceInfo(sample_rate=self.format.sample_rate, layout=layout, is_live=self._is_live)

    def start(self, mix_rate: int, position_us: int) -> None:
        """Say at which rate, and from which position on, `read` is to give frames."""
        self._mix_rate = mix_rate
        self.seek(position_us)

    def seek(self, position_us: int) -> None:
        """Go on at a position; of what has been forgotten there is silence."""
        self._entry = enter(position_us, self.format.sample_rate, self._mix_rate, self.format.channel_count)
        self._surplus_count = self._entry.surplus_count
        self.next = self._entry.begin
        self._is_flushed = False

    async def wait(self, frame_count: int) -> None:
        """Return when there is something to `read`, or the end, or when it is closed."""
        while self.next >= self.end and not self.is_finished and not self.is_closed:
            self._news.clear()
            await self._news.wait()
        wanted = max(frame_count * self.format.sample_rate // self._mix_rate, 1)
        begin, self.next = self.next, max(self.next, min(self.next + wanted, self.end))
        self._batch_begin = begin
        self._batch = [piece for piece in self._pieces if piece.begin < self.next and self._end_of(piece) > begin]
        self._on_taken()

    def read(self, frame_count: int) -> Passage | None:
        """Return the frames that `wait` found; None at the end."""
        if self.is_closed:
            return None
        block = self._samples()
        if not len(block):
            if self._is_flushed:
                return None
            self._is_flushed = True
        if (resampler := self._entry.resampler) is not None:
            block = resampler.flush() if self._is_flushed else resampler.process(block)
        skipped = min(self._surplus_count, len(block))
        self._surplus_count -= skipped
        return Passage(block[skipped:], LAYOUT_BY_COUNT[self.format.channel_count])

    def close(self) -> None:
        """Let go; whoever waits is woken. Any thread, more than once."""
        self.is_closed = True
        self._loop.call_soon_threadsafe(self._wake)

    # As the session sees it

    def append(self, begin: int, data: bytes) -> None:
        """Take whole frames that begin at `begin`, not before the end of those before."""
        self._pieces.append(_Piece(begin, data))
        self.end = self._end_of(self._pieces[-1])
        self._news.set()

    def finish(self) -> None:
        """Take note that nothing follows."""
        self.is_finished = True
        self._news.set()

    def forget_before(self, frame: int) -> None:
        """Drop what lies before `frame`."""
        while self._pieces and self._end_of(self._pieces[0]) <= frame:
            self._pieces.popleft()

    def _wake(self) -> None:
        self._news.set()
        self._on_taken()

    def _end_of(self, piece: _Piece) -> int:
        return piece.begin + len(piece.data) // self.format.frame_bytes

    def _samples(self) -> Block:
        """Return the batch as a block, with silence in its gaps, and use it up."""
        begin, batch, end = self._batch_begin, self._batch, self.next
        self._batch, self._batch_begin = [], end
        block = np.zeros((end - begin, self.format.channel_count), np.float32)
        for piece in batch:
            samples = unpack(piece.data, self.format.bit_depth, self.format.channel_count)
            first, at = max(begin - piece.begin, 0), max(piece.begin - begin, 0)
            part = samples[first : first + len(block) - at]
            block[at : at + len(part)] = part
        return block


class PushSession:
    """A MediaStream that somebody feeds. On the core's loop; play its `request`, then `push`, at last `end`.

    All channels go on together: each push has as much of every one, by duration. While more than `CAPACITY_US` wait to
    be read, `push` does.
    """

    def __init__(
        self,
        main: AudioFormat,
        feeds: Mapping[FeedId, AudioFormat] | None = None,
        *,
        player_channel: PlayerChannel | None = None,
        is_live: bool = True,
        media_id: str = "",
        title: str | None = None,
    ) -> None:
        """Have nothing yet. `is_live`: what is late stays late, a pause goes on at the edge. Raises FormatError."""
        self._room = asyncio.Event()
        self._sources = {
            feed: _PushedSource(audio_format, is_live=is_live, on_taken=self._make_room)
            for feed, audio_format in {MAIN_FEED: main, **(feeds or {})}.items()
        }
        self._main = self._sources[MAIN_FEED]
        self.request = MediaRequest(
            media_id=media_id,
            title=title,
            is_live=is_live,
            stream=MediaStream(
                main=self._main,
                feeds={feed: source for feed, source in self._sources.items() if feed != MAIN_FEED},
                player_channel=player_channel,
            ),
        )

    @property
    def end_us(self) -> int:
        """Where what was pushed so far ends."""
        return self._main.end * US_PER_S // self._main.format.sample_rate

    async def push(self, pieces: Mapping[FeedId, bytes], *, at_us: int | None = None) -> None:
        """Give the next audio of every channel, or audio for a later place: silence is heard up to there.

        Waits for room. Raises FormatError, naming the channel, for one that is missing or unknown, for broken frames
        and for lengths that do not fit each other, and for a place that lies before `end_us`: then nothing of it is
        taken. Raises MediaError once it has ended, or when what played it has let go of it.
        """
        while self._is_full and not self._is_over:
            self._room.clear()
            await self._room.wait()
        if self._is_over:
            raise MediaError("nobody takes what is pushed any more")
        begins = self._begins(at_us)
        self._require_fit(pieces, begins)
        for feed, source in self._sources.items():
            source.append(begins[feed], pieces[feed])
            kept_us = 0 if source is self._main else _FEED_KEPT_US
            read_us = self._main.next * US_PER_S // self._main.format.sample_rate
            source.forget_before(us_to_frames(max(read_us - kept_us, 0), source.format.sample_rate))

    def end(self) -> None:
        """Say that nothing follows; what is there is heard."""
        for source in self._sources.values():
            source.finish()
        self._room.set()

    @property
    def _is_over(self) -> bool:
        return self._main.is_finished or self._main.is_closed

    @property
    def _is_full(self) -> bool:
        waiting = self._main.end - self._main.next
        return waiting >= us_to_frames(CAPACITY_US, self._main.format.sample_rate)

    def _make_room(self) -> None:
        self._room.set()

    def _begins(self, at_us: int | None) -> dict[FeedId, int]:
        if at_us is None:
            return {feed: source.end for feed, source in self._sources.items()}
        if at_us < self.end_us:
            raise FormatError(f"{at_us} µs lies before {self.end_us} µs, where what was pushed ends")
        return {
            feed: max(us_to_frames(at_us, source.format.sample_rate), source.end)
            for feed, source in self._sources.items()
        }

    def _require_fit(self, pieces: Mapping[FeedId, bytes], begins: Mapping[FeedId, int]) -> None:
        for feed in pieces.keys() - self._sources.keys():
            raise FormatError(f"channel {feed} is unknown")
        ends: dict[FeedId, int] = {}
        for feed, source in self._sources.items():
            if feed not in pieces:
                raise FormatError(f"channel {feed} is missing")
            frame_count, rest = divmod(len(pieces[feed]), source.format.frame_bytes)
            if rest:
                raise FormatError(f"channel {feed}: {len(pieces[feed])} bytes are no whole frames")
            ends[feed] = begins[feed] + frame_count
        main_rate = self._main.format.sample_rate
        for feed, source in self._sources.items():
            rate = source.format.sample_rate
            # Counted from the beginning: rates that do not divide differ by a frame now and then, but never drift.
            if abs(ends[feed] * main_rate - ends[MAIN_FEED] * rate) >= max(rate, main_rate):
                raise FormatError(f"channel {feed} ends at frame {ends[feed]} of {rate} Hz, the main one elsewhere")
