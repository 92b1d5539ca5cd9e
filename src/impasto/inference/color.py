"""Color kept: a painting in the colors of its photograph, or a style picture in them before
anything is painted.

Gatys, Bethge, Hertzmann and Shechtman, "Preserving color in neural artistic style transfer", 2016:
luminance alone is taken from the painting (section 3.2), or its colors are mapped so that mean and
covariance, or every channel's histogram, become those of the photograph (section 3.1). All work on
sRGB values as they are stored.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ColorError
from impasto.images.image import UInt8

Mode = Literal["style", "luminance", "histogram", "linear-cholesky", "linear-pca", "linear-mkl"]
MODES: tuple[Mode, ...] = get_args(Mode)
When = Literal["after", "before"]

LUMA = np.array(
    [0.299, 0.587, 0.114]
)  # of R, G, B: luminance of ITU-R BT.601, as YIQ and JPEG have it
# Variance, in levels of 255 squared, below which a direction of color is rounding and no color: it
# is not stretched.
MIN_VARIANCE = 1.0
CHUNK_PIXELS = 1_000_000  # pixels that are worth three doubles each at a time

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Color:
    """What colors a painting has.

    Attributes:
        mode: "style" (as painted), "luminance" (the photograph's chrominance under the painting's
            luminance), "histogram" (of each channel), or by a linear map of colors to the
            photograph's mean and covariance: "linear-cholesky" (of triangular roots), "linear-pca"
            (along principal axes; image analogies, Hertzmann et al. 2001), "linear-mkl" (the
            Monge-Kantorovich map, which moves colors least; Pitie and Kokaram 2007).
        amount: 0 leaves the painting's colors, 1 takes the photograph's.
        when: "after" recolors the painting; "before" recolors the picture that is the style, so
            that strokes are painted with the photograph's colors. With "luminance" that is the
            picture in grey, with the photograph's mean and deviation.
    """

    mode: Mode = "style"
    amount: float = 1.0
    when: When = "after"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ColorError(f"no color mode is called {self.mode!r}; there are {', '.join(MODES)}")
        if not 0 <= self.amount <= 1:
            raise ColorError(
                f"the amount of a color mode must be between 0 (as painted) and 1, not {self.amount:g}"
            )

    @property
    def changes(self) -> bool:
        """Whether anything is recolored."""
        return self.mode != "style" and self.amount > 0

    @property
    def text(self) -> str:
        """Mode and amount as `parse_color` reads them."""
        return self.mode if self.amount == 1 else f"{self.mode}:{self.amount:g}"


def parse_color(text: str, when: When = "after") -> Color:
    """`MODE` or `MODE:AMOUNT`, as in `luminance` or `linear-mkl:0.5`. Raises ColorError for any
    other."""
    mode, colon, amount = text.strip().partition(":")
    if mode not in MODES:
        raise ColorError(
            f"no color mode is called {mode!r}; there are {', '.join(MODES)}, as in luminance or linear-mkl:0.5"
        )
    try:
        number = float(amount) if colon else 1.0
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ColorError(
            f"{amount!r} is no amount of {mode}; it is a number from 0 (as painted) to 1, as in {mode}:0.5"
        )
    return Color(mode, number, when)


@dataclass(frozen=True)
class Palette:
    """The colors of a picture: mean (3,) and covariance (3, 3) of R, G, B in levels of 255, and
    histograms (3, 256) that sum to 1."""

    mean: Float64
    cov: Float64
    histograms: Float64

    def towards(self, other: "Palette", share: float) -> "Palette":
        """A palette between this one, at 0, and another, at 1."""
        pairs = (
            (self.mean, other.mean),
            (self.cov, other.cov),
            (self.histograms, other.histograms),
        )
        return Palette(*[one + share * (two - one) for one, two in pairs])


def palette(picture: UInt8) -> Palette:
    """The palette of a picture, uint8 RGB (H, W, 3)."""
    counts = np.stack(
        [np.bincount(picture[..., channel].ravel(), minlength=256) for channel in range(3)]
    )
    pixels = counts.sum(1, keepdims=True)
    mean = counts @ np.arange(256.0) / pixels[:, 0]
    products, flat = np.zeros((3, 3)), picture.reshape(-1, 3)
    for start in range(0, len(flat), CHUNK_PIXELS):
        centred = flat[start : start + CHUNK_PIXELS] - mean
        products += centred.T @ centred
    return Palette(mean, products / len(flat), counts / pixels)


class Recoloring(ABC):
    """A change of colors, ready to be made: made by `recoloring`."""

    @abstractmethod
    def full(self, painted: UInt8, photo: UInt8) -> Float32:
        """All of it: painted and photograph, uint8 (..., 3), to float32 (..., 3) in levels that may
        be beyond 0..255."""


@dataclass(frozen=True)
class _Luminance(Recoloring):
    def full(self, painted: UInt8, photo: UInt8) -> Float32:
        # chrominance is what is left without the luminance, so adding to all three channels alike
        # leaves it as it is
        more = (painted.astype(np.float32) - photo) @ LUMA.astype(np.float32)
        return np.asarray(photo + more[..., None], np.float32)


@dataclass(frozen=True)
class _Linear(Recoloring):
    matrix: Float64  # (3, 3)
    offset: Float64  # (3,)

    def full(self, painted: UInt8, photo: UInt8) -> Float32:
        return painted.astype(np.float32) @ self.matrix.T.astype(np.float32) + self.offset.astype(
            np.float32
        )


@dataclass(frozen=True)
class _Curves(Recoloring):
    curves: Float64  # (3, 256): the level that each becomes

    def full(self, painted: UInt8, photo: UInt8) -> Float32:
        curves = self.curves.astype(np.float32)
        return np.stack(
            [curve[painted[..., channel]] for channel, curve in enumerate(curves)], axis=-1
        )


def recoloring(
    mode: Mode, painted: Palette | None = None, photo: Palette | None = None
) -> Recoloring:
    """What takes colors of one palette to another's; "luminance" needs neither.

    Raises ColorError for the mode "style", which changes none, and where palettes are missing.
    """
    if mode == "luminance":
        return _Luminance()
    if painted is None or photo is None:
        raise ColorError(
            f"the color mode {mode} needs the palettes of the painting and of the photograph"
        )
    if mode == "histogram":
        return _Curves(
            np.stack(
                [_curve(*pair) for pair in zip(painted.histograms, photo.histograms, strict=True)]
            )
        )
    if mode == "style":
        raise ColorError("the color mode style leaves colors as they are painted")
    matrix = {"linear-cholesky": _cholesky, "linear-pca": _pca, "linear-mkl": _mkl}[mode](
        painted.cov, photo.cov
    )
    return _Linear(matrix, photo.mean - matrix @ painted.mean)


def _curve(histogram: Float64, wanted: Float64) -> Float64:
    """For each level the one that as large a part of the wanted pixels lies below (256,)."""
    levels = np.flatnonzero(wanted)
    return np.interp(np.cumsum(histogram), np.cumsum(wanted)[levels], levels)


def _roots(cov: Float64) -> tuple[Float64, Float64, Float64]:
    """Eigenvalues, eigenvectors, and one over the roots of eigenvalues, 0 where a direction is
    faint."""
    values, vectors = np.linalg.eigh(cov)
    values = values.clip(0)
    return (
        values,
        vectors,
        np.where(values > MIN_VARIANCE, 1 / np.sqrt(values.clip(MIN_VARIANCE)), 0),
    )


def _root(cov: Float64) -> Float64:
    """The symmetric root of a covariance."""
    values, vectors, _ = _roots(cov)
    return vectors * np.sqrt(values) @ vectors.T


def _cholesky(cov: Float64, wanted: Float64) -> Float64:
    """L_wanted / L_cov, of lower triangular roots. Faint directions are given some variance first,
    as roots have to exist, and one of them has to be inverted."""
    triangular = []
    for each, least in ((cov, MIN_VARIANCE), (wanted, 1e-9)):
        values, vectors, _ = _roots(each)
        triangular.append(np.linalg.cholesky(vectors * values.clip(least) @ vectors.T))
    return np.asarray(triangular[1] @ np.linalg.inv(triangular[0]))


def _pca(cov: Float64, wanted: Float64) -> Float64:
    """wanted^(1/2) cov^(-1/2), of symmetric roots."""
    _, vectors, inverse = _roots(cov)
    return _root(wanted) @ (vectors * inverse @ vectors.T)


def _mkl(cov: Float64, wanted: Float64) -> Float64:
    """cov^(-1/2) (cov^(1/2) wanted cov^(1/2))^(1/2) cov^(-1/2)."""
    _, vectors, inverse = _roots(cov)
    root, over = _root(cov), vectors * inverse @ vectors.T
    return over @ _root(root @ wanted @ root) @ over


def recolor(
    painted: UInt8, photo: UInt8, change: Recoloring, amount: float = 1.0
) -> tuple[UInt8, int]:
    """Pixels in other colors.

    Args:
        painted: uint8 (..., 3).
        photo: as many pixels of the photograph, which "luminance" reads.
        change: to what colors.
        amount: how much of the change is made, 0..1.

    Returns:
        uint8 (..., 3), and how many pixels were beyond 0..255 and were brought back (see
        `into_gamut`).
    """
    full = change.full(painted, photo)
    return clip_to_gamut(full if amount == 1 else painted + np.float32(amount) * (full - painted))


def clip_to_gamut(colors: Float32) -> tuple[UInt8, int]:
    """Colors (..., 3) in levels, as near as 0..255 allows: those beyond lose chrominance, not
    luminance, until all of R, G and B are inside, where cutting would shift their hue. Also how
    many pixels were off by more than rounding.
    """
    red, green, blue = np.moveaxis(colors, -1, 0)  # as numpy is slow along an axis of three
    lowest, highest = (of(of(red, green), blue) for of in (np.minimum, np.maximum))
    beyond = (lowest < -0.5) | (highest > 255.5)
    if beyond.any():
        outside = colors[beyond]
        grey = (outside @ LUMA.astype(np.float32)).clip(0, 255)[:, None]
        chrominance = outside - grey
        # how far each channel may go from grey, over how far it would: the least of the three
        # serves all
        room = np.where(chrominance > 0, 255 - grey, grey) / np.abs(chrominance).clip(1e-6)
        colors = colors.copy()
        colors[beyond] = grey + chrominance * room.min(1, keepdims=True).clip(0, 1)
    rounded = colors + np.float32(0.5)
    np.maximum(rounded, 0, out=rounded)
    np.minimum(rounded, 255, out=rounded)
    return rounded.astype(np.uint8), int(np.count_nonzero(beyond))


def keep_color(painted: UInt8, photo: UInt8, color: Color) -> tuple[UInt8, float]:
    """A painting with the colors of its photograph.

    Args:
        painted, photo: uint8 RGB (H, W, 3), of one size.
        color: how, and how much of it.

    Returns:
        uint8 RGB (H, W, 3), and the share of pixels that were beyond 0..255 and were brought back,
        0..1.
    """
    if not color.changes:
        return painted, 0.0
    result, beyond = recolor(
        painted, photo, recoloring(color.mode, *map(palette, (painted, photo))), color.amount
    )
    return result, beyond / (painted.shape[0] * painted.shape[1])


def recolor_style(picture: UInt8, photo: UInt8, color: Color) -> UInt8:
    """A style picture, uint8 RGB (H, W, 3), with the colors of a photograph of any size, before it
    is learned or predicted.

    With "luminance", in grey: with the mean and deviation of the photograph's luminance (Gatys et
    al. 2016, eq. 10).
    """
    if not color.changes:
        return picture
    own, wanted = palette(picture), palette(photo)
    change: Recoloring
    if color.mode == "luminance":
        spread, aim = (math.sqrt(LUMA @ each.cov @ LUMA) for each in (own, wanted))
        scale = aim / max(spread, math.sqrt(MIN_VARIANCE))
        change = _Linear(
            np.tile(scale * LUMA, (3, 1)),
            np.full(3, LUMA @ wanted.mean - scale * (LUMA @ own.mean)),
        )
    else:
        change = recoloring(color.mode, own, wanted)
    return recolor(picture, picture, change, color.amount)[0]


def color_after(color: Color) -> Color:
    """What is left to do once the style picture was recolored: chrominance is the photograph's only
    if it is taken from it."""
    if color.when == "after" or color.mode == "luminance":
        return replace(color, when="after")
    return Color()
