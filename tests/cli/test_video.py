"""impasto stylize with videos: what is painted, where it goes, and what is said of it."""

import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from clips import EVEN, TIME_BASE, frames_of, make_clip, packets_of, scene, times_of
from commands import RECORD_FIELDS, Run, surroundings
from disk import Disk
from moving import pan
from numpy.typing import NDArray
from pictures import UInt8, photo
from PIL import Image

from impasto.batch.outputs import painting_name
from impasto.inference.model import MAX_STREAMS
from impasto.stylizer import Stylizer
from impasto.video.metrics import measure
from impasto.video.temporal.frozen_statistics import SteadyStyle

SMALL = ("--network", "small", "--style", "starry-night")
FIELDS = [*RECORD_FIELDS, "first_seconds", "frames", "fps", "lost", "stroke"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """clip.mp4: 4 frames of 64x48 with sound, alone in its folder."""
    return make_clip(tmp_path / "clip.mp4", EVEN[:4], sounds=["eng"])


def gray(frame: UInt8) -> NDArray[np.float64]:
    return frame @ np.array([0.299, 0.587, 0.114])


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_video_is_painted_frame_by_frame(impasto: Run, clip: Path) -> None:
    done = impasto("stylize", clip, *SMALL)
    target = clip.with_name("clip.starry-night.mp4")
    assert done.code == 0
    assert done.out.startswith(f"{target} (64x48, ")
    assert "4 frames, " in done.out
    assert done.err == ""
    assert names(clip.parent) == ["clip.mp4", "clip.starry-night.mp4"]
    assert packets_of(target) == packets_of(clip)
    assert times_of(target) == times_of(clip)
    stylizer = SteadyStyle(Stylizer("small").prepare("starry-night").for_frames())
    for painted, frame in zip(frames_of(target), frames_of(clip), strict=True):
        expected = stylizer(frame)
        assert (
            np.abs(gray(painted) - gray(expected)).mean() < 6
        )  # colors have half the resolution, and the encoder its share
        assert np.abs(gray(painted) - gray(frame)).mean() > 10


def test_options_of_pictures_have_no_say_with_a_video(impasto: Run, clip: Path) -> None:
    done = impasto("stylize", clip, *SMALL, "--size", "20", "--end", "1")
    assert (done.code, done.errors) == (0, [f"--size applies to pictures only; ignored for {clip}"])


@pytest.mark.slow
def test_large_strokes(impasto: Run, tmp_path: Path) -> None:
    """Larger strokes are painted on reduced frames, and the scene stays as sharp as it is."""
    source = make_clip(tmp_path / "clip.mp4", EVEN[:4], (192, 256), pictures=pan(4, 192, 256, 1, 0))
    done = impasto("stylize", source, *SMALL, "--stroke", "2", "--precision", "f32")
    assert (done.code, done.err) == (0, "")
    assert "strokes 2 times as large" in done.out
    target, stylizer = (
        source.with_name("clip.starry-night.mp4"),
        SteadyStyle(Stylizer("small", precision="f32").prepare("starry-night").for_frames()),
    )
    for painted, frame in zip(frames_of(target), frames_of(source), strict=True):
        assert painted.shape == frame.shape
        seen = np.array(Image.fromarray(frame).resize((128, 96), Image.Resampling.BOX))
        low = np.array(Image.fromarray(painted).resize((128, 96), Image.Resampling.BOX))
        assert np.abs(gray(low) - gray(stylizer(seen))).mean() < 7
        assert np.abs(gray(low) - gray(seen)).mean() > 10


def test_small_strokes_are_of_pictures(impasto: Run, clip: Path) -> None:
    done = impasto("stylize", clip, *SMALL, "--stroke", "0.5", "--json")
    line = f"--stroke 0.5 applies to pictures only; {clip} is painted with --stroke 1"
    assert (done.code, done.errors, done.records[0]["stroke"]) == (0, [line], 1)


def test_every_frame_by_itself(impasto: Run, clip: Path) -> None:
    done = impasto("stylize", clip, *SMALL, "--no-steady", "-o", clip.with_name("alone.mkv"))
    assert done.code == 0
    prepared = Stylizer("small").prepare("starry-night").for_frames()
    for painted, frame in zip(frames_of(clip.with_name("alone.mkv")), frames_of(clip), strict=True):
        assert np.abs(gray(painted) - gray(prepared.paint(frame))).mean() < 6
    done = impasto("stylize", clip, *SMALL, "--no-steady", "--flow")
    assert (done.code, "choose one" in done.only_error()) == (2, True)


@pytest.mark.slow
def test_strokes_go_with_what_moves(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2")
    source = make_clip(tmp_path / "clip.mp4", EVEN[:5], (96, 128), pictures=pan(5, 96, 128, 3, 0))
    for name, more in (("still", ()), ("flow", ("--flow",))):
        assert impasto("stylize", source, *SMALL, *more, "-o", tmp_path / f"{name}.mp4").code == 0
    painted = [frames_of(tmp_path / f"{name}.mp4") for name in ("still", "flow")]
    _, still, flow = measure(frames_of(source), *painted)
    assert flow.warping_error < 0.8 * still.warping_error
    monkeypatch.setitem(sys.modules, "cv2", None)
    done = impasto("stylize", source, *SMALL, "--flow", "--overwrite")
    assert (done.code, "pip install 'impasto[flow]'" in done.only_error()) == (1, True)
    assert names(tmp_path) == ["clip.mp4", "flow.mp4", "still.mp4"]


def test_json(impasto: Run, clip: Path) -> None:
    (record,) = impasto("stylize", clip, *SMALL, "--json").records
    assert list(record) == FIELDS
    assert record["output"] == str(clip.with_name("clip.starry-night.mp4"))
    assert (record["width"], record["height"], record["frames"], record["lost"]) == (64, 48, 4, 0)
    assert record["fps"] > 0


def test_an_existing_output_is_kept(impasto: Run, clip: Path) -> None:
    target = clip.with_name("clip.starry-night.mp4")
    target.write_bytes(b"mine")
    done = impasto("stylize", clip, *SMALL)
    assert (
        done.code,
        "kept: the output exists; --overwrite paints it anew" in done.out,
    ) == (0, True)
    assert target.read_bytes() == b"mine"
    assert impasto("stylize", clip, *SMALL, "--overwrite").code == 0
    assert len(frames_of(target)) == 4
    before = clip.read_bytes()
    done = impasto("stylize", clip, *SMALL, "--overwrite", "-o", clip)
    assert (done.code, "the video itself" in done.only_error()) == (1, True)
    assert clip.read_bytes() == before


def test_a_folder_holds_pictures_and_videos(impasto: Run, clip: Path) -> None:
    Image.fromarray(photo(64, 64)).save(clip.with_name("a.png"))
    make_clip(clip.with_name("old.avi"), EVEN[:2], codec="mpeg4")
    clip.with_name("program.ts").write_text("const answer = 42;")
    for _ in range(2):  # paintings of the first run are no inputs of the second
        done = impasto("stylize", clip.parent, *SMALL)
        assert done.code == 0
    painted = ["a.starry-night.png", "clip.starry-night.mp4", "old.starry-night.mkv"]
    assert names(clip.parent) == sorted(["a.png", "clip.mp4", "old.avi", "program.ts", *painted])
    assert len(done.out.splitlines()) == 3
    assert (
        impasto(
            "stylize", clip.parent, "-n", "small", "-s", "udnie", "-o", clip.parent / "out"
        ).code
        == 0
    )
    assert names(clip.parent / "out") == ["a.udnie.png", "clip.udnie.mp4", "old.udnie.mkv"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.MP4", "a.s.MP4"),
        ("a.mov", "a.s.mov"),
        ("a.webm", "a.s.webm"),
        ("a.wmv", "a.s.mkv"),
        ("f%04d.png", "f%04d.s.png"),
        ("f%04d.gif", "f%04d.s.png"),
    ],
)
def test_the_name_of_a_painting(name: str, expected: str) -> None:
    assert painting_name(Path(name), "s", is_clip=True) == expected


@pytest.mark.slow
def test_animations_stay_animations(impasto: Run, tmp_path: Path) -> None:
    frames = [Image.fromarray(scene(70, 80, 4 * number)) for number in range(3)]
    for suffix in ("gif", "webp"):
        frames[0].save(
            tmp_path / f"a.{suffix}",
            save_all=True,
            append_images=frames[1:],
            duration=[50, 100, 150],
            loop=0,
        )
        (record,) = impasto("stylize", tmp_path / f"a.{suffix}", *SMALL, "--json").records
        assert record["frames"] == 3
        with Image.open(tmp_path / f"a.starry-night.{suffix}") as painted:
            assert painted.n_frames == 3  # type: ignore[attr-defined]
            assert painted.size == (80, 70)


@pytest.mark.slow
def test_numbered_pictures(impasto: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (7, 8, 9):
        Image.fromarray(scene(64, 64, number)).save(tmp_path / "in" / f"{number:05}.png")
    pattern = tmp_path / "in" / "%05d.png"
    (record,) = impasto(
        "stylize", pattern, *SMALL, "--fps", "10", "-o", tmp_path / "out.mp4", "--json"
    ).records
    assert record["frames"] == 3
    times, unit = times_of(tmp_path / "out.mp4")
    assert [(time or 0) * float(unit or 0) for time in times] == [0, 0.1, 0.2]
    assert impasto("stylize", pattern, *SMALL, "-o", tmp_path / "a" / "%d.png").code == 0
    assert names(tmp_path / "a") == ["7.png", "8.png", "9.png"]
    assert impasto("stylize", tmp_path / "in", *SMALL, "-o", tmp_path / "b" / "%d.jpg").code == 0
    assert names(tmp_path / "b") == ["1.jpg", "2.jpg", "3.jpg"]
    done = impasto("stylize", pattern, *SMALL, "-o", tmp_path / "b" / "%d.jpg")
    assert "kept: the output exists" in done.out
    done = impasto("stylize", pattern, *SMALL, "-o", pattern, "--overwrite")
    assert "the video itself" in done.only_error()
    assert impasto("stylize", pattern, *SMALL).code == 0
    assert names(tmp_path / "in")[1] == "00007.starry-night.png"


def test_a_part_and_how_it_is_coded(impasto: Run, clip: Path) -> None:
    done = impasto(
        *("stylize", clip, *SMALL, "--start", "0:00.04", "--end", "0.12", "--codec", "vp9"),
        *("--preset", "ultrafast", "--quality", "50", "-o", clip.with_name("out.mkv")),
    )
    assert done.code == 0
    with av.open(str(clip.with_name("out.mkv"))) as out:
        assert out.streams.video[0].codec_context.codec.canonical_name == "vp9"
    assert len(frames_of(clip.with_name("out.mkv"))) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "soon"], "cannot read 'soon': it is no time; write seconds (90, 1.5)"),
        (["--start", "2", "--end", "1"], "from 2 s to 1 s: this is no part of a video"),
        (["--start", "-1"], "is no time"),
        (["--codec", "mpeg1"], "vp9"),
        (["--preset", "lightning"], "veryfast"),
        (["--fps", "0"], "--fps"),
    ],
)
def test_wrong_usage(impasto: Run, clip: Path, arguments: list[str], said: str) -> None:
    done = impasto("stylize", clip, *SMALL, *arguments)
    assert said in done.usage()
    assert names(clip.parent) == ["clip.mp4"]


def test_numbered_pictures_of_several_inputs(impasto: Run, clip: Path, photo_file: Path) -> None:
    assert (
        "take one input"
        in impasto("stylize", clip, photo_file, *SMALL, "-o", clip.with_name("%d.png")).usage()
    )


@pytest.mark.parametrize(("output", "said"), [("out.jpg", "out-%05d.jpg"), ("out.tif", ".mp4")])
def test_a_video_is_no_picture(impasto: Run, clip: Path, output: str, said: str) -> None:
    done = impasto("stylize", clip, *SMALL, "-o", clip.with_name(output))
    assert (done.code, said in done.only_error()) == (1, True)


@pytest.mark.parametrize("output", ["out.mp4", "%d.png"])
def test_a_picture_is_no_video(impasto: Run, photo_file: Path, output: str) -> None:
    done = impasto("stylize", photo_file, *SMALL, "-o", photo_file.with_name(output))
    assert (done.code, "a single picture; use one of" in done.only_error()) == (1, True)


def test_bad_videos_are_one_line_each_and_the_others_go_on(impasto: Run, clip: Path) -> None:
    clip.with_name("text.mp4").write_text("Dear Sir or Madam,\n")
    clip.with_name("empty.mkv").touch()
    with wave.open(str(clip.with_name("sound.wav")), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(800))
    inputs = [
        clip.with_name(name)
        for name in ("text.mp4", "empty.mkv", "sound.wav", "absent.mov", "clip.mp4", "f%d.png")
    ]
    done = impasto("stylize", *inputs, *SMALL, "--json")
    assert done.code == 1
    assert [record["input"] for record in done.records if "error" in record] == [
        str(inputs[i]) for i in (0, 1, 2, 3, 5)
    ]
    assert [record["input"] for record in done.records if "output" in record] == [str(clip)]
    for line, reason in zip(
        done.errors,
        ("no video", "empty", "only sound", "no such file", "no picture there"),
        strict=True,
    ):
        assert line.startswith("error: ")
        assert reason in line


@pytest.mark.slow
def test_a_video_of_one_pixel(impasto: Run, tmp_path: Path) -> None:
    pixel = [np.full((1, 1, 3), 90, np.uint8)] * 3
    source = make_clip(tmp_path / "clip.mp4", EVEN[:3], (1, 1), pix_fmt="yuv444p", pictures=pixel)
    done = impasto("stylize", source, *SMALL, "-o", tmp_path / "out.mp4")
    assert (done.code, done.out.startswith(f"{tmp_path / 'out.mp4'} (1x1, ")) == (0, True)
    assert [frame.shape for frame in frames_of(tmp_path / "out.mp4")] == [(1, 1, 3)] * 3


@pytest.mark.slow
def test_a_disk_that_fills_up(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, 80_000)
    frames = list(np.random.default_rng(0).integers(0, 256, (200, 48, 64, 3), dtype=np.uint8))
    source = make_clip(tmp_path / "long.mp4", tuple(range(0, 200 * 512, 512)), pictures=frames)
    done = impasto("stylize", source, *SMALL, "--no-steady", "--json")
    part = tmp_path / "long.starry-night.part.mp4"
    assert (done.code, done.records) == (1, [{"input": str(source), "error": done.only_error()}])
    assert (
        f"{part} holds the frames painted until then ({len(frames_of(part))})" in done.only_error()
    )


def test_what_there_is_to_know_is_said_in_one_line(impasto: Run, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", EVEN[:3], sounds=["eng"])
    done = impasto("stylize", source, *SMALL, "-o", tmp_path / "out.webm")
    assert done.code == 0
    (line,) = done.errors
    assert line == f"{source}: coded anew as Opus, as .webm cannot hold it: sound (aac, eng)"


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("there", [False, True])
def test_ctrl_c_leaves_what_was_painted(tmp_path: Path, there: bool) -> None:
    """In a process of its own, here with all that encoders say."""
    source = make_clip(tmp_path / "clip.mp4", tuple(range(0, 512 * 30, 512)), sounds=["eng"])
    code = """
import os, signal, impasto.inference.model
real, left = impasto.inference.model.PreparedStyle.paint, [12]
def paint(*arguments):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGINT)
    return real(*arguments)
impasto.inference.model.PreparedStyle.paint = paint
signal.signal(signal.SIGINT, signal.default_int_handler)
from impasto.cli import main
main()
"""
    target, kept = tmp_path / "out.mp4", tmp_path / "out.part.mp4"
    if there:
        target.write_bytes(b"a good one")
    arguments = ["stylize", str(source), *SMALL, "-o", str(target), "--overwrite"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=surroundings(),
        check=False,
        timeout=120,
    )
    assert done.returncode == 130
    note, error = done.stderr.splitlines()
    assert note.startswith(f"{kept} holds the frames painted until then (")
    assert note.endswith("; the same command paints this video anew")
    assert error == "error: interrupted"
    times, unit = times_of(kept)
    # frames in work, as many as cores, are given up
    assert 12 - 1 - MAX_STREAMS <= len(times) <= 12
    assert (times, unit) == (list(range(0, 512 * len(times), 512)), TIME_BASE)
    assert names(tmp_path) == ["clip.mp4", *(["out.mp4"] if there else []), kept.name]
    assert not there or target.read_bytes() == b"a good one"


@pytest.mark.parametrize(
    ("codec", "name"), [("av1", "a.mp4"), ("vp9", "b.webm"), ("h264", "c.mkv")]
)
def test_nothing_is_printed_by_encoders(
    impasto: Run, tmp_path: Path, codec: str, name: str
) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2], (64, 64))
    done = impasto("stylize", source, *SMALL, "--codec", codec, "-o", tmp_path / name)
    assert (done.code, done.err) == (0, "")
