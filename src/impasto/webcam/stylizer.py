"""The painter of a live view: what a style needs is made when it is first painted, and statistics
are held in time."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from impasto.errors import NetworkError
from impasto.images.image import UInt8
from impasto.inference.model import PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix
from impasto.stylizer import Stylizer
from impasto.video.frame_stylizer import FrameStyle, FrameStylizer
from impasto.video.temporal.frozen_statistics import SteadyStyle


class WebcamStylizer:
    """Paints one picture after the other, in the style and strength of the moment.

    Args:
        stylizer: whose network paints.
        size: pixels down and across of what will be painted.
        styles: all that will be asked for; what takes seconds, such as compiling a network, is done
            here.
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
        settings: StylizeSettings | None = None,
    ) -> None:
        self._stylizer, self._settings = stylizer, settings or StylizeSettings(styles[0])
        self._options = engine, threads
        self._frames: FrameStylizer | None = None
        self._chosen: tuple[Mix, float] | None = None
        loaded = set[str]()
        for style in [*styles, *self._settings.mixes[1:]]:
            prepared = stylizer.prepare(style)
            if fresh := {job.network.hash for job in prepared.passes} - loaded:
                loaded |= fresh
                steady = self._steady(prepared)
                for _ in range(
                    2
                ):  # the first frame of a scene and one that follows are painted by other graphs
                    _checked(steady, np.full((*size, 3), 128, np.uint8))

    def __call__(self, picture: UInt8, style: Mix, strength: float) -> UInt8:
        """Paint uint8 (H, W, 3). Raises NetworkError where the engine fails."""
        if self._frames is None or self._chosen != (style, strength):
            settings = replace(self._settings, style=style, strength=strength)
            self._frames, self._chosen = (
                FrameStylizer(self._stylizer, settings, self._steady),
                (style, strength),
            )
        return _checked(self._frames, picture)

    def _steady(self, prepared: PreparedStyle) -> SteadyStyle:
        return SteadyStyle(prepared, True, *self._options)


def _checked(prepared: FrameStyle, picture: UInt8) -> UInt8:
    try:
        return prepared(picture)
    except (MemoryError, RuntimeError) as error:  # engines report a lack of memory as RuntimeError
        reason = next(iter(str(error).strip().splitlines()), "out of memory")
        raise NetworkError(
            f"painting {picture.shape[1]}x{picture.shape[0]} pixels failed ({reason}); try a smaller --size"
        ) from error
