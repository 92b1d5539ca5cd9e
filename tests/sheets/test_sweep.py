"""Sweeps of strength: their steps, and their animations."""

from pathlib import Path

import numpy as np
import pytest
from pictures import photo
from PIL import Image

from impasto.errors import VideoError
from impasto.sheets.sweep import (
    FRAME_MILLISECONDS,
    SWEEP_STRENGTHS,
    there_and_back,
    write_animation,
)


def test_a_sweep_goes_from_the_photograph_to_the_painting_and_lingers() -> None:
    steps = np.diff(SWEEP_STRENGTHS)
    assert (
        SWEEP_STRENGTHS[0] == 0
        and SWEEP_STRENGTHS[-1] == 1
        and (steps > 0).all()
        and steps.max() < 0.08
    )
    assert steps[0] < steps[12] / 5 and steps[-1] < steps[11] / 5
    one, two, three = (np.full((1, 1, 3), level, np.uint8) for level in range(3))
    assert [int(picture[0, 0, 0]) for picture in there_and_back([one, two, three])] == [0, 1, 2, 1]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sweep{suffix}"
    pictures = [(photo(24, 32) * level).astype(np.uint8) for level in (0.2, 0.6, 1)]
    write_animation(path, pictures)
    with Image.open(path) as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (3, (32, 24), 0)  # type: ignore[attr-defined]
        for number, picture in enumerate(pictures):
            image.seek(number)
            image.load()  # which WebP needs for the duration
            assert image.info["duration"] == FRAME_MILLISECONDS
            assert np.abs(np.asarray(image.convert("RGB")).astype(float) - picture).mean() < 6
    with pytest.raises(VideoError, match="cannot write"):
        write_animation(path / "inside.gif", pictures)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
