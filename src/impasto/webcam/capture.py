"""Capture: frames of a camera, a file or an address, as they come."""

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from impasto.errors import VideoError, one_line
from impasto.images.image import UInt8
from impasto.video.deinterlacing import Deinterlacer
from impasto.video.frame_conversion import display_matrix, to_rgb, turn_upright
from impasto.webcam.sources import CameraSource, explain_failure

_ADDRESS_TIMEOUT = 10.0  # seconds that an address may take to answer
# Seconds between two tries: avfoundation does not wait for a frame, but reports that there is none.
_RETRY_SECONDS = 0.002


class TimedFrame(NamedTuple):
    """A frame, and the time at which it is shown, in seconds from the beginning of the feed."""

    seconds: float
    frame: VideoFrame


class FrameFeed(Protocol):
    """A source of frames.

    Attributes:
        name: its name in messages.
        live: whether frames come when they are there; else each has its time, which is waited for.
    """

    name: str
    live: bool

    def frames(self) -> Iterator[TimedFrame]:
        """Yield frames, in order.

        Raises:
            VideoError: they end and should not.
        """
        ...

    def close(self) -> None:
        """Close the device or file."""
        ...


class OpenCamera:
    """An open camera, file or address.

    Args:
        sources: candidates; the first one that opens is used.
        loop: begin anew at the end of a file.

    Raises:
        VideoError: none can be opened, or the one that opens has no pictures.
    """

    def __init__(self, sources: Sequence[CameraSource], loop: bool = False) -> None:
        self._source, self._container, self._video = _open_first(sources)
        self.name, self.live, self._loop = self._source.name, bool(self._source.device), loop

    def __repr__(self) -> str:
        return f"OpenCamera({self.name!r})"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, before frames are turned upright."""
        return self._video.codec_context.width, self._video.codec_context.height

    def frames(self) -> Iterator[TimedFrame]:
        """Yield frames, in order; those of a file in a loop again and again.

        Raises:
            VideoError: a camera is gone, or a file has no frame that can be decoded.
        """
        offset, interval = 0.0, 1 / float(self._video.average_rate or 25)
        while True:
            last = None
            for timed in self._timed_frames(interval):
                last = timed.seconds
                yield TimedFrame(offset + last, timed.frame)
            if self.live:
                raise VideoError(
                    f"{self.name} is gone: it gives no more pictures; plug it in and start again"
                )
            if last is None:
                raise VideoError(
                    f"cannot play {self.name}: it holds no frame that can be decoded; it is broken "
                    "or cut short, get a fresh copy"
                )
            if not self._loop:
                return
            offset += last + interval
            self._container.close()
            self._container, self._video = _open_source(self._source)

    def _timed_frames(self, interval: float) -> Iterator[TimedFrame]:
        """Yield the frames of one pass, with times from 0 on that never fall back."""
        first, last = None, -interval
        for frame in self._decoded():
            stamp = last + interval if frame.time is None else frame.time
            if first is None:
                first = stamp
            elif stamp - first <= last:  # where streams were joined, times fall back
                first = stamp - last - interval
            last = stamp - first
            yield TimedFrame(last, frame)

    def _decoded(self) -> Iterator[VideoFrame]:
        deinterlacer = Deinterlacer(self._video.time_base or Fraction(1, 90_000))
        while True:
            try:
                for packet in self._container.demux(self._video):
                    try:
                        frames = self._video.decode(packet)
                    except MemoryError:
                        raise
                    except Exception:  # a damaged packet; others will come
                        continue
                    for frame in frames:
                        yield from deinterlacer.push(frame)
                yield from deinterlacer.flush()
                return
            except BlockingIOError:
                time.sleep(_RETRY_SECONDS)
            except Exception as error:  # FFmpegError, or whatever PyAV makes of the packet
                reason = getattr(error, "strerror", None) or type(error).__name__
                if self.live:
                    raise VideoError(
                        f"{self.name} is gone ({reason}); plug it in and start again"
                    ) from error
                raise VideoError(
                    f"cannot read {self.name} further: {reason}; get a fresh copy, or check the "
                    "connection"
                ) from error

    def close(self) -> None:
        """Close the device or file."""
        self._container.close()


def _open_first(
    sources: Sequence[CameraSource],
) -> tuple[CameraSource, InputContainer, VideoStream]:
    """Open the first source that opens.

    Raises:
        VideoError: none opens. A refused permission is reported before other reasons.
    """
    failures = list[tuple[CameraSource, Exception]]()
    for source in sources:
        try:
            return source, *_open_source(source)
        except (FFmpegError, OSError, ValueError) as error:
            failures.append((source, error))
    failed, failure = min(failures, key=lambda pair: not isinstance(pair[1], PermissionError))
    urls = ", ".join(source.url for source, _ in failures)
    tried = f" ({len(failures)} were tried: {urls})" if len(failures) > 1 else ""
    raise VideoError(
        f"cannot open {failed.name}: {explain_failure(failed, failure)}{tried}"
    ) from failure


def _open_source(source: CameraSource) -> tuple[InputContainer, VideoStream]:
    """Open a source and find its video.

    Raises:
        OSError, FFmpegError: it cannot be opened with its last settings.
        ValueError: it has no pictures.
    """
    container = _open_with_settings(source)
    video = next((stream for stream in container.streams.video if stream.codec_context.width), None)
    if video is None:
        container.close()
        raise ValueError("it has no pictures")
    # threads by frame hold back as many frames as there are threads
    is_file = source.device is None and not source.is_address
    video.thread_type = "AUTO" if is_file else "SLICE"
    return container, video


def _open_with_settings(source: CameraSource) -> InputContainer:
    """Open a source with the first of its settings that it takes."""
    *others, last = source.settings
    for settings in others:
        try:
            return _open_container(source, settings)
        except (PermissionError, FileNotFoundError):
            raise
        except (FFmpegError, OSError):
            continue
    return _open_container(source, last)


def _open_container(source: CameraSource, settings: dict[str, str]) -> InputContainer:
    if source.device:
        return av.open(source.url, format=source.device, options=settings)
    if source.is_address:
        return av.open(source.url, timeout=_ADDRESS_TIMEOUT, metadata_errors="replace")
    # only files, since playlists name others
    only_files = {"protocol_whitelist": "file,crypto,data"}
    return av.open(f"file:{source.url}", metadata_errors="replace", container_options=only_files)


class FramePreprocessor:
    """Makes upright pictures of one size, uint8 (H, W, 3), of the frames of a feed.

    Sides are even, as recordings need them.

    Args:
        short_side: pixels on the short side; smaller frames are not enlarged.
    """

    def __init__(self, short_side: int) -> None:
        self._short_side = short_side
        self._reformatter = VideoReformatter()
        # Both are those of the first frame, whatever comes later; the size is that before turning.
        self._size: tuple[int, int] | None = None
        self._matrix: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"FramePreprocessor({self._short_side})"

    def __call__(self, frame: VideoFrame, mirror: bool) -> UInt8:
        """Convert a frame; `mirror` swaps left and right."""
        try:
            return self._convert(frame, mirror)
        except (FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f"cannot show a frame in the pixel format {frame.format.name}: {one_line(error)}; "
                "choose another camera mode, or convert the file"
            ) from error

    def _convert(self, frame: VideoFrame, mirror: bool) -> UInt8:
        if self._size is None:
            self._size = even_size(frame.width, frame.height, self._short_side)
            self._matrix = display_matrix(frame)
        rgb = to_rgb(frame, self._reformatter, self._size)
        picture = turn_upright(rgb, self._matrix)
        return np.ascontiguousarray(picture[:, ::-1] if mirror else picture)


def even_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Compute even sides of the same shape, with a short side of at most `short_side` pixels."""
    scale = min(1.0, short_side / min(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))
