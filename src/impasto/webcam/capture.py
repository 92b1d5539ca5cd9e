"""A feed: frames of a camera, a file or an address, as they come."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from impasto.errors import VideoError
from impasto.images.image import UInt8
from impasto.video.frame_conversion import matrix_of, rgb_of, turned
from impasto.webcam.sources import CameraSource, explain_failure

_TIMEOUT = 10.0  # seconds that an address may take to answer
_AGAIN = 0.002  # seconds; avfoundation does not wait for a frame but says that there is none yet


class TimedFrame(NamedTuple):
    """A frame, and when it is shown, seconds from the feed's beginning."""

    seconds: float
    frame: VideoFrame


class FrameFeed(Protocol):
    """What frames come from."""

    name: str
    live: bool  # frames come when they are there; else each has its time, which is waited for

    def frames(self) -> Iterator[TimedFrame]:
        """Frames, in order. Raises VideoError where they end and should not."""
        ...

    def close(self) -> None:
        """Let go of the device or file."""
        ...


class OpenCamera:
    """A camera, file or address.

    Args:
        inputs: what may be meant; the first that opens is.
        loop: begin anew at the end of a file.

    Raises:
        VideoError: none can be opened, or what opens has no pictures.
    """

    def __init__(self, inputs: Sequence[CameraSource], loop: bool = False) -> None:
        self._input, self._container, self._video = _first(inputs)
        self.name, self.live, self._loop = self._input.name, self._input.device is not None, loop

    @property
    def size(self) -> tuple[int, int]:
        """Pixels across and down, as they are coded."""
        return self._video.codec_context.width, self._video.codec_context.height

    def frames(self) -> Iterator[TimedFrame]:
        """Frames, in order."""
        offset, step = 0.0, 1 / float(self._video.average_rate or 25)
        while True:
            begun, first, last = False, 0.0, -step
            for frame in self._decoded():
                given = last + step if frame.time is None else frame.time
                if not begun:
                    first = given
                elif given - first <= last:  # where streams were joined, times fall back
                    first = given - last - step
                begun, last = True, given - first
                yield TimedFrame(offset + last, frame)
            if self.live:
                raise VideoError(
                    f"{self.name} is gone: it gives no more pictures; plug it in and start again"
                )
            if not begun:
                raise VideoError(
                    f"{self.name} holds no frame that can be decoded; it is broken or cut short, get a fresh copy"
                )
            if not self._loop:
                return
            offset += last + step
            self._container.close()
            self._container, self._video = _opened(self._input)

    def _decoded(self) -> Iterator[VideoFrame]:
        while True:
            try:
                for packet in self._container.demux(self._video):
                    try:
                        frames = self._video.decode(packet)
                    except (
                        FFmpegError,
                        EOFError,
                    ):  # a damaged packet, of which there will be others
                        continue
                    yield from frames
                return
            except BlockingIOError:
                time.sleep(_AGAIN)
            except (FFmpegError, OSError) as error:
                reason = error.strerror or type(error).__name__
                if self.live:
                    raise VideoError(
                        f"{self.name} is gone ({reason}); plug it in and start again"
                    ) from error
                raise VideoError(f"{self.name} cannot be read further ({reason})") from error

    def close(self) -> None:
        """Let go of the device or file."""
        self._container.close()


def _first(inputs: Sequence[CameraSource]) -> tuple[CameraSource, InputContainer, VideoStream]:
    failures = list[tuple[CameraSource, Exception]]()
    for given in inputs:
        try:
            return given, *_opened(given)
        except (FFmpegError, OSError, ValueError) as error:
            failures.append((given, error))
    failed, reason = min(
        failures, key=lambda pair: not isinstance(pair[1], PermissionError)
    )  # what is told of several
    tried = (
        f" ({len(failures)} were tried: {', '.join(given.url for given, _ in failures)})"
        if len(failures) > 1
        else ""
    )
    raise VideoError(
        f"cannot open {failed.name}: {explain_failure(failed, reason)}{tried}"
    ) from reason


def _opened(given: CameraSource) -> tuple[InputContainer, VideoStream]:
    """Raises what FFmpeg does, of the last settings, or ValueError where there are no pictures."""
    for last, settings in enumerate(given.settings, 1 - len(given.settings)):
        try:
            container = _open(given, settings)
        except (PermissionError, FileNotFoundError):
            raise
        except (FFmpegError, OSError):
            if not last:
                raise
        else:
            break
    video = next((stream for stream in container.streams.video if stream.codec_context.width), None)
    if video is None:
        container.close()
        raise ValueError("it has no pictures")
    # threads by frame hold back as many frames as there are threads
    video.thread_type = "AUTO" if given.device is None and not given.is_address else "SLICE"
    return container, video


def _open(given: CameraSource, settings: dict[str, str]) -> InputContainer:
    if given.device:
        return av.open(given.url, format=given.device, options=settings)
    if given.is_address:
        return av.open(given.url, timeout=_TIMEOUT, metadata_errors="replace")
    # only files, since playlists name others
    files = {"protocol_whitelist": "file,crypto,data"}
    return av.open(f"file:{given.url}", metadata_errors="replace", container_options=files)


class FramePreprocessor:
    """Makes upright pictures of one size of frames: uint8 (H, W, 3), sides even, as recordings need
    them.

    Args:
        short_side: pixels; smaller frames are not enlarged.
    """

    def __init__(self, short_side: int) -> None:
        self._short = short_side
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = (
            None  # before it is turned; that of the first frame, whatever comes later
        )
        self._turn: tuple[int, ...] = ()

    def __call__(self, frame: VideoFrame, mirror: bool) -> UInt8:
        """The picture, as a mirror shows it if asked for."""
        if self._size is None:
            self._size, self._turn = (
                fitted(frame.width, frame.height, self._short),
                matrix_of(frame),
            )
        picture = turned(rgb_of(frame, self._reformatter, self._size), self._turn)
        return np.ascontiguousarray(picture[:, ::-1] if mirror else picture)


def fitted(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Even sides of the same shape, the short one at most so long."""
    share = min(1.0, short_side / min(width, height))
    return max(2, 2 * round(width * share / 2)), max(2, 2 * round(height * share / 2))
