"""Demuxers that stumble: no medium made here brings them to it, those of the wild do."""

from collections.abc import Iterator
from fractions import Fraction
import io

import av
import pytest

from core.errors import MediaDecodeError
from core.media.byte_input import ByteInput
from core.media.frame_reader import FrameReader, Medium
from tests.fakes.media import PiecewiseStream, encode, tones


class Stumbling:
    """A demuxer that fails so many times before each packet."""

    def __init__(self, packets: Iterator[av.Packet[av.AudioStream]], failure_count: int) -> None:
        self._packets = packets
        self._failure_count = failure_count
        self._left = failure_count

    def __iter__(self) -> Stumbling:
        return self

    def __next__(self) -> av.Packet[av.AudioStream]:
        self._left -= 1
        if self._left >= 0:
            raise av.InvalidDataError(1, "Invalid data found when processing input")
        self._left = self._failure_count
        return next(self._packets)


def stumbling_reader(monkeypatch: pytest.MonkeyPatch, failure_count: int) -> FrameReader:
    reader = FrameReader(
        Medium(ByteInput(io.BytesIO(encode(tones(48_000), "flac", "flac", sample_format="s16"))), "it")
    )
    demuxer = Stumbling(reader._demux(), failure_count)
    monkeypatch.setattr(reader, "_demux", lambda: demuxer)
    reader._packets = demuxer
    return reader


def test_a_demuxer_that_stumbles_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = stumbling_reader(monkeypatch, 3)
    assert sum(frame.samples for frame in iter(reader.take, None)) == 48_000
    reader.close()


def test_a_demuxer_that_does_nothing_else_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = stumbling_reader(monkeypatch, 100_000)
    assert reader.take() is reader.first_frame
    with pytest.raises(MediaDecodeError, match="it cannot be read on: Invalid data"):
        reader.take()
    reader.close()


def test_a_container_that_cannot_seek() -> None:
    reader = FrameReader(Medium(ByteInput(PiecewiseStream(encode(tones(48_000), "pcm_s16le", "wav"))), "it"))
    assert sum(frame.samples for frame in iter(reader.take, None)) == 48_000
    assert not reader.jump(Fraction(0))
    reader.close()
