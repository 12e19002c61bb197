# python-soxr ships no types. Only what is used here, for what it is used with.
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

__version__: str
__libsoxr_version__: str

type _Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"] | int

QQ: Final[int]
LQ: Final[int]
MQ: Final[int]
HQ: Final[int]
VHQ: Final[int]

class ResampleStream:
    def __init__(
        self,
        in_rate: float,
        out_rate: float,
        num_channels: int,
        dtype: npt.DTypeLike = "float32",
        quality: _Quality = "HQ",
        vr: bool = False,
    ) -> None: ...
    def resample_chunk[S: np.generic](self, x: npt.NDArray[S], last: bool = False) -> npt.NDArray[S]: ...
    def num_clips(self) -> int: ...
    def delay(self) -> float: ...
    def clear(self) -> None: ...
    def set_io_ratio(self, in_rate: float, out_rate: float, slew_len: int = 0) -> None: ...

def resample[S: np.generic](
    x: npt.NDArray[S], in_rate: float, out_rate: float, quality: _Quality = "HQ"
) -> npt.NDArray[S]: ...
