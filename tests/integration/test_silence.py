"""Why a player is silent: the table of all reasons, and which comes before which."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.resonate.core.events import LossReason
from custom_components.resonate.core.formats import Codec, StreamFormat
from custom_components.resonate.core.server.snapshot import ClientSnapshot, GroupSnapshot, PlaybackState
from custom_components.resonate.core.units import ClientId, GroupId
from custom_components.resonate.silence import LOSS_TO_REASON, SilenceReason, silence_reason

PCM = StreamFormat(codec=Codec.PCM, sample_rate=48_000, channel_count=2, bit_depth=16)
GROUP = GroupSnapshot(group_id=GroupId("g"), name="", members=(ClientId("c"),), state=PlaybackState.PLAYING)
HEARD = ClientSnapshot(
    client_id=ClientId("c"),
    name="",
    group_id=GroupId("g"),
    is_connected=True,
    is_available=True,
    is_player=True,
    volume=40,
    is_muted=False,
    stream_format=PCM,
)
AWAY: dict[str, Any] = {"is_connected": False, "is_available": False, "stream_format": None}


@pytest.mark.parametrize(
    ("client", "group", "reason"),
    [
        ({}, {}, "playing"),
        ({}, {"state": PlaybackState.BUFFERING}, "starting"),
        ({"stream_format": None}, {}, "starting"),
        ({"volume": None, "is_muted": None}, {}, "playing"),
        ({"is_out_of_sync": True}, {}, "out_of_sync"),
        ({"is_out_of_sync": True, "stream_format": None}, {"state": PlaybackState.BUFFERING}, "out_of_sync"),
        ({"is_out_of_sync": True}, {"state": PlaybackState.PAUSED}, "paused"),
        ({"is_out_of_sync": True}, {"state": PlaybackState.IDLE}, "ready"),
        ({}, {"state": PlaybackState.PAUSED}, "paused"),
        ({}, {"state": PlaybackState.IDLE}, "ready"),
        ({}, {"state": PlaybackState.IDLE, "members": ("c", "d")}, "nothing_plays"),
        ({"volume": 0}, {}, "volume_zero"),
        ({"volume": 0}, {"state": PlaybackState.IDLE}, "volume_zero"),
        ({"volume": 0, "is_out_of_sync": True}, {}, "volume_zero"),
        ({"is_muted": True, "volume": 0}, {}, "muted"),
        ({"is_muted": True}, {"state": PlaybackState.PAUSED}, "muted"),
        ({"format_problem": "lists none", "is_muted": True}, {}, "no_common_format"),
        ({"is_available": False, "format_problem": "lists none"}, {}, "in_use"),
        ({**AWAY}, {}, "not_found"),
        ({**AWAY, "loss_reason": LossReason.CONNECTION_LOST, "is_muted": True}, {}, "not_found"),
        ({**AWAY, "loss_reason": LossReason.REPLACED}, {}, "not_found"),
        *(({**AWAY, "loss_reason": loss}, {}, reason) for loss, reason in LOSS_TO_REASON.items()),
    ],
)
def test_the_first_thing_to_put_right(client: dict[str, Any], group: dict[str, Any], reason: str) -> None:
    assert silence_reason(replace(HEARD, **client), replace(GROUP, **group)) == reason


def test_what_nothing_is_known_of() -> None:
    assert silence_reason(None, None) is SilenceReason.NOT_FOUND
    assert silence_reason(HEARD, None) is SilenceReason.READY
