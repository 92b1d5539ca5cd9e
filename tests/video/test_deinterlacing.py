"""Interlaced video: each painted frame is of one moment, in either order of fields."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import frames_of, make_clip, times_of, unchanged
from numpy.typing import NDArray
from pictures import UInt8

from impasto.video import VideoOptions, paint_video
from impasto.video.formats import parse_span
from impasto.webcam.capture import OpenCamera
from impasto.webcam.sources import find_sources

SPEED = 6  # pixels that the scene moves from field to field


def moment(field: int) -> UInt8:
    """A scene of soft vertical stripes at the time of a field, (96, 128, 3)."""
    across = np.arange(128) - SPEED * field
    stripes = 128 + 90 * np.sin(across / 6)
    return np.repeat(np.tile(stripes, (96, 1))[..., None], 3, axis=2).round().astype(np.uint8)


def make_interlaced(path: Path, top_first: bool, frames: int = 8, codec: str = "libx264") -> Path:
    """A video whose frames hold two fields each."""
    with av.open(str(path), "w") as out:
        options = {"flags": "+ilme+ildct", "crf": "12"}
        if codec == "libx264":
            options["x264-params"] = "tff=1" if top_first else "bff=1"
        track: Any = out.add_stream(codec, rate=25, options=options)
        track.width, track.height, track.pix_fmt = 128, 96, "yuv420p"
        track.codec_context.time_base = Fraction(1, 25)
        if codec != "libx264":
            track.codec_context.bit_rate = 4_000_000
        fields = av.filter.Graph()
        layout, unit = av.VideoFormat("yuv420p"), Fraction(1, 25)
        source = fields.add_buffer(width=128, height=96, format=layout, time_base=unit)
        mark = fields.add("setfield", "tff" if top_first else "bff")
        sink = fields.add("buffersink")
        source.link_to(mark)
        mark.link_to(sink)
        fields.configure()
        for number in range(frames):
            first, second = moment(2 * number), moment(2 * number + 1)
            woven = first.copy()
            woven[1 if top_first else 0 :: 2] = second[1 if top_first else 0 :: 2]
            frame = av.VideoFrame.from_ndarray(woven, format="rgb24")
            # chroma is gray, so its fields do not matter
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            fields.vpush(frame)
            out.mux(track.encode(fields.vpull()))
        out.mux(track.encode(None))
    return path


def combing(frame: NDArray[Any]) -> float:
    """How much neighboring rows differ; the scene itself has equal rows."""
    return float(np.abs(np.diff(frame[..., 1].astype(int), axis=0)).mean())


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(("suffix", "codec"), [(".ts", "libx264"), (".mkv", "libx264"),
                                               (".mpg", "mpeg2video")])  # fmt: skip
def test_fields_are_parted(tmp_path: Path, top_first: bool, suffix: str, codec: str) -> None:
    source = make_interlaced(tmp_path / f"clip{suffix}", top_first, codec=codec)
    assert combing(frames_of(source)[3]) > 10
    seen: list[UInt8] = []
    done = paint_video(
        source,
        tmp_path / "out.mkv",
        lambda frame: seen.append(frame.copy()) or frame,  # type: ignore[func-returns-value]
    )
    assert done.frames == 8 and any("interlaced" in note for note in done.notes)
    assert max(map(combing, seen)) < 4
    for number in range(1, 7):  # each is the moment of its first field
        assert np.abs(seen[number].astype(int) - moment(2 * number)).mean() < 6
    before, after = (times_of(path)[0] for path in (source, tmp_path / "out.mkv"))
    assert len(after) == 8
    steps = np.diff([time for time in after if time is not None])
    assert np.ptp(steps) <= 1 and len(before) == 8
    with av.open(str(tmp_path / "out.mkv")) as clip:
        assert not any(frame.interlaced_frame for frame in clip.decode(video=0))


def test_a_part_of_an_interlaced_video(tmp_path: Path) -> None:
    source = make_interlaced(tmp_path / "clip.mkv", True, frames=20)
    options = VideoOptions(span=parse_span(0.2, 0.6))
    assert paint_video(source, tmp_path / "out.mkv", unchanged, options).frames == 10


def test_other_videos_pass_unchanged(tmp_path: Path) -> None:
    done = paint_video(make_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4", unchanged)
    assert done.notes == []


def test_the_webcam_shows_interlaced_files_without_combs(tmp_path: Path) -> None:
    source = make_interlaced(tmp_path / "clip.mkv", True)
    camera = OpenCamera(find_sources(str(source), 96))
    frames = [timed.frame.to_ndarray(format="rgb24") for timed in camera.frames()]
    camera.close()
    assert len(frames) == 8 and max(map(combing, frames)) < 4
