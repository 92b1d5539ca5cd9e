"""Transformer networks in files: an ONNX graph with a name, a hash and the size of embeddings."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from impasto.choices import NETWORKS
from impasto.errors import NetworkError
from impasto.hub import fetch, is_reference, parse_reference
from impasto.models import validation
from impasto.paths import GALLERY, PACKAGE, expand_home
from impasto.tensor_files import read_safetensors, write_safetensors

FORMAT = "impasto network 1"
SUFFIX = ".safetensors"
GALLERY_VERSION = "8"  # of galleries that are written; raised whenever what ships is trained anew
FIRST_GALLERY = "1"  # whose files state no version
NetworkChoice = Literal["large", "base", "small", "both", "all"]
"""The networks to train; "both" are base and small, "all" are all that ship, one after another."""
NOISE = "noise"
# of every graph; networks up to gallery 3 take no noise
INPUTS, OUTPUT = ("image", "embedding", NOISE), "picture"
MULTIPLE = 16  # sides of the graph's image are multiples of this
MIN_GRAPH_SIDE = 2 * MULTIPLE  # pixels, as the coarsest features are mirrored at their edges
# pixels a side of the largest picture that goes through a graph at once:
# `impasto.inference.tile_grid.MAX_UNTILED_PIXELS` is less
MAX_SIDE = 2048
PREDICTOR_PATCH_SIZE = 272  # pixels a side of the patches that predictors read, as in training
MAX_EMBEDDING_SIZE = 1 << 20  # numbers; embeddings of `large` have 4,038


@dataclass(frozen=True, repr=False)
class Network:
    """A transformer network: its graph, and the facts that a style has to match.

    Attributes:
        name: "large", "base", "small" or, for a network that belongs to a single style, "own".
        hash: of its weights; a style embedding belongs to one network, by this hash.
        embedding_size: numbers in a style embedding.
        graph: ONNX, serialized. Its inputs are `image` (1, 3, H, W) in 0..1, `embedding`
            (1, embedding_size) and, if the network takes noise, `noise` (1, 1, H / 2, W / 2), see
            `noise_at`.
        metadata: all other facts in its file, such as how it was trained.
        predictor: ONNX, serialized, of the style predictor for this network's embeddings; empty
            if it has none.
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

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {self.embedding_size} numbers, hash {self.hash:.16})"

    @property
    def gallery(self) -> str:
        """The version of the gallery that the network is part of."""
        return self.metadata.get("gallery", FIRST_GALLERY)

    def save(self, path: Path) -> None:
        """Write the network to a safetensors file, atomically.

        Raises:
            ImpastoError: the folder or the disk does not accept the file.
        """
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
    """Read a network file, and check that an engine may run it.

    Raises:
        NetworkError: the file is missing or broken, or its graph is refused.
    """
    network = _read(path)
    try:
        check_network(network)
    except NetworkError as error:
        raise NetworkError(
            f"cannot use {path}: it is damaged or no network of impasto: {error}; get it anew,"
            " from where you trust"
        ) from error
    return network


def check_network(network: Network) -> None:
    """Check the graphs of a network from a file before an engine sees them.

    See `impasto.models.validation`.

    Raises:
        NetworkError: the network is refused. The message gives the reason and not the file.
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
    model = validation.check_graph(network.graph, shapes, (OUTPUT, picture))
    if (actual := validation.weights_hash(model)) not in (None, network.hash):
        raise NetworkError(
            f"it says that its hash is {network.hash!r:.100}, and that of its weights is {actual}"
        )
    if network.predictor:
        patch = {INPUTS[0]: (1, 3, PREDICTOR_PATCH_SIZE, PREDICTOR_PATCH_SIZE)}
        try:
            validation.check_graph(network.predictor, patch, (INPUTS[1], (1, size)))
        except NetworkError as error:
            raise NetworkError(f"of its style predictor, {error}") from error


def _read(path: Path) -> Network:
    """Read a network file without checking its graphs."""
    tensors, metadata = read_safetensors(path, NetworkError, FORMAT)
    try:
        size = int(metadata["embedding_size"])
        kinds = {tensor.dtype.name for name, tensor in tensors.items() if name != "photo"}
        if wrong := kinds - {"uint8"}:
            raise ValueError(f"a graph of {wrong.pop()}")
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
            f"cannot read {path}: it is not a whole network file ({error} is missing or wrong);"
            " get it anew"
        ) from error


def network_path(name: str, gallery: Path = GALLERY) -> Path:
    """Return the path of a network in a gallery."""
    return gallery / "networks" / f"{name}{SUFFIX}"


def chosen_networks(choice: NetworkChoice) -> list[str]:
    """List the networks of a choice, in the order in which they are trained."""
    if choice == "both":
        return ["base", "small"]
    if choice == "all":
        return list(NETWORKS)
    if choice not in NETWORKS:
        raise NetworkError(
            f"no network is called {choice!r}; there are {', '.join(NETWORKS)}, and both and all"
            " for several"
        )
    return [choice]


@cache
def load_shipped(name: str) -> Network:
    """Load a network of the gallery in use.

    Args:
        name: "large", "base" or "small".

    Raises:
        NetworkError: the name is another.
    """
    if name not in NETWORKS:
        raise NetworkError(
            f"no network is called {name!r}; there are {', '.join(NETWORKS)}, or give a network"
            " file such as networks/base.safetensors of another gallery"
        )
    path = network_path(name)
    # networks that ship were checked before they were shipped
    return _read(path) if path.is_relative_to(PACKAGE) else read_network(path)


def find_network(spec: str | Path) -> Network:
    """Find a network by the name of one that ships, or by the path of a network file.

    A file may be on the Hugging Face Hub: "hf:user/repo/networks/base".

    Raises:
        NetworkError: there is no such network, or the file is broken or of another kind.
        HubError: the file cannot be fetched from the Hub.
    """
    if not isinstance(spec, str | Path):
        raise NetworkError(
            f"cannot use an object of type {type(spec).__name__} as a network; give a name:"
            f" {', '.join(NETWORKS)}, or the path of a network file"
        )
    if isinstance(spec, str) and is_reference(spec):
        path = fetch(parse_reference(spec))
        try:
            return read_network(path)
        except NetworkError as error:  # a path in a cache says little
            raise NetworkError(str(error).replace(str(path), spec)) from error
    if isinstance(spec, Path) or spec.lower().endswith(SUFFIX):
        return read_network(expand_home(spec))
    return load_shipped(spec)
