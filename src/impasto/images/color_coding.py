"""Colors told by numbers instead of an ICC profile: CICP (ITU-T H.273), gAMA and cHRM, and EXIF.

PNG tells them in the chunks cICP, gAMA and cHRM (PNG, third edition, 11.3.2), AVIF and HEIC in a
box `colr` of the kind `nclx` (ISO 14496-12, 12.1.5), cameras in EXIF (DCF 2.0: Adobe RGB).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CICP = "impasto cicp"
"""Key in the `info` of a Pillow image: primaries and transfer characteristics of H.273."""

Transfer = Literal["srgb", "pq", "hlg"] | float
"""From stored values to light: a named function, or the exponent of a power; 1 is linear."""

_D65 = (0.3127, 0.3290)
_SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
_ADOBE_RGB = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65)
_C = (0.310, 0.316)
# chromaticities x and y of red, green, blue and white, by the code points of H.273, table 2
_PRIMARIES = {
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
# by the code points of H.273, table 3
_TRANSFERS: dict[int, Transfer] = {4: 2.2, 5: 2.8, 8: 1.0, 16: "pq", 18: "hlg"}
# The curves of television are shown as on a television (BT.1886) in PNG, and as sRGB in AVIF, as
# Chromium does; most AVIF files that say so are in fact sRGB.
_TELEVISION, _TELEVISION_GAMMA = (1, 6, 14, 15), 2.4

_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMA = 0.45455  # as gAMA says it of sRGB
_MIN_GAMMA, _MAX_GAMMA = 0.1, 10.0
_PEAK, _WHITE = 1000.0, 203.0  # cd/m2: of HDR pictures, and of white paper in them (BT.2408)
_HLG_GAMMA = 1.2  # of the system, for a screen of 1000 cd/m2 (BT.2100)
_BT2020_LUMINANCE = (0.2627, 0.6780, 0.0593)
_DIM = 0.5  # light of white paper on a screen without HDR, which leaves room for brighter parts
_SHOULDER = 0.65  # how far towards the corner the curve above white paper bends
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_BAND_PIXELS = 1_000_000  # that are converted at a time
_LEVELS = 1 << 16  # at which sRGB's curve is tabulated


@dataclass(frozen=True)
class ColorCoding:
    """The meaning of RGB values.

    Attributes:
        primaries: chromaticities x and y of red, green, blue and white.
        transfer: from stored values to light.
        overrides_icc: whether it counts more than an ICC profile in the same file.
    """

    primaries: tuple[float, ...] = _SRGB
    transfer: Transfer = "srgb"
    overrides_icc: bool = False

    def to_srgb(self, rgb: UInt8) -> UInt8:
        """Convert colors to sRGB; HDR becomes what a screen without HDR shows.

        Args:
            rgb: uint8 (H, W, 3).

        Returns:
            uint8 (H, W, 3). Colors that sRGB lacks are clipped.
        """
        light = decode(np.arange(256) / 255, self.transfer).astype(np.float32)
        is_hdr = self.transfer in ("pq", "hlg")
        to_bt2020 = _matrix_between(self.primaries, _PRIMARIES[9]).astype(np.float32)
        matrix = _matrix_between(_PRIMARIES[9] if is_hdr else self.primaries, _SRGB)
        matrix = matrix.astype(np.float32)
        converted = np.empty_like(rgb)
        for top in range(0, len(rgb), step := max(1, _BAND_PIXELS // max(1, rgb.shape[1]))):
            linear = light[rgb[top : top + step]]
            if is_hdr:
                linear = linear @ to_bt2020.T
                linear = _tone_map(_show_scene(linear) if self.transfer == "hlg" else linear)
            srgb = np.clip(linear @ matrix.T, 0, 1)
            converted[top : top + step] = self._curve[(srgb * (_LEVELS - 1) + 0.5).astype(np.int32)]
        return converted

    @cached_property
    def _curve(self) -> UInt8:
        """The curve of sRGB (IEC 61966-2-1), from light to 8 bits."""
        linear = np.arange(_LEVELS) / (_LEVELS - 1)
        curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        return np.rint(255 * curve).astype(np.uint8)


def decode(values: Float64, transfer: Transfer) -> Float64:
    """Convert stored values, 0..1, to light; 1 is white.

    The light of PQ may be up to 49, that of HLG is of the scene, in 0..1.
    """
    if isinstance(transfer, int | float):
        return values**transfer
    if transfer == "pq":  # SMPTE ST 2084
        root = values ** (32 / 2523)
        light = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
        return light ** (8192 / 1305) * (10_000 / _WHITE)
    if transfer == "hlg":  # BT.2100, table 5
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _show_scene(scene: Float32) -> Float32:
    """Convert the light of a scene to that of a screen of 1000 cd/m2 (BT.2100, table 5, OOTF)."""
    luminance = scene @ np.array(_BT2020_LUMINANCE, np.float32)
    gain = np.maximum(luminance, 1e-6) ** np.float32(_HLG_GAMMA - 1)
    return scene * gain[..., None] * np.float32(_PEAK / _WHITE)


def _tone_map(light: Float32) -> Float32:
    """Reduce light of up to 1000 cd/m2, in BT.2020, to that of a screen, as Chromium does.

    This is the reference white tone mapping operator of SMPTE ST 2094-50 for a screen without HDR:
    the largest channel of white paper and of all darker parts is halved; above, a quadratic Bezier
    curve leads to 1 at 1000 cd/m2.
    """
    peak = _PEAK / _WHITE
    x = np.array([1, 1 - _SHOULDER + _SHOULDER / _DIM, peak])  # the control points
    y = np.array([_DIM, (1 - _SHOULDER) * _DIM + _SHOULDER, 1])
    t = np.linspace(0, 1, 1025)[:, None]
    weights = np.hstack([(1 - t) ** 2, 2 * t * (1 - t), t**2])
    largest = light.max(axis=-1, keepdims=True)
    shown = np.where(largest <= 1, _DIM * largest, np.interp(largest, weights @ x, weights @ y))
    return (light * (shown / np.maximum(largest, 1e-6))).astype(np.float32)


def _matrix_between(source: tuple[float, ...], target: tuple[float, ...]) -> Float64:
    """Compute the matrix (3, 3) from linear RGB of these primaries to linear RGB of others."""
    source_white, target_white = _xyz(source[6:]), _xyz(target[6:])
    scale = np.diag((_BRADFORD @ target_white) / (_BRADFORD @ source_white))
    adapt = np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD
    return np.linalg.inv(_matrix_to_xyz(target)) @ adapt @ _matrix_to_xyz(source)


def _matrix_to_xyz(primaries: tuple[float, ...]) -> Float64:
    columns = np.stack([_xyz(primaries[place : place + 2]) for place in (0, 2, 4)], axis=1)
    return columns * np.linalg.solve(columns, _xyz(primaries[6:]))


def _xyz(chromaticity: tuple[float, ...]) -> Float64:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def from_cicp(primaries: int, transfer: int, is_png: bool = False) -> ColorCoding | None:
    """Return the coding of two code points of H.273; None for sRGB, and for unspecified ones."""
    curve = _TRANSFERS.get(transfer, "srgb")
    if is_png and transfer in _TELEVISION:
        curve = _TELEVISION_GAMMA
    coding = ColorCoding(_PRIMARIES.get(primaries, _SRGB), curve, overrides_icc=is_png)
    is_srgb = coding.primaries == _SRGB and coding.transfer == "srgb"
    # in PNG, a cICP chunk for sRGB overrides an ICC profile too
    return None if is_srgb and not is_png else coding


def find_coding(image: Image.Image, exif: Image.Exif) -> ColorCoding | None:
    """Find what an open file says about its colors besides an ICC profile; None for sRGB.

    The order is that of the PNG specification (third edition, 4.3): cICP, ICC, sRGB, and then gAMA
    and cHRM. For other files an ICC profile comes first.
    """
    info = image.info
    if codes := info.get(CICP):
        primaries, transfer = codes
        return from_cicp(primaries, transfer, is_png=image.format == "PNG")
    if isinstance(nclx := info.get("nclx_profile"), dict):  # of pillow-heif
        return from_cicp(
            int(nclx.get("color_primaries", 2)), int(nclx.get("transfer_characteristics", 2))
        )
    if image.format == "PNG":
        return None if "srgb" in info else _from_png(info)
    return ColorCoding(_ADOBE_RGB, _ADOBE_GAMMA) if _is_adobe_rgb(exif) else None


def _from_png(info: dict[Any, Any]) -> ColorCoding | None:
    """Return the coding of the chunks gAMA and cHRM; None for sRGB and for broken values."""
    gamma, white_first = info.get("gamma"), info.get("chromaticity")
    primaries: tuple[float, ...] = _SRGB
    if white_first is not None:
        primaries = (*white_first[2:], *white_first[:2])
    is_srgb = np.allclose(primaries, _SRGB, atol=1e-3)
    if is_srgb and (gamma is None or abs(gamma - _SRGB_GAMMA) < 1e-3):
        return None
    transfer: Transfer = "srgb"
    if gamma is not None and _MIN_GAMMA <= gamma <= _MAX_GAMMA:
        transfer = 1 / gamma
    try:
        matrix = _matrix_between(primaries, _SRGB)
    except (np.linalg.LinAlgError, ZeroDivisionError, ValueError):
        return None
    return ColorCoding(primaries, transfer) if np.isfinite(matrix).all() else None


def _is_adobe_rgb(exif: Image.Exif) -> bool:
    """Tell whether a camera says Adobe RGB: by DCF's interoperability index, or the value 2."""
    try:
        details = exif.get_ifd(IFD.Exif)
        index = exif.get_ifd(IFD.Interop).get(1) if IFD.Interop in details else None
        return details.get(Base.ColorSpace) == 2 or str(index or "").strip("\0 ") == "R03"
    except Exception:  # broken metadata are no reason to refuse a sound picture
        return False


def read_cicp(header: bytes) -> tuple[int, int] | None:
    """Read primaries and transfer characteristics from the first bytes of a PNG or AVIF file."""
    if header[:8] == b"\x89PNG\r\n\x1a\n":
        return _read_cicp_chunk(header)
    # the kind nclx is told in one place of the file only, whatever boxes lie around it
    at = header.find(b"colrnclx") if header[4:8] == b"ftyp" else -1
    if at < 0 or len(header) < at + 12:
        return None
    codes = header[at + 8 : at + 12]
    return int.from_bytes(codes[:2], "big"), int.from_bytes(codes[2:], "big")


def _read_cicp_chunk(header: bytes) -> tuple[int, int] | None:
    position = 8
    while position + 12 <= len(header):
        size, kind = int.from_bytes(header[position : position + 4], "big"), header[position + 4 :]
        if kind[:4] == b"cICP" and size == 4:
            return kind[4], kind[5]
        if kind[:4] in (b"IDAT", b"IEND"):
            return None
        position += 12 + size
    return None
