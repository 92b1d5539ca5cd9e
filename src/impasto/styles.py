"""Styles: an embedding for each network, and what there is to know of it. Read, write, find, mix."""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import networks
from impasto.errors import NetworkError, PictureError, StyleError
from impasto.files import read_safetensors, write_safetensors
from impasto.images import EXTENSIONS, Picture, UInt8, decode, encode, read, resized
from impasto.networks import FIRST_GALLERY, Network
from impasto.paths import GALLERY

FORMAT = "impasto style 1"
SUFFIX = ".safetensors"
OWN = "own"  # name of the network that a style brings along
PHOTO = "photo"  # the gallery's style that changes nothing
SHORT, LONG = 512, 8192  # pixels, the most that the sides of a remembered picture have
QUALITY = 80  # of its WebP
LONGEST_NAME = 255  # bytes, as of files
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # characters that would tell a terminal what to do

Embedding = NDArray[np.float32]


@dataclass(frozen=True)
class Style:
    """A manner of painting.

    Attributes:
        name: short and familiar, `starry-night`.
        embeddings: by network name ("base", "small", "own"), each (embedding_size,).
        hashes: by network name, the hash of the network that the embedding belongs to.
        metadata: title, artist, year, licence, how it was trained, C, S and J by network (`base.J`), and the version of
            the gallery that the network was of (`base.gallery`); strings.
        own: the network that belongs to this style alone, if it was trained with `--whole-network`.
        remembered: the picture that it was learned from, small, as the bytes of a WebP file; see `remember`.
        file: where it was read from, so that messages can name it.
        pixels: the picture, uint8 (H, W, 3), where the style is nothing but one, and is predicted for any network.

    Raises:
        StyleError: the name cannot be part of a file's name, as it is of the names of paintings.
    """

    name: str
    embeddings: Mapping[str, Embedding]
    hashes: Mapping[str, str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    own: Network | None = None
    remembered: bytes | None = None
    file: Path | None = field(default=None, compare=False)
    pixels: UInt8 | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or "\\" in self.name or CONTROL.search(self.name):
            raise StyleError(f"a style cannot have the name {self.name!r:.100}; leave out slashes and control characters")

    def embedding(self, network: Network) -> Embedding:
        """The embedding for a network. Raises StyleError if there is none or it was made for another one."""
        if misfit := self.misfit(network):
            raise StyleError(f"style {misfit}; {self.elsewhere(network)}, or learn it for this one: {self.relearn(network)}")
        embedding = self.embeddings[network.name]
        if embedding.shape != (network.embedding_size,) or not np.isfinite(embedding).all():
            what = f"style {self.name} is broken: its embedding is not {network.embedding_size} finite numbers"
            raise StyleError(f"{what}; get {self.file or 'it'} anew, or learn it anew: {self.relearn(network)}")
        return embedding

    def misfit(self, network: Network) -> str | None:
        """Why a network cannot paint with this style's embeddings, after the style's name; None if it can."""
        if network.name not in self.embeddings:
            return f"{self.name} has no embedding for the network {network.name}, only for {', '.join(self.embeddings)}"
        if (code := self.hashes[network.name]) != network.hash:
            gallery = self.metadata.get(f"{network.name}.gallery", FIRST_GALLERY)
            return (
                f"{self.name} was made for another {network.name} network ({code} of gallery {gallery}, this is "
                f"{network.hash} of gallery {network.gallery})"
            )
        return None

    def elsewhere(self, network: Network) -> str:
        """What to do about a misfit: paint with another network."""
        if network.name in self.embeddings:
            return f"paint with the {network.name} network it was made for: --network FILE"
        return f"use --network {' or '.join(self.embeddings)}"

    def relearn(self, network: Network) -> str:
        """The command that learns this style for a network."""
        file = self.file or f"{self.name}{SUFFIX}"
        source = f"{file} --overwrite" if self.remembered is not None else "PICTURE"
        return f"impasto train {source} --network {network.name}"

    @cached_property
    def picture(self) -> UInt8 | None:
        """The picture that the style was learned from, or is, uint8 (H, W, 3), if it has one. Raises StyleError if broken."""
        if self.remembered is None:
            return self.pixels
        try:
            return decode(self.remembered, f"the picture that {self.file or self.name} remembers", SHORT * LONG).rgb
        except PictureError as error:
            raise StyleError(f"{str(error).partition('; ')[0]}; get the style anew") from error

    def write(self, path: Path) -> None:
        """Write one safetensors file: tensors `embedding.<network>` (float16, but float32 for its own network, which may be
        imported and is to paint as it did), `graph` if the style owns a network, and `picture` (the bytes of a WebP file) if it
        remembers one.
        """
        kinds = {network: np.float32 if network == OWN else np.float16 for network in self.embeddings}
        tensors = {f"embedding.{network}": value.astype(kinds[network]) for network, value in self.embeddings.items()}
        metadata = dict(self.metadata) | {"format": FORMAT, "name": self.name}
        metadata |= {f"{network}.hash": value for network, value in self.hashes.items()}
        files = {"graph": self.own.graph if self.own else None, "picture": self.remembered}
        held = {name: np.frombuffer(data, np.uint8) for name, data in files.items() if data is not None}
        write_safetensors(path, {**tensors, **held}, metadata)


def read_style(path: Path) -> Style:
    """The style in a file. Raises StyleError if it is missing, broken, no style, or owns a network that should not be run."""
    tensors, said = read_safetensors(path, StyleError, FORMAT)
    metadata = {key: CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) for key, value in said.items() if not CONTROL.search(key)}
    del metadata["format"]
    if misfit := next((key for key, value in tensors.items() if not _fits(key, value)), None):
        shape, kind = list(tensors[misfit].shape), tensors[misfit].dtype
        raise StyleError(f"{path} is no style file: it has {misfit[:100]!r} of {kind} {shape}; get or make it anew")
    graph, picture = tensors.pop("graph", None), tensors.pop("picture", None)
    embeddings = {key.removeprefix("embedding."): value.astype(np.float32) for key, value in tensors.items()}
    try:
        hashes = {network: metadata.pop(f"{network}.hash") for network in embeddings}
        name = said["name"]
        del metadata["name"]
    except KeyError as error:
        raise StyleError(f"{path} is not a whole style file: its metadata lack {error}; get or make it anew") from error
    own = Network(OWN, hashes[OWN], embeddings[OWN].size, graph.tobytes(), {}) if graph is not None and OWN in hashes else None
    try:
        if own:
            networks.check(own)
        if len(os.fsencode(name)) > LONGEST_NAME:
            raise StyleError(f"a style cannot have a name of more than {LONGEST_NAME} bytes")
        return Style(name, embeddings, hashes, metadata, own, None if picture is None else picture.tobytes(), path)
    except (NetworkError, StyleError) as error:
        raise StyleError(f"{path} is damaged or no style of impasto: {error}; get it anew, from where you trust") from error


def _fits(name: str, value: NDArray[np.generic]) -> bool:
    """Whether a style file has such a tensor; see `Style.write`."""
    if name in ("graph", "picture"):
        return value.dtype == np.uint8
    embedding = re.fullmatch(r"embedding\.[\w.-]{1,64}", name) and value.dtype.kind == "f"
    return bool(embedding) and value.ndim == 1 and value.size <= networks.MOST_NUMBERS


def remember(picture: UInt8) -> bytes:
    """What a style keeps of the picture it is learned from, so that it can be remade for other networks: a WebP file.

    Args:
        picture: uint8 RGB (H, W, 3); brought to a short side of 512 pixels at most, and never enlarged.
    """
    short, long = sorted(picture.shape[:2])
    side = max(1, round(short * min(1, SHORT / short, LONG / long)))
    return encode(Picture(resized(picture, side)), ".webp", QUALITY)


@cache
def gallery_names(gallery: Path = GALLERY) -> tuple[str, ...]:
    """Names of the styles that ship, in alphabetical order, `photo` last."""
    names = {path.stem for path in (gallery / "styles").glob(f"*{SUFFIX}")}
    return (*sorted(names - {PHOTO}), *sorted(names & {PHOTO}))


@cache
def gallery_style(name: str) -> Style:
    """A style of the gallery. Raises StyleError, with the nearest names, if there is none of this name."""
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
    words = difflib.get_close_matches(name, {word for known in names for word in known.split("-")}, cutoff=0.8)
    return [known for known in names if len(name) > 2 and any(part in known for part in (name, *words))][:3]


def preview(name: str, gallery: Path = GALLERY) -> Path | None:
    """The picture that shows what a style of the gallery looks like, a WebP file, if there is one."""
    path = gallery / "previews" / f"{name}.webp"
    return path if path.is_file() else None


def find_style(spec: str | Path) -> Style:
    """A style by gallery name, by the path of a style file, or from any picture, which a network's predictor makes a style of.

    Raises:
        StyleError: there is no such style, or the file is broken.
    """
    path = _path(spec)
    if path.suffix.lower() == SUFFIX:
        return read_style(path)
    if path.suffix.lower() in EXTENSIONS:
        return picture_style(path)
    return gallery_style(str(spec))


def name_of(stem: str) -> str:
    """What a style is called after a file: `My_Tulip` makes `my-tulip`."""
    return stem.replace("_", "-").lower()


def picture_style(path: Path) -> Style:
    """Any picture as a style. Raises StyleError if it cannot be read."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise StyleError(f"{path} does not exist" if isinstance(error, FileNotFoundError) else f"{path}: {error}") from error
    return _picture_style(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _picture_style(path: Path, changed: int, size: int) -> Style:
    try:
        pixels = read(path).rgb
    except PictureError as error:
        raise StyleError(f"no style can be taken from it: {error}") from error
    return Style(name_of(path.stem), {}, {}, {"source": path.stem}, file=path, pixels=pixels)


@dataclass(frozen=True)
class Mix:
    """Styles with weights that sum to 1; `given` is what they summed to as somebody wrote them, if somebody did."""

    parts: tuple[tuple[Style, float], ...]
    given: float | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """`starry-night`, or `starry-night-70-great-wave-30` of several."""
        if len(self.parts) == 1:
            return self.parts[0][0].name
        return "-".join(f"{style.name}-{100 * weight:.0f}" for style, weight in self.parts)


def find_mix(spec: str | Path | Style | Mix | Sequence[tuple[Style, float]]) -> Mix:
    """What a user may call a style: a name, a file, a `Style`, or a mix `starry-night:0.7,great-wave:0.3`.

    Weights need not sum to 1 and count as 1 where they are left out.

    Raises:
        StyleError: a style is unknown or broken, or a weight is no positive number.
    """
    if isinstance(spec, Mix):
        return spec
    if isinstance(spec, Style):
        return Mix(((spec, 1.0),))
    if isinstance(spec, Path) or (isinstance(spec, str) and os.path.isfile(_path(spec))):  # noqa: PTH113
        return Mix(((find_style(spec), 1.0),))
    written = [_weighted(part) for part in spec.split(",")] if isinstance(spec, str) else list(spec)
    pairs = [(style, 1.0 if weight is None else weight) for style, weight in written]
    total = sum(weight for _, weight in pairs)
    if not pairs or any(not weight >= 0 for _, weight in pairs) or not 0 < total < float("inf"):
        raise StyleError(f"weights of a mix must be positive numbers, as in starry-night:0.7,great-wave:0.3; got {spec!r}")
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
        raise StyleError(f"{weight!r} is no weight; a mix is written starry-night:0.7,great-wave:0.3") from error
    return find_style(name), number


def _path(spec: str | Path) -> Path:
    """A path as the user wrote it. `os.path`, here and in the questions asked of it, since `Path` raises at `~nobody` and at
    names that are too long."""
    return Path(os.path.expanduser(spec))  # noqa: PTH111
