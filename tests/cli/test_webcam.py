"""impasto webcam: what is opened, what is said, and how it ends."""

import errno
import os
import signal
import subprocess
import sys
import time
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import EVEN, frames_of, make_clip
from commands import Run, python, surroundings

from impasto.cli.webcam import specs
from impasto.models.gallery import gallery_names
from impasto.webcam import sources
from impasto.webcam.sources import CameraSource

STYLE = ("--style", "starry-night")


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """clip.mp4: 12 frames of 64x48, alone in its folder, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return make_clip(tmp_path / "clip.mp4", EVEN)


def test_a_file_recorded_without_a_window(impasto: Run, clip: Path) -> None:
    done = impasto("webcam", clip, *STYLE, "--no-window", "--record", "out.mp4", "--json")
    (record,) = done.records
    assert done.code == 0
    assert (record["output"], record["width"], record["height"], record["network"]) == (
        "out.mp4",
        64,
        48,
        "small",
    )
    frames = frames_of(Path("out.mp4"))
    assert 1 <= record["frames"] == len(frames) <= 12  # of a slow machine, not all
    assert "frames painted" in done.err
    assert all(frame.shape == (48, 64, 3) for frame in frames)


def test_a_window(impasto: Run, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pressed = iter([[], ["right"], ["s"], ["q"]])
    monkeypatch.setattr("impasto.webcam.window.PygameWindow.keys", lambda _: next(pressed))
    done = impasto(
        "webcam",
        clip,
        "-s",
        "great-wave,starry-night",
        "--loop",
        "--snapshots",
        "new/folder",
        "--json",
    )
    (record,) = done.records
    assert done.code == 0
    assert record["style"] == "starry-night"
    assert Path(record["output"]).parent == Path("new/folder")
    assert Path(record["output"]).exists()
    assert not pygame.get_init()


def test_no_time_at_all(impasto: Run, clip: Path) -> None:
    done = impasto("webcam", clip, *STYLE, "--no-window", "--record", "a.mp4", "--seconds", "0")
    assert (done.code, "--seconds 0 leaves no time; give more than 0" in done.only_error()) == (
        2,
        True,
    )


def test_a_camera(impasto: Run, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is unplugged: what was recorded is kept, mirrored as cameras are."""
    source = "color=red:size=32x48:rate=25:duration=0.4,pad=64:48"  # red on the left
    monkeypatch.setattr(sources, "_cameras", lambda _: iter([("0", "0")]))
    monkeypatch.setattr(
        "impasto.webcam.sources._camera",
        lambda *_: CameraSource("the camera Test", source, "lavfi"),
    )
    done = impasto("webcam", *STYLE, "--strength", "0", "--no-window", "--record", "out.mkv")
    assert done.code == 1
    assert done.only_error().startswith("the camera Test is gone")
    assert done.out.startswith("out.mkv (64x48, ")
    red = frames_of(Path("out.mkv"))[0][..., 0].astype(int)
    assert red[:, 40:].mean() > 200 > 50 > red[:, :24].mean()


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process")
def test_ctrl_c_keeps_the_recording(clip: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "impasto",
        "webcam",
        str(clip),
        *STYLE,
        "--loop",
        "--no-window",
        "--record",
        "a.mp4",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(),
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a shell's background job would ignore it
    )
    while process.poll() is None and not Path("a.mp4").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "error: interrupted\n")
    assert out.startswith("a.mp4 (64x48, ")
    assert len(frames_of(Path("a.mp4"))) >= 1


@pytest.mark.process
def test_it_needs_no_torch_and_without_a_window_no_pygame(clip: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['pygame'] = None; "
        "from impasto.cli import main; main()"
    )
    done = python("-c", code, "webcam", str(clip), *STYLE, "--no-window", "--record", "a.mp4")
    assert (done.code, len(done.errors)) == (0, 1)
    assert done.out.startswith("a.mp4 (64x48, ")


def test_no_camera(impasto: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "_cameras", lambda _: iter(()))
    monkeypatch.chdir(tmp_path)
    done = impasto("webcam", *STYLE, "--no-window", "--record", "a.mp4")
    assert (done.code, done.out) == (1, "")
    assert "no camera here" in done.only_error()
    assert "impasto webcam clip.mp4" in done.err
    done = impasto("webcam", "absent.mp4", *STYLE, "--no-window", "--record", "a.mp4")
    assert (done.code, done.only_error()) == (
        1,
        "cannot open absent.mp4: there is no such camera or file; check the name",
    )
    assert list(tmp_path.iterdir()) == []


def test_no_display_and_no_extra(impasto: Run, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.webcam.window._is_without_display", lambda: True)
    if pytest.importorskip("pygame"):
        done = impasto("webcam", clip, *STYLE)
        assert (
            done.code,
            "there is no display here; run it on a desktop" in done.only_error(),
        ) == (1, True)
    monkeypatch.setitem(sys.modules, "pygame", None)
    done = impasto("webcam", clip, *STYLE)
    assert (done.code, "pip install 'impasto[webcam]'" in done.only_error()) == (1, True)


def test_what_was_named_is_looked_at_before_the_display(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.webcam.window._is_without_display", lambda: True)
    (tmp_path / "text.mp4").write_text("Dear Sir or Madam,\n")
    for name, reason in (
        ("/dev/video77", "no such camera or file"),
        (tmp_path / "text.mp4", "no video in a format"),
    ):
        done = impasto("webcam", name, *STYLE)
        assert (done.code, reason in done.only_error()) == (1, True)


@pytest.mark.slow
def test_a_disk_that_fills_up(impasto: Run, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a window, nobody would see the rest."""

    class Full(FileIO):
        def write(self, data: Any) -> int:
            if self.tell() >= 40_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(memoryview(data)[: 40_000 - self.tell()]) or 0

    monkeypatch.setattr("impasto.webcam.recorder.FileIO", Full)
    done = impasto("webcam", clip, *STYLE, "--loop", "--no-window", "--record", "a.mp4", "--json")
    (record,) = done.records
    assert done.code == 1
    told = (
        "error: cannot record a.mp4 further: No space left on device; "
        "free some space, or choose another disk"
    )
    assert done.errors[0] == f"{told}; a.mp4 holds what came before"
    assert len(done.errors) == 2  # and how many frames were painted
    assert len(frames_of(Path("a.mp4"))) == record["frames"] >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_folder_that_does_not_take_it(impasto: Run, clip: Path) -> None:
    """What nobody could see before."""
    done = impasto("webcam", clip, *STYLE, "--loop", "--no-window", "--record", "/proc/a.mp4")
    assert (done.code, done.out) == (1, "")
    assert done.errors[0].startswith("error: cannot record /proc/a.mp4 further: ")


def test_wrong_usage(impasto: Run, clip: Path) -> None:
    Path("there.mp4").write_text("mine")
    assert "--record live.mp4" in impasto("webcam", clip, "--no-window").usage()
    assert "ends in none of .mp4" in impasto("webcam", clip, "--record", "a.txt").usage()
    assert (
        "there.mp4 exists; --overwrite replaces it"
        in impasto("webcam", clip, "--record", "there.mp4").usage()
    )
    Path("folder.mp4").mkdir()
    for path, reason in (
        ("there.mp4/a.mp4", "a part of its path is a file"),
        ("folder.mp4", "there is a folder of this name"),
        ("a" * 300 + ".mp4", "choose a shorter name"),
    ):
        assert reason in impasto("webcam", clip, "--record", path, "--overwrite").usage()
    assert (
        "a part of its path is a file"
        in impasto("webcam", clip, "--snapshots", "there.mp4").usage()
    )
    assert "itself" in impasto("webcam", clip, "--record", "clip.mp4", "--overwrite").usage()
    assert "starry-night" in impasto("webcam", clip, "-s", "great-wave,stary-night").usage()
    assert "absent" in impasto("webcam", clip, "-n", "absent.safetensors").usage()
    assert Path("there.mp4").read_text() == "mine"


def test_which_styles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = [name for name in gallery_names() if name != "photo"]
    assert specs([]) == gallery
    assert specs(["udnie"]) == ["udnie", *(name for name in gallery if name != "udnie")]
    assert specs(["udnie, great-wave", "a.jpg"]) == ["udnie", "great-wave", "a.jpg"]
    assert specs(["a:0.7,b:0.3", "c"]) == ["a:0.7,b:0.3", "c"]
    monkeypatch.chdir(tmp_path)
    Path("a,b.jpg").write_text("")
    assert specs(["a,b.jpg", "c"]) == ["a,b.jpg", "c"]


def test_strength_0_is_the_camera(impasto: Run, clip: Path) -> None:
    assert (
        impasto("webcam", clip, *STYLE, "--strength", "0", "--no-window", "--record", "a.mp4").code
        == 0
    )
    first, source = frames_of(Path("a.mp4"))[0], frames_of(clip)
    assert min(np.abs(first.astype(int) - frame).mean() for frame in source) < 4
