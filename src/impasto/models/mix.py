"""Mixes of styles, as users write them."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from impasto.errors import StyleError
from impasto.files import describe_missing, is_url
from impasto.hub import PREFIX, is_reference
from impasto.images.formats import EXTENSIONS
from impasto.images.reading import PictureSource
from impasto.models.gallery import find_style
from impasto.models.style import SUFFIX, Style
from impasto.paths import expand_home

EXAMPLE = "starry-night:0.7,great-wave:0.3"


@dataclass(frozen=True, repr=False)
class Mix:
    """Styles with weights that sum to 1.

    Attributes:
        parts: styles and weights.
        weight_sum: the sum of the weights as the user wrote them; None where the user wrote none.
    """

    parts: tuple[tuple[Style, float], ...]
    weight_sum: float | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"Mix({', '.join(f'{style.name} {weight:.3g}' for style, weight in self.parts)})"

    @property
    def name(self) -> str:
        """The name of a single style, or `starry-night-70-great-wave-30` of several."""
        if len(self.parts) == 1:
            return self.parts[0][0].name
        return "-".join(f"{style.name}-{100 * weight:.0f}" for style, weight in self.parts)


StyleSource = str | Path | Style | Mix | PictureSource | Sequence[tuple[Any, float]]
"""Everything that `find_mix` turns into a mix."""


def find_mix(spec: StyleSource) -> Mix:
    """Find one style or a mix.

    Args:
        spec: anything that `find_style` accepts; a mix as text, `starry-night:0.7,great-wave:0.3`;
            pairs of a style (anything that `find_style` accepts) and its weight; or a `Mix`.
            Weights need not sum to 1, and count as 1 where they are left out.

    Raises:
        StyleError: a style is unknown or broken, or a weight is no positive number.
    """
    if isinstance(spec, Mix):
        return spec
    if isinstance(spec, str):
        return _normalize([_parse_part(part) for part in split_parts(spec)], repr(spec))
    if isinstance(spec, list | tuple):
        return _normalize([_check_pair(pair) for pair in spec], f"{len(spec)} styles")
    return Mix(((find_style(cast(PictureSource | Style, spec)), 1.0),))


def _normalize(pairs: Sequence[tuple[Style, float | None]], label: str) -> Mix:
    """Scale weights to the sum 1, and leave out styles of weight 0; None counts as 1."""
    weights = [1.0 if weight is None else weight for _, weight in pairs]
    total = sum(weights)
    if not all(weight >= 0 for weight in weights) or not 0 < total < math.inf:
        raise StyleError(
            f"cannot mix {label}: weights of a mix must be positive numbers; write it as {EXAMPLE}"
        )
    written = any(weight is not None for _, weight in pairs)
    parts = zip((style for style, _ in pairs), weights, strict=True)
    return Mix(
        tuple((style, weight / total) for style, weight in parts if weight > 0),
        total if written else None,
    )


def _check_pair(pair: Any) -> tuple[Style, float | None]:
    """Take a pair of a style and its weight, as a caller of the library gives it."""
    try:
        style, weight = pair
        return find_style(style), None if weight is None else float(weight)
    except (TypeError, ValueError) as error:
        raise StyleError(
            f"cannot mix {type(pair).__name__}: a mix is a list of pairs of a style and a weight;"
            ' give it as [("starry-night", 0.7), ("great-wave", 0.3)]'
        ) from error


def split_parts(text: str) -> list[str]:
    """Split text at commas, but not at those in names of files that exist."""
    pieces, parts = text.split(","), list[str]()
    while pieces:
        joined = (",".join(pieces[:count]) for count in range(len(pieces), 1, -1))
        part = next((part for part in joined if _is_file(part)), pieces[0])
        parts.append(part.strip())
        del pieces[: 1 + part.count(",")]
    return parts


def _is_file(part: str) -> bool:
    """Tell whether a part of a mix, with or without a weight, names a file that exists."""
    names = (part, part.strip(), part.strip().rpartition(":")[0])
    return any(os.path.isfile(expand_home(name)) for name in names if name)  # noqa: PTH113


def _parse_part(part: str) -> tuple[Style, float | None]:
    """Parse `name:weight`, or `name` with no weight; a colon may belong to a path."""
    if is_url(part) and not os.path.isfile(part):  # noqa: PTH113  # `Path` raises at long names
        raise StyleError(f"cannot read {describe_missing(part)}")
    if is_reference(part) and ":" not in part.removeprefix(PREFIX):
        return find_style(part), None
    name, _, weight = part.rpartition(":")
    # a file whose name holds a colon is one style
    if not name or os.path.isfile(expand_home(part)):  # noqa: PTH113
        return find_style(part), None
    try:
        number = float(weight)
    except ValueError as error:
        if Path(part).suffix.lower() in (SUFFIX, *EXTENSIONS):
            return find_style(part), None
        raise StyleError(
            f"cannot mix {part!r}: {weight!r} is no weight; a mix is written {EXAMPLE}"
        ) from error
    return find_style(name), number
