"""Stylize the frames of a webcam: in the style and strength of the moment, and steadily."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from impasto.errors import NetworkError
from impasto.images.image import UInt8
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix
from impasto.stylizer import Stylizer
from impasto.video.frame_stylizer import FrameStyle, FrameStylizer
from impasto.video.temporal.frozen_statistics import SteadyStyle

_GRAY_LEVEL = 128  # of the pictures that warm a network up


class WebcamStylizer:
    """Stylizes one picture after the other, in the style and strength of the moment.

    Steps that take seconds, such as compiling a network, are done at the beginning. The rest of a
    style is prepared when it is first painted.

    Args:
        stylizer: the loaded network.
        size: height and width of the pictures, in pixels.
        styles: all styles that will be asked for.
        engine: engine that blends frames, as of the stylizer.
        threads: number of threads that blend frames, as of the stylizer.
        settings: color, mask and regions; style and strength are those of each call.

    Raises:
        StyleError: a style does not fit the network.
        NetworkError: a network cannot be loaded.
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
        self._stylizer, self._settings = stylizer.for_many(), settings or StylizeSettings(styles[0])
        self._engine, self._threads = engine, threads
        self._frames: FrameStylizer | None = None
        self._current: tuple[Mix, float] | None = None  # style and strength
        self._warm_up(size, [*styles, *self._settings.mixes[1:]])

    def __repr__(self) -> str:
        return f"WebcamStylizer({self._stylizer!r})"

    def _warm_up(self, size: tuple[int, int], styles: Sequence[Mix]) -> None:
        """Paint with each network once, so that it is compiled for this size."""
        gray = np.full((*size, 3), _GRAY_LEVEL, np.uint8)
        warm_networks = set[str]()
        for style in styles:
            prepared = self._stylizer.prepare(style)
            cold_networks = {part.network.hash for part in prepared.passes} - warm_networks
            if cold_networks:
                warm_networks |= cold_networks
                steady = self._stabilize(prepared)
                # The first frame of a scene and a later one are painted by different graphs.
                for _ in range(2):
                    _paint_checked(steady, gray)

    def __call__(self, picture: UInt8, style: Mix, strength: float) -> UInt8:
        """Stylize a picture, uint8 (H, W, 3).

        Raises:
            NetworkError: the engine failed.
        """
        if self._frames is None or self._current != (style, strength):
            settings = replace(self._settings, style=style, strength=strength)
            self._frames = FrameStylizer(self._stylizer, settings, self._stabilize)
            self._current = style, strength
        return _paint_checked(self._frames, picture)

    def _stabilize(self, prepared: PreparedStyle) -> SteadyStyle:
        return SteadyStyle(prepared, True, self._engine, self._threads)


def _paint_checked(paint: FrameStyle, picture: UInt8) -> UInt8:
    try:
        return paint(picture)
    except (MemoryError, RuntimeError) as error:  # engines report a lack of memory as RuntimeError
        reason = next(iter(str(error).strip().splitlines()), "out of memory")
        height, width = picture.shape[:2]
        raise NetworkError(
            f"cannot paint the camera: painting {width}x{height} pixels failed ({reason}); try a "
            "smaller --size"
        ) from error
