"""Build the pipeline of one stylization: a chain of row sources from the photograph to the result.

Every link is a `RowSource` that computes bands from the top down, so pictures may have any size.
The photograph is painted once for each style and strength that is needed. Each painting is
recolored (`RecoloredRows`), and masks blend them (`BlendedRows`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from impasto.errors import StyleError
from impasto.images.image import UInt8
from impasto.images.resize import resize_short_side
from impasto.images.rows import ArrayRows, ResizedRows, RowSource
from impasto.inference import stroke_size
from impasto.inference.color import (
    Color,
    Recoloring,
    color_after,
    fit_recoloring,
    measure_palette,
    recolor,
    recolor_style,
)
from impasto.inference.masks import Mask
from impasto.inference.model import LoadedNetwork
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.inference.wrapping import paint_wrapped
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.progress import Advance

# Under a gradient, mixtures between its ends are painted too, so that strokes change on the way
# instead of fading.
MIX_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
STYLE_PALETTE_SIDE = 512  # pixels of the short side at which palettes for style pictures are read
PALETTE_SIDE = 1024  # pixels of the short side at which palettes of streamed paintings are read
BAND_PIXELS = 1_000_000  # pixels that are blended or recolored at a time


class StylizedRows:
    """A lazily computed painting.

    One thread reads it, once. To paint again, call `build_pipeline` again.

    Attributes:
        rows: yields the painting; it is computed while it is read.
    """

    def __init__(self, rows: RowSource, recolored: Sequence["RecoloredRows"] = ()) -> None:
        self.rows, self._recolored = rows, recolored

    def __repr__(self) -> str:
        return f"StylizedRows({self.rows.width}x{self.rows.height})"

    @property
    def beyond_fraction(self) -> float:
        """Share of pixels, 0..1, that were made paler to fit 0..255; known once all rows are read.

        Chrominance is reduced, and luminance and hue stay (see `impasto.inference.color`).
        """
        beyond = sum(painting.beyond_pixels for painting in self._recolored)
        return beyond / max(1, len(self._recolored) * self.rows.height * self.rows.width)


def build_pipeline(
    model: LoadedNetwork,
    photo: RowSource,
    settings: StylizeSettings,
    alpha: UInt8 | None = None,
    advance: Advance = lambda _: None,
) -> StylizedRows:
    """Build the pipeline that stylizes a photograph.

    Args:
        model: the network that paints.
        photo: the photograph.
        settings: styles, strength, stroke size, color mode, mask and regions.
        alpha: the photograph's transparency, uint8 (h, w) of any size, if it has some.
        advance: called with the fraction of work done since the last call; the fractions sum to 1.

    Returns:
        The painting, which is computed when its rows are read.

    Raises:
        StyleError: a style does not fit the network, or has no picture to recolor.
        MaskError: the mask is the photograph's transparency, and it has none.
        ArgumentError: strength or stroke is out of range.
    """
    mask = settings.mask.with_alpha(alpha) if settings.mask else None
    regions = [replace(region, mask=region.mask.with_alpha(alpha)) for region in settings.regions]
    settings = replace(settings, regions=regions, mask=mask)
    if settings.color.when == "before":
        settings = recolor_styles(model, settings, reduced_copy(photo))
    plan = _plan_layers(settings)
    share = 1 / max(1, sum(strength > 0 for _, strength in plan.paintings))
    recolored: list[RecoloredRows] = []
    layers: list[RowSource] = []
    for style, strength in plan.paintings:
        prepared = model.prepare(style, strength)
        layer = _build_layer(photo.reopen(), prepared, settings, lambda done: advance(done * share))
        layers.append(layer)
        if isinstance(layer, RecoloredRows):
            recolored.append(layer)
    return StylizedRows(plan.combine(layers), recolored)


@dataclass(frozen=True)
class _Plan:
    """The paintings that a stylization needs, and the function that combines them.

    Attributes:
        paintings: style and strength of each; strength 0 is the photograph.
        combine: takes one row source for each painting, and returns the result.
    """

    paintings: list[tuple[Mix, float]]
    combine: Callable[[list[RowSource]], RowSource]


def _plan_layers(settings: StylizeSettings) -> _Plan:
    mask = settings.mask
    if mask and mask.is_wide and not settings.regions:
        levels = [(settings.style, settings.strength * level) for level in MIX_LEVELS]
        return _Plan(levels, lambda layers: BlendedRows(layers, mask))
    styles = _plan_regions(settings)
    if not mask:
        return styles

    def combine(layers: list[RowSource]) -> RowSource:
        return BlendedRows([layers[0], styles.combine(layers[1:])], mask)

    return _Plan([(settings.style, 0.0), *styles.paintings], combine)


def _plan_regions(settings: StylizeSettings) -> _Plan:
    """Plan the style and the styles of the regions, without the mask."""
    regions, strength = settings.regions, settings.strength
    if len(regions) == 1 and regions[0].mask.is_wide:  # from style to style, by their mixtures
        mixes = [_interpolate(settings.style, regions[0].style, level) for level in MIX_LEVELS]
        return _Plan(
            [(mix, strength) for mix in mixes],
            lambda layers: BlendedRows(layers, regions[0].mask),
        )

    def combine(layers: list[RowSource]) -> RowSource:
        painting = layers[0]
        for region, layer in zip(regions, layers[1:], strict=True):
            painting = BlendedRows([painting, layer], region.mask)
        return painting

    return _Plan([(mix, strength) for mix in settings.mixes], combine)


def _interpolate(first: Mix, second: Mix, share: float) -> Mix:
    """Mix two mixes, with this share of the second one."""
    parts = [(style, weight * (1 - share)) for style, weight in first.parts]
    parts += [(style, weight * share) for style, weight in second.parts]
    return Mix(tuple((style, weight) for style, weight in parts if weight > 0))


def _build_layer(
    photo: RowSource, prepared: PreparedStyle, settings: StylizeSettings, advance: Advance
) -> RowSource:
    """Paint the photograph in one style, and recolor it if the settings say so."""

    def paint(picture: RowSource) -> RowSource:
        return stroke_size.apply_stroke_size(picture, prepared, settings.stroke, advance)

    wrap = settings.wrap if prepared.passes else "none"
    painting = paint_wrapped(photo, wrap, settings.stroke, paint)
    color = settings.color
    if not prepared.passes or not color.changes:
        return painting
    if color.mode == "luminance":
        change = fit_recoloring(color.mode)
    elif isinstance(photo, ArrayRows):
        painting = ArrayRows(painting.to_array())
        change = fit_recoloring(
            color.mode, measure_palette(painting.to_array()), measure_palette(photo.to_array())
        )
    else:
        # A streamed painting is not in memory and not painted twice, so palettes come from a small
        # copy.
        small = reduced_copy(photo, PALETTE_SIDE)
        sketch = stroke_size.apply_stroke_size(ArrayRows(small), prepared, settings.stroke)
        change = fit_recoloring(
            color.mode, measure_palette(sketch.to_array()), measure_palette(small)
        )
    return RecoloredRows(painting, photo.reopen(), change, color.amount)


class RecoloredRows(RowSource):
    """A recolored painting.

    One thread reads it at a time; `reopen` gives another thread its own.

    Args:
        painting: the painting to recolor.
        photo: the photograph, which only the mode "luminance" reads.
        change: the change of colors.
        amount: share of the change to apply, 0..1.

    Attributes:
        beyond_pixels: number of pixels, of those read so far, whose new colors were outside 0..255
            and were made paler.
    """

    def __init__(
        self, painting: RowSource, photo: RowSource, change: Recoloring, amount: float
    ) -> None:
        super().__init__(painting.height, painting.width)
        self._painting, self._photo, self._change, self._amount = painting, photo, change, amount
        self.beyond_pixels = 0

    def reopen(self) -> "RecoloredRows":
        """Return the same painting, read from its first row; it counts by itself."""
        return RecoloredRows(
            self._painting.reopen(), self._photo.reopen(), self._change, self._amount
        )

    def bands(self) -> Iterator[UInt8]:
        """Recolor all rows, from the top down."""
        self.beyond_pixels = 0
        for top, bottom in _bands(self):
            painted, photo = self._painting.rows(top, bottom), self._photo.rows(top, bottom)
            band, beyond = recolor(painted, photo, self._change, self._amount)
            self.beyond_pixels += beyond
            yield band


class BlendedRows(RowSource):
    """Pictures of one size, blended by a mask.

    One thread reads it at a time; `reopen` gives another thread its own.

    Args:
        pictures: the first shows where the mask is 0, the last where it is 1, and those between at
            evenly spaced values.
        mask: the mask.
    """

    def __init__(self, pictures: Sequence[RowSource], mask: Mask) -> None:
        super().__init__(pictures[0].height, pictures[0].width)
        self._pictures, self._mask = pictures, mask

    def reopen(self) -> "BlendedRows":
        """Return the same picture, read from its first row."""
        return BlendedRows([picture.reopen() for picture in self._pictures], self._mask)

    def bands(self) -> Iterator[UInt8]:
        """Blend all rows, from the top down."""
        for top, bottom in _bands(self):
            values = self._mask.rows(top, bottom, self.height, self.width)
            place = values * (len(self._pictures) - 1)
            mixed = np.zeros((bottom - top, self.width, 3), np.float32)
            for number, picture in enumerate(self._pictures):
                weight = (1 - np.abs(place - number)).clip(0)
                mixed += weight[..., None] * picture.rows(top, bottom)
            yield (mixed + np.float32(0.5)).clip(0, 255).astype(np.uint8)


def _bands(picture: RowSource) -> Iterator[tuple[int, int]]:
    step = max(1, BAND_PIXELS // picture.width)
    return ((top, min(top + step, picture.height)) for top in range(0, picture.height, step))


def reduced_copy(photo: RowSource, side: int = STYLE_PALETTE_SIDE) -> UInt8:
    """Read a photograph into memory, with at most `side` pixels on its short side."""
    if isinstance(photo, ArrayRows):
        return resize_short_side(photo.to_array(), min(side, *photo.to_array().shape[:2]))
    scale = min(1.0, side / min(photo.height, photo.width))
    height, width = (max(1, round(length * scale)) for length in (photo.height, photo.width))
    return ResizedRows(photo.reopen(), height, width).to_array()


def recolor_styles(
    model: LoadedNetwork, settings: StylizeSettings, photo: UInt8
) -> StylizeSettings:
    """Recolor the style pictures with the colors of a photograph, if the settings say so.

    Args:
        model: the network that paints.
        settings: the settings of a stylization.
        photo: uint8 RGB (h, w, 3), any size.

    Returns:
        Settings with the recolored styles, and the color mode that remains for the painting.

    Raises:
        StyleError: a style has no picture.
    """
    color, recolored = settings.color, dict[int, Style]()
    if not color.changes or color.when == "after":
        return settings

    def recolor_mix(mix: Mix) -> Mix:
        for style, _ in mix.parts:
            if id(style) not in recolored:
                recolored[id(style)] = _recolor_one_style(model, style, photo, color)
        return Mix(tuple((recolored[id(style)], weight) for style, weight in mix.parts))

    style = recolor_mix(settings.style)
    regions = [replace(region, style=recolor_mix(region.style)) for region in settings.regions]
    return replace(settings, style=style, regions=regions, color=color_after(color))


def _recolor_one_style(model: LoadedNetwork, style: Style, photo: UInt8, color: Color) -> Style:
    """Recolor a style's picture; training beyond the predicted embedding is kept."""
    check_recolorable([style])
    assert style.picture is not None
    return model.repictured(style, recolor_style(style.picture, photo, color))


def check_recolorable(styles: Iterable[Style]) -> None:
    """Check that styles have pictures to recolor; those of the gallery have none.

    Raises:
        StyleError: a style has no picture, or owns its network.
    """
    for style in styles:
        if style.picture is None or style.own:
            raise StyleError(
                f"cannot recolor the style {style.name} before painting: it has no picture that"
                " could be recolored; give the picture itself as the style, or recolor the"
                " painting: --color-when after"
            )
