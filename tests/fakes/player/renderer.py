"""The virtual converter and the loop that keeps it in step: what turns queued frames into an audible output.

The converter ticks by the player's own clock: output frame k is audible at the local instant `start + k / rate`,
always. To stay on the server's time the player reads its queue a little faster or slower, between the samples
(interpolate.py), with the filter's drift as feed-forward. Within the dead band it changes nothing; outside of it, it
closes the distance with a time constant of a second and never bends the speed by more than half a per cent; above 5 ms
it jumps.
"""

from dataclasses import dataclass
import math
from typing import Final

import numpy as np

from .decode import Block
from .record import Recorder, write_silence
from .timefilter import TimeFilter
from .timeline import US_PER_S, Timeline

DEAD_BAND_US: Final = 20.0  # the filter's own wobble stays below it; where real players nudge: 20 to 100 µs
DEAD_BAND_EXIT_US: Final = 2.0
MAX_CORRECTION: Final = 0.005
RESYNC_US: Final = 5000.0
_PULL_SECONDS: Final = 1.0
_QUANTUM_US: Final = 50_000  # the speed is set anew this often
_RAMP_FRAMES: Final = 256  # a change of volume without a click


@dataclass(slots=True)
class DacRecord:
    """What the converter has done so far, in its own frames."""

    frames: int = 0
    first_heard_frame: int | None = None
    last_heard_frame: int | None = None
    silent_frames: int = 0
    """Frames with nothing to play in a stream that had been heard: starvation, and the tail before the end."""
    hard_resyncs: int = 0
    largest_error_us: float = 0.0
    """Of the position against the filter's, after the start: what the player believes, unlike the measured skew."""


class Renderer:
    """Plays a timeline through a converter of fixed rate."""

    def __init__(
        self, *, sample_rate: int, channel_count: int, start_us: float, recorder: Recorder, timeline: Timeline
    ) -> None:
        """Start the converter at the local instant `start_us`."""
        self.sample_rate, self.channel_count = sample_rate, channel_count
        self.start_us = start_us
        self.record = DacRecord()
        self.is_streaming = False
        self._recorder, self._timeline = recorder, timeline
        self._position_us: float | None = None
        self._correcting = False
        self._heard_in_stream = False
        self._gain: float | None = None
        recorder.open(sample_rate, channel_count)

    def begin_stream(self) -> None:
        """Note that from now on silence is the server's."""
        self.is_streaming, self._heard_in_stream = True, False

    def end_stream(self) -> None:
        """Note that silence is as it should be."""
        self.is_streaming = False

    def render_until(self, now_us: float, clock: TimeFilter | None, delay_us: float, gain: float) -> None:
        """Let the converter play every frame that was due before the local instant `now_us`; no clock: silence."""
        due = math.ceil((now_us - self.start_us) * self.sample_rate / US_PER_S)
        quantum = self.sample_rate * _QUANTUM_US // US_PER_S
        while self.record.frames < due:
            if clock is None or not self.is_streaming:
                write_silence(self._recorder, due - self.record.frames, self.channel_count)
                self._position_us = None
                self.record.frames = due
            else:
                self._render(min(quantum, due - self.record.frames), clock, delay_us, gain)

    def _render(self, frame_count: int, clock: TimeFilter, delay_us: float, gain: float) -> None:
        local_us = self.start_us + self.record.frames * US_PER_S / self.sample_rate
        position_us, speed = self._steer(clock.to_server(local_us + delay_us), 1 + clock.drift)
        step_us = speed * US_PER_S / self.sample_rate
        heard = self._timeline.read(position_us, step_us, frame_count)
        if heard is None:
            write_silence(self._recorder, frame_count, self.channel_count)
            self._position_us = None  # a jump in silence costs nothing: the next sound starts in place
            self.record.silent_frames += frame_count if self._heard_in_stream else 0
        else:
            self._position_us = position_us + frame_count * step_us
            self._note_heard(heard[1], frame_count)
            self._recorder.write(self._apply_gain(heard[0], gain))
            self._timeline.forget_before(self._position_us)
        self.record.frames += frame_count

    def _steer(self, wanted_us: float, natural_speed: float) -> tuple[float, float]:
        """Return where to read now and how fast to go on."""
        position_us = self._position_us
        if position_us is None:
            self._correcting = False
            return wanted_us, natural_speed
        error_us = wanted_us - position_us
        self.record.largest_error_us = max(self.record.largest_error_us, abs(error_us))
        if abs(error_us) > RESYNC_US:
            self.record.hard_resyncs += 1
            self._correcting = False
            return wanted_us, natural_speed
        self._correcting = abs(error_us) > (DEAD_BAND_EXIT_US if self._correcting else DEAD_BAND_US)
        if not self._correcting:
            return position_us, natural_speed
        pull = error_us / US_PER_S / _PULL_SECONDS
        return position_us, natural_speed + max(-MAX_CORRECTION, min(MAX_CORRECTION, pull))

    def _note_heard(self, heard: range, frame_count: int) -> None:
        if self.record.first_heard_frame is None:
            self.record.first_heard_frame = self.record.frames + heard.start
        self.record.last_heard_frame = self.record.frames + heard.stop - 1
        silent = frame_count - heard.stop + (heard.start if self._heard_in_stream else 0)
        self.record.silent_frames += silent
        self._heard_in_stream = True

    def _apply_gain(self, block: Block, gain: float) -> Block:
        before, self._gain = gain if self._gain is None else self._gain, gain
        if before != gain:
            ramp = np.minimum(np.arange(1, len(block) + 1) / _RAMP_FRAMES, 1)
            return block * (before + (gain - before) * ramp).astype(np.float32)[:, None]
        return block if gain == 1 else block * np.float32(gain)
