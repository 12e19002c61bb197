"""Software players say what they witness, while they play and when they leave."""

from pathlib import Path

import pytest

from devtools.children import ROOT, ChildError
from devtools.players import KITCHEN, playing
from tests.player.loopback import LoopbackServer

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_a_player_reports_whenever_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # as script/demo does
    async with LoopbackServer() as server:
        url = f"ws://127.0.0.1:{server.port}/sendspin"
        async with playing(url, tmp_path, wav=None, parts=[KITCHEN]) as [player]:
            await player.settle()
            reports = [await player.witness(), await player.witness(), await player.stop()]
            with pytest.raises(ChildError, match="^Kitchen does not report"):
                await player.witness()
    assert [(report["states"], report["connections"]) for report in reports] == [(["error", "synchronized"], 1)] * 3
    assert reports[0]["process"]["cpu_s"] < reports[2]["process"]["cpu_s"]
