"""The record of a player as plain JSON values: what a person, a demo or a test reads afterwards."""

from dataclasses import asdict
import math
from typing import TYPE_CHECKING, Any

from .timeline import Segment
from .witness import total

if TYPE_CHECKING:
    from .core import SoftwarePlayer


def make_report(player: SoftwarePlayer) -> dict[str, Any]:
    """Return everything that the player can witness."""
    audio, witness = player.audio, player.witness
    latest = witness.streams[-1] if witness.streams else {}
    return {
        "client_id": player.config.client_id,
        "name": player.config.name,
        "era": str(player.config.era),
        "codec": latest.get("codec"),
        "sample_rate": latest.get("sample_rate"),
        "bytes": total(audio.timeline.segments)["byte_count"],
        **total(audio.timeline.segments),
        "segments": [_segment(segment) for segment in audio.timeline.segments],
        "pcm_sha256": audio.pcm_sha256,
        "buffer_bytes_peak": audio.buffer.peak_bytes,
        "dac": _dac(player),
        "clock": {"drift_ppm": player.clock.drift_ppm, "origin_us": player.clock.origin_us},
        "filter": _filter(player),
        "volume": player.volume,
        "muted": player.muted,
        "delay_ms": player.delay_ms,
        "states": witness.states,
        "streams": witness.streams,
        "connections": witness.connection_count,
        "messages": dict(witness.messages),
        "violations": dict(witness.violations),
        "server": witness.server,
        "group": witness.group,
        "metadata": witness.metadata,
        "controller": witness.controller,
    }


def _segment(segment: Segment) -> dict[str, Any]:
    fields = asdict(segment)
    if math.isinf(segment.least_lead_us):
        fields["least_lead_us"] = None
    return fields


def _dac(player: SoftwarePlayer) -> dict[str, Any] | None:
    """Return what the converter did, and when: frame k was audible at `t0_true + k * seconds_per_sample`."""
    renderer = player.audio.renderer
    if renderer is None:
        return None
    t0_true = player.clock.true_ns(renderer.start_us) / 1e9
    seconds_per_sample = 1 / (renderer.sample_rate * player.clock.rate)

    def instant(frame: int | None) -> float | None:
        return None if frame is None else t0_true + frame * seconds_per_sample

    return {
        "t0_true": t0_true,
        "seconds_per_sample": seconds_per_sample,
        "sample_rate": renderer.sample_rate,
        "first_heard_true": instant(renderer.record.first_heard_frame),
        "last_heard_true": instant(renderer.record.last_heard_frame),
        **asdict(renderer.record),
    }


def _filter(player: SoftwarePlayer) -> dict[str, Any] | None:
    exchange = player.exchange or player.last_exchange
    if exchange is None:
        return None
    clock = exchange.filter
    return {
        "samples": clock.sample_count,
        "forgotten": clock.forgotten_count,
        "offset_us": clock.offset_us,
        "offset_sigma_us": clock.offset_sigma_us,
        "drift_ppm": clock.drift_estimate * 1e6,
        "drift_sigma_ppm": clock.drift_sigma * 1e6,
        "best_max_error_us": exchange.best_max_error_us,
    }
