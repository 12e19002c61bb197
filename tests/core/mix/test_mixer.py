"""The sum of tracks."""

import numpy as np

from core.channel import MAIN_FEED
from core.formats import STEREO
from core.media.source import Passage
from core.mix.mixer import mix
from core.mix.track import Track
from core.units import TrackId
from tests.fakes.rig import noise


def track(number: int, start: int, frame_count: int) -> Track:
    it = Track(TrackId(number), start_frame=start, mix_rate=48_000)
    it.write(Passage(noise(frame_count, seed=number), STEREO))
    return it


def test_one_track_passes_as_it_is() -> None:
    it = Track(TrackId(1), start_frame=0, mix_rate=48_000)
    block = noise(100)
    it.write(Passage(block, STEREO))
    assert np.shares_memory(mix([it], MAIN_FEED, STEREO, 0, 100), block)


def test_tracks_add_up_and_are_not_changed_by_it() -> None:
    one, two, three = track(1, 0, 100), track(2, 50, 100), track(3, 20, 10)
    before = noise(100, seed=1)
    block = mix([one, two, three], MAIN_FEED, STEREO, 0, 100)
    expected = before.copy()
    expected[50:] += noise(100, seed=2)[:50]
    expected[20:30] += noise(10, seed=3)
    assert np.allclose(block, expected, atol=1e-6)
    untouched = one.read(0, 100, STEREO)
    assert untouched is not None
    assert np.array_equal(untouched, before)


def test_a_track_that_came_and_went_leaves_no_trace() -> None:
    one, gone = track(1, 0, 100), track(2, 0, 50)
    assert np.array_equal(mix([one, gone], MAIN_FEED, STEREO, 50, 50), mix([one], MAIN_FEED, STEREO, 50, 50))
