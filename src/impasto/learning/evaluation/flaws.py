"""Measures of flaws that people name when they look at stylized pictures.

- repetition: a mark is stamped again and again over a sky.
- residue and evenness: the subject stays a photograph before a painted background.
- halo: a ring of empty paint surrounds the subject.
- palette: the colors drift away from those of the style picture.

Pictures are uint8 RGB (H, W, 3). Luma is that of Rec. 601, in levels of 0 to 255. Fine luma is luma
minus its Gaussian blur. Lengths are pixels at 512 pixels on the short side. Figures of another size
do not compare.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage.color import rgb2lab

from impasto.images.image import LUMA_WEIGHTS, UInt8

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_VARIANCE = 1.0  # levels²: less is the rounding of 8-bit pictures, and no paint

STAMP_SIGMA = 12.0  # pixels, of the blur that separates marks from shading
STAMP_DISTANCES = (12.0, 160.0)  # pixels, between a mark and its copy
SMOOTH_NAMES = ("flat", "gradient")  # of the pictures of `smooth_pictures`
MARGIN = 1 / 16  # of the short side: borders are painted differently
MIN_OVERLAP = 0.2  # of a part and its shifted copy: less overlap proves little

DETAIL_SIGMA = 4.0  # pixels, of the blur that separates detail
# pixels: a network can displace a subject a little, which the eye does not see, and fine luma does
MAX_DISPLACEMENT = 2
DETAIL_WINDOW = 25  # pixels, of the window whose energy tells detailed from flat parts
SKY_ENERGY = 9.0  # levels²: the most that the window has in a sky
MIN_SKY = 1 / 16  # of the picture

EDGE_SIGMA = 2.0  # pixels, of the blur before gradients
EDGE_SHARE = 0.03  # of the pixels lie on strong edges
MIN_GRADIENT = 4.0  # levels a pixel, of a strong edge: a step of 20 levels
BAND = (8.0, 24.0)  # pixels from the nearest strong edge: less is the edge's own fine luma
FAR = 40.0  # pixels from the nearest strong edge
MIN_SHARE = 0.01  # of the picture: a smaller band proves nothing

DIRECTIONS = 32  # of projections of colors
QUANTILES = 256  # of the projected colors
MAX_COLORS = 65_536  # pixels read of a picture, evenly spread


def repetition(picture: UInt8, part: Mask | None = None) -> float:
    """Measure how much a picture repeats its own marks, about 0 to 1; 0.9 is a tiled stamp.

    It is the largest normalized autocorrelation of fine luma (blur of 12 pixels) at a distance of
    12 to 160 pixels. Without `part`, a Hann window weights the picture inside its margin. The
    autocorrelation is divided by that of the weights, so distance alone does not lower it. Pixels
    outside `part` do not count. Small parts reach high values by chance: compare the same part.

    Args:
        picture: uint8 (H, W, 3).
        part: bool (H, W), the part to measure, such as `find_sky` of the photograph; None for all.
    """
    height, width = picture.shape[:2]
    margin = round(MARGIN * min(height, width))
    inside = slice(margin, height - margin), slice(margin, width - margin)
    fine = _fine_luma(picture, STAMP_SIGMA, part)[inside]
    if part is None:
        weights = np.outer(*(np.hanning(size) for size in fine.shape))
    else:
        weights = part[inside].astype(np.float64)
    total = weights.sum()
    if not total:
        return 0.0
    weighted = (fine - (weights * fine).sum() / total) * weights
    overlap, products = _autocorrelate(weights), _autocorrelate(weighted)
    products /= products[0, 0] + MIN_VARIANCE * overlap[0, 0]
    overlap /= overlap[0, 0]
    y, x = (np.fft.fftfreq(size, 1 / size) for size in overlap.shape)
    distance = np.hypot(y[:, None], x)
    near, far = STAMP_DISTANCES
    correlations = products / np.maximum(overlap, MIN_OVERLAP)
    return float(correlations[(distance > near) & (distance < far)].max(initial=0.0))


def find_sky(photo: UInt8) -> Mask | None:
    """Find the largest connected part of a photograph without detail, such as its sky.

    Args:
        photo: uint8 (H, W, 3).

    Returns:
        bool (H, W), or None where that part is less than 1/16 of the photograph.
    """
    labels, count = ndimage.label(_detail_energy(_fine_luma(photo, DETAIL_SIGMA)) <= SKY_ENERGY)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() < MIN_SKY * labels.size:
        return None
    sky: Mask = labels == 1 + sizes.argmax()
    return sky


def smooth_pictures(short: int) -> dict[str, UInt8]:
    """Make pictures without marks of their own, whose paintings show the marks of the style.

    Args:
        short: Short side in pixels.

    Returns:
        "flat", a blue of one color, and "gradient", a blue that changes slowly; both are uint8
        (short, 5/4 short, 3).
    """
    y, x = np.mgrid[:short, : round(1.25 * short)] / short
    gradient = np.dstack([120 + 70 * y, 150 + 60 * y, 215 - 20 * y])
    gradient += 6 * np.sin(3 * x + 2 * y)[..., None]
    flat = np.broadcast_to(gradient.mean((0, 1)).round(), gradient.shape)
    pictures = (each.clip(0, 255).astype(np.uint8) for each in (flat, gradient))
    return dict(zip(SMOOTH_NAMES, pictures, strict=True))


@dataclass(frozen=True)
class Residue:
    """What a painting kept of its photograph's detail, and where it was painted.

    Attributes:
        detailed: Correlation of both fine lumas in the most detailed third, -1 to 1; 1 is the
            photograph itself.
        flat: The same in the flattest third.
        evenness: Strength of painting in the detailed third over that in the flat third, 0 or
            more. Below 1 the subject is less painted than its background. Detail that is painted
            over counts as painted, so good paintings have 1 to 2.
    """

    detailed: float
    flat: float
    evenness: float


def residue(picture: UInt8, photo: UInt8) -> Residue:
    """Measure how much of a photograph's detail is left, and how evenly it was painted over.

    Fine luma is finer than a blur of 4 pixels. Windows of 25 pixels with the most of its energy in
    the photograph are its detailed third, those with the least its flat third. The strength of
    painting is the root mean square of the difference of both fine lumas. The picture is first
    moved by up to 2 pixels to where it is most like the photograph: a subject that is only
    displaced is not painted.

    Args:
        picture: The stylized photograph, uint8 (H, W, 3).
        photo: The photograph, uint8 (H, W, 3).
    """
    x, y = (_fine_luma(each, DETAIL_SIGMA) for each in (photo, picture))
    energy = _detail_energy(x)
    low, high = np.quantile(energy, (1 / 3, 2 / 3))
    detailed, flat = energy >= high, energy <= low
    steps = range(-MAX_DISPLACEMENT, MAX_DISPLACEMENT + 1)
    displaced = (np.roll(y, (down, right), (0, 1)) for down in steps for right in steps)
    y = max(displaced, key=lambda moved: _correlate(x[detailed], moved[detailed]))
    strengths = (np.square(y - x)[part].mean() for part in (detailed, flat))
    return Residue(
        _correlate(x[detailed], y[detailed]), _correlate(x[flat], y[flat]), _ratio(*strengths)
    )


def halo(picture: UInt8, photo: UInt8) -> float | None:
    """Measure the strength of painting around strong edges over that farther away, 0 or more.

    1 is even; less is a ring of empty paint around the subject. The strength is the root mean
    square of the difference of both fine lumas (blur of 4 pixels). It is compared 8 to 24 pixels
    from the nearest strong edge and farther than 40 pixels. Of both, only smooth pixels count, so
    detail inside the subject has no say. Smooth pixels have a gradient below the median. Strong
    edges are the 3 % of pixels with the largest gradient (of luma, blurred by 2 pixels), but of 4
    levels a pixel at least.

    Args:
        picture: The stylized photograph, uint8 (H, W, 3).
        photo: The photograph, uint8 (H, W, 3).

    Returns:
        The ratio; None where the photograph has no strong edge, or too few pixels near or far.
    """
    gradient = ndimage.gaussian_gradient_magnitude(_luma(photo), EDGE_SIGMA)
    median, strong = np.quantile(gradient, (0.5, 1 - EDGE_SHARE))
    weak = gradient < max(strong, MIN_GRADIENT)
    if weak.all():
        return None
    distance, smooth = ndimage.distance_transform_edt(weak), gradient <= median
    near, far = smooth & (distance >= BAND[0]) & (distance < BAND[1]), smooth & (distance > FAR)
    if min(near.mean(), far.mean()) < MIN_SHARE:
        return None
    difference = _fine_luma(picture, DETAIL_SIGMA) - _fine_luma(photo, DETAIL_SIGMA)
    return _ratio(*(np.square(difference)[part].mean() for part in (near, far)))


def palette_distance(picture: UInt8, painting: UInt8) -> float:
    """Measure how far the colors of two pictures are apart: sliced Wasserstein distance in Lab.

    Bonneel et al. 2015, "Sliced and Radon Wasserstein Barycenters of Measures", of order 2: colors
    are projected to lines, and quantiles are compared. The distance is the root of the mean over 32
    fixed directions and 256 quantiles of squared differences. The unit is that of Lab (D65): a
    shift of all colors by a distance of d gives d / sqrt(3).

    Args:
        picture: The stylized photograph, uint8 (H, W, 3).
        painting: The style picture, uint8 (h, w, 3).
    """
    a, b = (_color_quantiles(each) for each in (picture, painting))
    return float(np.sqrt(np.square(a - b).mean()))


def _luma(picture: UInt8) -> Float64:
    """Compute luma (H, W) in 0..255."""
    return picture.astype(np.float64) @ np.array(LUMA_WEIGHTS)


def _fine_luma(picture: UInt8, sigma: float, part: Mask | None = None) -> Float64:
    """Subtract from luma (H, W) its Gaussian blur, over a part alone if one is given."""
    luma = _luma(picture)
    if part is None:
        return luma - ndimage.gaussian_filter(luma, sigma, mode="nearest")
    total, weight = (ndimage.gaussian_filter(each, sigma) for each in (luma * part, 1.0 * part))
    return np.where(part, luma - total / np.maximum(weight, 1e-9), 0)


def _detail_energy(fine: Float64) -> Float64:
    """Average the square of fine luma over windows: (H, W)."""
    energy: Float64 = ndimage.uniform_filter(np.square(fine), DETAIL_WINDOW, mode="nearest")
    return energy


def _autocorrelate(values: Float64) -> Float64:
    """Sum the products of values (H, W) and their shifted copy, by shift; 0 outside the picture."""
    shape = [fft.next_fast_len(2 * size, real=True) for size in values.shape]
    products: Float64 = fft.irfft2(np.square(np.abs(fft.rfft2(values, shape))), shape)
    return products


def _correlate(x: Float64, y: Float64) -> float:
    """Compute Pearson's correlation; 0 where one side has nothing but rounding."""
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).mean() / np.sqrt((x * x).mean() * (y * y).mean() or np.inf))


def _ratio(a: float, b: float) -> float:
    """Divide two strengths, given as variances in levels²; rounding counts as equal strength."""
    return float(np.sqrt((a + MIN_VARIANCE) / (b + MIN_VARIANCE)))


def _color_quantiles(picture: UInt8) -> Float64:
    """Compute the quantiles of colors in Lab along fixed directions: (QUANTILES, DIRECTIONS)."""
    step = int(np.ceil(np.sqrt(picture.shape[0] * picture.shape[1] / MAX_COLORS)))
    colors = rgb2lab(picture[::step, ::step]).reshape(-1, 3)
    places = (np.arange(QUANTILES) + 0.5) / QUANTILES
    quantiles: Float64 = np.quantile(colors @ _directions().T, places, axis=0)
    return quantiles


def _directions() -> Float64:
    """Spread unit vectors evenly over half a sphere, by the golden angle: (DIRECTIONS, 3)."""
    z = (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(DIRECTIONS)
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], 1)
