"""A manner: all that is said of how a picture is painted, and the picture painted so.

Every link is a `Pixels`, made in bands from the top down, so what is combined here has any size: a
photograph is painted once for each style and strength that is needed, recolored (`Recolored`), and
put together by masks (`Blended`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from impasto.errors import StyleError
from impasto.images.image import UInt8
from impasto.images.resize import resized
from impasto.images.rows import ArrayRows, ResizedRows, RowSource
from impasto.inference import stroke_size
from impasto.inference.color import (
    Color,
    Recoloring,
    color_after,
    palette,
    recolor,
    recolor_style,
    recoloring,
)
from impasto.inference.masks import Mask
from impasto.inference.model import LoadedNetwork, PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.progress import Advance

# Where a mask is a gradient, mixtures in between are painted too, so that strokes change on the way
# and do not only fade.
MIX_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
STYLE_PALETTE_SIDE, PALETTE_SIDE = (
    512,
    1024,
)  # pixels of the short side, at which its colors are read: for styles, for paintings
BAND_PIXELS = 1_000_000  # pixels that are put together at a time


class StylizedRows:
    """A painting that can be made: `pixels` of it, and when they are made, how many were `beyond`
    what colors there are."""

    def __init__(self, pixels: RowSource, recolored: Sequence["RecoloredRows"] = ()) -> None:
        self.pixels, self._recolored = pixels, recolored

    @property
    def beyond(self) -> float:
        """Share of pixels, 0..1, whose new colors were outside of 0..255 and were brought back."""
        count = sum(each.beyond for each in self._recolored)
        return count / max(1, len(self._recolored) * self.pixels.height * self.pixels.width)


def build_pipeline(
    model: LoadedNetwork,
    photo: RowSource,
    settings: StylizeSettings,
    alpha: UInt8 | None = None,
    advance: Advance = lambda _: None,
) -> StylizedRows:
    """A photograph painted in a manner.

    Args:
        painter: whose network paints.
        photo: what is painted.
        manner: how.
        alpha: the photograph's transparency, uint8 (h, w) of any size, if it has some.
        advance: told of each share of the work that is done; they sum to 1.

    Raises:
        StyleError: a style does not fit the network, or has no picture that could be recolored.
        MaskError: the mask is the photograph's transparency, and it has none.
        ValueError: strength or stroke are out of range.
    """
    mask = settings.mask.of(alpha) if settings.mask else None
    regions = [replace(region, mask=region.mask.of(alpha)) for region in settings.regions]
    settings = replace(settings, regions=regions, mask=mask)
    if settings.color.when == "before":
        settings = recolor_styles(model, settings, reduced_copy(photo))
    plan, put_together = _planned(settings)
    share = 1 / max(1, sum(strength > 0 for _, strength in plan))
    recolorings: list[RecoloredRows] = []
    layers = []
    for style, strength in plan:
        prepared = model.prepare(style, strength)
        layers.append(
            _layer(
                photo.reopen(), prepared, settings, recolorings, lambda done: advance(done * share)
            )
        )
    return StylizedRows(put_together(layers), recolorings)


def _planned(
    settings: StylizeSettings,
) -> tuple[list[tuple[Mix, float]], Callable[[list[RowSource]], RowSource]]:
    """Styles and strengths that the photograph is painted in, and what puts these paintings
    together."""
    mask, regions, strength = settings.mask, settings.regions, settings.strength
    if mask and mask.is_wide and not regions:
        return [
            (settings.style, strength * level) for level in MIX_LEVELS
        ], lambda layers: BlendedRows(layers, mask)
    plan = [(settings.style, 0.0)] if mask else []
    if (
        len(regions) == 1 and regions[0].mask.is_wide
    ):  # from one style to another by way of their mixtures
        plan += [
            (_between(settings.style, regions[0].style, level), strength) for level in MIX_LEVELS
        ]
    else:
        plan += [(style, strength) for style in settings.mixes]
    own = 1 if mask else 0  # the photograph comes first, where there is a mask

    def put_together(layers: list[RowSource]) -> RowSource:
        if len(plan) - own > 1 + len(regions):
            painted: RowSource = BlendedRows(layers[own:], regions[0].mask)
        else:
            painted = layers[own]
            for region, layer in zip(regions, layers[own + 1 :], strict=True):
                painted = BlendedRows([painted, layer], region.mask)
        return BlendedRows([layers[0], painted], mask) if mask else painted

    return plan, put_together


def _layer(
    photo: RowSource,
    prepared: PreparedStyle,
    settings: StylizeSettings,
    recolorings: list["RecoloredRows"],
    advance: Advance,
) -> RowSource:
    """The photograph painted in one style, in the colors that the manner says."""
    painted, color = (
        stroke_size.apply_stroke_size(photo, prepared, settings.stroke, advance),
        settings.color,
    )
    if not prepared.passes or not color.changes:
        return painted
    if color.mode == "luminance":
        change = recoloring(color.mode)
    elif isinstance(photo, ArrayRows):
        painted = ArrayRows(painted.to_array())
        change = recoloring(color.mode, palette(painted.to_array()), palette(photo.to_array()))
    else:  # not in memory, and not painted twice: as its colors are at a small size
        seen = reduced_copy(photo, PALETTE_SIDE)
        change = recoloring(
            color.mode,
            palette(
                stroke_size.apply_stroke_size(ArrayRows(seen), prepared, settings.stroke).to_array()
            ),
            palette(seen),
        )
    recolorings.append(RecoloredRows(painted, photo.reopen(), change, color.amount))
    return recolorings[-1]


class RecoloredRows(RowSource):
    """A painting in other colors; `beyond` counts pixels of which 0..255 does not have them."""

    def __init__(
        self, painted: RowSource, photo: RowSource, change: Recoloring, amount: float
    ) -> None:
        super().__init__(painted.height, painted.width)
        self._painted, self._photo, self._change, self._amount = painted, photo, change, amount
        self.beyond = 0

    def reopen(self) -> "RecoloredRows":
        return RecoloredRows(
            self._painted.reopen(), self._photo.reopen(), self._change, self._amount
        )

    def bands(self) -> Iterator[UInt8]:
        self.beyond = 0
        for top, bottom in _bands(self):
            painted, photo = self._painted.rows(top, bottom), self._photo.rows(top, bottom)
            band, beyond = recolor(painted, photo, self._change, self._amount)
            self.beyond += beyond
            yield band


class BlendedRows(RowSource):
    """Pictures of one size, the first where a mask is 0, the last where it is 1, those between in
    between."""

    def __init__(self, pictures: Sequence[RowSource], mask: Mask) -> None:
        super().__init__(pictures[0].height, pictures[0].width)
        self._pictures, self._mask = pictures, mask

    def reopen(self) -> "BlendedRows":
        return BlendedRows([picture.reopen() for picture in self._pictures], self._mask)

    def bands(self) -> Iterator[UInt8]:
        for top, bottom in _bands(self):
            place = self._mask.rows(top, bottom, self.height, self.width) * (
                len(self._pictures) - 1
            )
            mixed = np.zeros((bottom - top, self.width, 3), np.float32)
            for number, picture in enumerate(self._pictures):
                mixed += (1 - np.abs(place - number)).clip(0)[..., None] * picture.rows(top, bottom)
            yield (mixed + np.float32(0.5)).clip(0, 255).astype(np.uint8)


def _bands(picture: RowSource) -> Iterator[tuple[int, int]]:
    step = max(1, BAND_PIXELS // picture.width)
    return ((top, min(top + step, picture.height)) for top in range(0, picture.height, step))


def reduced_copy(photo: RowSource, side: int = STYLE_PALETTE_SIDE) -> UInt8:
    """A photograph of no more than so many pixels on its short side, in memory."""
    if isinstance(photo, ArrayRows):
        return resized(photo.to_array(), min(side, *photo.to_array().shape[:2]))
    scale = min(1.0, side / min(photo.height, photo.width))
    return ResizedRows(
        photo.reopen(), max(1, round(photo.height * scale)), max(1, round(photo.width * scale))
    ).to_array()


def _between(one: Mix, other: Mix, share: float) -> Mix:
    parts = [(style, weight * (1 - share)) for style, weight in one.parts]
    parts += [(style, weight * share) for style, weight in other.parts]
    return Mix(tuple((style, weight) for style, weight in parts if weight > 0))


def recolor_styles(
    model: LoadedNetwork, settings: StylizeSettings, photo: UInt8
) -> StylizeSettings:
    """A manner whose style pictures have the colors of a photograph, uint8 (h, w, 3), if it says
    so, and what is left to do.

    Raises StyleError if a style has no picture.
    """
    color, done = settings.color, dict[int, Style]()
    if not color.changes or color.when == "after":
        return settings

    def changed(mix: Mix) -> Mix:
        for style, _ in mix.parts:
            if id(style) not in done:
                done[id(style)] = _recolored_style(model, style, photo, color)
        return Mix(tuple((done[id(style)], weight) for style, weight in mix.parts))

    regions = [replace(region, style=changed(region.style)) for region in settings.regions]
    return replace(
        settings, style=changed(settings.style), regions=regions, color=color_after(color)
    )


def _recolored_style(model: LoadedNetwork, style: Style, photo: UInt8, color: Color) -> Style:
    """A style whose picture has the colors of a photograph. What was learned of the picture beyond
    its prediction stays."""
    check_recolorable([style])
    assert style.picture is not None
    return model.repictured(style, recolor_style(style.picture, photo, color))


def check_recolorable(styles: Iterable[Style]) -> None:
    """Raises StyleError if a style has no picture that could be recolored, as those of the
    gallery."""
    for style in styles:
        if style.picture is None or style.own:
            raise StyleError(
                f"{style.name} has no picture that could be recolored before it is painted with; give the picture itself as "
                "the style, or recolor the painting: --color-when after"
            )
