"""Color modes: give a painting, or a style picture, the colors of the photograph.

Source: Gatys, Bethge, Hertzmann and Shechtman, "Preserving color in neural artistic style
transfer", 2016. Either the luminance alone is taken from the painting (section 3.2). Or the colors
of the painting are mapped: their mean and covariance, or the histogram of each channel, become
those of the photograph (section 3.1). All functions work on sRGB values as they are stored.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from impasto.choices import MODES, TIMES, Mode, When
from impasto.errors import ColorError
from impasto.images.image import LUMA_WEIGHTS, UInt8

# weights of R, G and B in luminance, by ITU-R BT.601, as in YIQ and JPEG
LUMA = np.array(LUMA_WEIGHTS)
# Variance in squared levels of 255. A color direction with less is rounding, not color: it is not
# stretched.
MIN_VARIANCE = 1.0
MIN_TARGET_VARIANCE = 1e-9  # keeps Cholesky's root defined where the photograph has one tone
CHUNK_PIXELS = 1_000_000  # pixels converted to float64 at a time

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Color:
    """A color mode, its amount, and the time when it is applied.

    Attributes:
        mode: "style" (the colors as painted), "luminance" (the photograph's chrominance under the
            painting's luminance), "histogram" (histogram matching of each channel), or a linear map
            to the photograph's mean and covariance: "linear-cholesky" (by triangular roots),
            "linear-pca" (along principal axes; Image Analogies, Hertzmann et al. 2001) or
            "linear-mkl" (the Monge-Kantorovich map, which moves colors least; Pitie and Kokaram
            2007).
        amount: 0 keeps the painting's colors, 1 takes the photograph's.
        when: "after" recolors the painting. "before" recolors the style picture, so that strokes
            are painted in the photograph's colors; with "luminance" the style picture becomes gray,
            with the mean and deviation of the photograph's luminance.

    Raises:
        ColorError: the mode, the amount or the time is not one of these.
    """

    mode: Mode = "style"
    amount: float = 1.0
    when: When = "after"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ColorError(_unknown_mode(self.mode))
        if not isinstance(self.amount, int | float | np.number) or not 0 <= self.amount <= 1:
            raise ColorError(_invalid_amount(self.mode, self.amount))
        if self.when not in TIMES:
            raise ColorError(
                f"cannot recolor {self.when!r}: the photograph's colors are applied after"
                " or before painting; use 'after' or 'before'"
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
    """Parse `MODE` or `MODE:AMOUNT`, as in `luminance` or `linear-mkl:0.5`.

    Raises:
        ColorError: the mode is unknown, or the amount is not a number from 0 to 1.
    """
    if not isinstance(text, str):
        raise ColorError(_unknown_mode(text))
    mode, colon, amount = text.strip().partition(":")
    if mode not in MODES:
        raise ColorError(_unknown_mode(mode))
    try:
        number = float(amount) if colon else 1.0
    except ValueError as error:
        raise ColorError(_invalid_amount(mode, amount)) from error
    return Color(mode, number, when)


def _unknown_mode(mode: object) -> str:
    return (
        f"cannot use color mode {mode!r}: there is no such mode; use {', '.join(MODES)},"
        " with an amount if you like, as in linear-mkl:0.5"
    )


def _invalid_amount(mode: str, amount: object) -> str:
    return (
        f"cannot use {amount!r} as the amount of color mode {mode}: it is not a number"
        f" from 0 (colors as painted) to 1; write {mode}:0.5 for half of it"
    )


@dataclass(frozen=True)
class Palette:
    """The colors of a picture, in levels of 255.

    Attributes:
        mean: of R, G and B, float64 (3,).
        cov: covariance of R, G and B, float64 (3, 3).
        histograms: of each channel, float64 (3, 256); each sums to 1.
    """

    mean: Float64
    cov: Float64
    histograms: Float64

    def towards(self, other: "Palette", share: float) -> "Palette":
        """Interpolate linearly between this palette, at share 0, and another, at share 1."""
        pairs = (
            (self.mean, other.mean),
            (self.cov, other.cov),
            (self.histograms, other.histograms),
        )
        return Palette(*[start + share * (end - start) for start, end in pairs])


def measure_palette(picture: UInt8) -> Palette:
    """Measure the palette of a picture, uint8 RGB (H, W, 3)."""
    counts = np.stack(
        [np.bincount(picture[..., channel].ravel(), minlength=256) for channel in range(3)]
    )
    pixels = counts.sum(1, keepdims=True)
    mean = counts @ np.arange(256.0) / pixels[:, 0]
    products, flat = np.zeros((3, 3)), picture.reshape(-1, 3)
    for start in range(0, len(flat), CHUNK_PIXELS):
        centered = flat[start : start + CHUNK_PIXELS] - mean
        products += centered.T @ centered
    return Palette(mean, products / len(flat), counts / pixels)


class Recoloring(ABC):
    """A fitted change of colors; made by `fit_recoloring`."""

    @abstractmethod
    def apply(self, painted: UInt8, photo: UInt8) -> Float32:
        """Apply the whole change, before colors are clipped.

        Args:
            painted: pixels to recolor, uint8 (..., 3).
            photo: the same pixels of the photograph, which only "luminance" reads.

        Returns:
            float32 (..., 3) in levels of 255; values may lie outside 0..255.
        """


@dataclass(frozen=True)
class _Luminance(Recoloring):
    def apply(self, painted: UInt8, photo: UInt8) -> Float32:
        # Chrominance is a difference of channels, so a number added to all three leaves it as it is
        # and changes luminance only.
        change = (painted.astype(np.float32) - photo) @ LUMA.astype(np.float32)
        return np.asarray(photo + change[..., None], np.float32)


@dataclass(frozen=True)
class _Linear(Recoloring):
    matrix: Float64  # (3, 3)
    offset: Float64  # (3,)

    def apply(self, painted: UInt8, photo: UInt8) -> Float32:
        mapped = painted.astype(np.float32) @ self.matrix.T.astype(np.float32)
        return mapped + self.offset.astype(np.float32)


@dataclass(frozen=True)
class _Curves(Recoloring):
    curves: Float64  # (3, 256): the new level of each level, by channel

    def apply(self, painted: UInt8, photo: UInt8) -> Float32:
        curves = self.curves.astype(np.float32)
        return np.stack(
            [curve[painted[..., channel]] for channel, curve in enumerate(curves)], axis=-1
        )


def fit_recoloring(
    mode: Mode, painted: Palette | None = None, photo: Palette | None = None
) -> Recoloring:
    """Fit the change that takes the colors of one palette to another.

    Args:
        mode: any mode except "style".
        painted: palette of the pixels to recolor; "luminance" needs none.
        photo: palette of the photograph; "luminance" needs none.

    Raises:
        ColorError: the mode is "style", which changes no colors, or a palette is missing.
    """
    if mode == "luminance":
        return _Luminance()
    if mode == "style":
        raise ColorError(
            "cannot recolor with the mode style: it keeps colors as they are painted;"
            f" use {', '.join(MODES[1:])}"
        )
    if painted is None or photo is None:
        raise ColorError(
            f"cannot recolor with the mode {mode}: it needs the palettes of the painting"
            " and of the photograph; measure both with measure_palette"
        )
    if mode == "histogram":
        pairs = zip(painted.histograms, photo.histograms, strict=True)
        return _Curves(np.stack([_match_histogram(*pair) for pair in pairs]))
    fit = {"linear-cholesky": _fit_cholesky, "linear-pca": _fit_pca, "linear-mkl": _fit_mkl}[mode]
    matrix = fit(painted.cov, photo.cov)
    return _Linear(matrix, photo.mean - matrix @ painted.mean)


def _match_histogram(histogram: Float64, target: Float64) -> Float64:
    """Return, for each level, the level of the same cumulative share in the target, (256,)."""
    levels = np.flatnonzero(target)
    return np.interp(np.cumsum(histogram), np.cumsum(target)[levels], levels)


def _decompose(cov: Float64) -> tuple[Float64, Float64, Float64]:
    """Decompose a covariance (3, 3).

    Returns:
        Eigenvalues (3,), eigenvectors (3, 3) in columns, and one over the roots of the eigenvalues
        (3,), 0 where the variance is at most `MIN_VARIANCE`.
    """
    values, vectors = np.linalg.eigh(cov)
    values = values.clip(0)
    inverse_roots = np.where(values > MIN_VARIANCE, 1 / np.sqrt(values.clip(MIN_VARIANCE)), 0)
    return values, vectors, inverse_roots


def _symmetric_root(cov: Float64) -> Float64:
    """Return the symmetric root of a covariance, (3, 3)."""
    values, vectors, _ = _decompose(cov)
    return vectors * np.sqrt(values) @ vectors.T


def _fit_cholesky(cov: Float64, target: Float64) -> Float64:
    """Return L_target L_cov^(-1), of lower triangular roots, (3, 3).

    Both covariances get a least variance first: a root must exist, and L_cov must be invertible.
    """
    triangular = []
    for matrix, least in ((cov, MIN_VARIANCE), (target, MIN_TARGET_VARIANCE)):
        values, vectors, _ = _decompose(matrix)
        triangular.append(np.linalg.cholesky(vectors * values.clip(least) @ vectors.T))
    return np.asarray(triangular[1] @ np.linalg.inv(triangular[0]))


def _fit_pca(cov: Float64, target: Float64) -> Float64:
    """Return target^(1/2) cov^(-1/2), of symmetric roots, (3, 3)."""
    _, vectors, inverse_roots = _decompose(cov)
    return _symmetric_root(target) @ (vectors * inverse_roots @ vectors.T)


def _fit_mkl(cov: Float64, target: Float64) -> Float64:
    """Return cov^(-1/2) (cov^(1/2) target cov^(1/2))^(1/2) cov^(-1/2), (3, 3)."""
    _, vectors, inverse_roots = _decompose(cov)
    root, inverse = _symmetric_root(cov), vectors * inverse_roots @ vectors.T
    return inverse @ _symmetric_root(root @ target @ root) @ inverse


def recolor(
    painted: UInt8, photo: UInt8, change: Recoloring, amount: float = 1.0
) -> tuple[UInt8, int]:
    """Recolor pixels.

    Args:
        painted: pixels to recolor, uint8 (..., 3).
        photo: the same pixels of the photograph, which only "luminance" reads.
        change: from `fit_recoloring`.
        amount: share of the change to apply, 0..1.

    Returns:
        uint8 (..., 3), and the number of pixels that were made paler (see `clip_to_gamut`).
    """
    full = change.apply(painted, photo)
    return clip_to_gamut(full if amount == 1 else painted + np.float32(amount) * (full - painted))


def clip_to_gamut(colors: Float32) -> tuple[UInt8, int]:
    """Clip colors to 0..255 by reducing chrominance, so that luminance and hue stay.

    Clipping each channel by itself would shift the hue.

    Args:
        colors: float32 (..., 3) in levels of 255.

    Returns:
        uint8 (..., 3), and the number of pixels outside 0..255 by more than rounding.
    """
    red, green, blue = np.moveaxis(colors, -1, 0)  # numpy reduces slowly along an axis of three
    lowest = np.minimum(np.minimum(red, green), blue)
    highest = np.maximum(np.maximum(red, green), blue)
    outside = (lowest < -0.5) | (highest > 255.5)
    if outside.any():
        beyond = colors[outside]
        gray = (beyond @ LUMA.astype(np.float32)).clip(0, 255)[:, None]
        chrominance = beyond - gray
        # Each channel may move so far from gray, divided by its chrominance. The least of the three
        # scales all channels, which keeps their proportion: the hue.
        room = np.where(chrominance > 0, 255 - gray, gray) / np.abs(chrominance).clip(1e-6)
        colors = colors.copy()
        colors[outside] = gray + chrominance * room.min(1, keepdims=True).clip(0, 1)
    rounded = colors + np.float32(0.5)
    np.maximum(rounded, 0, out=rounded)
    np.minimum(rounded, 255, out=rounded)
    return rounded.astype(np.uint8), int(np.count_nonzero(outside))


def keep_color(painted: UInt8, photo: UInt8, color: Color) -> tuple[UInt8, float]:
    """Recolor a whole painting with the colors of its photograph.

    Args:
        painted: uint8 RGB (H, W, 3).
        photo: uint8 RGB (H, W, 3), of the same size.
        color: the color mode and its amount.

    Returns:
        uint8 RGB (H, W, 3), and the share of pixels that were made paler, 0..1.
    """
    if not color.changes:
        return painted, 0.0
    change = fit_recoloring(color.mode, measure_palette(painted), measure_palette(photo))
    result, beyond = recolor(painted, photo, change, color.amount)
    return result, beyond / (painted.shape[0] * painted.shape[1])


def recolor_style(picture: UInt8, photo: UInt8, color: Color) -> UInt8:
    """Recolor a style picture with the colors of a photograph, before the style is computed.

    With "luminance" the result is gray, with the mean and deviation of the photograph's luminance
    (Gatys et al. 2016, eq. 10).

    Args:
        picture: the style picture, uint8 RGB (H, W, 3).
        photo: uint8 RGB (h, w, 3), any size.
        color: the color mode and its amount; `color.when` is not read.

    Returns:
        uint8 RGB (H, W, 3).
    """
    if not color.changes:
        return picture
    own, target = measure_palette(picture), measure_palette(photo)
    change: Recoloring
    if color.mode == "luminance":
        deviation, wanted = (math.sqrt(LUMA @ colors.cov @ LUMA) for colors in (own, target))
        scale = wanted / max(deviation, math.sqrt(MIN_VARIANCE))
        offset = np.full(3, LUMA @ target.mean - scale * (LUMA @ own.mean))
        change = _Linear(np.tile(scale * LUMA, (3, 1)), offset)
    else:
        change = fit_recoloring(color.mode, own, target)
    return recolor(picture, picture, change, color.amount)[0]


def color_after(color: Color) -> Color:
    """Return the recoloring that remains to be done after painting.

    A recolored style picture paints in the photograph's colors by itself. Only with "luminance" the
    painting is recolored too, because the style picture is gray then.
    """
    if color.when == "after" or color.mode == "luminance":
        return replace(color, when="after")
    return Color()
