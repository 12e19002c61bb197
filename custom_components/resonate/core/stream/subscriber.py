"""One player: which pipeline it hears, how far it has been sent, what it holds."""

from typing import Final

from ..units import ServerTimeUs
from .chunk import Batch, Chunk, PlayerOutput, StreamStart
from .pipeline import Pipeline
from .player_buffer import PlayerBuffer
from .topology import PlayerConfig

BATCH_US: Final = 200_000
"""Chunks are sent in batches of about this length: wake-ups and writes cost more than the chunks in them."""


class Subscriber:
    """Steps through the chunks of its pipeline as its player can take them."""

    def __init__(self, config: PlayerConfig, pipeline: Pipeline) -> None:
        """Nothing has been sent."""
        self.config = config
        self.pipeline = pipeline
        self.buffer = PlayerBuffer(
            capacity_bytes=config.capacity_bytes,
            header_bytes=config.chunk_header_bytes,
            output_delay_us=config.output_delay_us,
        )
        self.number = 0
        """Number of the pipeline's chunk that it is sent next."""
        self.not_before: ServerTimeUs | None = None
        """It is sent no chunk that starts earlier; None once it has had one."""
        self.has_stream = False
        """It has been told a format, this one or an earlier one."""
        self.knows_format = False
        """It has been told the format of what comes."""

    def adopt(self, config: PlayerConfig) -> None:
        """Take on what changed, but for the pipeline."""
        self.config = config
        self.buffer.capacity_bytes = config.capacity_bytes
        self.buffer.header_bytes = config.chunk_header_bytes
        self.buffer.output_delay_us = config.output_delay_us

    def attach(self, pipeline: Pipeline, not_before: ServerTimeUs) -> None:
        """Hear this pipeline from now on, from the first chunk that starts at an instant or later."""
        self.pipeline = pipeline
        self.number = pipeline.first_number
        self.not_before = not_before

    def take(self, batch: Batch, now: ServerTimeUs) -> bool:
        """Go past all these chunks if they can be sent just so; return whether that is so."""
        if not batch or not self.knows_format or self.not_before is not None:
            return False
        if batch[0].start <= now + self.config.output_delay_us or not self.buffer.add_all(batch, now):
            return False
        self.number += len(batch)
        return True

    def fill(self, now: ServerTimeUs, horizon_us: int) -> tuple[PlayerOutput | None, ServerTimeUs | None]:
        """Take what it can; return also when it can take more of what is there already."""
        chunks: list[Chunk] = []
        retry_at: ServerTimeUs | None = None
        while (chunk := self._next_chunk(now)) is not None:
            ready_at = max(self.buffer.ready_at(chunk, now), chunk.start - horizon_us)
            if ready_at > now:
                # Not one by one as each fits, unless the player would run dry meanwhile.
                last_call = chunk.start - self.config.lead_us
                retry_at = ServerTimeUs(max(ready_at, min(now + BATCH_US, last_call)))
                break
            self.buffer.add(chunk, now)
            self.number += 1
            self.not_before = None
            chunks.append(chunk)
        if not chunks:
            return None, retry_at
        start: StreamStart | None = None
        if not self.knows_format:
            self.knows_format = self.has_stream = True
            start = self.pipeline.start_payload
        return PlayerOutput(start=start, chunks=Batch(chunks)), retry_at

    def _next_chunk(self, now: ServerTimeUs) -> Chunk | None:
        """Return the chunk to be sent next, stepping over those too early or too late for it, and too large."""
        chunks, first_number = self.pipeline.chunks, self.pipeline.first_number
        earliest = now + self.config.output_delay_us + 1
        if self.not_before is not None:
            earliest = max(earliest, self.not_before)
        self.number = max(self.number, first_number)
        while (at := self.number - first_number) < len(chunks):
            chunk = chunks[at]
            if chunk.start >= earliest and self.buffer.can_ever_hold(chunk):
                return chunk
            self.number += 1
        return None
