"""Find styles: by name in the gallery, by file, or from any picture."""

import difflib
import os
from functools import cache, lru_cache
from pathlib import Path

from impasto.errors import PictureError, StyleError
from impasto.files import describe_missing
from impasto.hub import fetch, is_reference, parse_reference
from impasto.images.detection import FileKind, detect_kind, kind_of, read_start
from impasto.images.formats import EXTENSIONS
from impasto.images.reading import PictureSource, read, to_picture
from impasto.models.gallery_files import PHOTO, SUFFIX, style_path
from impasto.models.gallery_files import gallery_names as gallery_names
from impasto.models.gallery_files import has_photo_style as has_photo_style
from impasto.models.gallery_files import preview as preview
from impasto.models.style import Style, name_of, read_style
from impasto.paths import expand_home

PICTURE_NAME = "picture"  # of styles from pictures in memory
MAX_SUGGESTIONS = 3


@cache
def gallery_style(name: str) -> Style:
    """Load a style of the gallery in use.

    Raises:
        StyleError: no style has this name; the message suggests the nearest names.
    """
    if name not in gallery_names() and not (name == PHOTO and has_photo_style()):
        if os.path.isfile(name):  # noqa: PTH113  # `Path.is_file` raises at names that are too long
            raise StyleError(
                f"cannot use {name} as a style: it is neither a picture nor a style file"
                " (.safetensors); `impasto import` makes one of a checkpoint"
            )
        raise unknown_style(name)
    return read_style(style_path(name))


def unknown_style(name: str) -> StyleError:
    """Make the error for a name that no style of the gallery has; it suggests the nearest names."""
    near = _nearest_names(name.lower())
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return StyleError(f"no style is called {name!r}; {hint}`impasto styles` lists them all")


def _nearest_names(name: str) -> list[str]:
    """List gallery styles that the user may have meant: by a typo, or by a part of a name."""
    names = gallery_names()
    if typos := difflib.get_close_matches(name, names, n=MAX_SUGGESTIONS, cutoff=0.6):
        return typos
    if len(name) <= 2:
        return []
    words = {word for known in names for word in known.split("-")}
    parts = (name, *difflib.get_close_matches(name, words, cutoff=0.8))
    return [known for known in names if any(part in known for part in parts)][:MAX_SUGGESTIONS]


def find_style(spec: str | Path | PictureSource | Style) -> Style:
    """Find one style.

    Args:
        spec: a name in the gallery; the path of a style file, or of any picture; a style file on
            the Hugging Face Hub: "hf:user/repo/style"; a picture in memory, as for
            `impasto.images.reading.to_picture`; or a `Style`. From a picture, a network's predictor
            makes the style.

    Raises:
        StyleError: there is no such style, or the file or picture is broken.
        HubError: the style cannot be fetched from the Hub.
    """
    if isinstance(spec, Style):
        return spec
    if isinstance(spec, str) and is_reference(spec):
        return hub_style(spec)
    if not isinstance(spec, str | os.PathLike):
        return memory_style(spec)
    path = expand_home(spec)
    start = read_start(path) or b""
    # eight bytes of length, and then the header in JSON
    if kind_of(start) is FileKind.OTHER and (
        path.suffix.lower() == SUFFIX or (start[8:9] == b"{" and start[5:8] == b"\0\0\0")
    ):
        return read_style(path)
    if path.suffix.lower() in EXTENSIONS or detect_kind(path) in (
        FileKind.PICTURE,
        FileKind.RAW,
        FileKind.UNREADABLE_PICTURE,
    ):
        return picture_style(path)
    return gallery_style(os.fspath(spec))


def hub_style(spec: str) -> Style:
    """Load a style from the Hub; see `impasto.hub`.

    Raises:
        StyleError: the file is broken or no style.
        HubError: the file cannot be fetched.
    """
    path = fetch(parse_reference(spec))
    try:
        return read_style(path)
    except StyleError as error:  # a path in a cache says little
        raise StyleError(str(error).replace(str(path), spec)) from error


def memory_style(source: PictureSource) -> Style:
    """Make a style of a picture in memory.

    Raises:
        StyleError: the picture cannot be read, or the source is of another kind.
    """
    try:
        pixels = to_picture(source, "the style picture").opaque()
    except PictureError as error:
        raise StyleError(str(error)) from error
    # a copy: impasto remembers predictions by array, and the caller may change theirs
    return Style(PICTURE_NAME, {}, {}, pixels=pixels.copy())


def picture_style(path: Path) -> Style:
    """Make a style of a picture file. It is read again when the file has changed.

    Raises:
        StyleError: the picture cannot be read.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise StyleError(f"cannot read {describe_missing(path)}") from error
        raise StyleError(f"cannot read {path}: {error}; check the name") from error
    return _picture_style(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _picture_style(path: Path, modified: int, size: int) -> Style:
    try:
        pixels = read(path).opaque()
    except PictureError as error:
        raise StyleError(f"cannot make a style of a picture: {error}") from error
    return Style(name_of(path.stem), {}, {}, {"source": path.stem}, file=path, pixels=pixels)
