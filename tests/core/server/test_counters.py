"""What playing may cost, as counters: writes, hops, wake-ups, encoders, resamplers, bytes objects.

All in virtual time, through real sessions, over a window of steady playing with one source for each group. The clients
say nothing meanwhile: clock questions are aside.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import gc
from unittest.mock import patch

import pytest

from core.formats import Codec, StreamFormat
from core.protocol.websocket import Opcode
from core.server.outbox import Outbox
from core.server.transport import make_frame
from core.stream.chunk import Batch, Chunk
from core.units import GroupId
from tests.fakes.client import MemoryClient
from tests.fakes.home import Home, at_home
from tests.fakes.house import wish
from tests.fakes.rig import FLAC_44, FLAC_48, OPUS_48, PCM_44, PCM_48, noise
from tests.fakes.seams import watched_libraries
from tests.fakes.stage import Material

MOST_WRITES = 12
MOST_HOPS = 12
MOST_WAKE_UPS = 40
WINDOW_S = 20

PCM_96_24 = StreamFormat(codec=Codec.PCM, sample_rate=96_000, channel_count=2, bit_depth=24)
PCM_96 = StreamFormat(codec=Codec.PCM, sample_rate=96_000, channel_count=2, bit_depth=16)
FLAC_96 = StreamFormat(codec=Codec.FLAC, sample_rate=96_000, channel_count=2, bit_depth=16)
PCM_16_MONO = StreamFormat(codec=Codec.PCM, sample_rate=16_000, channel_count=1, bit_depth=16)
MIXED = (PCM_48, FLAC_44, OPUS_48, PCM_96_24, PCM_16_MONO)
EIGHT = (PCM_44, PCM_48, PCM_96, FLAC_44, FLAC_48, FLAC_96, OPUS_48, PCM_16_MONO)
FLEETS = {
    "pcm": (PCM_48,) * 3,
    "flac": (FLAC_48,) * 3,
    "opus": (OPUS_48,) * 3,
    "resampled": (PCM_44,) * 3,
    "mixed": MIXED,
    "eight": EIGHT,
}


def music() -> Material:
    return Material(noise(48_000), repeats=3_600)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What happened in a window, for each second of it."""

    writes: dict[str, float]
    """By client."""
    hops: float
    """Calls of the render pool."""
    wake_ups: float
    """Whatever makes a loop that sleeps in `select` go on, but for what clients send.

    That is instants that were waited for and calls that a pool has done, each counted on its own even where several
    come in one turn. On a real loop they are `call_later`, and `call_soon_threadsafe` by the thread that is done;
    `call_soon` wakes nobody."""


async def costs_of(home: Home, length_s: int = WINDOW_S) -> Costs:
    def counts() -> tuple[Counter[str], int, int]:
        writes = Counter({name: len(client.transport.writes) for name, client in home.clients.items()})
        hops = home.render.call_count
        return writes, hops, home.clock.called_count + hops + home.media.call_count

    writes, hops, wake_ups = counts()
    await home.pass_s(length_s)
    writes_after, hops_after, wake_ups_after = counts()
    return Costs(
        writes={name: (count - writes[name]) / length_s for name, count in writes_after.items()},
        hops=(hops_after - hops) / length_s,
        wake_ups=(wake_ups_after - 1 - wake_ups) / length_s,  # our own sleep is one
    )


async def settle(
    home: Home, group: str, formats: Sequence[StreamFormat], *, capacity_bytes: int = 5_000_000
) -> GroupId:
    """Have a group of players of these formats play, until nothing of the start is left."""
    names = [f"{group}{at}" for at in range(len(formats))]
    for name, stream_format in zip(names, formats, strict=True):
        await home.join(name, stream_format, capacity_bytes=capacity_bytes)
    group_id = await home.gather(group, *names)
    await home.server.play(group_id, [wish(music())])
    await home.pass_s(5)
    return group_id


def audio_in(data: bytes | Sequence[bytes]) -> int:
    """Return how many chunks there are in a write."""
    client = MemoryClient()
    client.transport.writes = [data] if isinstance(data, bytes) else list(data)
    return len(client.audio)


# Ceilings


@pytest.mark.parametrize("fleet", FLEETS)
async def test_a_playing_group_takes_few_writes_hops_and_wake_ups(fleet: str) -> None:
    async with at_home() as home:
        await settle(home, "g", FLEETS[fleet])
        costs = await costs_of(home)
        assert len(costs.writes) == len(FLEETS[fleet])
        for count in costs.writes.values():
            assert 1 < count <= MOST_WRITES
        assert 1 < costs.hops <= MOST_HOPS
        assert costs.hops < costs.wake_ups <= MOST_WAKE_UPS


@pytest.mark.parametrize("capacity_bytes", [100_000, 150_000, 300_000])
async def test_buffers_smaller_than_the_horizon_cost_no_more(capacity_bytes: int) -> None:
    """So it is as long as they hold a batch on top of the lead; with less, each chunk leaves as soon as it fits."""
    async with at_home() as home:
        await settle(home, "g", (PCM_48,) * 3, capacity_bytes=capacity_bytes)
        costs = await costs_of(home)
        assert max(costs.writes.values()) <= MOST_WRITES
        assert costs.hops <= MOST_HOPS
        assert costs.wake_ups <= MOST_WAKE_UPS


async def test_groups_cost_no_more_than_each_by_itself() -> None:
    async with at_home() as home:
        for group, fleet in (("a", "pcm"), ("b", "flac"), ("c", "mixed")):
            await settle(home, group, FLEETS[fleet])
        costs = await costs_of(home)
        assert max(costs.writes.values()) <= MOST_WRITES
        assert costs.hops <= 3 * MOST_HOPS
        assert costs.wake_ups <= 3 * MOST_WAKE_UPS


async def test_more_players_of_a_kind_cost_writes_of_their_own_and_nothing_else() -> None:
    async with at_home() as home:
        await settle(home, "few", (FLAC_48,) * 2)
        few = await costs_of(home)
        await home.server.stop(GroupId("few"))
        await settle(home, "many", (FLAC_48,) * 30)
        many = await costs_of(home)
        assert many.hops == few.hops
        # Those who are connected and silent are pinged, once in half a minute each.
        assert many.wake_ups - few.wake_ups < 0.1 * 30
        assert {count for name, count in many.writes.items() if name.startswith("many")} == {few.writes["few0"]}


@pytest.mark.parametrize(("stream_format", "chunk_ms"), [(PCM_48, 25), (FLAC_48, 25), (OPUS_48, 20)])
async def test_chunks_of_one_step_leave_in_one_write(stream_format: StreamFormat, chunk_ms: int) -> None:
    async with at_home() as home:
        await settle(home, "g", (stream_format,) * 2)
        steps = home.render.call_count
        transport = home.clients["g0"].transport
        count = len(transport.writes)
        await home.pass_s(WINDOW_S)
        writes = transport.writes[count:]
        chunk_count = sum(map(audio_in, writes))
        assert chunk_count * chunk_ms == pytest.approx(WINDOW_S * 1_000, abs=200)
        # No more often than a step was made, though each brings several chunks.
        assert len(writes) <= home.render.call_count - steps
        assert chunk_count / len(writes) > 5


# Encoders and resamplers, counted where PyAV and libsoxr are called


def encoders_for(formats: Sequence[StreamFormat]) -> Counter[tuple[str, int]]:
    """Return one encoder for each format that needs any: these all hear the same channel."""
    codec_names = {Codec.FLAC: "flac", Codec.OPUS: "libopus"}
    return Counter(
        (codec_names[entry.codec], entry.sample_rate) for entry in set(formats) if entry.codec is not Codec.PCM
    )


@pytest.mark.parametrize("fleet", FLEETS)
async def test_as_many_encoders_are_open_as_formats_are_in_use(fleet: str) -> None:
    formats = FLEETS[fleet] * 2
    with watched_libraries() as seams:
        async with at_home() as home:
            group_id = await settle(home, "g", formats)
            assert seams.open_encoders == seams.opened == encoders_for(formats)
            await home.server.stop(group_id)
            gc.collect()
            assert not seams.encoders
            assert not seams.resamplers


async def test_no_encoder_is_open_for_clients_that_are_idle() -> None:
    with watched_libraries() as seams:
        async with at_home() as home:
            names = [f"idle{at}" for at in range(100)]
            for name in names:
                await home.join(name, FLAC_48)
            await home.gather("all", *names)
            await home.pass_s(60)
            assert not seams.opened


@pytest.mark.parametrize("how", ["end", "pause", "stop", "leave", "lose"])
async def test_no_encoder_is_left_open_once_nobody_is_played_to(how: str) -> None:
    with watched_libraries() as seams:
        async with at_home() as home:
            formats = (FLAC_48, OPUS_48, FLAC_44)
            group_id = await settle(home, "g", formats)
            assert seams.open_encoders == encoders_for(formats)
            assert seams.resamplers
            match how:
                case "end":
                    await home.server.play(group_id, [wish(Material(noise(48_000)))])
                    await home.pass_s(3)
                case "pause":
                    await home.server.pause(group_id)
                case "stop":
                    await home.server.stop(group_id)
                case "leave":
                    for client in home.clients.values():
                        await home.server.move(client.client_id, None)
                case _:
                    for client in home.clients.values():
                        client.transport.lose()
            await home.pass_s(1)
            gc.collect()
            assert not seams.encoders
            assert not seams.resamplers


async def test_a_resampler_for_each_channel_and_rate() -> None:
    with watched_libraries() as seams:
        async with at_home() as home:
            pcm_16 = StreamFormat(codec=Codec.PCM, sample_rate=16_000, channel_count=2, bit_depth=16)
            opus_16 = StreamFormat(codec=Codec.OPUS, sample_rate=16_000, channel_count=2)
            await settle(home, "g", (*MIXED, *EIGHT, pcm_16, opus_16))
            # 16 kHz twice: mono is another channel than stereo.
            assert seams.open_resamplers == {(48_000, 44_100): 1, (48_000, 96_000): 1, (48_000, 16_000): 2}
            before = seams.resampled.copy()
            hops = home.render.call_count
            await home.pass_s(WINDOW_S)
            steps = home.render.call_count - hops
            for rates, count in seams.open_resamplers.items():
                assert 0 < (seams.resampled - before)[rates] <= count * steps


# Bytes


@contextmanager
def watched_outboxes() -> Iterator[tuple[dict[Outbox, list[Chunk]], list[bytes]]]:
    """Note the chunks that every outbox is given, and every piece of audio that is framed."""
    chunks: dict[Outbox, list[Chunk]] = {}
    framed: list[bytes] = []
    play = Outbox.play

    def noted_play(self: Outbox, batch: Batch) -> None:
        chunks.setdefault(self, []).extend(batch)
        play(self, batch)

    def noted_frame(opcode: Opcode, payload: bytes, *, is_masking: bool) -> bytes:
        if opcode == Opcode.BINARY:
            framed.append(payload)
        return make_frame(opcode, payload, is_masking=is_masking)

    with patch.object(Outbox, "play", noted_play), patch("core.server.outbox.make_frame", noted_frame):
        yield chunks, framed


@pytest.mark.parametrize("stream_format", [PCM_48, FLAC_48, OPUS_48, PCM_44])
async def test_a_chunk_is_one_bytes_object_for_equal_players_and_framed_once(stream_format: StreamFormat) -> None:
    with watched_outboxes() as (chunks, framed):
        async with at_home() as home:
            await settle(home, "g", (stream_format,) * 8)
            await home.pass_s(WINDOW_S)
            first, *others = chunks.values()
            assert len(others) == 7
            for chunk in first:
                assert isinstance(chunk.data, bytes)
            for other in others:
                assert len(other) == len(first)
                assert all(mine.data is its.data for mine, its in zip(first, other, strict=True))
            assert len(framed) == len(first)
            # What is written is one object too, framing and all, but for the beginning, when each is told more.
            one, *rest = (
                [data for data in client.transport.writes if audio_in(data)][20:] for client in home.clients.values()
            )
            assert len(one) > WINDOW_S
            for other_writes in rest:
                assert all(mine is its for mine, its in zip(one, other_writes, strict=True))


async def test_players_that_we_dialled_share_their_frames_too() -> None:
    with watched_outboxes() as (chunks, framed):
        async with at_home() as home:
            for at in range(6):
                await home.join(f"g{at}", FLAC_48, is_masking=at % 2 == 0)
            group_id = await home.gather("g", *home.clients)
            await home.server.play(group_id, [wish(music())])
            await home.pass_s(WINDOW_S)
            first, *others = chunks.values()
            assert all([chunk.data for chunk in other] == [chunk.data for chunk in first] for other in others)
            assert len(framed) == 2 * len(first)  # once plain, once masked


async def test_what_plays_leaves_no_task_and_no_timer_behind() -> None:
    async with at_home() as home:
        before = len(asyncio.all_tasks())
        formats = FLEETS["mixed"]
        group_id = await settle(home, "g", formats)
        await home.server.stop(group_id)
        await home.pass_s(1)
        assert len(asyncio.all_tasks()) == before + 2 * len(formats)  # each connection: one that reads, one that writes
        assert len(home.clock.pending) == len(formats)
