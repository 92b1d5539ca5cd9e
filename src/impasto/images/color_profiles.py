"""Convert colors of any mode and profile to sRGB."""

import contextlib
import io
from functools import cache

import numpy as np
from PIL import Image, ImageCms

_PROFILE_BYTES = 16 << 20  # those for printing have up to 10 MB


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour in one of the modes that profiles are made for (L, RGB, CMYK), and alpha (L) where
    there is any."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _split_deep(image)
    if image.mode in ("La", "RGBa"):  # alpha multiplied in
        image = image.convert(image.mode.upper())
    colour_mode = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    if not image.has_transparency_data:
        return _in_mode(image, colour_mode), None
    rgba = _in_mode(image, "RGBA")
    return _in_mode(rgba.convert("RGB"), colour_mode), rgba.getchannel("A")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The image itself where it is in this mode: Pillow would copy it."""
    return image if image.mode == mode else image.convert(mode)


def _split_deep(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Grey of more than 8 bits. Pillow's own conversions clip at 255 instead of scaling."""
    values = np.asarray(image)
    clear = image.info.get("transparency")  # PNG: the one value that is see-through
    alpha = (
        None
        if clear is None
        else Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    )
    if image.mode == "I" and values.min() < -(2**15):
        values = values.view(
            np.uint32
        )  # unsigned 32-bit TIFF, which Pillow holds as signed; 16-bit signed ends before this
    levels = np.nan_to_num(values.astype(np.float32))
    grey = np.clip(levels * (255 / _white(image.mode, float(levels.max()))), 0, 255)
    return Image.fromarray(np.rint(grey).astype(np.uint8)), alpha


_WHITES = {"F": (1.0, 255.0, 65_535.0), "I": (255.0, 65_535.0)}


def _white(mode: str, top: float) -> float:
    """The value that means white. Floats and 32-bit integers do not say: of those in use, the least
    that nothing exceeds."""
    return next((white for white in _WHITES.get(mode, (65_535.0,)) if top <= white), top)


_PROFILE_MODES = {
    "GRAY": "L",
    "RGB": "RGB",
    "CMYK": "CMYK",
}  # colour space of an ICC profile -> mode it applies to


def to_srgb(colour: Image.Image, icc: bytes | None) -> Image.Image:
    # A broken profile, or one for another kind of pixels, says nothing about this picture: it then
    # counts as sRGB.
    if icc and len(icc) <= _PROFILE_BYTES:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return _converted(colour, ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    return _in_mode(colour, "RGB")


def _converted(colour: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _PROFILE_MODES.get(profile.profile.xcolor_space.strip(), "")
    if (
        colour.mode == "L" and mode == "RGB"
    ):  # grey stored with the profile of the editor's working space
        colour = colour.convert("RGB")
    if colour.mode != mode:
        raise ValueError(f"a profile for {mode} pixels in a picture of {colour.mode} pixels")
    # for grey, LittleCMS by default tabulates the whole way at few points, and is up to 10 levels
    # off in the dark
    flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
    result = ImageCms.profileToProfile(
        colour, profile, _srgb(), ImageCms.Intent.PERCEPTUAL, outputMode="RGB", flags=flags
    )
    assert result is not None  # as it is in place only
    return result


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
