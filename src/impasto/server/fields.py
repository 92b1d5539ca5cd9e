"""The fields of a request that paints, with their limits and examples."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, File, Form, UploadFile

from impasto.choices import GRADIENTS, MAX_STROKE, MIN_STROKE, MODES, When, Wrap
from impasto.errors import MaskError
from impasto.images.formats import DEFAULT_QUALITY
from impasto.images.reading import to_picture
from impasto.inference.color import Color, parse_color
from impasto.inference.masks import ALPHA, INVERT_PREFIX, Mask, parse_mask
from impasto.inference.regions import Region
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.models.mix import Mix
from impasto.server.problems import Problem, shorten
from impasto.server.styles import StyleParts, mix_of, parse_names, read_parts
from impasto.server.uploads import Upload, read_picture

NetworkField = Literal["auto", "base", "large", "small"]
MAX_REGIONS = 8

Strength = Annotated[
    float, Form(ge=0, le=1, description="0 is the photo, 1 the full style.", examples=[0.8])
]
ColorField = Annotated[
    str | None,
    Form(
        max_length=40,
        description=f"Whose colors the painting has: {', '.join(MODES)}, with an amount as in"
        " luminance:0.5. By default as the style was learned.",
        examples=["luminance"],
    ),
]
Quality = Annotated[
    int, Form(ge=1, le=100, description="Of JPEG, WebP, AVIF and videos; 100 is the finest.")
]


class StyleFields:
    """The fields that say in which style to paint."""

    def __init__(
        self,
        style: Annotated[
            str | None,
            Form(
                max_length=1000,
                description="A style of the gallery, or a mix of several.",
                examples=["starry-night", "starry-night:0.7,great-wave:0.3"],
            ),
        ] = None,
        style_image: Annotated[
            list[UploadFile] | None, File(description="Any picture, whose style is predicted.")
        ] = None,
        style_file: Annotated[
            list[UploadFile] | None, File(description="A style file (.safetensors).")
        ] = None,
        style_weights: Annotated[
            str | None,
            Form(
                max_length=300,
                description="Weights of style, then of each style_image, then of each style_file.",
                examples=["0.4,0.6"],
            ),
        ] = None,
    ) -> None:
        self.names, self.weights = style, style_weights
        self.images, self.files = style_image or [], style_file or []

    async def read(self, max_pixels: int) -> StyleParts:
        """Read the styles; see `read_parts`."""
        return await read_parts(self.names, self.images, self.files, self.weights, max_pixels)


class MaskFields:
    """The fields that say where to paint."""

    def __init__(
        self,
        mask: Annotated[
            UploadFile | None, File(description="A gray picture: white is painted, black kept.")
        ] = None,
        mask_name: Annotated[
            str | None,
            Form(
                max_length=40,
                description="In place of mask: alpha (the photo's own transparency), or"
                f" {', '.join(GRADIENTS)}; not:NAME inverts it.",
                examples=["left-right"],
            ),
        ] = None,
        mask_invert: Annotated[bool, Form(description="Paint where the mask is black.")] = False,
        region_mask: Annotated[
            list[UploadFile] | None,
            File(description="Masks of other styles; one region_style belongs to each."),
        ] = None,
        region_style: Annotated[
            list[str] | None,
            Form(description="Styles of the gallery, or mixes, one for each region_mask."),
        ] = None,
    ) -> None:
        self.mask, self.name, self.inverted = mask, mask_name, mask_invert
        self.region_masks, self.region_styles = region_mask or [], region_style or []

    async def read(self, max_pixels: int) -> "MaskParts":
        """Read the masks, and check the names.

        Raises:
            MaskError: a name is unknown, or regions have not as many masks as styles.
            PictureError: a mask is no picture, or has too many pixels.
        """
        masks, styles = self.region_masks, self.region_styles
        if len(masks) != len(styles) or len(masks) > MAX_REGIONS:
            raise MaskError(
                f"cannot use {len(masks)} region masks with {len(styles)} region styles; give one"
                f" region_style for each region_mask, {MAX_REGIONS} at most"
            )
        named = _named_mask(self.name, self.inverted) if self.name else None
        read = [(await read_picture(mask, max_pixels, "the mask"))[0] for mask in masks]
        regions = [
            (upload, mix_of(parse_names(text))) for upload, text in zip(read, styles, strict=True)
        ]
        upload = None
        if self.mask is not None:
            upload, _ = await read_picture(self.mask, max_pixels, "the mask")
        return MaskParts(upload, named, self.inverted, regions)


@dataclass(frozen=True, eq=False)
class MaskParts:
    """The masks of a request, not yet decoded.

    Attributes:
        upload: the mask, if it is a picture.
        named: the mask, if it has a name.
        inverted: whether the picture is inverted.
        regions: masks and mixes of regions.
    """

    upload: Upload | None
    named: Mask | None
    inverted: bool
    regions: Sequence[tuple[Upload, Mix]]

    def load(self) -> tuple[Mask | None, list[Region]]:
        """Decode the masks.

        Raises:
            MaskError: one cannot be read, or selects nothing.
        """
        mask = self.named
        if self.upload is not None and self.inverted:  # black all over paints everything
            picture = to_picture(self.upload.data, self.upload.name)
            mask = replace(parse_mask(picture.to_pil()), inverted=True)
        elif self.upload is not None:
            mask = parse_mask(self.upload.data)
        if mask and self.upload is not None:
            mask = _name_mask(mask, self.upload)
        return mask, [
            Region(_name_mask(parse_mask(upload.data), upload), mix) for upload, mix in self.regions
        ]

    @property
    def uploads(self) -> list[Upload]:
        """All files, in order."""
        return [*([self.upload] if self.upload else []), *(upload for upload, _ in self.regions)]


def _name_mask(mask: Mask, upload: Upload) -> Mask:
    """Let a mask know the file that it was read from, for the settings in a painting."""
    return replace(mask, file=Path(upload.name), digest=upload.digest)


def _named_mask(name: str, inverted: bool) -> Mask:
    plain = name.strip().removeprefix(INVERT_PREFIX)
    if plain not in (ALPHA, *GRADIENTS):
        raise MaskError(
            f"cannot use {shorten(plain)!r} as a mask: there is no such gradient; give a grayscale"
            f" image, {ALPHA}, or a gradient: {', '.join(GRADIENTS)}"
        )
    return Mask(plain, inverted=inverted != name.strip().startswith(INVERT_PREFIX))


class PaintFields:
    """The fields that say how to paint."""

    def __init__(
        self,
        strength: Strength = 1.0,
        color: ColorField = None,
        color_when: Annotated[
            When, Form(description="Recolor the painting after, or the style's picture before.")
        ] = "after",
        stroke: Annotated[
            str,
            Form(
                max_length=20,
                description=f"Size of strokes, {MIN_STROKE:g} to {MAX_STROKE:g}, or auto.",
                examples=["auto", "2"],
            ),
        ] = "auto",
        network: Annotated[
            NetworkField | None,
            Form(description="The network; auto is the first that has every style."),
        ] = None,
        quality: Quality = DEFAULT_QUALITY,
        embed_settings: Annotated[
            bool,
            Form(
                description="Write these settings into a painted picture; `impasto info` reads"
                " them."
            ),
        ] = True,
    ) -> None:
        self.strength, self.network, self.quality = strength, network, quality
        self.embed_settings = embed_settings
        self.color: Color | None = parse_color(color, color_when) if color else None
        self.stroke = parse_stroke(stroke)


def parse_stroke(text: str) -> float | None:
    """Parse the size of strokes; None is "auto".

    Raises:
        Problem: 422, as it is no number in range.
    """
    if text.strip() == "auto":
        return None
    try:
        stroke = float(text)
    except ValueError:
        stroke = 0.0
    if not MIN_STROKE <= stroke <= MAX_STROKE:
        raise Problem(
            422,
            f"cannot use {shorten(text)!r} as stroke; give a number from {MIN_STROKE:g} to"
            f" {MAX_STROKE:g}, or auto",
        )
    return stroke


class OrderFields:
    """All fields that say how to paint: styles, masks, and all others."""

    def __init__(
        self,
        styles: Annotated[StyleFields, Depends()],
        masks: Annotated[MaskFields, Depends()],
        paint: Annotated[PaintFields, Depends()],
    ) -> None:
        self._styles, self._masks, self.paint = styles, masks, paint

    async def read(self, max_pixels: int, wrap: Wrap = "none") -> "Order":
        """Read the files of a request.

        Args:
            max_pixels: of a picture.
            wrap: sides that meet.

        Raises:
            Problem: a file is too large, or a field is wrong.
        """
        styles, masks = await self._styles.read(max_pixels), await self._masks.read(max_pixels)
        return Order(styles, masks, self.paint, wrap)


@dataclass(frozen=True, eq=False)
class Order:
    """All that a request says of a painting, not yet decoded.

    Attributes:
        styles: in which to paint.
        masks: where to paint.
        fields: how to paint.
        wrap: sides that meet.
    """

    styles: StyleParts
    masks: MaskParts
    fields: PaintFields
    wrap: Wrap = "none"

    def load(self) -> StylizeSettings:
        """Decode styles and masks; in the thread that paints, as it takes time and memory.

        Raises:
            StyleError, ColorError, MaskError: something is broken, or does not fit.
        """
        mask, regions = self.masks.load()
        fields = self.fields
        stroke = 1.0 if fields.stroke is None else fields.stroke
        mix = self.styles.load()
        return parse_settings(mix, fields.strength, stroke, fields.color, mask, regions, self.wrap)

    def digest(self) -> "hashlib._Hash":
        """Begin the hash of a request by all that this order says."""
        fields, styles, masks = self.fields, self.styles, self.masks
        names = [style.name for style in styles.named]
        regions = [repr(mix) for _, mix in masks.regions]
        facts = (
            *(fields.strength, fields.network, fields.quality, fields.color, fields.stroke),
            *(
                fields.embed_settings,
                self.wrap,
                names,
                styles.weights,
                masks.named,
                masks.inverted,
                regions,
            ),
        )
        digest = hashlib.sha256(repr(facts).encode())
        for upload in (*styles.uploads, *masks.uploads):
            digest.update(hashlib.sha256(upload.data).digest())
        return digest
