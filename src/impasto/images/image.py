"""Pictures in and out: whatever the file holds becomes upright 8-bit sRGB, with the metadata that
is still true of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import PictureError

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in 8-bit sRGB.

    Attributes:
        rgb: uint8 (H, W, 3), values in [0, 255], the top row first.
        alpha: uint8 (H, W), 0 clear to 255 opaque, not multiplied into `rgb`; None where all is
            opaque.
        exif: an EXIF block ("Exif\\0\\0" and a TIFF header first) of camera, lens, dates, place,
            author and the like, without what stops being true of the decoded pixels: orientation,
            thumbnail, size, colour space.
        dpi: dots per inch across and down, where the file says.

    Raises:
        PictureError: an array has another shape or type, or no pixels.
    """

    rgb: UInt8
    alpha: UInt8 | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if (
            self.rgb.dtype != np.uint8
            or self.rgb.ndim != 3
            or self.rgb.shape[2] != 3
            or self.rgb.size == 0
        ):
            raise PictureError(
                f"a picture is a uint8 array (H, W, 3) with pixels, not {described(self.rgb)}"
            )
        if self.alpha is not None and (
            self.alpha.dtype != np.uint8 or self.alpha.shape != self.rgb.shape[:2]
        ):
            raise PictureError(
                f"the alpha of this picture is a uint8 array {self.rgb.shape[:2]}, not {described(self.alpha)}"
            )

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.rgb.shape[0])

    def to_pil(self) -> Image.Image:
        """The pixels as a Pillow image: RGBA where the picture has alpha, otherwise RGB."""
        image = Image.fromarray(self.rgb)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        return image


def described(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"


@dataclass(frozen=True)
class Header:
    """What a picture file says of itself before it is decoded.

    Attributes:
        format: as Pillow calls it.
        width, height: pixels, upright.
        orientation: of the stored rows and columns, 1 if they are upright (EXIF 3.0, 4.6.5.1.6).
        alpha: whether some pixels may be clear.
        exif, dpi: as of `Picture`.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    alpha: bool = False
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
