"""How much was done: the measure of how much was shared."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Packets and blocks, counted."""

    encoded_chunks: int = 0
    resampled_blocks: int = 0

    def __add__(self, other: Work) -> Work:
        """Add up."""
        return Work(
            encoded_chunks=self.encoded_chunks + other.encoded_chunks,
            resampled_blocks=self.resampled_blocks + other.resampled_blocks,
        )
