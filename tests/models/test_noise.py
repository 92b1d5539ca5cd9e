"""The noise: a hash of integers that any language can repeat, nearly normal, and white."""

import numpy as np

from impasto.models.noise import NOISE_SIDE, noise_at


def reference(row: int, column: int) -> float:
    """The number at a position, by Python's integers."""

    def scramble(word: int) -> int:
        word = (word ^ word >> 16) * 0x7FEB352D & 0xFFFFFFFF
        word = (word ^ word >> 15) * 0x846CA68B & 0xFFFFFFFF
        return word ^ word >> 16

    word, total = scramble(row % NOISE_SIDE * NOISE_SIDE + column % NOISE_SIDE), 0
    for _ in range(3):
        total += sum(word.to_bytes(4, "little"))
        word = scramble(word)
    return (total - 1530) / 256


def test_any_language_can_repeat_the_noise() -> None:
    noise = noise_at(24, 20, 1010, -24)[0, 0]
    expected = [[reference(505 + y, -12 + x) for x in range(10)] for y in range(12)]
    np.testing.assert_array_equal(noise, np.array(expected, np.float32))


def test_the_noise_is_nearly_normal_and_white() -> None:
    noise = noise_at(2 * NOISE_SIDE, 2 * NOISE_SIDE)[0, 0].astype(np.float64)
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01
    assert abs((noise**4).mean() - 2.9) < 0.05  # 3 for a normal distribution
    for axis in (0, 1):
        assert abs((noise * np.roll(noise, 1, axis)).mean()) < 0.01
