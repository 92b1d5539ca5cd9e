"""What may be named as a camera: a device of this system, a file, or an address."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from impasto.errors import VideoError
from impasto.video.reader import unreadable

_SYSTEMS = {
    "linux": "v4l2",
    "darwin": "avfoundation",
    "win32": "dshow",
}  # the input devices of FFmpeg
_ELSE = "or name a file or an address that is played instead: impasto webcam clip.mp4"
_SIZES = ("1280x720", "1920x1080", "3840x2160")  # asked of cameras, the least that is enough

Settings = dict[str, str]


@dataclass(frozen=True)
class CameraSource:
    """Something to open.

    Attributes:
        name: what messages call it.
        url: what FFmpeg calls it.
        device: the input device that reads it; None for files and addresses.
        settings: options to try, the best first; a camera takes only what it knows.
    """

    name: str
    url: str
    device: str | None = None
    settings: tuple[Settings, ...] = ({},)

    @property
    def is_address(self) -> bool:
        """Whether it is fetched from elsewhere."""
        return self.device is None and _is_address(self.url)


def find_sources(camera: str | None, short_side: int) -> list[CameraSource]:
    """What a name may stand for, the most likely first: the first that opens is meant.

    Args:
        camera: a number, a device's path or name, a file, an address; None for the first camera
            that works.
        short_side: pixels that are wanted of a camera.

    Raises:
        VideoError: there is no camera on this system, or none of this number.
    """
    system = _SYSTEMS.get(sys.platform)
    is_there = camera is not None and os.path.exists(camera)  # noqa: PTH110  # as `Path.exists` raises at long names
    number = int(camera) if camera and camera.isdecimal() and not is_there else None
    if camera and number is None:
        if system == "v4l2" and is_there and Path(camera).is_char_device():
            return [_camera(camera, camera, system, short_side)]
        if system and system != "v4l2" and not _is_address(camera) and not is_there:
            named = [(name, url) for name, url in _cameras(system) if camera in (name, url)]
            return [_camera(name, url, system, short_side) for name, url in named] or [
                CameraSource(camera, camera)
            ]
        return [CameraSource(camera, camera)]
    if system is None:
        raise VideoError(
            f"cameras of {sys.platform} are not known to impasto; name a file or an address"
        )
    there = list(_cameras(system))
    chosen = there if number is None else [pair for pair in there if _number(there, pair) == number]
    if not chosen:
        none = "no camera" if number is None else f"no camera {number}"
        known = ", ".join(f"{_number(there, pair)} ({pair[0]})" for pair in there)
        seen = (
            f"there are {known}"
            if there
            else f"{system} finds none" + (" at /dev/video*" if system == "v4l2" else "")
        )
        raise VideoError(
            f"{none} here: {seen}; {'take another number' if there else 'plug one in'}, {_ELSE}"
        )
    return [_camera(name, url, system, short_side) for name, url in chosen]


def _is_address(text: str) -> bool:
    return bool(
        re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE)
    )  # two letters at least: C:\ is a disk


def _cameras(system: str) -> Iterator[tuple[str, str]]:
    """Cameras that this system has: what messages and FFmpeg call them."""
    if system == "v4l2":
        for path in sorted(
            Path("/dev").glob("video[0-9]*"), key=lambda path: (len(path.name), path.name)
        ):
            yield str(path), str(path)
        return
    try:
        found = av.enumerate_input_devices(system)
    except (FFmpegError, OSError, ValueError):
        return
    for device in found:
        # a list of both kinds where the system keeps no order; a camera may bring a microphone
        if "video" in device.media_types or not device.media_types:
            yield (
                device.description or device.name,
                device.name if system == "avfoundation" else f"video={device.name}",
            )


def _number(there: list[tuple[str, str]], pair: tuple[str, str]) -> int:
    """A camera's number: of /dev/video2, 2; elsewhere its place."""
    digits = re.fullmatch(r"/dev/video(\d+)", pair[1])
    return int(digits[1]) if digits else there.index(pair)


def _camera(name: str, url: str, system: str, short_side: int) -> CameraSource:
    size = next((size for size in _SIZES if int(size.partition("x")[2]) >= short_side), _SIZES[-1])
    wanted = {"video_size": size, "framerate": "30"}
    # by v4l2, many cameras send large pictures at full rate as JPEG only
    best = [wanted | {"input_format": "mjpeg"}] if system == "v4l2" else []
    return CameraSource(
        f"the camera {name}",
        url,
        system,
        (*best, wanted, {"video_size": "640x480", "framerate": "30"}, {}),
    )


def explain_failure(given: CameraSource, error: BaseException) -> str:
    """Why something cannot be opened, and what to do."""
    reason: str = (
        getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    )
    if given.is_address or (
        given.device is None and type(error) is ValueError
    ):  # opened, and without pictures
        return f"{reason}; name a video, or an address that answers with one"
    if given.device is None:
        return unreadable(Path(given.url), error).replace("no such file", "no such camera or file")
    if isinstance(error, PermissionError):
        group = "join the group video (sudo usermod -aG video $USER) and log in anew"
        return f"{reason}; {group if given.device == 'v4l2' else 'allow this terminal the camera in the privacy settings'}"
    if getattr(error, "errno", None) == 16 or "busy" in reason.lower():  # EBUSY
        return f"{reason}; close the other program that uses it"
    return f"{reason}; take another number, {_ELSE}"
