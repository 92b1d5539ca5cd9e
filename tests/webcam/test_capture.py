"""Files and devices are read: frames, times, turns, sizes, and what is wrong with them."""

import errno
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import EVEN, TIME_BASE, UNEVEN, make_clip, scene
from pictures import photo

from impasto.errors import VideoError
from impasto.webcam.capture import FramePreprocessor, OpenCamera, even_size
from impasto.webcam.sources import CameraSource


def opened(path: Path, loop: bool = False) -> OpenCamera:
    return OpenCamera([CameraSource(str(path), str(path))], loop)


def test_a_file(tmp_path: Path) -> None:
    feed = opened(make_clip(tmp_path / "data:clip.mp4", UNEVEN))
    frames = list(feed.frames())
    feed.close()
    assert [frame.seconds for frame in frames] == pytest.approx(
        [time * float(TIME_BASE) for time in UNEVEN]
    )
    assert (feed.size, feed.live) == ((64, 48), False)
    lens = FramePreprocessor(480)
    for number, frame in enumerate(frames):
        assert np.abs(lens(frame.frame, False).astype(int) - scene(48, 64, number)).mean() < 4


def test_times_begin_at_0(tmp_path: Path) -> None:
    feed = opened(make_clip(tmp_path / "a.mp4", tuple(time + 64_000 for time in EVEN)))
    assert [frame.seconds for frame in feed.frames()] == pytest.approx(
        [number / 25 for number in range(12)]
    )


def test_times_that_fall_back_go_on(tmp_path: Path) -> None:
    """As in transport streams that were joined: what comes after would be late for ever."""
    joined = tmp_path / "joined.ts"
    parts = [make_clip(tmp_path / f"{name}.ts", EVEN).read_bytes() for name in "ab"]
    joined.write_bytes(b"".join(parts))
    times = [frame.seconds for frame in opened(joined).frames()]
    assert len(times) >= 23
    assert np.diff(times) == pytest.approx(1 / 25, abs=0.002)


def test_a_loop_goes_on_in_time(tmp_path: Path) -> None:
    feed = opened(make_clip(tmp_path / "a.mp4", EVEN), loop=True)
    frames = list(itertools.islice(feed.frames(), 30))
    assert [frame.seconds for frame in frames] == pytest.approx(
        [number / 25 for number in range(30)]
    )
    pictures = [
        FramePreprocessor(480)(frame.frame, False) for frame in (frames[1], frames[13], frames[25])
    ]
    assert all((picture == pictures[0]).all() for picture in pictures)


def test_a_device(tmp_path: Path) -> None:
    """A device that makes pictures takes a camera's part: settings that it refuses are left, and
    its end is an error."""
    settings = (
        {"nonsense": "1", "graph": "broken"},
        {"graph": "testsrc=size=64x48:rate=25:duration=0.2"},
    )
    feed = OpenCamera([CameraSource("the camera Test", "", "lavfi", settings)])
    assert feed.live
    seen = []
    with pytest.raises(VideoError, match="the camera Test is gone"):
        for frame in feed.frames():
            seen.append(frame)
    assert len(seen) == 5


def test_the_first_that_opens_is_taken(tmp_path: Path) -> None:
    camera = CameraSource("the camera Test", "testsrc=size=64x48", "lavfi")
    feed = OpenCamera([CameraSource("the camera 0", "/dev/absent", "v4l2"), camera])
    assert feed.name == "the camera Test"
    feed.close()
    with pytest.raises(
        VideoError, match=r"cannot open the camera 0: .*\(2 were tried: /dev/absent, /dev/none\)"
    ):
        OpenCamera(
            [
                CameraSource("the camera 0", "/dev/absent", "v4l2"),
                CameraSource("the camera 1", "/dev/none", "v4l2"),
            ]
        )


class Unplugged:
    """A container whose device says this error after its third packet, the first time or always."""

    def __init__(self, container: Any, error: Exception, once: bool) -> None:
        self._container, self._error, self._once = container, error, once

    def demux(self, *streams: Any) -> Any:
        for number, packet in enumerate(self._container.demux(*streams)):
            if number == 3 and self._error:
                error = self._error
                if self._once:
                    self._error = None  # type: ignore[assignment]
                raise error
            yield packet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)


def test_a_camera_that_disappears(tmp_path: Path) -> None:
    feed = OpenCamera([CameraSource("the camera Test", "testsrc=size=64x48:rate=25", "lavfi")])
    feed._container = Unplugged(
        feed._container, OSError(errno.ENODEV, "No such device"), once=False
    )  # type: ignore[assignment]
    with pytest.raises(VideoError) as raised:
        list(feed.frames())
    assert (
        str(raised.value) == "the camera Test is gone (No such device); plug it in and start again"
    )


def test_a_camera_that_has_no_frame_yet() -> None:
    """As avfoundation says, which does not wait."""
    feed = OpenCamera(
        [CameraSource("the camera Test", "testsrc=size=64x48:rate=25:duration=0.4", "lavfi")]
    )
    feed._container = Unplugged(
        feed._container, BlockingIOError(errno.EAGAIN, "Try again"), once=True
    )  # type: ignore[assignment]
    seen = []
    with pytest.raises(VideoError, match="no more pictures"):
        for frame in feed.frames():
            seen.append(frame)
    assert len(seen) >= 9  # the packet in the hand of the fake is lost


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such camera or file"),
        (b"", r"it is empty \(0 bytes\)"),
        (b"Dear Sir or Madam, " * 99, "it is no video in a format that impasto reads"),
    ],
)
def test_what_is_no_video(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=f"cannot open {path}: {reason}"):
        opened(path)


def test_a_damaged_file_loses_frames_only(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", EVEN, (96, 128), options={"g": "1"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    assert 6 <= len(list(opened(path).frames())) <= 12


# The lens


@pytest.mark.parametrize(
    ("width", "height", "short", "expected"),
    [
        (1280, 720, 480, (854, 480)),
        (720, 1280, 480, (480, 854)),
        (640, 480, 480, (640, 480)),
        (320, 240, 480, (320, 240)),
        (63, 47, 480, (64, 48)),
        (1, 1, 64, (2, 2)),
    ],
)
def test_sizes(width: int, height: int, short: int, expected: tuple[int, int]) -> None:
    assert even_size(width, height, short) == expected


def test_a_mirror(tmp_path: Path) -> None:
    frame = next(opened(make_clip(tmp_path / "a.mp4", EVEN[:2])).frames()).frame
    plain, mirrored = FramePreprocessor(480)(frame, False), FramePreprocessor(480)(frame, True)
    assert (mirrored == plain[:, ::-1]).all()
    assert (mirrored != plain).any()
    assert mirrored.flags["C_CONTIGUOUS"]


def test_a_frame_is_made_smaller(tmp_path: Path) -> None:
    source = photo(96, 128)
    frame = next(
        opened(make_clip(tmp_path / "a.mp4", EVEN[:2], (96, 128), pictures=[source] * 2)).frames()
    ).frame
    small = FramePreprocessor(48)(frame, False)
    means = source.reshape(48, 2, 64, 2, 3).mean(axis=(1, 3))
    assert small.shape == (48, 64, 3)
    assert np.abs(small - means).mean() < 2


def test_a_turned_clip_comes_upright(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", EVEN[:2], (48, 64), turn=(90, False))
    picture = FramePreprocessor(480)(next(opened(path).frames()).frame, False)
    assert np.abs(picture.astype(int) - np.rot90(scene(48, 64, 0))).mean() < 4


def test_frames_that_change_size_keep_the_first(tmp_path: Path) -> None:
    lens = FramePreprocessor(480)
    frames = [
        next(opened(make_clip(tmp_path / f"{w}.mp4", EVEN[:2], (48, w))).frames()).frame
        for w in (64, 96)
    ]
    assert [lens(frame, False).shape for frame in frames] == [(48, 64, 3)] * 2
