"""impasto evaluate --clip: figures of painted clips, and what is said of those that do not
compare."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest
from clips import frames_of, make_clip
from commands import Run, python
from moving import noisy, pan
from PIL import Image

from impasto.video.metrics import measure

pytest.importorskip("cv2")

COUNT = 6
TIMES = tuple(range(0, 512 * COUNT, 512))
FIELDS = ["input", "clip", "frames", "flicker", "flicker_ratio", "warping_error", "flow"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """clip.mp4, 6 frames that move, and two paintings of it: calm.mp4 and wild.mp4."""
    frames = pan(COUNT, 48, 64, 2, 0)
    make_clip(tmp_path / "clip.mp4", TIMES, pictures=frames)
    for name, strength in (("calm", 3), ("wild", 25)):
        make_clip(
            tmp_path / f"{name}.mp4",
            TIMES,
            pictures=noisy([255 - frame for frame in frames], strength),
        )
    return tmp_path


def test_a_line_for_each_clip(impasto: Run, place: Path) -> None:
    done = impasto("evaluate", "--clip", place / "clip.mp4", place / "calm.mp4", place / "wild.mp4")
    assert (done.code, done.err) == (0, "")
    itself, calm, wild = done.out.splitlines()
    assert itself.startswith("the clip itself ")
    assert "flicker ratio 1.00" in itself
    assert calm.startswith(str(place / "calm.mp4"))
    assert wild.startswith(str(place / "wild.mp4"))
    assert all(
        "warping error 0.0" in line and "(6 frames)" in line for line in (itself, calm, wild)
    )


def test_json_has_the_figures_of_the_definitions(impasto: Run, place: Path) -> None:
    names = [place / f"{name}.mp4" for name in ("clip", "calm", "wild")]
    done = impasto("evaluate", *names[1:], "--clip", names[0], "--json")
    expected = measure(*map(frames_of, names))
    assert [record["input"] for record in done.records] == list(map(str, names))
    for record, each in zip(done.records, expected, strict=True):
        assert list(record) == FIELDS
        assert record["clip"] == str(names[0])
        assert record["frames"] == COUNT
        assert record["flicker_ratio"] == pytest.approx(each.flicker_ratio, rel=1e-4)
        assert record["warping_error"] == pytest.approx(each.warping_error, rel=1e-4)
        assert record["flow"].startswith("DIS of OpenCV ")
    assert done.records[1]["warping_error"] < done.records[2]["warping_error"]


def test_files_where_a_folder_is_given(impasto: Run, place: Path) -> None:
    done = impasto(
        "evaluate", "--clip", place / "clip.mp4", place / "*m.mp4", "-o", place / "new" / "out"
    )
    assert (done.code, "stability.md" in done.err) == (0, True)
    records = json.loads((place / "new/out/stability.json").read_text())
    assert [Path(record["input"]).name for record in records] == ["clip.mp4", "calm.mp4"]
    table = (place / "new/out/stability.md").read_text()
    assert "| the clip itself | 1.00 | " in table
    assert "| calm.mp4 | " in table
    assert "flow by DIS of OpenCV" in table
    (place / "file").touch()
    done = impasto(
        "evaluate", "--clip", place / "clip.mp4", place / "calm.mp4", "-o", place / "file"
    )
    assert (
        f"-o {place / 'file'} cannot be written into: Not a directory; a part of its path is a file"
        in done.usage()
    )


def test_numbered_pictures_and_animations_compare(impasto: Run, place: Path) -> None:
    frames = frames_of(place / "calm.mp4")
    (place / "frames").mkdir()
    for number, frame in enumerate(frames, 1):
        Image.fromarray(frame).save(place / "frames" / f"{number:03d}.png")
    done = impasto(
        "evaluate",
        "--clip",
        place / "clip.mp4",
        place / "calm.mp4",
        place / "frames",
        place / "frames" / "%03d.png",
        "--json",
    )
    assert done.code == 0
    _, video, folder, pattern = done.records
    for other in (folder, pattern):
        assert {**other, "input": ""} == {**video, "input": ""}


def test_a_part_that_was_painted(impasto: Run, place: Path) -> None:
    frames = frames_of(place / "clip.mp4")
    make_clip(place / "part.mp4", TIMES[:3], pictures=frames[2:5])
    part = ("--start", "0.08", "--end", "0.2")
    done = impasto("evaluate", "--clip", place / "clip.mp4", place / "part.mp4", *part, "--json")
    assert (done.code, done.err) == (0, "")
    itself, painted = done.records
    assert (itself["frames"], painted["frames"]) == (3, 3)
    _, expected = measure(frames[2:5], frames_of(place / "part.mp4"))
    assert painted["flicker_ratio"] == pytest.approx(expected.flicker_ratio, rel=1e-4)


def test_unequal_lengths_are_said(impasto: Run, place: Path) -> None:
    frames = pan(COUNT, 48, 64, 2, 0)
    make_clip(place / "short.mp4", TIMES[:4], pictures=frames[:4])
    make_clip(place / "long.mp4", (*TIMES, 512 * COUNT), pictures=[*frames, frames[0]])
    for name, count in (("short", 4), ("long", 6)):
        done = impasto("evaluate", "--clip", place / "clip.mp4", place / f"{name}.mp4", "--json")
        assert done.code == 0
        (line,) = done.errors
        hint = "; if only a part was stylized, give --start and --end" if name == "short" else ""
        names = f"{place / name}.mp4 and {place / 'clip.mp4'}"
        assert line == f"{names} differ in length: compared over {count} frames{hint}"
        assert done.records[1]["frames"] == count


def test_what_does_not_compare_is_one_line_and_others_go_on(impasto: Run, place: Path) -> None:
    make_clip(place / "large.mp4", TIMES, (64, 64))
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(place / "one.png")
    (place / "text.mp4").write_text("Dear Sir or Madam,\n")
    with wave.open(str(place / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(800))
    bad = {
        "large.mp4": "64x64 and 64x48 pixels",
        "one.png": "one frame",
        "text.mp4": "no video",
        "sound.wav": "only sound",
    }
    bad |= {"absent.mp4": "no such file"}
    done = impasto(
        "evaluate",
        "--clip",
        place / "clip.mp4",
        *(place / name for name in bad),
        place / "calm.mp4",
        "--json",
    )
    assert done.code == 1
    assert [Path(record["input"]).name for record in done.records if "error" in record] == list(bad)
    assert [Path(record["input"]).name for record in done.records if "frames" in record] == [
        "clip.mp4",
        "calm.mp4",
    ]
    for line, reason in zip(done.errors, bad.values(), strict=True):
        assert line.startswith("error: ")
        assert reason in line
    for name in ("sound.wav", "text.mp4", "one.png", "absent.mp4"):  # as the clip itself
        done = impasto("evaluate", "--clip", place / name, place / "calm.mp4")
        assert (done.code, bad[name] in done.only_error(), done.out) == (1, True, "")


def test_a_clip_that_stands_still_has_no_ratio(impasto: Run, place: Path) -> None:
    make_clip(
        place / "still.mp4", TIMES, pictures=[pan(1, 48, 64, 0, 0)[0]] * COUNT, options={"crf": "0"}
    )
    done = impasto("evaluate", "--clip", place / "still.mp4", place / "calm.mp4", "--json")
    assert done.code == 0
    assert done.records[0]["flicker_ratio"] is None
    assert (
        "flicker ratio -"
        in impasto("evaluate", "--clip", place / "still.mp4", place / "calm.mp4").out
    )


def test_options_that_do_not_go_together(impasto: Run, place: Path) -> None:
    clip = ("--clip", place / "clip.mp4", place / "calm.mp4")
    assert (
        "--photos does not apply with --clip"
        in impasto("evaluate", *clip, "--photos", place).usage()
    )
    assert (
        "--methods does not apply with --clip" in impasto("evaluate", *clip, "-m", "base").usage()
    )
    assert (
        "give --photos PHOTOS and -o FOLDER, or --clip CLIP"
        in impasto("evaluate", place / "calm.mp4").usage()
    )
    assert (
        "they go with --clip"
        in impasto("evaluate", place, "--photos", place, "-o", place, "--start", "1").usage()
    )
    assert (
        "[required; not with --clip]"
        in impasto("evaluate", "--help").out.partition("--photos")[2].partition("--output")[0]
    )
    assert "no part of a video" in impasto("evaluate", *clip, "--start", "2", "--end", "1").usage()


@pytest.mark.process
def test_without_torch_and_without_opencv(place: Path) -> None:
    code = "import sys; sys.modules[{!r}] = None; from impasto.cli import main; main()"
    arguments = ("evaluate", "--clip", str(place / "clip.mp4"), str(place / "calm.mp4"))
    done = python("-c", code.format("torch"), *arguments)
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 2)
    done = python("-c", code.format("cv2"), *arguments)
    assert (done.code, done.out) == (1, "")
    assert "pip install 'impasto[flow]'" in done.only_error()
