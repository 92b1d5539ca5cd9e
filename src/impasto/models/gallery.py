"""Styles found by name, by file, or from any picture."""

import difflib
import os
from functools import cache, lru_cache
from pathlib import Path

from impasto.errors import PictureError, StyleError
from impasto.images.formats import EXTENSIONS
from impasto.images.reading import read
from impasto.models.style import PHOTO, SUFFIX, Style, name_of, read_style
from impasto.paths import GALLERY


@cache
def gallery_names(gallery: Path = GALLERY) -> tuple[str, ...]:
    """Names of the styles that ship, in alphabetical order, `photo` last."""
    names = {path.stem for path in (gallery / "styles").glob(f"*{SUFFIX}")}
    return (*sorted(names - {PHOTO}), *sorted(names & {PHOTO}))


@cache
def gallery_style(name: str) -> Style:
    """A style of the gallery. Raises StyleError, with the nearest names, if there is none of this
    name."""
    if name not in gallery_names():
        near = _near(name.lower())
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        if os.path.isfile(name):  # noqa: PTH113  # as `Path.is_file` raises at names that are too long
            raise StyleError(
                f"{name} is neither a picture nor a style file (.safetensors), so it is no style; `impasto import` makes one "
                "of a checkpoint"
            )
        raise StyleError(f"no style is called {name!r}; {hint}`impasto styles` lists them all")
    return read_style(GALLERY / "styles" / f"{name}{SUFFIX}")


def _near(name: str) -> list[str]:
    """Styles of the gallery that may have been meant: by a typo, or by a part of the name."""
    names = gallery_names()
    if typos := difflib.get_close_matches(name, names, n=3, cutoff=0.6):
        return typos
    words = difflib.get_close_matches(
        name, {word for known in names for word in known.split("-")}, cutoff=0.8
    )
    return [
        known for known in names if len(name) > 2 and any(part in known for part in (name, *words))
    ][:3]


def preview(name: str, gallery: Path = GALLERY) -> Path | None:
    """The picture that shows what a style of the gallery looks like, a WebP file, if there is
    one."""
    path = gallery / "previews" / f"{name}.webp"
    return path if path.is_file() else None


def find_style(spec: str | Path) -> Style:
    """A style by gallery name, by the path of a style file, or from any picture, which a network's
    predictor makes a style of.

    Raises:
        StyleError: there is no such style, or the file is broken.
    """
    path = user_path(spec)
    if path.suffix.lower() == SUFFIX:
        return read_style(path)
    if path.suffix.lower() in EXTENSIONS:
        return picture_style(path)
    return gallery_style(str(spec))


def picture_style(path: Path) -> Style:
    """Any picture as a style. Raises StyleError if it cannot be read."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise StyleError(
            f"{path} does not exist" if isinstance(error, FileNotFoundError) else f"{path}: {error}"
        ) from error
    return _picture_style(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _picture_style(path: Path, changed: int, size: int) -> Style:
    try:
        pixels = read(path).rgb
    except PictureError as error:
        raise StyleError(f"no style can be taken from it: {error}") from error
    return Style(name_of(path.stem), {}, {}, {"source": path.stem}, file=path, pixels=pixels)


def user_path(spec: str | Path) -> Path:
    """A path as the user wrote it. `os.path`, here and in the questions asked of it, since `Path`
    raises at `~nobody` and at names that are too long."""
    return Path(os.path.expanduser(spec))  # noqa: PTH111
