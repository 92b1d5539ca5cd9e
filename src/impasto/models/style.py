"""Styles: an embedding for each network, and facts about the painting. Read and write them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError, PictureError, StyleError
from impasto.files import file_digest
from impasto.images.image import Picture, UInt8
from impasto.images.reading import decode
from impasto.images.resize import STANDARD_SHORT_SIDE, resize_short_side
from impasto.images.writing import encode
from impasto.models.gallery_files import CONTROL, FORMAT, clean_metadata
from impasto.models.gallery_files import PHOTO as PHOTO
from impasto.models.gallery_files import SUFFIX as SUFFIX
from impasto.models.network import FIRST_GALLERY, MAX_EMBEDDING_SIZE, Network, check_network
from impasto.tensor_files import Array, read_safetensors, write_safetensors

OWN = "own"  # name of the network that a style brings along
# pixels, the most that the sides of a remembered picture have
MAX_SHORT_SIDE, MAX_LONG_SIDE = STANDARD_SHORT_SIDE, 8192
PICTURE_QUALITY = 80  # of its WebP file, 1 to 100
MAX_NAME_BYTES = 255  # as of file names

Embedding = NDArray[np.float32]


@dataclass(frozen=True, repr=False)
class Style:
    """A style of painting.

    Attributes:
        name: short and familiar, such as `starry-night`.
        embeddings: by network name ("large", "base", "small", "own"), float32 (size,) each.
        hashes: by network name, the hash of the network that the embedding belongs to.
        metadata: title, artist, year, license, how it was trained, C, S and J by network
            (`base.J`), and the version of the gallery that the network was part of
            (`base.gallery`); strings.
        own: the network that belongs to this style alone, if it was trained with `--whole-network`.
        remembered: the picture that it was learned from, reduced, as the bytes of a WebP file; see
            `encode_picture`.
        file: the file that it was read from, so that messages can name it.
        pixels: uint8 (H, W, 3), for a style that consists of a picture alone, and is predicted for
            any network.
        digest: SHA-256 of the file that it was read from, if that is not on disk.

    Raises:
        StyleError: the name cannot be part of a file name, as it is of the names of paintings.
    """

    name: str
    embeddings: Mapping[str, Embedding]
    hashes: Mapping[str, str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    own: Network | None = None
    remembered: bytes | None = None
    file: Path | None = field(default=None, compare=False)
    pixels: UInt8 | None = field(default=None, compare=False)
    digest: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or "\\" in self.name or CONTROL.search(self.name):
            raise StyleError(
                f"a style cannot have the name {self.name!r:.100};"
                " leave out slashes and control characters"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Keep what another machine, or a process in another folder, cannot know of the file."""
        if self.file is None or self.digest:  # in memory, or not on disk
            return self.__dict__
        return self.__dict__ | {"file": self.file.absolute(), "digest": file_digest(self.file)}

    def __repr__(self) -> str:
        source = "a picture" if self.pixels is not None else "none"
        return f"Style({self.name!r}, networks={', '.join(self.embeddings) or source})"

    def embedding(self, network: Network) -> Embedding:
        """Return the embedding for a network.

        Raises:
            StyleError: there is none, or it was made for another network, or it is broken.
        """
        if mismatch := self.mismatch(network):
            raise StyleError(
                f"style {mismatch}; {self.suggest_network(network)},"
                f" or learn it for this one: {self.train_command(network)}"
            )
        embedding = self.embeddings[network.name]
        if embedding.shape != (network.embedding_size,) or not np.isfinite(embedding).all():
            raise StyleError(
                f"style {self.name} is broken: its embedding is not {network.embedding_size} finite"
                f" numbers; get {self.file or 'it'} anew, or learn it anew:"
                f" {self.train_command(network)}"
            )
        return embedding

    def mismatch(self, network: Network) -> str | None:
        """Explain why a network cannot paint with this style's embeddings.

        Returns:
            A phrase that begins with the style's name, or None where the network can.
        """
        if network.name not in self.embeddings:
            return (
                f"{self.name} has no embedding for the network {network.name},"
                f" only for {', '.join(self.embeddings)}"
            )
        if (code := self.hashes[network.name]) != network.hash:
            gallery = self.metadata.get(f"{network.name}.gallery", FIRST_GALLERY)
            return (
                f"{self.name} was made for another {network.name} network ({code} of gallery"
                f" {gallery}, this is {network.hash} of gallery {network.gallery})"
            )
        return None

    def suggest_network(self, network: Network) -> str:
        """Suggest, in place of a network that does not match, one that does."""
        if network.name in self.embeddings:
            return f"paint with the {network.name} network it was made for: --network FILE"
        return f"use --network {' or '.join(self.embeddings)}"

    def train_command(self, network: Network) -> str:
        """Return the command that learns this style for a network."""
        file = self.file or f"{self.name}{SUFFIX}"
        source = f"{file} --overwrite" if self.remembered is not None else "PICTURE"
        return f"impasto train {source} --network {network.name}"

    @cached_property
    def picture(self) -> UInt8 | None:
        """The picture that the style was learned from, or consists of, uint8 (H, W, 3), or None.

        Raises:
            StyleError: the remembered picture is broken.
        """
        if self.remembered is None:
            return self.pixels
        name = f"the picture that {self.file or self.name} remembers"
        try:
            return decode(self.remembered, name, MAX_SHORT_SIDE * MAX_LONG_SIDE).rgb
        except PictureError as error:
            # the remedies for a picture file do not apply to one inside a style file
            raise StyleError(f"{str(error).partition('; ')[0]}; get the style anew") from error

    def save(self, path: Path) -> None:
        """Write the style to one safetensors file, atomically.

        The file holds tensors `embedding.<network>`; `graph`, if the style owns a network; and
        `picture`, the bytes of a WebP file, if the style remembers one. Embeddings are float16.
        That of its own network is float32, as the network may be imported and has to paint as
        before.

        Args:
            path: the target, with the suffix .safetensors; an existing file is replaced.

        Raises:
            ImpastoError: the folder or the disk does not accept the file.
        """
        embeddings = {
            f"embedding.{network}": value.astype(np.float32 if network == OWN else np.float16)
            for network, value in self.embeddings.items()
        }
        metadata = dict(self.metadata) | {"format": FORMAT, "name": self.name}
        metadata |= {f"{network}.hash": value for network, value in self.hashes.items()}
        files = {"graph": self.own.graph if self.own else None, "picture": self.remembered}
        file_bytes = {
            name: np.frombuffer(data, np.uint8) for name, data in files.items() if data is not None
        }
        write_safetensors(path, {**embeddings, **file_bytes}, metadata)


def read_style(path: Path) -> Style:
    """Read a style file.

    Raises:
        StyleError: the file is missing, broken or no style, or owns a network that should not be
            run.
    """
    tensors, raw_metadata = read_safetensors(path, StyleError, FORMAT)
    if wrong := next((key for key, value in tensors.items() if not _is_allowed(key, value)), None):
        raise StyleError(
            f"cannot read {path}: it is no style file: it has {wrong[:100]!r} of"
            f" {tensors[wrong].dtype} {list(tensors[wrong].shape)}; get or make it anew"
        )
    graph, picture = tensors.pop("graph", None), tensors.pop("picture", None)
    embeddings = {
        key.removeprefix("embedding."): value.astype(np.float32) for key, value in tensors.items()
    }
    metadata = clean_metadata(raw_metadata)
    del metadata["format"]
    try:
        hashes = {network: metadata.pop(f"{network}.hash") for network in embeddings}
        del metadata["name"]
        name = raw_metadata["name"]
    except KeyError as error:
        raise StyleError(
            f"cannot read {path}: it is not a whole style file: its metadata lack {error};"
            " get or make it anew"
        ) from error
    try:
        own = _own_network(graph, hashes, embeddings)
        if len(os.fsencode(name)) > MAX_NAME_BYTES:
            raise StyleError(f"a style cannot have a name of more than {MAX_NAME_BYTES} bytes")
        remembered = None if picture is None else picture.tobytes()
        return Style(name, embeddings, hashes, metadata, own, remembered, path)
    except (NetworkError, StyleError) as error:
        raise StyleError(
            f"cannot use {path}: it is damaged or no style of impasto: {error}; get it anew,"
            " from where you trust"
        ) from error


def _own_network(
    graph: Array | None, hashes: Mapping[str, str], embeddings: Mapping[str, Embedding]
) -> Network | None:
    """Return the network in a style file, checked, or None. Raises NetworkError if refused."""
    if graph is None or OWN not in hashes:
        return None
    network = Network(OWN, hashes[OWN], embeddings[OWN].size, graph.tobytes(), {})
    check_network(network)
    return network


def _is_allowed(name: str, value: Array) -> bool:
    """Tell whether style files have a tensor of this name, type and shape; see `Style.save`."""
    if name in ("graph", "picture"):
        return value.dtype == np.uint8
    embedding = re.fullmatch(r"embedding\.[\w.-]{1,64}", name) and value.dtype.kind == "f"
    return bool(embedding) and value.ndim == 1 and value.size <= MAX_EMBEDDING_SIZE


def encode_picture(picture: UInt8) -> bytes:
    """Encode a picture for a style to remember, so that the style can be remade for any network.

    Args:
        picture: uint8 RGB (H, W, 3). It is reduced to a short side of 512 pixels at most, and
            never enlarged.

    Returns:
        The bytes of a WebP file.
    """
    short, long = sorted(picture.shape[:2])
    side = max(1, round(short * min(1, MAX_SHORT_SIDE / short, MAX_LONG_SIDE / long)))
    return encode(Picture(resize_short_side(picture, side)), ".webp", PICTURE_QUALITY)


def name_of(stem: str) -> str:
    """Derive the name of a style from that of a file: `My_Tulip` gives `my-tulip`."""
    return stem.replace("_", "-").lower()
