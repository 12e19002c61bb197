"""The conversation: what the player says and obeys in each era, and what it calls a fault of the server."""

import json
from typing import Any

import numpy as np
import pytest

from tests.fakes.player import DriftingClock, Era, PlayerConfig, PlayerFormat, SoftwarePlayer

from .ideal import FLAC_44_24, FLAC_48, GROUP, OPUS, PCM_44, PCM_48, SERVER_HELLO, audio, encode, text
from .world import Link, World

NOISE = np.random.default_rng(6).uniform(-0.5, 0.5, (48_000, 2)).astype(np.float32)
FORMATS = (FLAC_48, FLAC_44_24, PCM_44, PCM_48, OPUS)


def make(era: Era = Era.A5, **more: Any) -> tuple[World, Link]:
    world = World()
    more = {"client_id": "c", "formats": FORMATS, **more}
    return world, Link(world, PlayerConfig(era=era, **more), delay_us=1)


def make_settled(era: Era = Era.A5, **more: Any) -> tuple[World, Link]:
    world, link = make(era, **more)
    while not link.player.is_synchronized:
        world.run(0.1)
    return world, link


def violations(link: Link) -> dict[str, int]:
    return dict(link.player.witness.violations)


def streams(link: Link) -> bool:
    return link.player.audio.stream is not None


@pytest.mark.parametrize("era", list(Era))
def test_hello_and_first_state_of_each_era(era: Era) -> None:
    world, link = make(era, name="Kitchen", volume=40, delay_ms=30, mac_address="aa:bb:cc:dd:ee:ff")
    world.run(0.1)
    hello = link.server.hello
    key = "player_support" if era is Era.A1 else "player@v1_support"
    assert [name for name in hello if name.endswith("support")] == [key]
    assert hello[key]["supported_formats"][0] == {"codec": "flac", "channels": 2, "sample_rate": 48000, "bit_depth": 16}
    assert hello[key]["supported_commands"] == ["volume", "mute"]
    assert (hello["client_id"], hello["name"], hello["version"]) == ("c", "Kitchen", 1)
    assert hello["device_info"]["mac_address"] == "aa:bb:cc:dd:ee:ff"
    first = link.server.states[0]
    assert (first if era is Era.A5 else first["player"])["state"] == "error"
    assert first["player"]["volume"] == 40
    assert ("static_delay_ms" in first["player"]) == (era in (Era.A4, Era.A5))
    assert ("required_lead_time_ms" in first["player"]) == (era is Era.A5)
    assert [kind for kind, _ in link.server.heard] == ["client/hello", "client/state"]


def test_both_spellings_can_be_said() -> None:
    world, link = make(both_spellings=True)
    world.run(0.1)
    assert link.server.hello["player_support"] == link.server.hello["player@v1_support"]


@pytest.mark.parametrize("era", list(Era))
def test_synchronized_is_said_once_the_clock_is_known(era: Era) -> None:
    world, link = make(era)
    world.run(1)
    assert not link.player.is_synchronized
    world.run(5)
    words = [state.get("state") or state.get("player", {}).get("state") for state in link.server.states]
    assert words == ["error", "synchronized"]
    assert link.player.report()["filter"]["samples"] >= 4


def test_commands_are_obeyed_and_reported() -> None:
    world, link = make_settled()
    commands = [
        {"command": "volume", "volume": 30},
        {"command": "mute", "mute": True},
        {"command": "set_static_delay", "static_delay_ms": 250},
    ]
    for command in commands:
        link.send(text("server/command", player=command))
    world.run(0.1)
    assert (link.player.volume, link.player.muted, link.player.delay_ms) == (30, True, 250)
    reported = [state["player"] for state in link.server.states[-3:]]
    assert reported == [{"volume": 30}, {"muted": True}, {"static_delay_ms": 250}]
    report = link.player.report()
    assert (report["volume"], report["muted"], report["delay_ms"], report["violations"]) == (30, True, 250, {})


@pytest.mark.parametrize(
    "command",
    [
        {"command": "volume", "volume": 101},
        {"command": "volume", "volume": "3"},
        {"command": "mute"},
        {"command": "set_static_delay", "static_delay_ms": 100},
        {"command": "explode"},
    ],
)
def test_commands_out_of_order_are_faults(command: dict[str, Any]) -> None:
    world, link = make_settled(Era.A3)
    link.send(text("server/command", player=command))
    world.run(0.1)
    assert len(violations(link)) == 1
    assert (link.player.volume, link.player.delay_ms) == (100, 0)


def test_the_device_reports_its_own_changes() -> None:
    world, link = make_settled()
    link.player.set_volume(12)
    link.player.set_muted(muted=True)
    link.player.set_external_source(active=True)
    link.player.set_external_source(active=False)
    link.player.command("volume", volume=50)
    link.player.request_format(codec="pcm")
    link.pump()
    world.run(0.1)
    assert link.server.heard[-6:] == [
        ("client/state", {"player": {"volume": 12}}),
        ("client/state", {"player": {"muted": True}}),
        ("client/state", {"state": "external_source"}),
        ("client/state", {"state": "synchronized"}),
        ("client/command", {"controller": {"command": "volume", "volume": 50}}),
        ("stream/request-format", {"player": {"codec": "pcm"}}),
    ]


def test_deltas_are_merged() -> None:
    world, link = make_settled()
    link.send(text("server/state", metadata={"title": "One", "artist": "A"}, controller={"volume": 3}))
    link.send(text("server/state", metadata={"title": "Two", "artist": None}))
    link.send(text("group/update", playback_state="stopped", group_id="h", group_name="Here"))
    world.run(0.1)
    report = link.player.report()
    assert report["metadata"] == {"title": "Two"}
    assert report["controller"] == {"volume": 3}
    assert report["group"]["group_id"] == "h"
    assert report["messages"]["server/state"] == 2


def start(**change: Any) -> str:
    player = {**FLAC_48.as_json(), "codec_header": encode(NOISE[:960], FLAC_48).header, **change}
    return text("stream/start", player={name: value for name, value in player.items() if value is not None})


FAULTS: dict[str, tuple[str | bytes, ...]] = {
    "second server/hello": (text("server/hello", **SERVER_HELLO),),
    "group/update without group_name": (text("group/update", **{**GROUP, "group_name": None}),),
    "seek offered to a player of the cleartext era": (
        text("server/state", controller={"supported_commands": ["seek"]}),
    ),
    "server/time that nobody asked for": (
        text("server/time", client_transmitted=1, server_received=2, server_transmitted=3),
    ),
    "stream/start without bit_depth": (start(bit_depth=None),),
    "stream in a format that is not listed": (start(sample_rate=96_000),),
    "FLAC stream without a proper header": (start(codec_header=None),),
    "audio without a stream": (audio(0, b"abc"),),
    "binary message that no player knows": (b"\x05" + bytes(20),),
    "flac chunk is not exactly one frame": (start(), audio(0, b"abc")),
    "stream/clear without a stream": (text("stream/clear", roles=["player"]),),
    "stream/end spells the role unlike this client: dropped": (start(), text("stream/end", roles=["player@v1"])),
    "chunk is longer than 150 ms": (
        text("stream/start", player=PCM_48.as_json()),
        audio(10**12, bytes(4 * 7201)),
    ),
}


@pytest.mark.parametrize("words", FAULTS)
def test_faults_of_the_server(words: str) -> None:
    world, link = make_settled()
    for message in FAULTS[words]:
        link.send(message)
    world.run(0.1)
    assert violations(link) == {words: 1}


def test_time_that_goes_backwards_is_a_fault() -> None:
    world, link = make_settled()
    asked = link.player.exchange
    assert asked is not None
    stamp = asked.ask(link.clock.now_us())
    link.send(text("server/time", client_transmitted=stamp, server_received=5, server_transmitted=4))
    world.run(0.01)
    assert "server/time was sent before it was received" in violations(link)


@pytest.mark.parametrize("missing", list(SERVER_HELLO))
def test_an_incomplete_server_hello_ends_the_session(missing: str) -> None:
    player = SoftwarePlayer(PlayerConfig(client_id="c"), DriftingClock(raw_ns=lambda: 0))
    player.connect()
    player.feed_text(text("group/update", **GROUP))
    player.feed_text(text("server/hello", **{name: value for name, value in SERVER_HELLO.items() if name != missing}))
    assert player.failure == "server/hello is not complete"
    assert dict(player.witness.violations) == {
        "group/update before server/hello": 1,
        f"server/hello without {missing}": 1,
    }


def test_an_unknown_connection_reason_ends_the_session() -> None:
    player = SoftwarePlayer(PlayerConfig(client_id="c"), DriftingClock(raw_ns=lambda: 0))
    player.connect()
    player.feed_text(text("server/hello", **{**SERVER_HELLO, "connection_reason": "why"}))
    assert player.failure == "server/hello with an unknown connection_reason"


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize("kind", ["stream/clear", "stream/end"])
def test_roles_are_understood_in_the_words_of_the_era(era: Era, kind: str) -> None:
    world, link = make_settled(era)
    right, wrong = ("player@v1", "player") if era is Era.A1 else ("player", "player@v1")
    link.send(start())
    for roles in ({"roles": [wrong]}, {"roles": ["visualizer"]}):
        link.send(text(kind, **roles))
    world.run(0.01)
    assert streams(link)
    assert len(link.player.audio.timeline.segments) == 1
    link.send(text(kind, roles=[right]))
    world.run(0.01)
    assert streams(link) == (kind == "stream/clear")
    assert len(link.player.audio.timeline.segments) == (1 if kind == "stream/end" else 2)
    link.send(start())
    link.send(text("stream/end"))
    link.send(text("stream/end"))  # no roles: artwork may be meant
    world.run(0.01)
    assert not streams(link)
    assert len(violations(link)) == 1


def test_the_format_changes_in_place() -> None:
    world, link = make_settled(keep_chunks=True)
    anchor_us = world.server_us + 300_000
    link.play(encode(NOISE[:24_000], FLAC_48), anchor_us)
    world.run(0.01)
    link.play(encode(NOISE[:22_050], FLAC_44_24, 1024), anchor_us + 500_000)
    world.run(2)
    report = link.player.report()
    assert [stream["sample_rate"] for stream in report["streams"]] == [48_000, 44_100]
    assert (report["missing_frames"], report["overlapping_frames"], report["late_frames"]) == (0, 0, 0)
    assert len(report["segments"]) == 1
    assert report["frame_count"] == 24_000 + 22_050
    assert sum(len(block) for _, block in link.player.audio.chunks) == 46_050
    assert report["dac"]["sample_rate"] == 48_000
    assert report["dac"]["last_heard_frame"] - report["dac"]["first_heard_frame"] == pytest.approx(48_000, abs=2)


def test_the_hash_is_that_of_the_samples() -> None:
    reports = []
    for stream in (PCM_48, FLAC_48):
        world, link = make_settled()
        link.play(encode(NOISE[:9600], stream), world.server_us + 300_000)
        world.run(1)
        reports.append(link.player.report()["pcm_sha256"])
    assert reports[0] == reports[1]


def test_too_many_bytes_are_a_fault_and_enough_are_not() -> None:
    def run(capacity: int) -> dict[str, int]:
        world, link = make_settled(buffer_capacity=capacity)
        link.play(encode(NOISE, PCM_48), world.server_us + 300_000, ahead_us=250_000)
        world.run(2)
        assert link.player.report()["buffer_bytes_peak"] == 14 * 3849
        return violations(link)

    assert run(14 * 3849) == {}
    assert list(run(14 * 3849 - 1)) == ["more bytes than buffer_capacity"]


def test_a_lost_connection_is_forgotten_and_begun_anew() -> None:
    world, link = make_settled()
    link.play(encode(NOISE, FLAC_48), world.server_us + 300_000)
    world.run(0.6)
    link.hush()
    link.player.connection_lost()
    assert link.player.audio.stream is None
    assert not link.player.is_synchronized
    samples = link.player.report()["filter"]["samples"]
    link.player.connect()
    link.pump()
    world.run(4)
    report = link.player.report()
    assert report["states"] == ["error", "synchronized", "error", "synchronized"]
    assert (report["connections"], report["violations"]) == (2, {})
    assert samples >= 4
    assert report["dac"]["frames"] > 4 * 48_000  # the output went on, in silence


def test_goodbye_is_said() -> None:
    world, link = make_settled()
    link.player.goodbye("shutdown")
    link.pump()
    world.run(0.1)
    assert link.server.heard[-1] == ("client/goodbye", {"reason": "shutdown"})


def test_external_source_before_the_clock_is_known() -> None:
    world, link = make()
    link.player.set_external_source(active=True)
    world.run(5)
    assert {state["state"] for state in link.server.states} == {"external_source"}
    assert json.dumps(link.player.report())
    assert link.player.report()["dac"] is None


def test_formats_are_read() -> None:
    assert PlayerFormat.parse("pcm:44100:24:2") == PlayerFormat(
        codec="pcm", sample_rate=44_100, bit_depth=24, channels=2
    )
    assert OPUS.admits(PlayerFormat.parse("opus:48000:32:2"))
    assert not PCM_44.admits(PlayerFormat.parse("pcm:44100:24:2"))


def test_nothing_is_said_before_the_hello() -> None:
    player = SoftwarePlayer(PlayerConfig(client_id="c"), DriftingClock(raw_ns=lambda: 0))
    assert player.take_outgoing() == []
    player.advance()
    assert player.report()["filter"] is None
    player.connect()
    assert [json.loads(message)["type"] for message in player.take_outgoing()] == ["client/hello"]
