"""The functions of the public API: photos, files and videos in, paintings and styles out.

Each parses what it is given and calls the recipe that the command line calls too.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from impasto.images.reading import PictureSource, to_picture
from impasto.inference.color import Color
from impasto.inference.settings import Region, parse_settings
from impasto.models.gallery import find_style, gallery_names
from impasto.models.network import Network
from impasto.models.style import Style
from impasto.models.mix import StyleSource
from impasto.progress import OnProgress
from impasto.stylizer import Stylizer

if TYPE_CHECKING:
    from impasto.batch.runner import FileResult
    from impasto.video.stylize import VideoResult

MaskLike = Any
"""A gray picture in any form that a photo may have, "alpha", or the name of a gradient."""

_loading = threading.Lock()
_stylizers: dict[str, Stylizer] = {}


def list_styles() -> list[str]:
    """List the styles of the gallery by name.

    Example:
        >>> "starry-night" in list_styles()
        True
    """
    return list(gallery_names())


def load_style(source: str | Path) -> Style:
    """Load a style by gallery name, from a style file, or from any picture.

    Args:
        source: a gallery name, the path of a style file (.safetensors), or the path of a picture.

    Raises:
        StyleError: the style is unknown, or the file is broken.

    Example:
        >>> load_style("great-wave").name
        'great-wave'
    """
    return find_style(source)


def stylize(
    photo: PictureSource,
    style: StyleSource,
    *,
    strength: float = 1.0,
    stroke: float = 1.0,
    color: str | Color | None = None,
    mask: MaskLike = None,
    regions: Sequence[str | Region | tuple[Any, Any]] = (),
    size: int | None = None,
    network: str | Path = "base",
    stylizer: Stylizer | None = None,
) -> Image.Image:
    """Paint a photo.

    Args:
        photo: a path, the bytes of an image file, a binary file object, a PIL image, or a uint8
            array: gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).
        style: a gallery name, a mix "starry-night:0.7,great-wave:0.3", a style file, any picture
            (as `photo`), a `Style` or a `Mix`.
        strength: 0 (the photo) to 1 (the full style).
        stroke: size of the strokes, 0.25 to 16; 1 is the network's own size.
        color: whose colors the painting has: "style", "luminance", "histogram",
            "linear-cholesky", "linear-pca" or "linear-mkl", with an amount such as
            "luminance:0.5". By default as the style was learned, mostly "style".
        mask: where to paint: a gray picture (as `photo`; white is painted, black is kept),
            "alpha" (the photo's transparency), or a gradient: "left-right", "right-left",
            "top-bottom", "bottom-top" or "radial".
        regions: other styles in places: "sky.png=great-wave", a pair (mask, style), or a `Region`.
        size: pixels of the painting's shorter side; smaller photos keep their size.
        network: "base", the faster "small", or the path of a network file; loaded once.
        stylizer: paints in place of the one that `network` names.

    Returns:
        A PIL image as large as the photo or as `size` says: RGB, or RGBA where the photo is
        transparent.

    Raises:
        PictureError: the photo cannot be read, or the array is not an image.
        StyleError: the style is unknown, broken, or made for another network.
        ColorError, MaskError: the color mode or the mask does not exist or cannot be read.
        ValueError: `strength`, `stroke` or `size` is out of range.

    Example:
        >>> painting = stylize("photo.jpg", "starry-night", color="luminance")
        >>> painting.size
        (64, 48)
    """
    settings = parse_settings(style, strength, stroke, color, mask, regions)
    loaded = stylizer or _stylizer(network)
    return loaded.paint_picture(to_picture(photo), settings, size).to_pil()


def stylize_files(
    paths: Iterable[str | Path] | str | Path,
    style: StyleSource,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    stroke: float = 1.0,
    color: str | Color | None = None,
    mask: MaskLike = None,
    regions: Sequence[str | Region | tuple[Any, Any]] = (),
    size: int | None = None,
    network: str | Path = "base",
    quality: int | None = None,
    overwrite: bool = False,
    stylizer: Stylizer | None = None,
    on_progress: OnProgress | None = None,
) -> "Iterator[FileResult]":
    raise NotImplementedError


def stylize_video() -> "VideoResult":
    raise NotImplementedError


def train_style() -> Style:
    raise NotImplementedError


def _stylizer(network: str | Path | Network) -> Stylizer:
    """Load a network once for all calls that name it."""
    if isinstance(network, Network):
        return Stylizer(network)
    with _loading:
        if str(network) not in _stylizers:
            _stylizers[str(network)] = Stylizer(network)
        return _stylizers[str(network)]
