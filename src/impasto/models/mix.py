"""Mixes of styles, as users write them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto.errors import StyleError
from impasto.images.formats import EXTENSIONS
from impasto.models.gallery import find_style, user_path
from impasto.models.style import SUFFIX, Style


@dataclass(frozen=True)
class Mix:
    """Styles with weights that sum to 1; `given` is what they summed to as somebody wrote them, if
    somebody did."""

    parts: tuple[tuple[Style, float], ...]
    given: float | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """`starry-night`, or `starry-night-70-great-wave-30` of several."""
        if len(self.parts) == 1:
            return self.parts[0][0].name
        return "-".join(f"{style.name}-{100 * weight:.0f}" for style, weight in self.parts)


def find_mix(spec: str | Path | Style | Mix | Sequence[tuple[Style, float]]) -> Mix:
    """What a user may call a style: a name, a file, a `Style`, or a mix
    `starry-night:0.7,great-wave:0.3`.

    Weights need not sum to 1 and count as 1 where they are left out.

    Raises:
        StyleError: a style is unknown or broken, or a weight is no positive number.
    """
    if isinstance(spec, Mix):
        return spec
    if isinstance(spec, Style):
        return Mix(((spec, 1.0),))
    if isinstance(spec, Path) or (isinstance(spec, str) and os.path.isfile(user_path(spec))):  # noqa: PTH113
        return Mix(((find_style(spec), 1.0),))
    written = [_weighted(part) for part in spec.split(",")] if isinstance(spec, str) else list(spec)
    pairs = [(style, 1.0 if weight is None else weight) for style, weight in written]
    total = sum(weight for _, weight in pairs)
    if not pairs or any(not weight >= 0 for _, weight in pairs) or not 0 < total < float("inf"):
        raise StyleError(
            f"weights of a mix must be positive numbers, as in starry-night:0.7,great-wave:0.3; got {spec!r}"
        )
    given = total if any(weight is not None for _, weight in written) else None
    return Mix(tuple((style, weight / total) for style, weight in pairs if weight > 0), given)


def _weighted(part: str) -> tuple[Style, float | None]:
    """`name:weight`, or `name` with no weight; a colon may belong to a path."""
    part = part.strip()
    name, _, weight = part.rpartition(":")
    if not name:
        return find_style(part), None
    try:
        number = float(weight)
    except ValueError as error:
        if Path(part).suffix.lower() in (SUFFIX, *EXTENSIONS):
            return find_style(part), None
        raise StyleError(
            f"{weight!r} is no weight; a mix is written starry-night:0.7,great-wave:0.3"
        ) from error
    return find_style(name), number
