"""Frames that change their size midway are resized to that of the first."""

from fractions import Fraction
from pathlib import Path

from moving import texture

from impasto.video.clip import Clip, Frame
from impasto.video.frame_size import fit_frame
from impasto.video.large_strokes import reduce_frame


def test_all_frames_get_the_size_of_the_first() -> None:
    first = reduce_frame(Frame(texture(40, 60), 0), 2)
    clip = Clip(Path("clip.mp4"), Fraction(1, 25), Fraction(25))
    for other in (
        Frame(texture(80, 120), 1),
        reduce_frame(Frame(texture(80, 120), 1), 2),
        reduce_frame(Frame(texture(80, 120), 1), 4),
    ):
        fit = fit_frame(other, first, clip)
        assert (fit.rgb.shape, fit.size) == (first.rgb.shape, first.size)
    assert fit_frame(
        reduce_frame(Frame(texture(80, 120), 1), 2), Frame(texture(40, 60), 0), clip
    ).rgb.shape == (40, 60, 3)
    assert clip.notes == [
        "clip.mp4: frames change from 60x40 to 120x80 pixels at frame 0; "
        "all are painted in the size of the first"
    ]
