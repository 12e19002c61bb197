"""One playing on a loop, in virtual time: media open, read, step, deliver, end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise

import numpy as np
import pytest

from core.errors import CommandRefusedError, MediaDecodeError, MediaError, MediaOpenError
from core.formats import STEREO, Block
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import Passage, SourceInfo
from core.server.playback import Item, Playback
from core.step import Halted, TrackEnded, TrackEvent, TrackStarted
from core.stream.chunk import Chunk, PlayerOutput
from core.stream.policy import SendPolicy
from core.units import ClientId, us_to_frames
from tests.fakes.clock import FakeClock
from tests.fakes.rig import LEAD_US, PCM_44, PCM_48, player, ramp, topology
from tests.fakes.runner import InlineRunner

SECOND = 1_000_000
ANN = ClientId("ann")
BOB = ClientId("bob")


class Material:
    """A source of given samples that counts what is done with it."""

    def __init__(
        self,
        block: Block,
        *,
        repeats: int = 1,
        is_seekable: bool = True,
        is_live: bool = False,
        breaks_at: int | None = None,
        open_error: MediaError | None = None,
    ) -> None:
        self._block = block
        self._frame_count = len(block) * repeats
        self._at = 0
        self._breaks_at = breaks_at
        self._open_error = open_error
        self._is_seekable = is_seekable
        self._is_live = is_live
        self.is_closed = False
        self.read_count = 0

    def open(self) -> SourceInfo:
        if self._open_error is not None:
            raise self._open_error
        return SourceInfo(sample_rate=48_000, layout=STEREO, is_seekable=self._is_seekable, is_live=self._is_live)

    def start(self, mix_rate: int, position_us: int) -> None:
        self.seek(position_us)

    def seek(self, position_us: int) -> None:
        self._at = us_to_frames(position_us, 48_000)

    def read(self, frame_count: int) -> Passage | None:
        self.read_count += 1
        if self._breaks_at is not None and self._at >= self._breaks_at:
            raise MediaDecodeError("broken")
        begin = self._at % len(self._block)
        count = min(frame_count, len(self._block) - begin, self._frame_count - self._at)
        if count <= 0:
            return None
        self._at += count
        return Passage(self._block[begin : begin + count], STEREO)

    def close(self) -> None:
        self.is_closed = True


def item(material: Material, name: str = "music") -> Item:
    return Item(request(material, name))


def request(material: Material, name: str = "music") -> MediaRequest:
    return MediaRequest(media_id=name, stream=MediaStream(main=material))


class Stage:
    """A playback and everything it says."""

    def __init__(self, *, mix_rate: int = 48_000) -> None:
        self.clock = FakeClock()
        self.render = InlineRunner()
        self.media = InlineRunner()
        self.chunks: dict[ClientId, list[Chunk]] = {}
        self.ended: list[ClientId] = []
        self.events: list[tuple[str, TrackEvent]] = []
        self.failures: list[tuple[str, MediaError]] = []
        self.is_finished = asyncio.Event()
        self.playback = Playback(
            mix_rate=mix_rate,
            policy=SendPolicy.BALANCED,
            clock=self.clock,
            render=self.render,
            media=self.media,
            deliver=self._deliver,
            report=lambda it, event: self.events.append((it.request.media_id, event)),
            failed=lambda it, error: self.failures.append((it.request.media_id, error)),
            finished=lambda _: self.is_finished.set(),
        )
        self.playback.set_topology(topology(ann=player(PCM_48), bob=player(PCM_44)))

    async def play(self, it: Item, *following: MediaRequest) -> None:
        await it.open(self.media)
        self.playback.play(it, following)

    def pcm(self, player_id: ClientId = ANN) -> Block:
        data = b"".join(chunk.data for chunk in self.chunks[player_id])
        return (np.frombuffer(data, "<i2").reshape(-1, 2) / 32_768).astype(np.float32)

    def told(self, kind: type[TrackEvent]) -> list[str]:
        return [name for name, event in self.events if isinstance(event, kind)]

    def _deliver(self, outputs: Mapping[ClientId, PlayerOutput]) -> None:
        for player_id, output in outputs.items():
            if output.end:
                self.ended.append(player_id)
            if output.clear:
                self.chunks[player_id] = []
            self.chunks.setdefault(player_id, []).extend(output.chunks)


@asynccontextmanager
async def staged(**values: int) -> AsyncIterator[Stage]:
    stage = Stage(**values)
    yield stage
    await stage.playback.close()
    assert stage.is_finished.is_set()


async def test_a_medium_is_heard_to_its_end_and_let_go() -> None:
    async with staged() as stage:
        material = Material(ramp(100_000))
        await stage.play(item(material))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(100_000))
        assert sorted(stage.ended) == [ANN, BOB]
        assert [type(event) for _, event in stage.events] == [TrackStarted, TrackEnded]
    assert material.is_closed


async def test_media_follow_each_other_without_a_gap() -> None:
    async with staged() as stage:
        materials = [Material(ramp(10_000, at * 10_000)) for at in range(3)]
        first, *others = materials
        await stage.play(item(first, "0"), *(request(it, str(at + 1)) for at, it in enumerate(others)))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(30_000))
        assert stage.told(TrackStarted) == stage.told(TrackEnded) == ["0", "1", "2"]
    assert all(it.is_closed for it in materials)


async def test_one_that_cannot_be_opened_is_told_and_stepped_over() -> None:
    async with staged() as stage:
        bad = Material(ramp(1), open_error=MediaOpenError("not there"))
        await stage.play(item(Material(ramp(10_000))), request(bad, "bad"), request(Material(ramp(9, 10_000)), "last"))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(10_009))
        assert [(name, str(error)) for name, error in stage.failures] == [("bad", "not there")]
    assert bad.is_closed


async def test_one_that_breaks_is_heard_as_far_as_it_goes() -> None:
    async with staged() as stage:
        broken = Material(ramp(50_000), breaks_at=24_000)
        await stage.play(item(broken, "broken"), request(Material(ramp(100, 999)), "next"))
        await stage.is_finished.wait()
        kept = len(stage.pcm()) - 100
        assert 24_000 <= kept < 50_000
        assert np.array_equal(stage.pcm()[:kept], ramp(kept))
        assert [name for name, _ in stage.failures] == ["broken"]


async def test_pause_and_resume_lose_no_frame() -> None:
    async with staged() as stage:
        await stage.play(item(Material(ramp(10 * 48_000))))
        await stage.clock.sleep(3 * SECOND + 7)
        stage.playback.halt()
        await stage.clock.sleep(60 * SECOND)
        (halted,) = (event for _, event in stage.events if isinstance(event, Halted))
        stage.chunks.clear()
        calls = stage.render.call_count
        await stage.clock.sleep(600 * SECOND)
        assert stage.render.call_count == calls
        resumed_at = stage.clock.now()
        stage.playback.resume()
        await stage.is_finished.wait()
        first = stage.chunks[ANN][0]
        assert first.start - resumed_at <= LEAD_US + 10_000
        assert np.array_equal(stage.pcm(), ramp(10 * 48_000)[first.frame :])
        assert halted.position_us == first.frame * SECOND // 48_000


async def test_seek_goes_on_elsewhere_after_the_lead_and_the_queue_after_it() -> None:
    async with staged() as stage:
        first = item(Material(ramp(8 * 48_000)), "first")
        await stage.play(first, request(Material(ramp(500, 3)), "second"))
        await stage.clock.sleep(4 * SECOND)  # the second is open already
        asked_at = stage.clock.now()
        stage.playback.seek(first, 7 * SECOND)
        await stage.is_finished.wait()
        assert stage.chunks[ANN][0].start - asked_at <= LEAD_US + 10_000
        assert np.array_equal(stage.pcm(), np.concatenate([ramp(48_000, 7 * 48_000), ramp(500, 3)]))
        assert stage.told(TrackStarted) == ["first", "first", "second"]
        assert stage.told(TrackEnded) == ["first", "second"]


async def test_seeks_in_a_row_end_where_the_last_one_said() -> None:
    async with staged() as stage:
        it = item(Material(ramp(100 * 48_000)))
        await stage.play(it)
        await stage.clock.sleep(SECOND)
        for position in (50, 3, 70, 99):
            stage.playback.seek(it, position * SECOND)
            await asyncio.sleep(0)
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(48_000, 99 * 48_000))


async def test_what_cannot_be_sought_refuses() -> None:
    async with staged() as stage:
        it = item(Material(ramp(48_000), is_seekable=False))
        await stage.play(it)
        with pytest.raises(CommandRefusedError):
            stage.playback.seek(it, 0)


async def test_another_medium_takes_over_and_the_old_one_is_let_go() -> None:
    async with staged() as stage:
        old, waiting = Material(ramp(100 * 48_000)), Material(ramp(5))
        await stage.play(item(old, "old"), request(waiting, "never"))
        await stage.clock.sleep(SECOND)
        await stage.play(item(Material(ramp(48_000, 5)), "new"))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(48_000, 5))
        assert stage.told(TrackStarted) == stage.told(TrackEnded) == ["old", "new"]
        assert old.is_closed
        assert not waiting.read_count


async def test_closing_in_the_middle_ends_streams_and_lets_go_at_once() -> None:
    material, following = Material(ramp(100 * 48_000)), Material(ramp(5))
    async with staged() as stage:
        await stage.play(item(material), request(following))
        await stage.clock.sleep(2 * SECOND)
        before = stage.clock.now()
    assert stage.clock.now() == before
    assert sorted(stage.ended) == [ANN, BOB]
    assert material.is_closed


async def test_a_player_dropped_during_a_step_gets_nothing_of_it() -> None:
    async with staged() as stage:
        await stage.play(item(Material(ramp(100 * 48_000))))
        await stage.clock.sleep(2 * SECOND)
        before = len(stage.chunks[BOB])
        while not stage.playback._is_stepping:  # noqa: SLF001  # InlineRunner lets others run first, as here
            await asyncio.sleep(0)
        stage.playback.forget_player(BOB)
        stage.playback.set_topology(topology(ann=player(PCM_48)))
        await stage.clock.sleep(2 * SECOND)
        assert len(stage.chunks[BOB]) == before
        assert all(one.end == two.start for one, two in pairwise(stage.chunks[ANN]))


async def test_an_hour_at_two_rates_has_no_gap_nothing_late_and_no_error_of_a_microsecond() -> None:
    hour = 3_600 * SECOND
    late: list[Chunk] = []
    async with staged() as stage:
        deliver = stage.playback._deliver  # noqa: SLF001  # to look at each delivery as it is made

        def check(outputs: Mapping[ClientId, PlayerOutput]) -> None:
            late.extend(c for o in outputs.values() for c in o.chunks if c.start <= stage.clock.now())
            deliver(outputs)

        stage.playback._deliver = check  # noqa: SLF001
        await stage.play(item(Material(ramp(48_000), repeats=3_600)))
        await stage.is_finished.wait()
    assert not late
    for player_id, rate in ((ANN, 48_000), (BOB, 44_100)):
        chunks = stage.chunks[player_id]
        assert all(one.end == two.start for one, two in pairwise(chunks))
        assert sum(chunk.frame_count for chunk in chunks) == 3_600 * rate
        origin = chunks[0].start
        assert all(abs(c.start - origin - (c.frame - chunks[0].frame) * SECOND / rate) < 1 for c in chunks)
        assert chunks[-1].end - origin == hour
