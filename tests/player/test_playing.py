"""What is audible, in virtual time: players with clocks of their own on an ideal server."""

from functools import partial

import numpy as np
import pytest

from tests.fakes.player import Era, PlayerConfig, PlayerFormat
from tests.fakes.player.interpolate import interpolate
from tests.fakes.player.media import music
from tests.fakes.skew import Heard, measure_heard

from .ideal import FLAC_44_24, FLAC_48, OPUS, PCM_44, PCM_48, encode, text
from .world import Link, World

SECONDS = 6
LEAD_US = 400_000
MUSIC = {48_000: np.concatenate(list(music(SECONDS, 48_000))).astype(np.float32)}
MUSIC[44_100] = interpolate(MUSIC[48_000], np.arange(SECONDS * 44_100, dtype=np.float64) * (48_000 / 44_100))


def config(client_id: str, *formats: PlayerFormat, **more: object) -> PlayerConfig:
    return PlayerConfig(client_id=client_id, formats=formats or (FLAC_48,), **more)  # type: ignore[arg-type]


def settle(world: World, *links: Link) -> None:
    while not all(link.player.is_synchronized for link in links):
        world.run(0.1)


def source(world: World, anchor_us: int) -> Heard:
    """Return the music as it should be audible."""
    return Heard(MUSIC[48_000].mean(axis=1).astype(np.float64), world.true_s(anchor_us), 1 / 48_000)


def after(heard: Heard, true_s: float) -> Heard:
    """Return what was heard from an instant on."""
    first = round((true_s - heard.t0_true) / heard.seconds_per_sample)
    return Heard(heard.samples[first:], heard.t0_true + first * heard.seconds_per_sample, heard.seconds_per_sample)


def without_faults(link: Link) -> bool:
    report = link.player.report()
    counted = ("late_frames", "missing_frames", "overlapping_frames", "skipped_frames")
    return not any(report[name] for name in counted) and report["violations"] == {}


@pytest.mark.parametrize(("jitter_us", "p50_us", "max_us"), [(0, 5, 10), (150, 40, 80), (400, 90, 200)])
def test_two_players_are_in_step(jitter_us: int, p50_us: float, max_us: float) -> None:
    world = World(jitter_us + 1)
    flac = Link(world, config("flac"), drift_ppm=43, jitter_us=jitter_us)
    pcm = Link(world, config("pcm", PCM_44), drift_ppm=-38, jitter_us=jitter_us)
    settle(world, flac, pcm)
    anchor_us = world.server_us + LEAD_US
    flac.play(encode(MUSIC[48_000], FLAC_48), anchor_us)
    pcm.play(encode(MUSIC[44_100], PCM_44, 1024), anchor_us)
    world.run(SECONDS + 1)
    skew = measure_heard(flac.heard(), pcm.heard(), skip_s=0.5)
    assert skew.windows >= 19
    assert skew.invalid == 0
    assert skew.p50_us < p50_us
    assert skew.max_us < max_us
    assert without_faults(flac)
    assert without_faults(pcm)
    truth = measure_heard(source(world, anchor_us), flac.heard(), skip_s=0.5)
    assert truth.max_us < max_us


@pytest.mark.parametrize(
    ("stream", "rate", "shift_us"), [(FLAC_44_24, 44_100, 0), (PCM_48, 48_000, 0), (OPUS, 48_000, 6500)]
)
def test_every_codec_is_heard_when_it_is_due(stream: PlayerFormat, rate: int, shift_us: int) -> None:
    world = World()
    link = Link(world, config("one", stream), drift_ppm=-50, delay_us=1)
    settle(world, link)
    anchor_us = world.server_us + LEAD_US
    link.play(encode(MUSIC[rate], stream), anchor_us - shift_us)
    world.run(SECONDS + 1)
    skew = measure_heard(source(world, anchor_us), link.heard(), skip_s=0.5)
    assert skew.invalid == 0
    assert skew.max_us < 5
    assert without_faults(link)
    report = link.player.report()
    assert report["codec"] == stream.codec
    assert report["bytes"] == sum(len(data) for _, data in encode(MUSIC[rate], stream).chunks)
    assert report["dac"]["first_heard_true"] == pytest.approx(world.true_s(anchor_us - shift_us), abs=5e-5)


def test_static_delay_makes_the_output_earlier() -> None:
    world = World()
    link = Link(world, config("early", delay_ms=120), delay_us=1)
    settle(world, link)
    anchor_us = world.server_us + 2 * LEAD_US
    link.play(encode(MUSIC[48_000], FLAC_48), anchor_us)
    world.run(SECONDS + 1)
    assert measure_heard(source(world, anchor_us - 120_000), link.heard(), skip_s=0.5).max_us < 5


def test_a_step_of_the_clock_is_closed_softly_or_by_a_jump() -> None:
    world = World()
    soft, hard = Link(world, config("soft"), delay_us=1), Link(world, config("hard"), delay_us=1)
    settle(world, soft, hard)
    anchor_us = world.server_us + LEAD_US
    for link in (soft, hard):
        link.play(encode(MUSIC[48_000], FLAC_48), anchor_us)
    world.run(1.5)
    for link, step_us in ((soft, 2000), (hard, 6000)):
        assert link.player.exchange is not None
        link.player.exchange.filter.offset_us += step_us
    world.run(0.4)
    records = [link.player.report()["dac"] for link in (soft, hard)]
    assert [record["hard_resyncs"] for record in records] == [0, 1]
    apart = measure_heard(soft.heard(), hard.heard(), skip_s=0.1, window_s=0.1, hop_s=0.05)
    steps = np.diff([window.skew_us for window in apart.each if window.skew_us is not None])
    assert steps.min() < -3000  # the jump
    assert np.sort(steps)[1:-1].max() < 300  # half a per cent of 50 ms at most, the other way


def test_volume_and_mute_are_audible() -> None:
    world = World()
    link = Link(world, config("loud"), delay_us=1)
    settle(world, link)
    anchor_us = world.server_us + LEAD_US
    link.play(encode(MUSIC[48_000], FLAC_48), anchor_us)
    world.run(2)
    for command in ({"command": "volume", "volume": 25}, {"command": "mute", "mute": True}):
        link.send(text("server/command", player=command))
        world.run(1)
    heard = link.heard()

    def level(begin_s: float, end_s: float) -> float:
        begin, end = (round((at - heard.t0_true) / heard.seconds_per_sample) for at in (begin_s, end_s))
        return float(np.sqrt(np.mean(heard.samples[begin:end] ** 2)))

    now_s = world.now_ns / 1e9
    reference = MUSIC[48_000].mean(axis=1)[round(1.7 * 48_000) : round(2.5 * 48_000)]
    expected = float(np.sqrt(np.mean(reference**2))) * 0.25**1.5
    assert level(now_s - 1.9, now_s - 1.1) == pytest.approx(expected, rel=0.05)
    assert level(now_s - 0.9, now_s) == 0


def test_seek_is_a_segment_of_its_own() -> None:
    world = World()
    link = Link(world, config("seek"), delay_us=1)
    settle(world, link)
    link.play(encode(MUSIC[48_000], FLAC_48), world.server_us + LEAD_US)
    world.run(1)
    link.hush()
    link.send(text("stream/clear", roles=["player"]))
    anchor_us = world.server_us + LEAD_US
    link.play(encode(MUSIC[48_000], FLAC_48), anchor_us, start=False)
    world.run(SECONDS + 1)
    assert [segment["begun_by"] for segment in link.player.report()["segments"]] == ["start", "clear"]
    assert without_faults(link)
    assert measure_heard(source(world, anchor_us), after(link.heard(), world.true_s(anchor_us)), skip_s=0.5).max_us < 5


def _late_chunks(link: Link, anchor_us: int, late_us: int) -> None:
    """Send one chunk in ten so that it arrives `late_us` after its first frame was due."""
    stream = encode(MUSIC[48_000][:48_000], FLAC_48)
    link.send(stream.start)
    for number, (timestamp_us, message) in enumerate(stream.messages(anchor_us)):
        ahead_us = -late_us if number % 10 == 5 else 200_000
        when_ns = link.world.now_ns + (timestamp_us - ahead_us - link.world.server_us) * 1000
        link.world.at(when_ns, partial(link.send, message))


def test_late_frames_are_counted_to_the_frame_and_not_heard() -> None:
    world = World()
    link = Link(world, config("late"), delay_us=0, drift_ppm=20)
    settle(world, link)
    anchor_us = world.server_us + LEAD_US
    _late_chunks(link, anchor_us, 10_000)
    world.run(2)
    report = link.player.report()
    assert report["late_frames"] == pytest.approx(5 * 480, abs=5)
    assert report["segments"][0]["least_lead_us"] == pytest.approx(-10_000, abs=20)


@pytest.mark.parametrize("era", list(Era))
def test_what_came_before_the_clock_settled_is_skipped(era: Era) -> None:
    world = World()
    link = Link(world, config("eager", era=era), delay_us=100)
    world.run(0.2)
    anchor_us = world.server_us + LEAD_US
    link.play(encode(MUSIC[48_000], FLAC_48), anchor_us)
    world.run(SECONDS + 1)
    report = link.player.report()
    assert report["states"] == ["error", "synchronized"]
    assert (report["late_frames"], report["missing_frames"], report["violations"]) == (0, 0, {})
    begun_s = report["dac"]["first_heard_true"]
    skipped_s = report["skipped_frames"] / 48_000
    assert 1 < skipped_s < 4
    assert begun_s == pytest.approx(world.true_s(anchor_us) + skipped_s, abs=1e-3)
