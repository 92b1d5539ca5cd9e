"""The painter of a live view: what a style needs is made when it is first painted, and statistics are held in time."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from impasto.errors import NetworkError
from impasto.images.image import UInt8
from impasto.inference.model import Brush
from impasto.inference.settings import Manner
from impasto.models.mix import Mix
from impasto.stylizer import Stylizer
from impasto.video.frame_stylizer import FrameBrush, FramePainter
from impasto.video.temporal.frozen_statistics import SteadyBrush


class LivePainter:
    """Paints one picture after the other, in the style and strength of the moment.

    Args:
        stylizer: whose network paints.
        size: pixels down and across of what will be painted.
        styles: all that will be asked for; what takes seconds, such as compiling a network, is done here.
        manner: how they are painted, but for style and strength.
        engine, threads: as of the stylizer.

    Raises:
        StyleError, NetworkError: a style does not fit, or a network cannot be loaded.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        size: tuple[int, int],
        styles: Sequence[Mix],
        engine: str = "auto",
        threads: int | None = None,
        manner: Manner | None = None,
    ) -> None:
        self._stylizer, self._manner = stylizer, manner or Manner(styles[0])
        self._options = engine, threads
        self._painter: FramePainter | None = None
        self._chosen: tuple[Mix, float] | None = None
        loaded = set[str]()
        for style in [*styles, *self._manner.mixes[1:]]:
            brush = stylizer.brush(style)
            if fresh := {job.network.hash for job in brush.jobs} - loaded:
                loaded |= fresh
                steady = self._steady(brush)
                for _ in range(2):  # the first frame of a scene and one that follows are painted by other graphs
                    _checked(steady, np.full((*size, 3), 128, np.uint8))

    def __call__(self, picture: UInt8, style: Mix, strength: float) -> UInt8:
        """Paint uint8 (H, W, 3). Raises NetworkError where the engine fails."""
        if self._painter is None or self._chosen != (style, strength):
            manner = replace(self._manner, style=style, strength=strength)
            self._painter, self._chosen = FramePainter(self._stylizer, manner, self._steady), (style, strength)
        return _checked(self._painter, picture)

    def _steady(self, brush: Brush) -> SteadyBrush:
        return SteadyBrush(brush, True, *self._options)


def _checked(brush: FrameBrush, picture: UInt8) -> UInt8:
    try:
        return brush(picture)
    except (MemoryError, RuntimeError) as error:  # engines report a lack of memory as RuntimeError
        reason = next(iter(str(error).strip().splitlines()), "out of memory")
        raise NetworkError(
            f"painting {picture.shape[1]}x{picture.shape[0]} pixels failed ({reason}); try a smaller --size"
        ) from error
