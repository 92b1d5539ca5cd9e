"""Networks as stylizing sees them: an ONNX graph with a name, a hash and the size of its embeddings."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from impasto.errors import NetworkError
from impasto.files import read_safetensors, write_safetensors
from impasto.paths import GALLERY

FORMAT = "impasto network 1"
NetworkName = Literal["base", "small"]  # that ship: for pictures, and for video and live use
NETWORKS = get_args(NetworkName)
INPUTS, OUTPUT = ("image", "embedding"), "picture"  # of every graph
MULTIPLE = 8  # sides of the graph's image are multiples of this


@dataclass(frozen=True)
class Network:
    """A transformer network: its graph, and what a style has to know of it.

    Attributes:
        name: "base", "small" or, for one that belongs to a single style, "own".
        hash: of its weights; a style embedding belongs to one network, by this hash.
        embedding_size: numbers in a style embedding.
        graph: ONNX, serialized; inputs `image` (1, 3, H, W) in 0..1 and `embedding` (1, embedding_size).
        metadata: what else its file says, such as how it was trained.
        predictor: ONNX, serialized, of the style predictor that predicts this network's embeddings; empty if it has none.
    """

    name: str
    hash: str
    embedding_size: int
    graph: bytes
    metadata: dict[str, str]
    predictor: bytes = b""

    def write(self, path: Path) -> None:
        metadata = self.metadata | {
            "format": FORMAT,
            "name": self.name,
            "hash": self.hash,
            "embedding_size": str(self.embedding_size),
        }
        graphs = {"graph": self.graph} | ({"predictor": self.predictor} if self.predictor else {})
        write_safetensors(path, {name: np.frombuffer(graph, np.uint8) for name, graph in graphs.items()}, metadata)


def read_network(path: Path) -> Network:
    """The network in a file. Raises NetworkError if it is missing or broken."""
    tensors, metadata = read_safetensors(path, NetworkError, FORMAT)
    try:
        size = int(metadata["embedding_size"])
        predictor = tensors["predictor"].tobytes() if "predictor" in tensors else b""
        return Network(metadata["name"], metadata["hash"], size, tensors["graph"].tobytes(), metadata, predictor)
    except (KeyError, ValueError) as error:
        raise NetworkError(f"{path} is not a whole network file ({error} is missing or wrong)") from error


def network_path(name: str, gallery: Path = GALLERY) -> Path:
    """Where a gallery keeps a network."""
    return gallery / "networks" / f"{name}.safetensors"


@cache
def shipped(name: str) -> Network:
    """A network of the shipped gallery: "base" or "small". Raises NetworkError for another name."""
    if name not in NETWORKS:
        raise NetworkError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    return read_network(network_path(name))
