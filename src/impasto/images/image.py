"""Pictures in memory: upright 8-bit sRGB pixels, alpha, and the metadata that is still true."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import PictureError
from impasto.images.color_coding import ColorCoding
from impasto.images.transparency import make_opaque

UInt8 = NDArray[np.uint8]

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # of R, G and B in luma (ITU-R BT.601)


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    r"""An upright picture in 8-bit sRGB.

    Attributes:
        rgb: uint8 (H, W, 3), values in [0, 255], the top row first.
        alpha: uint8 (H, W), 0 (clear) to 255 (opaque), not multiplied into `rgb`; None where all
            pixels are opaque. Of pictures that are read, `rgb` under clear pixels is made of the
            visible colors around them; see `impasto.images.transparency`.
        exif: an EXIF block that begins with "Exif\0\0" and a TIFF header. It holds camera, lens,
            dates, place, author and the like. It leaves out the tags that stop being true of the
            decoded pixels: orientation, thumbnail, size, color space.
        dpi: dots per inch across and down, if the file states them.
        settings: of a painting, the settings that it was made with, as JSON; they are written into
            its file.

    Raises:
        PictureError: an array has another shape or type, or no pixels.
    """

    rgb: UInt8
    alpha: UInt8 | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    settings: str | None = None

    def __post_init__(self) -> None:
        shape, kind = self.rgb.shape, self.rgb.dtype
        if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or self.rgb.size == 0:
            raise PictureError(
                f"cannot make a picture of a {describe_array(self.rgb)} array;"
                " give a uint8 array (H, W, 3) with at least one pixel"
            )
        alpha = self.alpha
        if alpha is not None and (alpha.dtype != np.uint8 or alpha.shape != shape[:2]):
            raise PictureError(
                f"cannot use a {describe_array(alpha)} array as alpha;"
                f" give a uint8 array {shape[:2]}, as large as the picture"
            )

    def __repr__(self) -> str:
        return f"Picture({self.width} x {self.height}, {'RGB' if self.alpha is None else 'RGBA'})"

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.rgb.shape[0])

    def opaque(self) -> UInt8:
        """Return colors without alpha, uint8 (H, W, 3): visible ones spread behind the others."""
        return make_opaque(self.rgb, self.alpha)

    def to_pil(self) -> Image.Image:
        """Convert the pixels to a Pillow image, RGBA if the picture has alpha, otherwise RGB."""
        image = Image.fromarray(self.rgb)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        return image


def describe_array(array: NDArray[Any]) -> str:
    """Describe an array by type and shape, such as "uint8 (48, 64, 3)"."""
    return f"{array.dtype} {array.shape}"


@dataclass(frozen=True)
class Header:
    """Facts about a picture file that are known before its pixels are decoded.

    Attributes:
        format: the name of its format in Pillow.
        width: pixels across, upright.
        height: pixels down, upright.
        orientation: of the stored rows and columns, 1 if they are upright (EXIF 3.0, 4.6.5.1.6).
        alpha: whether some pixels may be clear.
        exif: as in `Picture`.
        dpi: as in `Picture`.
        mode: the mode of its pixels in Pillow, such as "RGB"; empty where it is unknown.
        icc: its ICC profile, if it has one.
        coding: what else it says about its colors, if anything.
        pages: pictures in the file; the first is read.
        is_preview: whether the picture is the preview in a camera raw file.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    alpha: bool = False
    exif: bytes | None = field(default=None, repr=False)
    dpi: tuple[float, float] | None = None
    mode: str = ""
    icc: bytes | None = field(default=None, repr=False)
    coding: ColorCoding | None = None
    pages: int = 1
    is_preview: bool = False
