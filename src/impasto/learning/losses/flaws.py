"""Loss terms against flaws that any eye sees and moments miss.

The terms of `Objective` compare moments, which do not say where something is, or whether it is
painted at all. Those of this module oppose what their minimizers then did: a subject that stays a
photograph (`residue_loss`), one mark stamped again and again (`repetition_loss`), marks in skies
that are quiet in the photograph (`contrast_loss`), a mesh of pixels (`spectrum_loss`), colors that
drift (`palette_loss`), and marks that are averages of those of the style (`nearest_loss`). Each
gives one value a picture, (B,), in float32.
"""

import math
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.images.image import LUMA_WEIGHTS

FINE = 4.0  # pixels, deviation of the blur that fine luma is what remains of, for residues
WINDOW = 32  # pixels, side of the windows in which residues are measured
# levels of 255, deviation of fine luma from which on a window has detail to leave
MIN_DETAIL = 3.0
DETAILED_SHARE = 0.5  # of the windows of a photograph, those with most detail are compared
MAX_DISPLACEMENT = 2  # pixels: a displaced subject is not painted, and a network finds that out
KEPT_DETAIL = 0.55  # correlation with the photograph that costs nothing: a subject needs outlines

MARK = 12.0  # pixels, deviation of the blur for repetitions, and the least distance of two marks
FREE_REPETITION = 0.15  # autocorrelation that marks without any order reach in a crop
PEAKS = 16  # largest autocorrelations, whose mean is taken

# pixels, sides of the boxes between whose means contrast is measured: up to the first it is fine,
# up to the second it has the size of marks
CONTRAST_BOXES = (5, 17)
CONTRAST_QUANTILES = 33  # of the contrast of a style
SCALE_STEPS = 64  # of the scale that ranks contrast among photographs
LEAST_CONTRAST = 1.0  # levels of 255, deviation: less than that is as good as none
# Differences of logarithms that cost nothing: a place may be a little busier than expected, and
# quieter by twice as much, as marks in the wrong place disturb more than bare ones.
FREE_CONTRAST = 0.3
QUIET_SHARE = 0.5  # what a place costs that is too quiet, over one that is too busy
QUIETEST, BUSIEST = 1.5, 0.5  # weights of places that are too busy, by their rank

SPECTRUM_WINDOW = 16  # pixels, side of the windows whose spectra are compared; they overlap by half
MIN_FREQUENCY = 0.15  # periods a pixel: coarser than that are strokes, which moments compare
LEAST_DEVIATION = 1.0  # levels of 255: a spectrum below such noise is that of a flat window

# linear sRGB to XYZ over that of white, row by row
TO_XYZ = (
    *(0.412453 / 0.95047, 0.357580 / 0.95047, 0.180423 / 0.95047),
    *(0.212671, 0.715160, 0.072169),
    *(0.019334 / 1.08883, 0.119193 / 1.08883, 0.950227 / 1.08883),
)
PALETTE_DIRECTIONS = 16
PALETTE_RANKS = 512
MIN_PALETTE_VARIANCE = 25.0  # of Lab colors: a style of one color has no palette to miss
MIN_PALETTE_SQUARE = 1e-5  # added below the root, so that its derivative is finite


# Luma


def luma(picture: Tensor) -> Tensor:
    """Compute the luma of RGB pictures (B, 3, H, W): (B, 1, H, W), in the same range."""
    return (picture.float() * _constant(LUMA_WEIGHTS, picture.device).view(1, 3, 1, 1)).sum(
        1, keepdim=True
    )


def fine_luma(picture: Tensor, deviation: float) -> Tensor:
    """Subtract the blurred luma from the luma of pictures (B, 3, H, W): (B, 1, H, W)."""
    gray = luma(picture)
    radius = math.ceil(2.5 * deviation)
    x = torch.arange(-radius, radius + 1, dtype=torch.float32, device=gray.device)
    line = torch.exp(-0.5 * (x / deviation) ** 2)
    line = line / line.sum()
    blurred = F.pad(gray, (radius,) * 4, mode="reflect")
    blurred = F.conv2d(blurred, line.view(1, 1, 1, -1))
    return gray - F.conv2d(blurred, line.view(1, 1, -1, 1))


@cache
def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Keep numbers on a device: a step that is recorded on a GPU cannot send them there."""
    return torch.tensor(values, device=device)


# The photograph that is left


class Detail(NamedTuple):
    """Where a photograph has detail.

    Attributes:
        fine: its fine luma, (B, 1, H, W).
        weights: of windows, (B, 1, h, w): 1 where they are compared, else 0.
    """

    fine: Tensor
    weights: Tensor


def find_detail(photo: Tensor) -> Detail:
    """Find the windows of photographs (B, 3, H, W), RGB in 0..1, that have most detail."""
    fine = fine_luma(photo, FINE)
    deviations = _window_mean(fine.square()).sqrt()
    ordered = deviations.flatten(1).sort(1).values
    limit = ordered[:, int((1 - DETAILED_SHARE) * ordered.shape[1])].view(-1, 1, 1, 1)
    weights = (deviations >= limit) & (deviations > MIN_DETAIL / 255)
    return Detail(fine, weights.float())


def residue_loss(picture: Tensor, detail: Detail) -> Tensor:
    """Measure how much of the photograph's fine luma is left where it has detail.

    It is the correlation of the fine luma of picture and photograph in windows, as far as it is
    above `KEPT_DETAIL`, averaged. Of displacements up to `MAX_DISPLACEMENT`, the best counts.
    Windows count alike. So it does not help to paint some of the subject over and leave the rest
    as it is.

    Args:
        picture: (B, 3, H, W), RGB in 0..1.
        detail: of the photographs.
    """
    x, y = detail.fine, fine_luma(picture, FINE)
    least = (0.5 / 255) ** 2
    variance = _window_mean(x.square()) + least
    steps = range(-MAX_DISPLACEMENT, MAX_DISPLACEMENT + 1)
    displaced = [y.roll((down, right), (2, 3)) for down in steps for right in steps]
    correlations = [
        _window_mean(x * y) / (variance * (_window_mean(y.square()) + least)).sqrt()
        for y in displaced
    ]
    correlation = torch.stack(correlations).amax(0)
    excess = (correlation - KEPT_DETAIL).clamp_min(0) * detail.weights
    return excess.sum((1, 2, 3)) / detail.weights.sum((1, 2, 3)).clamp_min(1)


def _window_mean(x: Tensor) -> Tensor:
    """Average over windows of `WINDOW` pixels that overlap by half.

    It is the mean of four quarters: a GPU is slow at large windows, as there are few of them.
    """
    return F.avg_pool2d(F.avg_pool2d(x, WINDOW // 2), 2, 1)


# Marks that are stamped


def repetition_loss(picture: Tensor) -> Tensor:
    """Measure how much a mark is repeated, on paintings of smooth pictures.

    It is the mean of the largest normalized autocorrelations of fine luma, farther than `MARK`
    pixels from the origin, as far as it is above `FREE_REPETITION`.

    Args:
        picture: (B, 3, S, S), RGB in 0..1: paintings of pictures without detail.
    """
    fine = fine_luma(picture, MARK)[:, 0, 8:-8, 8:-8]
    window, overlap, allowed = _autocorrelation_window(fine.shape[-1], fine.device)
    fine = (fine - fine.mean((1, 2), keepdim=True)) * window
    size = 2 * fine.shape[-1]
    power = torch.fft.rfft2(fine, (size, size)).abs().square()
    r = torch.fft.irfft2(power, (size, size))
    r = r / (r[:, :1, :1] + 1e-6) / overlap
    peaks = r.flatten(1)[:, allowed].topk(PEAKS, dim=1).values
    return (peaks.mean(1) - FREE_REPETITION).clamp_min(0)


@cache
def _autocorrelation_window(side: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Make a Hann window, its autocorrelation, and the numbers of the shifts that count."""
    line = torch.hann_window(side, periodic=False, device=device)
    window = line[:, None] * line
    overlap = torch.fft.irfft2(
        torch.fft.rfft2(window, (2 * side, 2 * side)).abs().square(), (2 * side, 2 * side)
    )
    overlap = (overlap / overlap[0, 0]).clamp_min(0.2)
    shift = torch.fft.fftfreq(2 * side, 1 / (2 * side), device=device)
    distance = torch.hypot(shift[:, None], shift[None])
    # half of the plane, as the other half is the same
    allowed = (distance > MARK) & (distance < 0.55 * side) & (shift[:, None] >= 0)
    return window, overlap, allowed.flatten().nonzero()[:, 0]


# Quiet places


def local_contrast(picture: Tensor) -> Tensor:
    """Measure the contrast of luma in windows, fine and of the size of marks.

    Args:
        picture: (B, 3, H, W), RGB in 0..1, of at least `WINDOW` pixels a side.

    Returns:
        Logarithms of deviations, (B, 2, h, w).
    """
    gray = luma(picture)
    fine, coarse = CONTRAST_BOXES
    near = _box(gray, fine)
    bands = torch.cat([gray - near, near - _box(near, coarse)], 1)
    return 0.5 * (_window_mean(bands.square()) + (LEAST_CONTRAST / 255) ** 2).log()


def _box(x: Tensor, side: int) -> Tensor:
    padded = F.pad(x, (side // 2,) * 4, mode="reflect")
    return F.avg_pool2d(F.avg_pool2d(padded, (side, 1), 1), (1, side), 1)


def contrast_quantiles(style: Tensor) -> Tensor:
    """Describe how much of style pictures (B, 3, H, W) is quiet: (B, 2, quantiles), ascending."""
    steps = torch.linspace(0, 1, CONTRAST_QUANTILES, device=style.device)
    return torch.quantile(local_contrast(style).flatten(2), steps, dim=2).permute(1, 2, 0)


def contrast_scale(contrast: Tensor) -> Tensor:
    """Make a scale of the `local_contrast` of many photographs: quantiles, (2, steps + 1)."""
    steps = torch.linspace(0, 1, SCALE_STEPS + 1, device=contrast.device)
    return torch.quantile(contrast.transpose(0, 1).flatten(1), steps, dim=1).T.contiguous()


def contrast_ranks(contrast: Tensor, scale: Tensor) -> Tensor:
    """Rank the places of photographs among those of all: 0 the quietest, 1 the busiest.

    Ranks are averaged over neighboring windows, as a subject is busy as a whole.

    Args:
        contrast: of the photographs, (B, 2, h, w).
        scale: of many photographs, (2, steps + 1).
    """
    ranks = [
        torch.bucketize(band.contiguous(), quantiles) / SCALE_STEPS
        for band, quantiles in zip(contrast.unbind(1), scale, strict=True)
    ]
    ranked = torch.stack(ranks, 1).clamp(0, 1)
    return F.avg_pool2d(F.pad(ranked, (1,) * 4, mode="replicate"), 3, 1)


def contrast_loss(picture: Tensor, ranks: Tensor, quantiles: Tensor) -> Tensor:
    """Compare the contrast of places with that of such places of the style.

    The quietest places of a photograph are expected to be as quiet as the quietest of the style,
    and the busiest as busy as its busiest. Moments do not say where marks are, and marks in a sky
    cost no content. So networks put them there. A style that is quiet nowhere has marks in skies.

    Args:
        picture: (B, 3, H, W), RGB in 0..1.
        ranks: of the places of the photographs, (B, 2, h, w).
        quantiles: of the styles, (B, 2, quantiles).

    Returns:
        (B,): with d the difference of logarithms, r the rank and f `FREE_CONTRAST`, the mean of
        (1.5 - r) max(0, d - f) + 0.5 max(0, -d - 2 f).
    """
    position = (ranks * (quantiles.shape[2] - 1)).flatten(2)
    below = position.floor().long().clamp(0, quantiles.shape[2] - 2)
    first, second = quantiles.gather(2, below), quantiles.gather(2, below + 1)
    expected = torch.lerp(first, second, position - below).view_as(ranks)
    difference = local_contrast(picture) - expected
    too_busy = (difference - FREE_CONTRAST).clamp_min(0)
    too_quiet = (-difference - 2 * FREE_CONTRAST).clamp_min(0)
    weights = torch.lerp(torch.full_like(ranks, QUIETEST), torch.full_like(ranks, BUSIEST), ranks)
    return (too_busy * weights + QUIET_SHARE * too_quiet).mean((1, 2, 3))


# A mesh of pixels


def spectrum(picture: Tensor) -> Tensor:
    """Describe the finest structure of pictures: mean logarithms of power, (B, 3, frequencies).

    The three are those of luma, red minus luma, and blue minus luma. Logarithms are averaged over
    windows. So the many windows with little in them count, and not just the few strong edges: a
    mesh over smooth parts is far above the style there.

    Args:
        picture: (B, 3, H, W), RGB in 0..1, of at least `SPECTRUM_WINDOW` pixels a side.
    """
    gray = luma(picture)
    x = torch.cat([gray, picture[:, :1].float() - gray, picture[:, 2:].float() - gray], 1)
    step = SPECTRUM_WINDOW // 2
    windows = x.unfold(2, SPECTRUM_WINDOW, step).unfold(3, SPECTRUM_WINDOW, step)
    weights, fine = _spectrum_window(x.device)
    windows = (windows - windows.mean((-2, -1), keepdim=True)) * weights
    power = torch.fft.rfft2(windows).abs().square().flatten(-2)[..., fine]
    # white noise of deviation d has a mean power of d^2 at each frequency
    power = power / weights.square().sum()
    return (power + (LEAST_DEVIATION / 255) ** 2).log().mean((2, 3))


def spectrum_loss(picture: Tensor, target: Tensor) -> Tensor:
    """Compare the finest structure of pictures with that of styles.

    Covariances do not tell a mesh of two or three pixels from the grain of a canvas: both have the
    same energy. In a spectrum, a mesh is a peak.

    Args:
        picture: (B, 3, H, W), RGB in 0..1.
        target: `spectrum` of the styles, (B, 3, frequencies).

    Returns:
        The mean squared difference of the logarithms of power, (B,): 1 is a factor of e.
    """
    return (spectrum(picture) - target).square().mean((1, 2))


@cache
def _spectrum_window(device: torch.device) -> tuple[Tensor, Tensor]:
    """Make a Hann window, and the numbers of the frequencies that count."""
    line = torch.hann_window(SPECTRUM_WINDOW, device=device)
    down = torch.fft.fftfreq(SPECTRUM_WINDOW, device=device)
    across = torch.fft.rfftfreq(SPECTRUM_WINDOW, device=device)
    fine = torch.hypot(down[:, None], across) > MIN_FREQUENCY
    return line[:, None] * line, fine.flatten().nonzero()[:, 0]


# Colors


class Palette(NamedTuple):
    """The colors of a style picture.

    Attributes:
        quantiles: of Lab colors along `palette_directions`, (B, ranks, directions), ascending.
        variance: of the colors, (B,).
    """

    quantiles: Tensor
    variance: Tensor


def palette(style: Tensor) -> Palette:
    """Describe the colors of style pictures (B, 3, H, W), RGB in 0..1."""
    colors = to_lab(style).flatten(2).transpose(1, 2)
    variance = colors.var(1).sum(1).clamp_min(MIN_PALETTE_VARIANCE)
    return Palette(_quantiles(colors), variance)


def palette_loss(picture: Tensor, target: Palette) -> Tensor:
    """Compute the sliced Wasserstein distance of colors over the deviation of the style's.

    Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures", in Lab, on every
    fourth row and column. It is a root mean square, not its square: colors are soon so near that a
    square hardly pulls, and the eye still sees a difference.

    Args:
        picture: (B, 3, H, W), RGB in 0..1.
        target: colors of the styles.
    """
    colors = to_lab(picture[:, :, 1::4, 2::4]).flatten(2).transpose(1, 2)
    difference = _quantiles(colors) - target.quantiles
    square = 3 * difference.square().mean((1, 2)) / target.variance
    return (square + MIN_PALETTE_SQUARE).sqrt()


def _quantiles(colors: Tensor) -> Tensor:
    """Sort Lab colors (B, n, 3) along the directions, and average them in `PALETTE_RANKS` bins."""
    values = (colors @ palette_directions(colors.device)).transpose(1, 2)
    count = values.shape[2] // PALETTE_RANKS * PALETTE_RANKS
    # evenly many a bin, so that some colors are left out: they are in no order yet
    ordered = values[:, :, :count].sort(2).values
    return ordered.unflatten(2, (PALETTE_RANKS, -1)).mean(3).transpose(1, 2)


@cache
def palette_directions(device: torch.device) -> Tensor:
    """Give directions that are spread evenly over half a sphere: (3, directions)."""
    k = torch.arange(PALETTE_DIRECTIONS, dtype=torch.float32) + 0.5
    z = k / PALETTE_DIRECTIONS
    angle = math.pi * (1 + 5**0.5) * k  # of the golden ratio
    radius = (1 - z * z).sqrt()
    return torch.stack([z, radius * angle.cos(), radius * angle.sin()]).to(device)


def to_lab(picture: Tensor) -> Tensor:
    """Convert sRGB pictures (B, 3, H, W) in 0..1 to CIE Lab, for a white of D65."""
    rgb = picture.float().clamp(0, 1)
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).clamp_min(1e-4) ** 2.4, rgb / 12.92)
    xyz = torch.einsum("ij,bjhw->bihw", _constant(TO_XYZ, picture.device).view(3, 3), linear)
    f = torch.where(xyz > 0.008856, xyz.clamp_min(1e-4) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


# Marks of the style


class Marks(NamedTuple):
    """Features of a style picture at some of its positions.

    Attributes:
        center: their mean, (B, C).
        features: without the mean, of length 1, (B, n, C).
    """

    center: Tensor
    features: Tensor


def pick_marks(f: Tensor, count: int) -> Marks:
    """Pick features (B, C, H, W) at `count` positions that are spread evenly.

    Args:
        f: features of style pictures.
        count: positions; they repeat where a picture has fewer.
    """
    flat = f.flatten(2).transpose(1, 2)
    center = flat.float().mean(1)
    numbers = torch.linspace(0, flat.shape[1] - 1, count, device=f.device).round().long()
    picked = flat[:, numbers] - center[:, None].to(f.dtype)
    return Marks(center, F.normalize(picked.float(), dim=2).to(f.dtype))


def nearest_loss(f: Tensor, marks: Marks) -> Tensor:
    """Compute the mean cosine distance of features to the nearest of the style's.

    Kolkin et al. 2022 ("Neural neighbor style transfer") and Zhang et al. 2022 ("ARF", eq. 2). So a
    place looks like some place of the style, not like an average of several. As in the former, the
    mean of the features is taken out: here, that of the style. Every second row and column counts.

    Args:
        f: features of the painting, (B, C, H, W).
        marks: of the style.
    """
    flat = f[:, :, ::2, 1::2].flatten(2).transpose(1, 2)
    flat = F.normalize(flat.float() - marks.center[:, None], dim=2).to(marks.features.dtype)
    similarity = flat @ marks.features.transpose(1, 2)
    return 1 - similarity.amax(2).float().mean(1)
