"""The demo music: as long as asked for, wide-band, and the same at one place only."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.fakes.player import make_media
from tests.fakes.player.media import music


@pytest.mark.parametrize("suffix", ["flac", "wav"])
@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_file_has_the_music(tmp_path: Path, suffix: str, sample_rate: int) -> None:
    path = make_media(tmp_path / f"music.{suffix}", 1.7, sample_rate)
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames])
    assert frames[0].sample_rate == sample_rate
    assert len(samples) == round(1.7 * sample_rate)
    expected = np.rint(np.concatenate(list(music(1.7, sample_rate))) * 32767)
    np.testing.assert_array_equal(samples, expected)


def test_music_is_wide_band_and_does_not_clip() -> None:
    signal = np.concatenate(list(music(10, 44_100)))
    assert 0.3 < np.abs(signal).max() < 1
    power = np.abs(np.fft.rfft(signal.mean(axis=1))) ** 2
    hertz = np.fft.rfftfreq(len(signal), 1 / 44_100)
    for low, high in ((50, 200), (200, 1000), (1000, 4000), (4000, 10_000), (10_000, 20_000)):
        assert power[(hertz >= low) & (hertz < high)].sum() / power.sum() > 1e-3


def test_music_fits_itself_at_one_place_only() -> None:
    mono = np.diff(np.concatenate(list(music(12, 22_050))).mean(axis=1))
    for begin in range(22_050, 240_000, 22_050):
        piece, around = mono[begin : begin + 11_025], mono[begin - 2205 : begin + 11_025 + 2205]
        fits = np.correlate(around, piece, "valid") / (piece @ piece)
        assert np.argmax(fits) == 2205
        assert np.delete(fits, np.arange(2205 - 20, 2205 + 21)).max() < 0.75
