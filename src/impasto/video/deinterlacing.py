"""Deinterlace frames: two fields of different times become one picture, before it is painted."""

import itertools
from collections.abc import Iterator
from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

# one frame for each frame, in the order of fields that the frame names; others pass unchanged
_FILTER, _OPTIONS = "bwdif", "mode=send_frame:parity=auto:deint=interlaced"


class Deinterlacer:
    """Deinterlaces the frames of one video that are marked as interlaced, by FFmpeg's bwdif.

    From the first of them on, frames come one later than they are given, as the filter compares
    neighbors. Until then they come at once.

    Args:
        time_base: unit of the times of all frames.

    Attributes:
        is_active: whether a frame was interlaced so far.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._graph: Graph | None = None
        self._layout: tuple[int, int, str] | None = None
        self.is_active = False

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Give the next frame; yield the frames that are ready."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        layout = frame.width, frame.height, frame.format.name
        if self._graph is None or layout != self._layout:
            yield from self.flush()
            self._graph, self._layout, self.is_active = self._build(frame), layout, True
        self._graph.vpush(frame)
        yield from self._pull()

    def flush(self) -> Iterator[VideoFrame]:
        """Yield the frames that the filter holds back."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()
            self._graph = None

    def _build(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=self._time_base
        )
        chain = [source, graph.add(_FILTER, _OPTIONS), graph.add("buffersink")]
        for before, after in itertools.pairwise(chain):
            before.link_to(after)
        graph.configure()
        return graph

    def _pull(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            if frame.pts is not None and frame.time_base is not None:  # the filter halves the unit
                frame.pts = round(frame.pts * frame.time_base / self._time_base)
            frame.time_base = self._time_base
            yield frame
