"""Counts what is asked of PyAV and libsoxr where they are called, whatever our own code says of its work."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from weakref import WeakSet

import av
import soxr


class Seams:
    """Encoders and resamplers that are open, those that ever were, and what each kind was given to do."""

    def __init__(self) -> None:
        self.encoders: WeakSet[_Encoder] = WeakSet()
        self.resamplers: WeakSet[_Resampler] = WeakSet()
        self.opened: Counter[tuple[str, int]] = Counter()
        """Encoders by codec and rate."""
        self.encoded: Counter[tuple[str, int]] = Counter()
        """Packets by codec and rate."""
        self.resampled: Counter[tuple[int, int]] = Counter()
        """Blocks by the two rates."""

    @property
    def open_encoders(self) -> Counter[tuple[str, int]]:
        return Counter(encoder.kind for encoder in self.encoders)

    @property
    def open_resamplers(self) -> Counter[tuple[int, int]]:
        return Counter(resampler.rates for resampler in self.resamplers)


class _Encoder:
    """An encoder of PyAV's that is counted."""

    def __init__(self, context: Any, seams: Seams) -> None:
        self.__dict__.update(_context=context, _seams=seams)

    @property
    def kind(self) -> tuple[str, int]:
        return self._context.name, self._context.sample_rate

    def open(self) -> None:
        self._context.open()
        self._seams.encoders.add(self)
        self._seams.opened[self.kind] += 1

    def encode(self, frame: Any = None) -> Any:
        packets = self._context.encode(frame)
        self._seams.encoded[self.kind] += sum(packet.size > 0 for packet in packets)
        return packets

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_context"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._context, name, value)


class _Resampler(soxr.ResampleStream):
    """A resampler of libsoxr's that is counted."""

    seams: Seams

    def __init__(self, in_rate: float, out_rate: float, *args: Any, **values: Any) -> None:
        super().__init__(in_rate, out_rate, *args, **values)
        self.rates = (int(in_rate), int(out_rate))
        self.seams.resamplers.add(self)

    def resample_chunk(self, *args: Any, **values: Any) -> Any:
        self.seams.resampled[self.rates] += 1
        return super().resample_chunk(*args, **values)


@contextmanager
def watched_libraries() -> Iterator[Seams]:
    """Count encoders and resamplers that are made meanwhile."""
    seams = Seams()
    make = av.CodecContext.create

    class Contexts:
        @staticmethod
        def create(codec: str, mode: str) -> Any:
            context = make(codec, mode)  # type: ignore[call-overload]
            return _Encoder(context, seams) if mode == "w" else context

    counted = type("Counted", (_Resampler,), {"seams": seams})
    with patch.object(av, "CodecContext", Contexts), patch.object(soxr, "ResampleStream", counted):
        yield seams
