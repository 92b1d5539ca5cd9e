"""What may be named as a camera, on each system."""

import errno
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from impasto.errors import VideoError
from impasto.webcam import sources
from impasto.webcam.sources import CameraSource, explain_failure, find_sources


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A system with these cameras: `system("win32", "One", "Two")`."""

    def becomes(platform: str, *cameras: str) -> None:
        monkeypatch.setattr("sys.platform", platform)
        if platform == "linux":
            monkeypatch.setattr(
                sources, "_cameras", lambda _: iter((name, name) for name in cameras)
            )
        devices = [
            SimpleNamespace(name=str(n), description=name, media_types=["video"])
            for n, name in enumerate(cameras)
        ]
        microphone = SimpleNamespace(name="0", description="Ear", media_types=["audio"])
        monkeypatch.setattr(av, "enumerate_input_devices", lambda _: [microphone, *devices])

    return becomes


def urls(found: list[CameraSource]) -> list[str]:
    return [each.url for each in found]


def test_ffmpeg_has_the_device_of_this_system() -> None:
    if device := sources._INPUT_DEVICES.get(sys.platform):
        assert av.ContainerFormat(device, "r").is_input


def test_linux(system: Any) -> None:
    system("linux", "/dev/video0", "/dev/video2")
    assert urls(find_sources(None, 480)) == [
        "/dev/video0",
        "/dev/video2",
    ]  # the second may be what the first is not
    (found,) = find_sources("2", 480)
    assert (found.name, found.url, found.device) == (
        "the camera /dev/video2",
        "/dev/video2",
        "v4l2",
    )
    with pytest.raises(
        VideoError,
        match=r"no camera 1 here: there are 0 \(/dev/video0\), 2 \(/dev/video2\); take another",
    ):
        find_sources("1", 480)


def test_other_systems(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    system("darwin", "FaceTime", "Phone")
    assert [(f.name, f.url, f.device) for f in find_sources(None, 480)] == [
        ("the camera FaceTime", "0", "avfoundation"),
        ("the camera Phone", "1", "avfoundation"),
    ]
    assert urls(find_sources("Phone", 480)) == ["1"]
    system("win32", "Integrated Camera")
    devices = [
        SimpleNamespace(name="@device_1", description="Integrated Camera", media_types=["video"])
    ]
    monkeypatch.setattr(av, "enumerate_input_devices", lambda _: devices)
    (found,) = find_sources("0", 480)
    assert (found.url, found.device) == ("video=@device_1", "dshow")
    (found,) = find_sources("absent.mp4", 480)
    assert (found.url, found.device) == ("absent.mp4", None)
    system("plan9")
    with pytest.raises(VideoError, match="plan9"):
        find_sources(None, 480)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_no_camera(system: Any, platform: str) -> None:
    system(platform)
    with pytest.raises(
        VideoError, match=r"no camera here: .* finds none.*; plug one in, or name a file"
    ) as raised:
        find_sources(None, 480)
    assert ("/dev/video*" in str(raised.value)) == (platform == "linux")


def test_files_and_addresses(system: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system("linux", "/dev/video0")
    (found,) = find_sources("rtsp://example.org/door", 480)
    assert (found.device, found.is_address) == (None, True)
    monkeypatch.chdir(tmp_path)
    Path("7").write_text("")  # a file of this name is meant
    (found,) = find_sources("7", 480)
    assert (found.url, found.device, found.is_address) == ("7", None, False)
    assert not CameraSource("", "C:\\clip.mp4").is_address


@pytest.mark.parametrize(
    ("short_side", "size"),
    [(480, "1280x720"), (720, "1280x720"), (721, "1920x1080"), (9000, "3840x2160")],
)
def test_the_size_that_is_asked_for(system: Any, short_side: int, size: str) -> None:
    system("linux", "/dev/video0")
    (found,) = find_sources(None, short_side)
    assert found.settings[0] == {"video_size": size, "framerate": "30", "input_format": "mjpeg"}
    assert found.settings[-1] == {}  # whatever it gives


@pytest.mark.parametrize(
    ("device", "error", "remedy"),
    [
        ("v4l2", PermissionError(errno.EACCES, "Permission denied"), "join the group video"),
        (
            "avfoundation",
            PermissionError(errno.EPERM, "Operation not permitted"),
            "privacy settings",
        ),
        ("v4l2", OSError(errno.EBUSY, "Device or resource busy"), "close the other program"),
        (
            "v4l2",
            OSError(errno.ENOTTY, "Inappropriate ioctl"),
            "take another number, or name a file",
        ),
        (None, FileNotFoundError(errno.ENOENT, "No such file"), "no such camera or file"),
        (None, NotADirectoryError(errno.ENOTDIR, "Not a directory"), "no such camera or file"),
        (
            None,
            IsADirectoryError(errno.EISDIR, "Is a directory"),
            "it is a folder; name a video file in it",
        ),
        (None, ValueError("it has no pictures"), "it has no pictures; name a video"),
        (
            None,
            OSError(errno.ENAMETOOLONG, "File name too long"),
            "File name too long; choose a shorter name",
        ),
    ],
)
def test_why_not(device: str | None, error: Exception, remedy: str) -> None:
    assert remedy in explain_failure(CameraSource("it", "it", device), error)


def test_why_not_of_addresses() -> None:
    refused = OSError(errno.ECONNREFUSED, "Connection refused")
    assert explain_failure(CameraSource("it", "http://it/"), refused).startswith(
        "Connection refused; name a video, or an address"
    )
