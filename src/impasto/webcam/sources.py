"""Sources of the webcam: a name stands for a device of this system, a file, or an address."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from impasto.errors import VideoError
from impasto.video.demuxer import explain_unreadable

_INPUT_DEVICES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}  # of FFmpeg
_REMEDY = "or name a file or an address that is played instead: impasto webcam clip.mp4"
_SIZES = ("1280x720", "1920x1080", "3840x2160")  # impasto asks for the smallest that is enough
_FALLBACK_SIZE, _RATE = "640x480", "30"
_EBUSY = 16

Settings = dict[str, str]


@dataclass(frozen=True)
class CameraSource:
    """A camera, file or address that can be opened.

    Attributes:
        name: its name in messages.
        url: its name for FFmpeg.
        device: the input device of FFmpeg that reads it; None for files and addresses.
        settings: options to try, the best first; a camera takes only those that it knows.
    """

    name: str
    url: str
    device: str | None = None
    settings: tuple[Settings, ...] = ({},)

    @property
    def is_address(self) -> bool:
        """Whether it is fetched over a network."""
        return self.device is None and _is_address(self.url)


def find_sources(camera: str | None, short_side: int) -> list[CameraSource]:
    """Find the sources that a name may stand for, the most likely first.

    Args:
        camera: a number, a device's path or name, a file, or an address; None for the first camera
            that works.
        short_side: pixels wanted on the short side of a camera's pictures.

    Raises:
        VideoError: the system has no camera, or none of this number.
    """
    device = _INPUT_DEVICES.get(sys.platform)
    exists = camera is not None and os.path.exists(camera)  # noqa: PTH110  # as `Path.exists` raises at long names
    number = int(camera) if camera and camera.isdecimal() and not exists else None
    if camera and number is None:
        return _named_sources(camera, exists, device, short_side)
    return _numbered_sources(number, device, short_side)


def _named_sources(
    camera: str, exists: bool, device: str | None, short_side: int
) -> list[CameraSource]:
    if device == "v4l2" and exists and Path(camera).is_char_device():
        return [_camera(camera, camera, device, short_side)]
    if device and device != "v4l2" and not _is_address(camera) and not exists:
        matches = [(name, url) for name, url in _cameras(device) if camera in (name, url)]
        if matches:
            return [_camera(name, url, device, short_side) for name, url in matches]
    return [CameraSource(camera, camera)]


def _numbered_sources(
    number: int | None, device: str | None, short_side: int
) -> list[CameraSource]:
    """Find the camera of a number, or all cameras."""
    if device is None:
        raise VideoError(
            f"cannot use cameras of {sys.platform}: impasto does not know them; name a file or an "
            "address"
        )
    cameras = list(_cameras(device))
    chosen = [
        camera for camera in cameras if number is None or _number_of(camera, cameras) == number
    ]
    if not chosen:
        raise VideoError(_explain_no_camera(number, cameras, device))
    return [_camera(name, url, device, short_side) for name, url in chosen]


def _explain_no_camera(number: int | None, cameras: list[tuple[str, str]], device: str) -> str:
    subject = "no camera" if number is None else f"no camera {number}"
    if cameras:
        known = ", ".join(f"{_number_of(camera, cameras)} ({camera[0]})" for camera in cameras)
        return f"{subject} here: there are {known}; take another number, {_REMEDY}"
    place = " at /dev/video*" if device == "v4l2" else ""
    return f"{subject} here: {device} finds none{place}; plug one in, {_REMEDY}"


def _is_address(text: str) -> bool:
    # two letters at least: C:\ is a disk
    return bool(re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE))


def _cameras(device: str) -> Iterator[tuple[str, str]]:
    """Yield the cameras of this system: the name for messages, and that for FFmpeg."""
    if device == "v4l2":
        paths = Path("/dev").glob("video[0-9]*")
        for path in sorted(paths, key=lambda path: (len(path.name), path.name)):
            yield str(path), str(path)
        return
    try:
        inputs = av.enumerate_input_devices(device)
    except (FFmpegError, OSError, ValueError):
        return
    for entry in inputs:
        # The list has both kinds where the system keeps no order; a camera may bring a microphone.
        if "video" in entry.media_types or not entry.media_types:
            url = entry.name if device == "avfoundation" else f"video={entry.name}"
            yield entry.description or entry.name, url


def _number_of(camera: tuple[str, str], cameras: list[tuple[str, str]]) -> int:
    """Give a camera's number: 2 for /dev/video2; on other systems its place in the list."""
    digits = re.fullmatch(r"/dev/video(\d+)", camera[1])
    return int(digits[1]) if digits else cameras.index(camera)


def _camera(name: str, url: str, device: str, short_side: int) -> CameraSource:
    size = next((size for size in _SIZES if int(size.partition("x")[2]) >= short_side), _SIZES[-1])
    wanted = {"video_size": size, "framerate": _RATE}
    fallback = {"video_size": _FALLBACK_SIZE, "framerate": _RATE}
    # With v4l2, many cameras send large pictures at full rate as JPEG only.
    best = [wanted | {"input_format": "mjpeg"}] if device == "v4l2" else []
    return CameraSource(f"the camera {name}", url, device, (*best, wanted, fallback, {}))


def explain_failure(source: CameraSource, error: BaseException) -> str:
    """Explain why a source cannot be opened, with a remedy."""
    reason: str = (
        getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    )
    has_no_pictures = source.device is None and type(error) is ValueError
    if source.is_address or has_no_pictures:
        return f"{reason}; name a video, or an address that answers with one"
    if source.device is None:
        message = explain_unreadable(Path(source.url), error)
        return message.replace("no such file", "no such camera or file")
    if isinstance(error, PermissionError):
        if source.device == "v4l2":
            return f"{reason}; join the group video (sudo usermod -aG video $USER) and log in anew"
        return f"{reason}; allow this terminal the camera in the privacy settings"
    if getattr(error, "errno", None) == _EBUSY or "busy" in reason.lower():
        return f"{reason}; close the other program that uses it"
    return f"{reason}; take another number, {_REMEDY}"
