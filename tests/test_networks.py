"""Noise, that networks are painted with."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.networks import noise_at

eights = st.integers(1, 20).map(lambda n: 8 * n)
corners = st.integers(0, 1000).map(lambda n: 8 * n)


@settings(deadline=None)
@given(height=eights, width=eights, top=corners, left=corners)
def test_a_part_has_the_noise_of_the_whole(height: int, width: int, top: int, left: int) -> None:
    whole, part = noise_at(top + height, left + width), noise_at(height, width, top, left)
    assert part.shape == (1, 1, height // 2, width // 2) and part.dtype == np.float32
    assert np.array_equal(part, whole[..., top // 2 :, left // 2 :])


def test_noise_is_that_and_does_not_repeat_soon() -> None:
    noise = noise_at(1000, 1000)[0, 0]
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01
    for shift in (1, 4, 64, 100):
        assert abs((noise * np.roll(noise, shift, 1)).mean()) < 0.02
