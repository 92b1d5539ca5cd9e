"""Convert colors of any mode and profile to sRGB."""

import contextlib
import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto.images.color_coding import ColorCoding

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

_MAX_PROFILE_BYTES = 16 << 20  # profiles for printing have up to 10 MB

# values that mean white, by mode; 16-bit modes have one only
_WHITE_LEVELS = {"F": (1.0, 255.0, 65_535.0), "I": (255.0, 65_535.0)}

# color space of an ICC profile -> mode of the pixels it applies to
_PROFILE_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split an image of any mode into color and alpha.

    Returns:
        Color in a mode that profiles exist for (L, RGB or CMYK), and alpha (L), or None where the
        image has no transparency.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return _split_deep(image)
    if image.mode == "LAB":
        return _from_lab(image), None
    if image.mode in ("La", "RGBa"):  # alpha is multiplied in
        image = image.convert(image.mode.upper())
    color_mode = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    if not image.has_transparency_data:
        return _to_mode(image, color_mode), None
    rgba = _to_mode(image, "RGBA")
    return _to_mode(rgba.convert("RGB"), color_mode), rgba.getchannel("A")


def _from_lab(image: Image.Image) -> Image.Image:
    """Convert CIELAB (of TIFF), which Pillow's own conversions do not know, to sRGB."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    rgb = ImageCms.profileToProfile(image, lab, _srgb_profile(), outputMode="RGB")
    assert rgb is not None  # None is the result of conversions in place only
    return rgb


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert an image, or return it where it has the mode already: Pillow would copy it."""
    return image if image.mode == mode else image.convert(mode)


def _split_deep(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split gray of more than 8 bits, which Pillow's conversions clip at 255 instead of scaling."""
    values = np.asarray(image)
    clear = image.info.get("transparency")  # PNG: the one value that is transparent
    alpha = None
    if clear is not None:
        alpha = Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    if image.mode == "I" and values.min() < -(2**15):
        # unsigned 32-bit TIFF, which Pillow holds as signed; signed 16-bit values end before this
        values = values.view(np.uint32)
    levels = np.nan_to_num(values.astype(np.float32))
    gray = scale_levels(levels, white_level(image.mode, float(levels.max())))
    return Image.fromarray(gray), alpha


def scale_levels(levels: Float32, white: float) -> UInt8:
    """Scale gray of more than 8 bits, so that `white` becomes 255."""
    gray = np.clip(np.nan_to_num(levels) * (255 / white), 0, 255)
    return np.rint(gray).astype(np.uint8)


def white_level(mode: str, max_level: float) -> float:
    """Return the value that means white.

    Files of floats and 32-bit integers do not state it. Of the values in use, it is the least
    that no pixel exceeds.
    """
    whites = _WHITE_LEVELS.get(mode, (65_535.0,))
    return next((white for white in whites if max_level <= white), max_level)


def to_srgb(
    color: Image.Image, icc: bytes | None, coding: ColorCoding | None = None
) -> Image.Image:
    """Convert color to sRGB by its ICC profile, or else by its coding.

    A profile that is broken, or that belongs to another kind of pixels, is ignored: the picture
    then counts as sRGB.

    Args:
        color: the colors, in a mode of `split_alpha`.
        icc: the ICC profile of the file, if any.
        coding: what else the file says about its colors, if anything.
    """
    overrides_icc = coding is not None and coding.overrides_icc
    if icc and len(icc) <= _MAX_PROFILE_BYTES and not overrides_icc:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return _apply_profile(color, ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    rgb = _to_mode(color, "RGB")
    if coding is None or color.mode == "CMYK":
        return rgb
    return Image.fromarray(coding.to_srgb(np.asarray(rgb)))


def _apply_profile(color: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _PROFILE_MODES.get(profile.profile.xcolor_space.strip(), "")
    if color.mode == "L" and mode == "RGB":
        color = color.convert("RGB")  # gray, stored with the profile of the editor's working space
    if color.mode != mode:
        raise ValueError(f"a profile for {mode} pixels in a picture of {color.mode} pixels")
    # for gray, LittleCMS by default tabulates the conversion at few points, and is up to 10 levels
    # off in the dark
    flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
    result = ImageCms.profileToProfile(
        color, profile, _srgb_profile(), ImageCms.Intent.PERCEPTUAL, outputMode="RGB", flags=flags
    )
    assert result is not None  # None is the result of conversions in place only
    return result


@cache
def _srgb_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
