"""Video files are written: times, codecs, sound, subtitles and metadata."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import (
    EVEN,
    TIME_BASE,
    UNEVEN,
    frames_of,
    gray_difference,
    make_clip,
    packets_of,
    times_of,
    unchanged,
)

from impasto.errors import VideoError
from impasto.video import VideoOptions, paint_video


@pytest.mark.parametrize("times", [EVEN, UNEVEN, tuple(time + 1000 for time in UNEVEN)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_times_and_their_unit_are_kept(tmp_path: Path, times: tuple[int, ...], suffix: str) -> None:
    source, target = make_clip(tmp_path / f"clip{suffix}", times), tmp_path / f"out{suffix}"
    done = paint_video(source, target, unchanged)
    assert (done.frames, done.lost, done.notes) == (len(times), 0, [])
    assert times_of(target) == times_of(source) == (list(times), TIME_BASE)
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        last = max(packets, key=lambda packet: packet.pts or 0)
    with av.open(str(target)) as container:
        length = (
            times[-1] + (last.duration or 0) - times[0]
        )  # also where the last packet is a B-frame
        assert container.streams.video[0].duration == length
        assert container.streams.video[0].average_rate == len(times) / (length * TIME_BASE)


def test_the_default_preset_leaves_out_what_strokes_gain_nothing_by(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    paint_video(make_clip(tmp_path / "clip.mp4"), target, unchanged)
    x264_options = target.read_bytes().partition(b"options: ")[2].partition(b"\0")[0].split()
    assert {b"subme=1", b"me=dia", b"b_adapt=0", b"analyse=0x3:0x2", b"mbtree=1"} < {*x264_options}


@pytest.mark.parametrize("base", [Fraction(1, 600), Fraction(1001, 30_000), Fraction(1, 90_000)])
def test_other_units_of_time(tmp_path: Path, base: Fraction) -> None:
    times = tuple(range(10)) if base.numerator > 1 else tuple(range(0, 10 * 37, 37))
    source = make_clip(tmp_path / "clip.mp4", times, time_base=base)
    paint_video(source, tmp_path / "out.mp4", unchanged)
    assert times_of(tmp_path / "out.mp4") == times_of(source)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_times_in_milliseconds(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    times = (0, 40, 45, 160, 161, 400)
    source = make_clip(tmp_path / f"clip{suffix}", times, codec=codec, time_base=Fraction(1, 1000))
    paint_video(source, tmp_path / f"out{suffix}", unchanged)
    assert (
        times_of(tmp_path / f"out{suffix}") == times_of(source) == (list(times), Fraction(1, 1000))
    )


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    for turn, shape in ((None, Fraction(4, 3)), ((90, False), Fraction(3, 4))):
        source = make_clip(
            tmp_path / "clip.mp4", EVEN[:2], turn=turn, options={"x264-params": "sar=4/3"}
        )
        paint_video(source, tmp_path / "out.mp4", unchanged)
        with av.open(str(tmp_path / "out.mp4")) as clip:
            assert clip.streams.video[0].sample_aspect_ratio == shape


@pytest.mark.parametrize("sounds", [[], ["eng"], ["eng", "fra"]])
def test_sound_is_copied_byte_for_byte(tmp_path: Path, sounds: list[str]) -> None:
    source = make_clip(tmp_path / "clip.mp4", sounds=sounds)
    done = paint_video(source, tmp_path / "out.mp4", unchanged)
    before, after = packets_of(source), packets_of(tmp_path / "out.mp4")
    assert done.notes == []
    assert len(before) == len(sounds)
    assert after == before
    assert all(len(track) > 20 for track in after)
    with av.open(str(tmp_path / "out.mp4")) as clip:
        assert [track.language for track in clip.streams.audio] == sounds


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".mkv", "subrip")])
def test_subtitles_chapters_and_metadata_are_copied(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    chapters = [
        {
            "id": 1,
            "start": 0,
            "end": 200,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": "One"},
        },
        {
            "id": 2,
            "start": 200,
            "end": 480,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": "Two"},
        },
    ]
    source = make_clip(
        tmp_path / f"clip{suffix}",
        sounds=["eng"],
        subtitles=codec,
        chapters=chapters,
        metadata={"title": "A walk", "artist": "Me"},
    )
    paint_video(source, tmp_path / f"out{suffix}", unchanged)
    texts = packets_of(source, "subtitle")
    assert b"".join(text for _, text in texts[0]).count(b"one") == 1
    said = [
        [text for text in track if text[1].strip(b"\0")]
        for track in packets_of(tmp_path / f"out{suffix}", "subtitle")
    ]
    assert said == [
        [text for text in track if text[1].strip(b"\0")] for track in texts
    ]  # MP4 fills pauses with nothing
    with av.open(str(source)) as one, av.open(str(tmp_path / f"out{suffix}")) as other:
        assert [chapter["metadata"]["title"] for chapter in other.chapters()] == ["One", "Two"]
        assert [chapter["start"] * (chapter["time_base"] or 0) for chapter in other.chapters()] == [
            0,
            Fraction(1, 5),
        ]
        assert (other.metadata.get("title") or other.metadata.get("TITLE")) == "A walk"
        assert [track.type for track in other.streams] == [track.type for track in one.streams]


def test_what_a_container_cannot_hold_is_left_out_in_one_line(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", sounds=["eng", "fra"], subtitles="subrip")
    sounds, missing = paint_video(source, tmp_path / "out.webm", unchanged).notes
    assert all(part in sounds for part in ("Opus", ".webm", "sound (aac, eng)", "sound (aac, fra)"))
    assert all(part in missing for part in (str(source), ".webm", "subtitles (srt)", "out.mkv"))
    assert len(packets_of(tmp_path / "out.webm")) == 2
    (note,) = paint_video(source, tmp_path / "out.mp4", unchanged).notes
    assert "srt" in note
    assert "aac" not in note
    before, after = packets_of(source), packets_of(tmp_path / "out.mp4")
    assert [[data for _, data in track] for track in after] == [
        [data for _, data in track] for track in before
    ]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(
            [time for time, _ in other], [time for time, _ in one], atol=0.001
        )


@pytest.mark.parametrize(
    ("name", "codec", "found"),
    [
        ("out.mp4", "auto", "h264"),
        ("out.mkv", "vp9", "vp9"),
        ("out.webm", "auto", "vp9"),
        ("out.mp4", "av1", "av1"),
        ("out.ts", "auto", "h264"),
    ],
)
def test_codecs(tmp_path: Path, name: str, codec: Any, found: str) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:3], (64, 96))
    paint_video(source, tmp_path / name, unchanged, VideoOptions(codec=codec))
    with av.open(str(tmp_path / name)) as clip:
        assert found in clip.streams.video[0].codec_context.codec.canonical_name
    for painted, frame in zip(frames_of(tmp_path / name), frames_of(source), strict=True):
        assert gray_difference(painted, frame) < 4


def test_a_codec_that_the_container_does_not_hold(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2])
    with pytest.raises(VideoError, match=r"\.webm holds no h264; use vp9 or av1, or write \.mp4"):
        paint_video(source, tmp_path / "out.webm", unchanged, VideoOptions(codec="h264"))
    with pytest.raises(VideoError, match=r"\.wmv as a video; use one of .*\.mp4"):
        paint_video(source, tmp_path / "out.wmv", unchanged)


def test_quality(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN, (240, 320))
    for quality in (20, 98):
        paint_video(source, tmp_path / f"{quality}.mp4", unchanged, VideoOptions(quality=quality))
    assert 2 * (tmp_path / "20.mp4").stat().st_size < (tmp_path / "98.mp4").stat().st_size
