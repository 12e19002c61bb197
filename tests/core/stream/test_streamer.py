"""Channels to players: what is made once, who is sent what, and when."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, strategies as st
import numpy as np
import pytest

from core.audio.resample import Resampler, make_resampler
from core.channel import Channel
from core.codecs.base import Encoder
from core.codecs.registry import make_encoder
from core.formats import StreamFormat
from core.stream.chunk import PlayerOutput
from core.stream.streamer import START_MARGIN_US, Streamer
from core.stream.timeline import Timeline
from core.stream.topology import PlayerConfig, Topology
from core.units import ClientId, ServerTimeUs
from tests.fakes.rig import FLAC_44, FLAC_48, LEAD_US, OPUS_48, PCM_44, PCM_48, player, topology

NOW = ServerTimeUs(1_000_000_000)
HORIZON_US = 2_000_000
LINE = Timeline(anchor=ServerTimeUs(NOW + LEAD_US + 20_000), anchor_frame=0, mix_rate=48_000)


class Workshop:
    """A streamer, silence for it, and a count of what is made for it."""

    def __init__(self) -> None:
        self.made: Counter[object] = Counter()
        self.streamer = Streamer(mix_rate=48_000, make_encoder=self._encoder, make_resampler=self._resampler)
        self.head = 0

    def start(self, **players: PlayerConfig) -> None:
        self.streamer.configure(topology(**players), NOW)
        self.streamer.start(LINE, 0)

    def fill(self, now: ServerTimeUs = NOW, frames: int = 9_600) -> dict[str, PlayerOutput]:
        self.head += frames
        while self.streamer.is_behind(self.head):
            demands = self.streamer.demand(self.head, 9_600)
            assert all(0 < demand.frame_count <= 9_600 for demand in demands)
            blocks = {
                demand: np.zeros((demand.frame_count, len(demand.channel.layout)), np.float32) for demand in demands
            }
            self.streamer.prepare(blocks, 9_600)
        outputs, _ = self.streamer.send(now, HORIZON_US)
        return {str(player_id): output for player_id, output in outputs.items()}

    def held(self) -> int:
        """What player a holds."""
        return self.streamer.held_bytes(NOW)[ClientId("a")]

    def _encoder(self, stream_format: StreamFormat) -> Encoder:
        self.made[stream_format] += 1
        return make_encoder(stream_format)

    def _resampler(self, from_rate: int, to_rate: int, lanes: int) -> Resampler:
        self.made[to_rate] += 1
        return make_resampler(from_rate, to_rate, lanes)


def test_equal_players_cost_one_encoder_and_one_resampler_and_get_the_same_objects() -> None:
    shop = Workshop()
    shop.start(**{f"p{number}": player(FLAC_44) for number in range(10)})
    outputs = shop.fill()
    assert shop.made == {FLAC_44: 1, 44_100: 1}
    one, *others = [output.chunks for output in outputs.values()]
    assert len(others) == 9
    assert all(mine is theirs for chunks in others for mine, theirs in zip(one, chunks, strict=True))
    assert shop.streamer.work.encoded_chunks == len(one)


def test_another_channel_is_another_pipeline() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48), b=player(PCM_48, channel=Channel(delay_frames=480)))
    assert len(shop.streamer.pipelines) == 2


def test_nothing_is_asked_for_without_players_and_nothing_made_without_a_start() -> None:
    shop = Workshop()
    assert shop.streamer.demand(9_600, 9_600) == ()
    shop.streamer.configure(topology(a=player(PCM_48)), NOW)
    shop.streamer.prepare({}, 9_600)
    shop.streamer.finish(0)
    assert shop.streamer.send(NOW, HORIZON_US) == ({}, None)
    assert shop.streamer.work.encoded_chunks == 0


def test_unused_pipelines_go_and_their_work_still_counts() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48), b=player(FLAC_48))
    shop.fill()
    work = shop.streamer.work
    shop.streamer.configure(topology(a=player(PCM_48)), NOW)
    assert [key[1] for key in shop.streamer.pipelines] == [PCM_48]
    assert shop.streamer.work == work
    assert set(shop.streamer.held_bytes(NOW)) == {"a"}


def test_the_end_forgets_everybody_and_ends_only_what_was_begun() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48), tiny=player(FLAC_48, capacity_bytes=10))
    shop.fill()
    assert shop.streamer.stop() == {"a": PlayerOutput(end=True)}
    assert shop.streamer.stop() == {}
    assert not shop.streamer.pipelines
    assert shop.streamer.held_bytes(NOW) == {}


def test_going_on_elsewhere_clears_those_who_hold_something_and_counts_from_nothing() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48), late=player(FLAC_48, capacity_bytes=10))
    shop.fill()
    assert shop.held() > 0
    later = Timeline(anchor=ServerTimeUs(NOW + 5_000_000), anchor_frame=9_600, mix_rate=48_000)
    assert shop.streamer.start(later, 9_600) == {"a": PlayerOutput(clear=True)}
    assert shop.held() == 0
    shop.head = 9_600
    output = shop.fill(ServerTimeUs(NOW + 4_700_000))["a"]
    assert output.start is None
    assert (output.chunks[0].start, output.chunks[0].frame) == (NOW + 5_000_000, 9_600)


def test_a_start_is_told_once_with_the_first_chunk() -> None:
    shop = Workshop()
    shop.start(a=player(FLAC_48))
    first, second = shop.fill()["a"], shop.fill()["a"]
    assert first.start is not None
    assert (first.start.format, (first.start.codec_header or b"")[:4]) == (FLAC_48, b"fLaC")
    assert second.start is None


@given(formats=st.lists(st.sampled_from([PCM_48, PCM_44, FLAC_48, FLAC_44, OPUS_48]), min_size=1, max_size=5))
def test_no_first_chunk_starts_before_the_lead(formats: list[StreamFormat]) -> None:
    shop = Workshop()
    shop.streamer.configure(topology(**{f"p{at}": player(what) for at, what in enumerate(formats)}), NOW)
    anchor = ServerTimeUs(NOW + LEAD_US + shop.streamer.start_delay_us)
    shop.streamer.start(Timeline(anchor=anchor, anchor_frame=0, mix_rate=48_000), 0)
    for output in shop.fill().values():
        assert 0 <= output.chunks[0].start - NOW - LEAD_US - START_MARGIN_US <= 6_600


@pytest.mark.parametrize("stream_format", [PCM_48, PCM_44, FLAC_48, OPUS_48])
def test_a_format_changes_where_what_was_sent_ends(stream_format: StreamFormat) -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48), b=player(PCM_48))
    sent = list(shop.fill(frames=48_000)["a"].chunks)
    shop.streamer.configure(topology(a=player(stream_format), b=player(PCM_48)), NOW)
    output = shop.fill(frames=24_000)["a"]
    assert (output.start is not None) == (stream_format != PCM_48)
    assert 0 <= output.chunks[0].start - sent[-1].end <= 23
    assert not output.clear


def test_who_holds_nothing_any_more_changes_its_format_after_its_lead() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48), b=player(PCM_48))
    dry_at = shop.fill()["a"].chunks[-1].end
    shop.streamer.configure(topology(a=player(FLAC_48), b=player(PCM_48)), dry_at)
    assert shop.fill(dry_at, frames=48_000)["a"].chunks[0].start >= dry_at + LEAD_US


def test_who_comes_late_starts_at_a_chunk_that_is_there_after_its_lead() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48))
    made = shop.fill(frames=48_000)["a"].chunks
    shop.streamer.configure(topology(a=player(PCM_48), b=player(PCM_48), c=player(PCM_48, lead_us=600_000)), NOW)
    outputs = shop.fill(NOW, frames=1)
    assert outputs["b"].chunks == made
    assert outputs["c"].chunks == tuple(chunk for chunk in made if chunk.start >= NOW + 603_000)


def test_new_capacity_and_delay_hold_at_once_and_need_no_start() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48, capacity_bytes=4 * 4_809))
    assert len(shop.fill(frames=48_000)["a"].chunks) == 4
    shop.streamer.configure(topology(a=player(PCM_48, capacity_bytes=6 * 4_809)), NOW)
    (output,) = shop.fill(frames=1).values()
    assert (output.start, len(output.chunks)) == (None, 2)
    shop.streamer.configure(topology(a=player(PCM_48, capacity_bytes=6 * 4_809, output_delay_us=100_000)), NOW)
    assert shop.streamer.held_bytes(ServerTimeUs(LINE.anchor - 75_000)) == {"a": 5 * 4_809}


def test_what_is_late_is_stepped_over_and_what_can_never_fit_too() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48), tiny=player(PCM_48, capacity_bytes=4_808), b=player(PCM_48, output_delay_us=50_000))
    now = ServerTimeUs(LINE.anchor + 25_000)
    outputs = shop.fill(now)
    assert set(outputs) == {"a", "b"}
    assert outputs["a"].chunks[0].start == LINE.anchor + 50_000
    assert outputs["b"].chunks[0].start == LINE.anchor + 100_000


def test_the_next_call_is_when_a_batch_fits_and_before_the_player_runs_dry() -> None:
    shop = Workshop()
    shop.start(a=player(PCM_48, capacity_bytes=20 * 4_809, lead_us=100_000))
    shop.fill(frames=48_000)
    now = NOW
    sent_until = LINE.anchor + 20 * 25_000
    for _ in range(10):
        outputs, retry_at = shop.streamer.send(now, HORIZON_US)
        for output in outputs.values():
            assert output.chunks[0].start == sent_until
            sent_until = output.chunks[-1].end
        if retry_at is None:
            break
        assert retry_at > now
        assert sent_until - retry_at >= 100_000
        now = retry_at
    assert sent_until == LINE.anchor + 1_000_000


@given(
    changes=st.lists(
        st.dictionaries(
            st.sampled_from("abc"), st.sampled_from([PCM_48, PCM_44, FLAC_48, FLAC_44, OPUS_48]), max_size=3
        ),
        max_size=5,
    )
)
def test_any_change_of_topology_leaves_what_a_direct_one_gives(changes: list[dict[str, StreamFormat]]) -> None:
    shop, direct = Workshop(), Workshop()
    shop.start(z=player(PCM_48))
    last = {"z": PCM_48}
    for change in changes:
        shop.fill(frames=2_400)
        last = change | {"z": PCM_48}
        shop.streamer.configure(topology(**{name: player(what) for name, what in last.items()}), NOW)
    direct.start(**{name: player(what) for name, what in last.items()})
    assert shop.streamer.pipelines.keys() == direct.streamer.pipelines.keys()
    assert [pipeline.start_payload for _, pipeline in sorted(shop.streamer.pipelines.items(), key=repr)] == [
        pipeline.start_payload for _, pipeline in sorted(direct.streamer.pipelines.items(), key=repr)
    ]
    assert shop.streamer.held_bytes(NOW).keys() == last.keys()
    chunks = [chunk for output in shop.fill(frames=96_000).values() for chunk in output.chunks]
    assert all(chunk.start > NOW for chunk in chunks)


def test_an_empty_topology_has_the_usual_lead() -> None:
    assert Topology().lead_us == LEAD_US
    assert topology(a=player(PCM_48, lead_us=1), b=player(PCM_48, lead_us=7)).lead_us == 7


def test_chunks_of_a_player_join() -> None:
    shop = Workshop()
    shop.start(a=player(OPUS_48))
    chunks = [chunk for _ in range(8) for chunk in shop.fill(frames=5_000)["a"].chunks]
    assert all(one.end == two.start for one, two in pairwise(chunks))


def test_formats_of_one_rate_share_a_resampler_also_those_that_come_late() -> None:
    shop = Workshop()
    shop.start(z=player(PCM_48), a=player(PCM_44))
    shop.fill(frames=24_000)
    assert (shop.made[44_100], shop.streamer.work.resampled_blocks) == (1, 3)
    everybody = {"z": player(PCM_48), "a": player(PCM_44), "b": player(FLAC_44)}
    now = ServerTimeUs(NOW + 200_000)
    shop.streamer.configure(topology(**everybody), now)
    late = shop.fill(now, frames=1)["b"].chunks
    assert LEAD_US <= late[0].start - now - START_MARGIN_US <= LEAD_US + 25_000
    assert (shop.made[44_100], shop.streamer.work.resampled_blocks) == (1, 4)


def test_who_wants_what_a_resampler_began_too_late_for_has_one_of_its_own_until_they_meet() -> None:
    shop = Workshop()
    shop.start(z=player(PCM_48))
    shop.fill(frames=96_000)
    slow = {"z": player(PCM_48), "slow": player(PCM_44, lead_us=1_000_000)}
    shop.streamer.configure(topology(**slow), NOW)
    (stem,) = [stem for stem in shop.streamer._stems if stem.rate == 44_100]
    chunks = {"slow": list(shop.fill(frames=1)["slow"].chunks)}
    assert chunks["slow"][0].start >= NOW + 1_000_000
    shop.streamer.configure(topology(quick=player(FLAC_44), **slow), NOW)
    assert (shop.made[44_100], len(shop.streamer._stems)) == (2, 3)
    for _ in range(20):
        for name, output in shop.fill(frames=2_400).items():
            chunks.setdefault(name, []).extend(output.chunks)
    assert [it for it in shop.streamer._stems if it.rate == 44_100] == [stem]
    assert chunks["quick"][0].start <= NOW + LEAD_US + START_MARGIN_US + 25_000
    for name in ("slow", "quick"):
        assert all(one.end == two.start for one, two in pairwise(chunks[name]))
        assert chunks[name][-1].end > NOW + HORIZON_US - 25_000
