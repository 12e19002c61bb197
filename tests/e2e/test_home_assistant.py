"""Real client libraries on a real Home Assistant, which is told everything through its own interfaces.

One Home Assistant runs for all of them; a test that stops it leaves it to the next one to start it again.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
import json
from pathlib import Path
import socket
import sys
import time

import av
import numpy as np
import pytest
import pytest_socket

from devtools.folders import free_port

from .audio import (
    Samples,
    assert_continuous,
    best_lag,
    decode_flac,
    decode_opus,
    joined,
    locate,
    noise,
    pcm_frames,
    smooth_noise,
    to_pcm,
    write_wav,
)
from .background import Background
from .conftest import StartPlayer
from .house import PROBE, VOICE, House
from .media_server import MediaServer
from .processes import JsonProcess
from .real_clients import AIOSENDSPIN_3, AIOSENDSPIN_4, AIOSENDSPIN_6, SENDSPIN_JS, RealPlayer, WireFormat

PCM = WireFormat()
FINE_PCM = WireFormat(sample_rate=44_100, bit_depth=24)


def both_rates(codec: str, bit_depth: int) -> tuple[WireFormat, WireFormat]:
    """Return what a player lists that is never to be resampled for."""
    return (
        WireFormat(codec=codec, sample_rate=44_100, bit_depth=bit_depth),
        WireFormat(codec=codec, sample_rate=48_000, bit_depth=bit_depth),
    )


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    pytest_socket.enable_socket()
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="module")
def only_house(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("home-assistant"), background)
    yield house
    house.close()


@pytest.fixture
def house(socket_enabled: None, only_house: House) -> Iterator[House]:
    """Home Assistant with the integration set up; whatever a test does to it, it does not complain."""
    only_house.start()
    yield only_house
    assert only_house.complaints() == []


@pytest.fixture
def media_server(house: House, background: Background, tmp_path: Path) -> Iterator[MediaServer]:
    server = MediaServer(tmp_path, background)
    yield server
    server.close()


def write_music(folder: Path, seconds: float, wire: WireFormat = PCM, *, name: str = "music.wav") -> Samples:
    """Write a WAV file of noise at the rate and depth of a format, and return what is in it."""
    samples = noise(seconds, sample_rate=wire.sample_rate, bit_depth=wire.bit_depth)
    write_wav(folder / name, samples, sample_rate=wire.sample_rate, bit_depth=wire.bit_depth)
    return samples


def wait_for_end(house: House, entity_id: str, *clients: RealPlayer, since: int = 0) -> None:
    """Wait until the medium was played to its end, and all clients know."""
    house.wait_for(entity_id, "idle")
    for client in clients:
        client.wait_for("stream_end", since=since)


def server_now(client: RealPlayer) -> int:
    """Return what the server's clock shows, by that of a client."""
    return int(client.told("clock")[-1]["server_minus_monotonic_us"]) + time.monotonic_ns() // 1000


# Sound


def test_one_action_plays_on_all_generations_at_the_same_instants(house: House, player: StartPlayer) -> None:
    plain = smooth_noise(3, sample_rate=48_000)
    write_wav(house.media / "plain.wav", plain, sample_rate=48_000, bit_depth=16)
    fine = write_music(house.media, 2, FINE_PCM, name="fine.wav")
    three = player(AIOSENDSPIN_3, *both_rates("pcm", 16), client_id="three")
    six = player(AIOSENDSPIN_6, *both_rates("pcm", 24), client_id="six")
    four = player(AIOSENDSPIN_4, *both_rates("flac", 24), url=house.url, client_id="four")
    script = player(SENDSPIN_JS, WireFormat(codec="opus"), url=house.url, client_id="script")
    house.dial(*(client.wait_for("listening")["port"] for client in (three, six)))
    clients = (three, six, four, script)
    entity_ids = [house.entity(client.client_id) for client in clients]
    assert {client.client_id for client in clients} <= {device["name"] for device in house.devices()}

    house.play(entity_ids, "plain.wav")
    states = [house.wait_for(entity_id, "playing") for entity_id in entity_ids]
    assert {state["attributes"]["media_title"] for state in states} == {"plain"}
    assert {state["attributes"]["media_duration"] for state in states} == {3}
    wait_for_end(house, entity_ids[0], *clients)

    assert joined(three.chunks()) == to_pcm(plain, 16)
    assert_continuous(three.chunks(), pcm_frames(three.chunks(), PCM), 48_000)
    beginning = three.chunks()[0].timestamp
    assert joined(six.chunks()) == to_pcm(plain << 8, 24)
    assert six.chunks()[0].timestamp == beginning
    assert_flac(four, plain << 8, 48_000, beginning)
    assert_opus(script, plain, beginning)

    since = len(three.events), len(six.events), len(four.events)
    house.play(entity_ids, "fine.wav")
    for client, first in zip((three, six, four), since, strict=True):
        client.wait_for("stream_end", since=first)
    chunks = six.chunks(since=since[1])
    assert joined(chunks) == to_pcm(fine, 24)
    assert_continuous(chunks, pcm_frames(chunks, FINE_PCM), 44_100)
    assert_flac(four, fine, 44_100, chunks[0].timestamp, since=since[2])
    clocks = [client.told("clock")[-1]["server_minus_monotonic_us"] for client in clients]
    assert max(clocks) - min(clocks) < 3_000
    reduced = three.chunks(since=since[0])
    heard = np.frombuffer(joined(reduced), "<i2").reshape(-1, 2).astype(np.int32)
    assert np.abs(np.clip((heard << 8) - fine, -(1 << 23), 1 << 23)).max() < 3 << 8  # dithered
    assert reduced[0].timestamp == chunks[0].timestamp


def assert_flac(client: RealPlayer, samples: Samples, sample_rate: int, beginning: int, *, since: int = 0) -> None:
    """Check that a client got exactly these 24-bit samples, and that they begin at this instant."""
    chunks = client.chunks(since=since)
    header = client.wait_for("stream_start", since=since)["codec_header"]
    blocks = decode_flac(header, chunks, bit_depth=24)
    assert np.array_equal(np.concatenate(blocks), samples)
    assert_continuous(chunks, [len(block) for block in blocks], sample_rate)
    assert chunks[0].timestamp == beginning


def assert_opus(client: RealPlayer, samples: Samples, beginning: int) -> None:
    """Check that what a client decodes are these samples, at their instants if the first is due at `beginning`."""
    chunks = client.chunks()
    blocks = decode_opus(chunks)
    assert_continuous(chunks, [len(block) for block in blocks], 48_000)
    by_library = np.fromfile(client.decoded_file, "<f4").reshape(-1, 2)
    lead_frames = round((beginning - chunks[0].timestamp) * 48_000 / 1e6)
    for heard in (np.concatenate(blocks), by_library):
        lag, likeness = best_lag(heard[lead_frames + 48_000 :], samples[48_000:])
        assert lag == 0
        assert likeness > 0.95


def test_a_player_is_controlled_and_shown_by_its_entity(house: House, player: StartPlayer) -> None:
    samples = write_music(house.media, 30)
    source = to_pcm(samples, 16)
    one = player(AIOSENDSPIN_6, url=house.url, client_id="one")
    other = player(SENDSPIN_JS, url=house.url, client_id="other")
    clients = (one, other)
    entity_ids = [house.entity(client.client_id) for client in clients]
    entity_id = entity_ids[0]

    house.play(entity_ids, "music.wav")
    house.wait_for(entity_id, "playing", media_title="music", media_duration=30, media_position=0)
    house.act("media_player.volume_set", entity_id=entity_id, volume_level=0.4)
    one.wait_for("command", command="volume", volume=40)
    house.wait_for(entity_id, volume_level=0.4)
    house.act("media_player.volume_mute", entity_id=entity_id, is_volume_muted=True)
    one.wait_for("command", command="mute", mute=True)
    house.wait_for(entity_id, is_volume_muted=True)
    assert other.told("command") == []
    one.send(do="state", volume=25, muted=False)
    house.wait_for(entity_id, volume_level=0.25, is_volume_muted=False)

    # Where it says it is, it is.
    one.wait_for("clock", count=4)
    shown = house.wait_for(entity_id, "playing")["attributes"]
    updated_at = datetime.fromisoformat(shown["media_position_updated_at"])
    shown_s = shown["media_position"] + (datetime.now(UTC) - updated_at).total_seconds()
    assert shown_s == pytest.approx((server_now(one) - one.chunks()[0].timestamp) / 1e6, abs=0.6)

    house.act("media_player.media_pause", entity_id=entity_id)
    ended = [client.wait_for("stream_end") for client in clients]
    paused = [client.events.index(end) for client, end in zip(clients, ended, strict=True)]
    heard_frames = (ended[0]["at"] - one.chunks()[0].timestamp) * 48_000 / 1e6
    for each in entity_ids:
        house.wait_for(each, "paused", media_position=round(heard_frames / 48_000), media_title="music")
    house.act("media_player.media_play", entity_id=entity_ids[1])
    house.wait_for(entity_id, "playing")
    for client, since in zip(clients, paused, strict=True):
        client.wait_for("stream_start", since=since)
        client.wait_for("chunk", since=since, count=20)
    resumed = [client.chunks(since=since)[:20] for client, since in zip(clients, paused, strict=True)]
    assert resumed[0] == resumed[1]
    assert_continuous(resumed[0], pcm_frames(resumed[0], PCM), 48_000)
    assert source.startswith(joined(one.chunks(until=paused[0])))
    # The client heard of the end some milliseconds after the instant that counts, by a clock that is not exact.
    resumed_at = locate(joined(resumed[0]), source, 4)
    assert -0.005 * 48_000 < heard_frames - resumed_at < 0.15 * 48_000

    house.act("media_player.media_seek", entity_id=entity_id, seek_position=12.345)
    for client, since in zip(clients, paused, strict=True):
        cleared = client.events.index(client.wait_for("stream_clear", since=since))
        client.wait_for("chunk", since=cleared, count=20)
        after = client.chunks(since=cleared)
        assert locate(joined(after), source, 4) == 12_345 * 48
        assert_continuous(after, pcm_frames(after, PCM), 48_000)
    house.wait_for(entity_id, "playing", media_position=12)

    house.act("media_player.media_stop", entity_id=entity_id)
    for each, client, since in zip(entity_ids, clients, paused, strict=True):
        client.wait_for("stream_end", since=since + 1)
        state = house.wait_for(each, "idle")
        assert "media_title" not in state["attributes"]


def test_who_goes_is_unavailable_and_comes_back_into_the_running_music(house: House, player: StartPlayer) -> None:
    write_music(house.media, 40)
    stays = player(AIOSENDSPIN_6, url=house.url, client_id="stays")
    dialled = player(AIOSENDSPIN_3, client_id="dialled")
    port = dialled.wait_for("listening")["port"]
    house.dial(port)
    connects = player(SENDSPIN_JS, url=house.url, client_id="connects")
    entity_ids = [house.entity(name) for name in ("stays", "dialled", "connects")]
    house.play(entity_ids, "music.wav")
    for client in (stays, dialled, connects):
        client.wait_for("chunk")

    for client in (dialled, connects):
        client.kill()
    for entity_id in entity_ids[1:]:
        house.wait_for(entity_id, "unavailable")
    back = [
        player(AIOSENDSPIN_3, port=port, client_id="dialled"),
        player(SENDSPIN_JS, url=house.url, client_id="connects"),
    ]
    for client, entity_id in zip(back, entity_ids[1:], strict=True):
        client.wait_for("stream_start")
        client.wait_for("chunk", count=20)
        house.wait_for(entity_id, "playing", media_title="music")
    house.act("media_player.media_stop", entity_id=entity_ids[0])
    wait_for_end(house, entity_ids[0], stays, *back)

    by_instant = {chunk.timestamp: chunk.data for chunk in stays.chunks()}
    assert_continuous(stays.chunks(), pcm_frames(stays.chunks(), PCM), 48_000)
    assert len(stays.told("stream_start")) == 1
    for client in back:
        assert_continuous(client.chunks(), pcm_frames(client.chunks(), PCM), 48_000)
        assert all(by_instant[chunk.timestamp] == chunk.data for chunk in client.chunks())


# Media


def write_mp3(path: Path, samples: Samples) -> None:
    """Write 16-bit samples at 44.1 kHz, as a stream: with no word about its length at the front."""
    with av.open(path, "w", options={"write_xing": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def read_mp3(path: Path) -> np.ndarray:
    """Return the samples of a file as float64, full scale 1."""
    with av.open(path) as container:
        return np.concatenate([frame.to_ndarray().T for frame in container.decode(audio=0)]).astype(np.float64)


def test_speech_is_heard_whole_and_while_it_is_still_made(house: House, player: StartPlayer, tmp_path: Path) -> None:
    speech = tmp_path / "speech.mp3"
    write_mp3(speech, smooth_noise(4, sample_rate=44_100))
    client = player(AIOSENDSPIN_4, FINE_PCM, url=house.url, client_id="listener")
    entity_id = house.entity("listener")

    speaking = house.begin(
        "tts.speak", entity_id=VOICE, media_player_entity_id=entity_id, message=str(speech), cache=False
    )
    client.wait_for("chunk")
    house.act(f"{PROBE}.speak_on")
    speaking.result()
    wait_for_end(house, entity_id, client)

    chunks = client.chunks()
    assert_continuous(chunks, pcm_frames(chunks, FINE_PCM), 44_100)
    raw = np.frombuffer(joined(chunks), np.uint8).reshape(-1, 3)
    heard = np.pad(raw, ((0, 0), (1, 0))).view("<i4").reshape(-1, 2) / 2**31
    spoken = read_mp3(speech)
    assert len(heard) == len(spoken)
    assert np.abs(heard - spoken).max() < 2**-22


def test_media_are_fetched_from_the_web_and_sought_there(
    house: House, player: StartPlayer, media_server: MediaServer, tmp_path: Path
) -> None:
    samples = write_music(tmp_path, 20, name="music.wav")
    short = write_music(tmp_path, 1, name="short.wav")
    source = to_pcm(samples, 16)
    client = player(AIOSENDSPIN_3, url=house.url, client_id="surfer")
    entity_id = house.entity("surfer")

    house.play(entity_id, media_server.url("in-one/short.wav"))
    house.wait_for(entity_id, "playing", media_title="short")
    wait_for_end(house, entity_id, client)
    assert joined(client.chunks()) == to_pcm(short, 16)

    since = len(client.events)
    house.play(entity_id, media_server.url("moved/music.wav"))
    client.wait_for("chunk", since=since, count=10)
    assert source.startswith(joined(client.chunks(since=since)))
    house.wait_for(entity_id, "playing")
    house.act("media_player.media_seek", entity_id=entity_id, seek_position=18.25)
    cleared = client.events.index(client.wait_for("stream_clear", since=since))
    client.wait_for("stream_end", since=cleared)
    after = client.chunks(since=cleared)
    assert joined(after) == source[18_250 * 48 * 4 :]
    assert_continuous(after, pcm_frames(after, PCM), 48_000)


def test_what_stalls_is_silent_for_a_while_and_goes_on(
    house: House, player: StartPlayer, media_server: MediaServer, tmp_path: Path
) -> None:
    source = to_pcm(write_music(tmp_path, 3), 16)
    client = player(AIOSENDSPIN_6, url=house.url, client_id="patient")
    entity_id = house.entity("patient")
    house.play(entity_id, media_server.url("stalls/music.wav"))
    client.wait_for("chunk")
    first_us = client.chunks()[0].timestamp
    client.wait_for("clock", count=2)
    while server_now(client) < first_us + 1_800_000:  # half of it is heard by then
        client.wait_for("clock", since=len(client.events))
    media_server.go_on()
    wait_for_end(house, entity_id, client)

    chunks = client.chunks()
    assert_continuous(chunks, pcm_frames(chunks, PCM), 48_000)
    heard = joined(chunks)
    half = next(at for at in range(0, len(source), 4) if heard[at : at + 4] != source[at : at + 4])
    gap = len(heard) - len(source)
    assert gap > 0
    assert half == pytest.approx(len(source) // 2, abs=0.1 * 48_000 * 4)  # what was decoded of the first half
    assert heard == source[:half] + bytes(gap) + source[half:]


def test_what_cannot_be_played_is_told_to_who_asked_and_stops_nothing(
    house: House, player: StartPlayer, media_server: MediaServer, tmp_path: Path
) -> None:
    samples = write_music(house.media, 30)
    (house.media / "text.mp3").write_text("This is no music.\n" * 100)
    (tmp_path / "page.flac").write_text("<html><body>Please log in.</body></html>\n" * 100)
    (tmp_path / "secret.flac").write_text("not for everybody")
    client = player(AIOSENDSPIN_4, url=house.url, client_id="asker")
    entity_id = house.entity("asker")
    house.play(entity_id, "music.wav")
    house.wait_for(entity_id, "playing")

    silent = house.begin_to_play(entity_id, media_server.url("silent"))
    refusals = {
        "missing.flac": "was not found",
        "text.mp3": "The medium cannot be played: ",
        media_server.url("nowhere"): "The medium could not be opened: 127.0.0.1 answered 404 Not Found",
        media_server.url("in-one/page.flac"): "The medium cannot be played: ",
        f"http://127.0.0.1:{free_port()}/dead.flac": "The medium could not be opened: 127.0.0.1 cannot be reached",
        str(tmp_path / "secret.flac"): f"Home Assistant may not read {tmp_path / 'secret.flac'}",
        "ftp://127.0.0.1/music.flac": "There is no way to play ftp://127.0.0.1/music.flac",
        "media-source://tts/tts.nobody?message=Hello": "The medium media-source://tts/tts.nobody?message=Hello was not",
    }
    told = {media_id: house.refusal(entity_id, media_id) for media_id in refusals}
    for media_id, words in refusals.items():
        assert words in told[media_id]
    refused = silent.exception()
    assert "The medium could not be opened: 127.0.0.1 did not answer in time" in str(refused)

    house.wait_for(entity_id, "playing", media_title="music")
    house.act("media_player.media_stop", entity_id=entity_id)
    wait_for_end(house, entity_id, client)
    chunks = client.chunks()
    assert to_pcm(samples, 16).startswith(joined(chunks))
    assert_continuous(chunks, pcm_frames(chunks, PCM), 48_000)
    assert len(client.told("stream_start")) == 1
    assert client.told("stream_clear") == []


# Cost


def test_sixteen_players_in_four_groups_leave_home_assistants_loop_free(
    house: House, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for number in range(4):
        write_music(house.media, 30, WireFormat(sample_rate=44_100), name=f"music-{number}.wav")
    idle = house.act(f"{PROBE}.measure_loop", seconds=2)
    formats = [str(WireFormat(codec=codec)) for codec in ("pcm", "flac", "opus")]
    command = [sys.executable, "-m", "devtools.bench.players", house.url, "16", "--format", *formats]
    players = JsonProcess(command, tmp_path, "players")
    try:
        entity_ids = [house.entity(f"bench-{number:03}") for number in range(16)]
        for number in range(4):
            house.play(entity_ids[number * 4 : number * 4 + 4], f"music-{number}.wav")
        for entity_id in entity_ids:
            house.wait_for(entity_id, "playing")
        busy = house.act(f"{PROBE}.measure_loop", seconds=5)
        assert [house.state(entity_id)["state"] for entity_id in entity_ids] == ["playing"] * 16
        house.act("media_player.media_stop", entity_id=entity_ids)
        players.end_input()
        players.wait()
    finally:
        players.stop()
    [heard] = players.events
    told = {"idle": idle, "busy": busy, "players": {key: heard[key] for key in heard if key != "firsts"}}
    record_property("loop_lateness_ms", json.dumps(told))
    assert heard["starts"] == 16
    assert heard["gaps"] == 0


# Coming and going


def is_free(port: int) -> bool:
    """Return whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def resonate_threads(house: House) -> list[str]:
    """Return the names of the threads that the integration has in Home Assistant."""
    return [name for name in house.act(f"{PROBE}.list_threads")["names"] if name.startswith("Resonate")]


def stored(house: House) -> list[str]:
    """Return the names of the integration's files among those that Home Assistant stores."""
    return sorted(file.name for file in (house.folder / ".storage").iterdir() if "resonate" in file.name)


def test_reloading_pauses_the_music_and_everybody_comes_back(house: House, player: StartPlayer) -> None:
    samples = write_music(house.media, 30)
    client = player(AIOSENDSPIN_6, client_id="patient one")
    port = client.wait_for("listening")["port"]
    house.dial(port)
    entity_id = house.entity("patient one")
    house.play(entity_id, "music.wav")
    house.wait_for(entity_id, "playing")

    house.act("homeassistant.reload_config_entry", entry_id=house.entry_id)
    reloaded = client.events.index(client.wait_for("disconnected"))
    client.wait_for("hello", since=reloaded)
    assert house.entity("patient one") == entity_id
    house.wait_for(entity_id, "paused", media_title="music")
    house.play(entity_id, "music.wav")
    client.wait_for("chunk", since=reloaded, count=20)
    assert to_pcm(samples, 16).startswith(joined(client.chunks(since=reloaded)))
    threads = resonate_threads(house)
    assert len(threads) == len(set(threads))  # none is left of the server before: it would have the same name

    for number, policy in enumerate(("responsive", "balanced"), start=3):  # takes a restart of the server
        house.set_options(addresses=[f"127.0.0.1:{port}"], policy=policy)
        client.wait_for("hello", count=number)
        assert house.entity("patient one") == entity_id


def test_removing_it_while_music_plays_leaves_nothing(
    house: House, player: StartPlayer, media_server: MediaServer
) -> None:
    write_music(house.media, 30)
    clients = [player(library, url=house.url, client_id=library.name) for library in (AIOSENDSPIN_4, SENDSPIN_JS)]
    entity_ids = [house.entity(client.client_id) for client in clients]
    house.play(entity_ids, "music.wav")
    for client in clients:
        client.wait_for("chunk", count=10)
    assert stored(house) != []
    opening = house.begin_to_play(entity_ids[0], media_server.url("silent"))
    media_server.wait_for_silence()

    house.remove_integration()
    assert "the server has stopped" in str(opening.exception())
    for client in clients:
        client.wait_for("disconnected")
    assert is_free(house.port)
    assert resonate_threads(house) == []
    assert stored(house) == []
    assert house.devices() == []


def test_home_assistant_stops_while_music_plays(house: House, player: StartPlayer) -> None:
    write_music(house.media, 30)
    client = player(AIOSENDSPIN_4, url=house.url, client_id="last")
    house.play(house.entity("last"), "music.wav")
    client.wait_for("chunk", count=10)
    status, seconds = house.stop()
    client.wait_for("disconnected")
    assert status == 0
    assert seconds < 15
    assert is_free(house.port)
