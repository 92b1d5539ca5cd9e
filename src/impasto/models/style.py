"""Styles: an embedding for each network, and what there is to know of it. Read, write, find,
mix."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError, PictureError, StyleError
from impasto.images.image import Picture, UInt8
from impasto.images.reading import decode
from impasto.images.resize import resized
from impasto.images.writing import encode
from impasto.models import network
from impasto.models.network import FIRST_GALLERY, Network
from impasto.tensor_files import read_safetensors, write_safetensors

FORMAT = "impasto style 1"
SUFFIX = ".safetensors"
OWN = "own"  # name of the network that a style brings along
PHOTO = "photo"  # the gallery's style that changes nothing
MAX_SHORT_SIDE, MAX_LONG_SIDE = (
    512,
    8192,
)  # pixels, the most that the sides of a remembered picture have
PICTURE_QUALITY = 80  # of its WebP
MAX_NAME_BYTES = 255  # bytes, as of files
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # characters that would tell a terminal what to do

Embedding = NDArray[np.float32]


@dataclass(frozen=True)
class Style:
    """A manner of painting.

    Attributes:
        name: short and familiar, `starry-night`.
        embeddings: by network name ("base", "small", "own"), each (embedding_size,).
        hashes: by network name, the hash of the network that the embedding belongs to.
        metadata: title, artist, year, licence, how it was trained, C, S and J by network
            (`base.J`), and the version of the gallery that the network was of (`base.gallery`);
            strings.
        own: the network that belongs to this style alone, if it was trained with `--whole-network`.
        remembered: the picture that it was learned from, small, as the bytes of a WebP file; see
            `remember`.
        file: where it was read from, so that messages can name it.
        pixels: the picture, uint8 (H, W, 3), where the style is nothing but one, and is predicted
            for any network.

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
            raise StyleError(
                f"a style cannot have the name {self.name!r:.100}; leave out slashes and control characters"
            )

    def embedding(self, network: Network) -> Embedding:
        """The embedding for a network. Raises StyleError if there is none or it was made for
        another one."""
        if misfit := self.misfit(network):
            raise StyleError(
                f"style {misfit}; {self.elsewhere(network)}, or learn it for this one: {self.relearn(network)}"
            )
        embedding = self.embeddings[network.name]
        if embedding.shape != (network.embedding_size,) or not np.isfinite(embedding).all():
            what = f"style {self.name} is broken: its embedding is not {network.embedding_size} finite numbers"
            raise StyleError(
                f"{what}; get {self.file or 'it'} anew, or learn it anew: {self.relearn(network)}"
            )
        return embedding

    def misfit(self, network: Network) -> str | None:
        """Why a network cannot paint with this style's embeddings, after the style's name; None if
        it can."""
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
        """The picture that the style was learned from, or is, uint8 (H, W, 3), if it has one.
        Raises StyleError if broken."""
        if self.remembered is None:
            return self.pixels
        try:
            return decode(
                self.remembered,
                f"the picture that {self.file or self.name} remembers",
                MAX_SHORT_SIDE * MAX_LONG_SIDE,
            ).rgb
        except PictureError as error:
            raise StyleError(f"{str(error).partition('; ')[0]}; get the style anew") from error

    def write(self, path: Path) -> None:
        """Write one safetensors file: tensors `embedding.<network>` (float16, but float32 for its
        own network, which may be imported and is to paint as it did), `graph` if the style owns a
        network, and `picture` (the bytes of a WebP file) if it remembers one.
        """
        kinds = {
            network: np.float32 if network == OWN else np.float16 for network in self.embeddings
        }
        tensors = {
            f"embedding.{network}": value.astype(kinds[network])
            for network, value in self.embeddings.items()
        }
        metadata = dict(self.metadata) | {"format": FORMAT, "name": self.name}
        metadata |= {f"{network}.hash": value for network, value in self.hashes.items()}
        files = {"graph": self.own.graph if self.own else None, "picture": self.remembered}
        held = {
            name: np.frombuffer(data, np.uint8) for name, data in files.items() if data is not None
        }
        write_safetensors(path, {**tensors, **held}, metadata)


def read_style(path: Path) -> Style:
    """The style in a file. Raises StyleError if it is missing, broken, no style, or owns a network
    that should not be run."""
    tensors, said = read_safetensors(path, StyleError, FORMAT)
    metadata = {
        key: CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
        for key, value in said.items()
        if not CONTROL.search(key)
    }
    del metadata["format"]
    if misfit := next((key for key, value in tensors.items() if not _fits(key, value)), None):
        shape, kind = list(tensors[misfit].shape), tensors[misfit].dtype
        raise StyleError(
            f"{path} is no style file: it has {misfit[:100]!r} of {kind} {shape}; get or make it anew"
        )
    graph, picture = tensors.pop("graph", None), tensors.pop("picture", None)
    embeddings = {
        key.removeprefix("embedding."): value.astype(np.float32) for key, value in tensors.items()
    }
    try:
        hashes = {network: metadata.pop(f"{network}.hash") for network in embeddings}
        name = said["name"]
        del metadata["name"]
    except KeyError as error:
        raise StyleError(
            f"{path} is not a whole style file: its metadata lack {error}; get or make it anew"
        ) from error
    own = (
        Network(OWN, hashes[OWN], embeddings[OWN].size, graph.tobytes(), {})
        if graph is not None and OWN in hashes
        else None
    )
    try:
        if own:
            network.check(own)
        if len(os.fsencode(name)) > MAX_NAME_BYTES:
            raise StyleError(f"a style cannot have a name of more than {MAX_NAME_BYTES} bytes")
        return Style(
            name,
            embeddings,
            hashes,
            metadata,
            own,
            None if picture is None else picture.tobytes(),
            path,
        )
    except (NetworkError, StyleError) as error:
        raise StyleError(
            f"{path} is damaged or no style of impasto: {error}; get it anew, from where you trust"
        ) from error


def _fits(name: str, value: NDArray[np.generic]) -> bool:
    """Whether a style file has such a tensor; see `Style.write`."""
    if name in ("graph", "picture"):
        return value.dtype == np.uint8
    embedding = re.fullmatch(r"embedding\.[\w.-]{1,64}", name) and value.dtype.kind == "f"
    return bool(embedding) and value.ndim == 1 and value.size <= network.MAX_EMBEDDING_SIZE


def encode_picture(picture: UInt8) -> bytes:
    """What a style keeps of the picture it is learned from, so that it can be remade for other
    networks: a WebP file.

    Args:
        picture: uint8 RGB (H, W, 3); brought to a short side of 512 pixels at most, and never
            enlarged.
    """
    short, long = sorted(picture.shape[:2])
    side = max(1, round(short * min(1, MAX_SHORT_SIDE / short, MAX_LONG_SIDE / long)))
    return encode(Picture(resized(picture, side)), ".webp", PICTURE_QUALITY)


def name_of(stem: str) -> str:
    """What a style is called after a file: `My_Tulip` makes `my-tulip`."""
    return stem.replace("_", "-").lower()
