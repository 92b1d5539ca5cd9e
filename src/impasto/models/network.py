"""Networks as stylizing sees them: an ONNX graph with a name, a hash and the size of its
embeddings."""

import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError
from impasto.models import validation
from impasto.paths import GALLERY, PACKAGE
from impasto.tensor_files import read_safetensors, write_safetensors

FORMAT = "impasto network 1"
SUFFIX = ".safetensors"
GALLERY_VERSION = "7"  # of galleries that are written; one more whenever what ships is trained anew
FIRST_GALLERY = "1"  # whose files do not say
NetworkName = Literal["base", "small"]  # that ship: for pictures, and for video and live use
NETWORKS = get_args(NetworkName)
NOISE = "noise"
INPUTS, OUTPUT = (
    ("image", "embedding", NOISE),
    "picture",
)  # of every graph; networks up to gallery 3 take no noise
MULTIPLE = 8  # sides of the graph's image are multiples of this
# pixels a side of the largest picture that goes through a graph at once:
# `impasto.inference.tile_grid.WHOLE` is less
MAX_SIDE = 2048
PREDICTOR_PATCH_SIZE = 272  # pixels, of the parts that predictors read, as in training
MAX_EMBEDDING_SIZE = 1 << 20  # of an embedding; base has 1,510


@dataclass(frozen=True)
class Network:
    """A transformer network: its graph, and what a style has to know of it.

    Attributes:
        name: "base", "small" or, for one that belongs to a single style, "own".
        hash: of its weights; a style embedding belongs to one network, by this hash.
        embedding_size: numbers in a style embedding.
        graph: ONNX, serialized; inputs `image` (1, 3, H, W) in 0..1, `embedding` (1,
            embedding_size) and, if the network takes noise, `noise` (1, 1, H / 2, W / 2), see
            `noise_at`.
        metadata: what else its file says, such as how it was trained.
        predictor: ONNX, serialized, of the style predictor that predicts this network's embeddings;
            empty if it has none.
        photo: the embedding that changes nothing, (embedding_size,), if the file has it: strength
            mixes towards it.
    """

    name: str
    hash: str
    embedding_size: int
    graph: bytes
    metadata: dict[str, str]
    predictor: bytes = b""
    photo: NDArray[np.float32] | None = field(default=None, compare=False)

    @property
    def gallery(self) -> str:
        """The version of the gallery that the network is part of."""
        return self.metadata.get("gallery", FIRST_GALLERY)

    def write(self, path: Path) -> None:
        metadata = self.metadata | {
            "format": FORMAT,
            "name": self.name,
            "hash": self.hash,
            "embedding_size": str(self.embedding_size),
        }
        tensors = {"graph": np.frombuffer(self.graph, np.uint8)}
        if self.predictor:
            tensors["predictor"] = np.frombuffer(self.predictor, np.uint8)
        photo = {} if self.photo is None else {"photo": self.photo.astype(np.float16)}
        write_safetensors(path, {**tensors, **photo}, metadata)


def read_network(path: Path) -> Network:
    """The network in a file. Raises NetworkError if it is missing or broken, or if an engine should
    not run it."""
    network = _read(path)
    try:
        check(network)
    except NetworkError as error:
        raise NetworkError(
            f"{path} is damaged or no network of impasto: {error}; get it anew, from where you trust"
        ) from error
    return network


def check(network: Network) -> None:
    """Look into the graphs of a network that comes from a file, before an engine does; see
    `impasto.models.validation`.

    Raises NetworkError, which says what is wrong and not with which file.
    """
    size = network.embedding_size
    if not 0 < size <= MAX_EMBEDDING_SIZE:
        raise NetworkError(f"its embeddings have {size:,} numbers")
    if not re.fullmatch(r"[\w.-]{1,64}", network.name):
        raise NetworkError(f"it has the name {network.name!r:.100}")
    if network.photo is not None and not np.isfinite(network.photo).all():
        raise NetworkError("its embedding of the photograph is not finite numbers")
    picture = (1, 3, MAX_SIDE, MAX_SIDE)
    shapes = dict(
        zip(INPUTS, (picture, (1, size), (1, 1, MAX_SIDE // 2, MAX_SIDE // 2)), strict=True)
    )
    model = validation.check(network.graph, shapes, (OUTPUT, picture))
    if (found := validation.hash_of(model)) not in (None, network.hash):
        raise NetworkError(
            f"it says that its hash is {network.hash!r:.100}, and that of its weights is {found}"
        )
    if network.predictor:
        try:
            validation.check(
                network.predictor,
                {INPUTS[0]: (1, 3, PREDICTOR_PATCH_SIZE, PREDICTOR_PATCH_SIZE)},
                (INPUTS[1], (1, size)),
            )
        except NetworkError as error:
            raise NetworkError(f"of its style predictor, {error}") from error


def _read(path: Path) -> Network:
    tensors, metadata = read_safetensors(path, NetworkError, FORMAT)
    try:
        size = int(metadata["embedding_size"])
        if kinds := {each.dtype.name for name, each in tensors.items() if name != "photo"} - {
            "uint8"
        }:
            raise ValueError(f"a graph of {kinds.pop()}")
        predictor = tensors["predictor"].tobytes() if "predictor" in tensors else b""
        photo = tensors["photo"].astype(np.float32).reshape(size) if "photo" in tensors else None
        return Network(
            metadata["name"],
            metadata["hash"],
            size,
            tensors["graph"].tobytes(),
            metadata,
            predictor,
            photo,
        )
    except (KeyError, ValueError) as error:
        raise NetworkError(
            f"{path} is not a whole network file ({error} is missing or wrong); get it anew"
        ) from error


def network_path(name: str, gallery: Path = GALLERY) -> Path:
    """Where a gallery keeps a network."""
    return gallery / "networks" / f"{name}{SUFFIX}"


@cache
def load_shipped(name: str) -> Network:
    """A network of the shipped gallery: "base" or "small". Raises NetworkError for another name."""
    if name not in NETWORKS:
        raise NetworkError(
            f"no network is called {name!r}; there are {', '.join(NETWORKS)}, or give a network file such as "
            "networks/base.safetensors of another gallery"
        )
    path = network_path(name)
    return (
        _read(path) if path.is_relative_to(PACKAGE) else read_network(path)
    )  # what ships is as it was tested


def find_network(spec: str | Path) -> Network:
    """A network by the name of one that ships, or by the path of a network file, as of an older
    gallery.

    Raises:
        NetworkError: there is no such network, or the file is broken or none.
    """
    if isinstance(spec, Path) or spec.lower().endswith(SUFFIX):
        return read_network(Path(os.path.expanduser(spec)))  # noqa: PTH111  # as `Path.expanduser` raises at `~nobody`
    return load_shipped(spec)
