"""What owners choose that their players are sent: it counts more than what those ask for, and disturbs nobody else."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.formats import StreamFormat
from core.units import ClientId
from tests.fakes.client import MemoryClient, hello_payload
from tests.fakes.home import Home, at_home
from tests.fakes.hum import hum
from tests.fakes.rig import FLAC_48, OPUS_48, PCM_44, PCM_48

ANN, BOB = ClientId("ann"), ClientId("bob")
TOO_FAST = StreamFormat(codec=PCM_48.codec, sample_rate=384_000, channel_count=2)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with at_home() as home:
        yield home


async def join(home: Home, name: str, *formats: StreamFormat) -> MemoryClient:
    """Have a player connect that lists these formats."""
    support = hello_payload(name)["player@v1_support"]
    assert isinstance(support, dict)
    support["supported_formats"] = [
        {
            "codec": it.codec.value,
            "sample_rate": it.sample_rate,
            "channels": it.channel_count,
            "bit_depth": it.bit_depth,
        }
        for it in formats
    ]
    changes: dict[str, Any] = {"player@v1_support": support}
    return await home.join(name, **changes)


def codecs(client: MemoryClient) -> list[str]:
    """Return how what a player was sent was packed, by each stream/start."""
    return [payload["player"]["codec"] for payload in client.got("stream/start")]


async def ask_for(home: Home, client: MemoryClient, stream_format: StreamFormat) -> None:
    """Have a player ask for a format by itself."""
    wish = {"codec": stream_format.codec.value, "sample_rate": stream_format.sample_rate}
    client.say("stream/request-format", {"player": wish | {"channels": 2, "bit_depth": stream_format.bit_depth}})
    await home.pass_s(1)


async def test_a_choice_holds_while_it_plays_and_only_that_player_is_served_anew(home: Home) -> None:
    ann = await join(home, ANN, PCM_48, FLAC_48)
    bob = await join(home, BOB, PCM_48, FLAC_48, OPUS_48)
    await home.gather("all", ANN, BOB)
    await home.server.play(ANN, hum())
    await home.pass_s(3)
    home.server.choose_format(BOB, OPUS_48)
    await home.pass_s(3)
    assert (codecs(ann), codecs(bob)) == (["pcm"], ["pcm", "opus"])
    assert home.server.snapshot.clients[BOB].stream_format == OPUS_48
    home.server.choose_format(BOB, None)
    await home.pass_s(3)
    assert (codecs(ann), codecs(bob)) == (["pcm"], ["pcm", "opus", "pcm"])
    assert "stream/end" not in [*ann.kinds, *bob.kinds]


async def test_it_counts_more_than_what_the_player_asks_for(home: Home) -> None:
    ann = await join(home, ANN, PCM_48, FLAC_48, OPUS_48)
    home.server.choose_format(ANN, FLAC_48)
    await home.server.play(ANN, hum())
    await home.pass_s(2)
    await ask_for(home, ann, OPUS_48)
    assert codecs(ann) == ["flac"]
    home.server.choose_format(ANN, None)
    await home.pass_s(1)
    assert codecs(ann) == ["flac", "opus"]


async def test_what_is_not_on_its_list_does_not_hold_until_it_is(home: Home) -> None:
    home.server.choose_format(ANN, FLAC_48)  # not known yet
    ann = await join(home, ANN, PCM_48, PCM_44)
    await home.server.play(ANN, hum())
    await home.pass_s(2)
    assert codecs(ann) == ["pcm"]
    await ask_for(home, ann, PCM_44)
    assert home.server.snapshot.clients[ANN].stream_format == PCM_44
    ann.transport.lose()
    await home.pass_s(1)
    back = await join(home, ANN, PCM_48, FLAC_48)
    await home.pass_s(1)
    assert codecs(back) == ["flac"]


async def test_the_mix_is_at_the_rate_that_was_chosen(home: Home) -> None:
    await join(home, ANN, PCM_48, PCM_44)
    home.server.choose_format(ANN, PCM_44)
    await home.server.play(ANN, hum())
    await home.pass_s(2)
    assert home.server.snapshot.clients[ANN].stream_format == PCM_44
    assert home.server.statistics.resampled_block_count == 0


async def test_shown_is_what_can_be_chosen(home: Home) -> None:
    ann = await join(home, ANN, TOO_FAST, OPUS_48, PCM_48)
    assert home.server.snapshot.clients[ANN].formats == (OPUS_48, PCM_48)
    ann.transport.lose()
    await home.pass_s(1)
    assert home.server.snapshot.clients[ANN].formats == (OPUS_48, PCM_48)
