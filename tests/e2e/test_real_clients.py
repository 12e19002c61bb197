"""Real client libraries against the core: what comes out of them is what was put in, when it is due.

Their environments are made by script/setup-clients; a missing one fails these tests.
"""

from pathlib import Path
import time

import numpy as np
import pytest

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
from .conftest import Server, StartPlayer, StartServer
from .real_clients import (
    AIOSENDSPIN_3,
    AIOSENDSPIN_4,
    AIOSENDSPIN_6,
    LIBRARIES,
    SENDSPIN_JS,
    Library,
    RealPlayer,
    WireFormat,
)

every_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)

PCM = WireFormat()
LEAST_LEAD_US = 50_000
"""A chunk that a client gets later than this before it is due is as good as lost on Wi-Fi."""


def write_noise(folder: Path, seconds: float, wire: WireFormat = PCM) -> tuple[Path, Samples]:
    """Return a WAV file of noise at the rate and depth of a format, and what is in it."""
    samples = noise(seconds, sample_rate=wire.sample_rate, bit_depth=wire.bit_depth)
    file = write_wav(folder / "noise.wav", samples, sample_rate=wire.sample_rate, bit_depth=wire.bit_depth)
    return file, samples


def wait_until_played(server: Server, client: RealPlayer) -> None:
    """Wait until the server has played everything and the client heard of it."""
    server.wait_for("end")
    client.wait_for("stream_end")


@pytest.mark.parametrize(
    ("library", "wire"),
    [
        (AIOSENDSPIN_3, WireFormat(sample_rate=44_100)),
        (AIOSENDSPIN_3, WireFormat(bit_depth=24)),
        (AIOSENDSPIN_4, WireFormat(sample_rate=44_100, bit_depth=24)),
        (AIOSENDSPIN_4, WireFormat()),
        (AIOSENDSPIN_6, WireFormat(sample_rate=44_100)),
        (AIOSENDSPIN_6, WireFormat(sample_rate=96_000, bit_depth=24)),
        (SENDSPIN_JS, WireFormat(sample_rate=44_100)),
        (SENDSPIN_JS, WireFormat()),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else str(value),
)
def test_pcm_arrives_bit_for_bit_and_sample_exact(
    library: Library, wire: WireFormat, tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    media, samples = write_noise(tmp_path, 1.5, wire)
    server = serve(media)
    client = player(library, wire, url=server.url)
    server.wait_for("client", client_id="player", state="connected")
    wait_until_played(server, client)

    start = client.told("stream_start")
    assert len(start) == 1
    assert (start[0]["codec"], start[0]["sample_rate"]) == ("pcm", wire.sample_rate)
    assert (start[0]["bit_depth"], start[0]["channels"]) == (wire.bit_depth, 2)
    chunks = client.chunks()
    assert joined(chunks) == to_pcm(samples, wire.bit_depth)
    assert_continuous(chunks, pcm_frames(chunks, wire), wire.sample_rate)
    if library is SENDSPIN_JS:  # what its own decoder made of it
        assert np.array_equal(np.fromfile(client.decoded_file, "<f4") * 32768, samples.reshape(-1))


@every_library
def test_a_dialled_player_decodes_flac_to_the_same_samples(
    library: Library, tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    wire = WireFormat(codec="flac", sample_rate=44_100, bit_depth=16 if library is SENDSPIN_JS else 24)
    media, samples = write_noise(tmp_path, 1.5, wire)
    client = player(library, wire)
    port = client.wait_for("listening")["port"]
    server = serve(media, options=("--client", f"ws://127.0.0.1:{port}/sendspin"))
    wait_until_played(server, client)

    chunks = client.chunks()
    blocks = decode_flac(client.wait_for("stream_start")["codec_header"], chunks, bit_depth=wire.bit_depth)
    assert np.array_equal(np.concatenate(blocks), samples)
    assert_continuous(chunks, [len(block) for block in blocks], wire.sample_rate)


def test_pcm_flac_and_opus_of_one_group_are_aligned_to_the_sample(
    tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    samples = smooth_noise(2.5, sample_rate=48_000)
    media = write_wav(tmp_path / "noise.wav", samples, sample_rate=48_000, bit_depth=16)
    server = serve(media, options=("--wait-clients", "3"))
    pcm = player(AIOSENDSPIN_4, PCM, url=server.url, client_id="pcm")
    flac = player(AIOSENDSPIN_6, WireFormat(codec="flac"), url=server.url, client_id="flac")
    opus = player(SENDSPIN_JS, WireFormat(codec="opus"), url=server.url, client_id="opus")
    for client in (pcm, flac, opus):
        wait_until_played(server, client)

    pcm_chunks, flac_chunks, opus_chunks = (client.chunks() for client in (pcm, flac, opus))
    assert joined(pcm_chunks) == to_pcm(samples, 16)
    assert flac_chunks[0].timestamp == pcm_chunks[0].timestamp
    header = flac.wait_for("stream_start")["codec_header"]
    assert np.array_equal(np.concatenate(decode_flac(header, flac_chunks, bit_depth=16)), samples)

    blocks = decode_opus(opus_chunks)
    assert_continuous(opus_chunks, [len(block) for block in blocks], 48_000)
    by_library = np.fromfile(opus.decoded_file, "<f4").reshape(-1, 2)
    lead_frames = round((pcm_chunks[0].timestamp - opus_chunks[0].timestamp) * 48_000 / 1e6)
    for heard in (np.concatenate(blocks), by_library):
        lag, likeness = best_lag(heard[lead_frames + 48_000 :], samples[48_000:])
        assert lag == 0
        assert likeness > 0.95


def test_all_generations_in_one_group_get_the_same_sound_at_the_same_instants(
    tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    media, samples = write_noise(tmp_path, 5)
    dialled = [player(library, client_id=library.name) for library in (AIOSENDSPIN_3, AIOSENDSPIN_6)]
    ports = [client.wait_for("listening")["port"] for client in dialled]
    addresses = [word for port in ports for word in ("--client", f"ws://127.0.0.1:{port}/sendspin")]
    server = serve(media, options=("--wait-clients", "4", *addresses))
    connected = [player(library, url=server.url, client_id=library.name) for library in (AIOSENDSPIN_4, SENDSPIN_JS)]
    clients = [*dialled, *connected]
    for client in clients:
        wait_until_played(server, client)

    assert joined(clients[0].chunks()) == to_pcm(samples, 16)
    assert all(client.chunks() == clients[0].chunks() for client in clients)
    # The libraries' filters need their first few answers; by now all of them agree on what time it is.
    clocks = [client.told("clock")[-1]["server_minus_monotonic_us"] for client in clients]
    assert max(clocks) - min(clocks) < 3_000
    for client in clients:
        leads = [told["timestamp"] - told["at"] for told in client.told("chunk") if "at" in told]
        assert min(leads) > LEAST_LEAD_US


@every_library
def test_volume_and_mute_reach_the_player_and_its_own_changes_the_server(
    library: Library, tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    media, _ = write_noise(tmp_path, 30)
    server = serve(media, options=("--wait-clients", "2"))
    client = player(library, url=server.url)
    other = player(AIOSENDSPIN_6, url=server.url, client_id="other")
    for each in (client, other):
        each.wait_for("chunk")

    server.do("volume", client_id="player", volume=40)
    client.wait_for("command", command="volume", volume=40)
    client.wait_for("state", volume=40)
    server.do("mute", client_id="player", muted=True)
    client.wait_for("command", command="mute", mute=True)
    client.wait_for("state", muted=True)
    server.do("mute", client_id="player", muted=False)
    client.wait_for("command", command="mute", mute=False)
    assert other.told("command") == []

    # Somebody turns a knob: the group's mean is 40 then, and a group volume of 50 lifts each by ten.
    client.send(do="state", volume=20, muted=False)
    other.send(do="state", volume=60, muted=False)
    client.wait_for("state", volume=20)
    other.wait_for("state", volume=60)
    time.sleep(0.2)  # the reports are on their way
    server.do("volume", volume=50)
    client.wait_for("command", command="volume", volume=30)
    other.wait_for("command", command="volume", volume=70)


@every_library
def test_a_seek_clears_and_goes_on_at_the_wanted_frame(
    library: Library, tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    media, samples = write_noise(tmp_path, 20)
    server = serve(media)
    client = player(library, url=server.url)
    client.wait_for("chunk", count=10)
    server.do("seek", position_ms=12_345)
    cleared = client.events.index(client.wait_for("stream_clear"))
    client.wait_for("chunk", since=cleared, count=20)

    before, after = client.chunks(until=cleared), client.chunks(since=cleared)
    source = to_pcm(samples, 16)
    assert source.startswith(joined(before))
    assert locate(joined(after), source, 4) == 12_345 * 48
    assert_continuous(after, pcm_frames(after, PCM), 48_000)
    assert client.told("stream_end") == []
    assert len(client.told("stream_start")) == 1


@every_library
def test_pause_ends_the_stream_and_resume_goes_on_where_it_was_heard(
    library: Library, tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    media, samples = write_noise(tmp_path, 20)
    server = serve(media)
    client = player(library, url=server.url)
    server.wait_for("item", state="started")
    client.wait_for("clock", count=2)
    server.do("pause")
    ended = client.wait_for("stream_end")
    paused = client.events.index(ended)
    client.wait_for("group", since=client.events.index(client.told("chunk")[0]), playback_state="stopped")
    server.do("resume")
    client.wait_for("stream_start", since=paused)
    client.wait_for("group", since=paused, playback_state="playing")
    client.wait_for("chunk", since=paused, count=20)

    before, after = client.chunks(until=paused), client.chunks(since=paused)
    heard_frames = (ended["at"] - before[0].timestamp) * 48_000 / 1e6
    resumed_at = locate(joined(after), to_pcm(samples, 16), 4)
    assert resumed_at == pytest.approx(heard_frames, abs=0.15 * 48_000)
    assert_continuous(after, pcm_frames(after, PCM), 48_000)


@every_library
def test_leaving_is_understood(library: Library, tmp_path: Path, serve: StartServer, player: StartPlayer) -> None:
    media, _ = write_noise(tmp_path, 20)
    server = serve(media)
    client = player(library, url=server.url)
    client.wait_for("chunk")
    client.send(do="leave")
    server.wait_for("client", client_id="player", state="lost", reason=library.leaves_as)
    assert client.wait() == 0


@pytest.mark.parametrize("library", [AIOSENDSPIN_3, SENDSPIN_JS], ids=lambda library: library.name)
@pytest.mark.parametrize("is_dialled", [False, True], ids=["connects", "is dialled"])
def test_a_killed_player_comes_back_into_the_running_stream(
    library: Library, is_dialled: bool, tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    media, samples = write_noise(tmp_path, 30)
    if is_dialled:
        first = player(library)
        port = first.wait_for("listening")["port"]
        server = serve(media, options=("--client", f"ws://127.0.0.1:{port}/sendspin"))
    else:
        server = serve(media)
        first = player(library, url=server.url)
    first.wait_for("chunk", count=10)
    first.kill()
    server.wait_for("client", client_id="player", state="lost")
    second = player(library, port=port) if is_dialled else player(library, url=server.url)
    second.wait_for("stream_start")
    second.wait_for("chunk", count=20)

    old, new = first.chunks(), second.chunks()
    source = to_pcm(samples, 16)
    frames = locate(joined(new), source, 4) - locate(joined(old), source, 4)
    assert new[0].timestamp - old[0].timestamp == pytest.approx(frames * 1e6 / 48_000, abs=1)
    assert_continuous(new, pcm_frames(new, PCM), 48_000)


@pytest.mark.parametrize("library", [AIOSENDSPIN_3, AIOSENDSPIN_4, AIOSENDSPIN_6], ids=lambda library: library.name)
def test_another_format_is_taken_up_without_a_gap(
    library: Library, tmp_path: Path, serve: StartServer, player: StartPlayer
) -> None:
    media, samples = write_noise(tmp_path, 10)
    server = serve(media)
    client = player(library, PCM, WireFormat(codec="flac"), url=server.url)
    client.wait_for("chunk", count=10)
    client.send(do="format", codec="flac")
    start = client.wait_for("stream_start", codec="flac")
    changed = client.events.index(start)
    client.wait_for("chunk", since=changed, count=10)

    pcm, flac = client.chunks(until=changed), client.chunks(since=changed)
    blocks = decode_flac(start["codec_header"], flac, bit_depth=16)
    heard = joined(pcm) + to_pcm(np.concatenate(blocks), 16)
    assert to_pcm(samples, 16).startswith(heard)
    assert_continuous([*pcm, *flac], [*pcm_frames(pcm, PCM), *map(len, blocks)], 48_000)
    assert client.told("stream_clear") == client.told("stream_end") == []
