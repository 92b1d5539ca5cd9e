"""The files of the page: those in the package, and those made from the gallery in use.

`impasto serve` serves them, and `export_site` writes them to a folder. From that folder the page
paints without a server, on any host, because all that it needs is a file.
"""

import gzip
import hashlib
import html
import json
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import impasto
from impasto.errors import ImpastoError
from impasto.files import write_atomically
from impasto.images.image import UInt8
from impasto.inference import frozen_norm, tiled_statistics
from impasto.inference.model import LoadedNetwork
from impasto.models.gallery import gallery_names, gallery_style, preview
from impasto.models.network import Network, load_shipped
from impasto.models.style import PHOTO
from impasto.tensor_files import sort_metadata

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
LINK_PLACE = "<!--documentation-->"  # of the link to the documentation, in the bar of the page
LINK = '<a class="quiet" id="documentation" href="{}">Docs</a>'
NETWORKS = ("small", "base", "large")  # in the order in which the page offers them
FORMAT = "impasto browser network 1"
GRAPH_FORMAT = "1"  # raised when `pack_network` makes other bytes of the same network
TEST_SIDE = 64  # pixels a side of the picture that engines are tested by
MIN_SHARED_BYTES = 128  # of weights that graphs share; smaller ones stay in the graph
ALIGNMENT = 16  # bytes, of shared weights
SHARED = "weights"  # the name of the file that graphs find their weights in
FACTS = ("title", "artist", "year", "licence", "license", "source")  # of styles, that are listed
MEDIA_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".webp": "image/webp",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    # not "gzip": the page decompresses these files by itself
    ".gz": "application/octet-stream",
    ".bin": "application/octet-stream",
}
# The service worker keeps these files for use without a network, and these pictures afterwards.
PAGE = ("vendor/", "js/", "css/", "fonts/", "icon", "index.html", "gallery/gallery.json")
PAGE_SUFFIXES = (".html", ".js", ".mjs", ".css", ".json", ".svg", ".woff2", ".webmanifest")
LATER = ("gallery/previews/", "samples/")


@dataclass(frozen=True)
class SiteFile:
    """A file of the site.

    Attributes:
        media_type: such as "text/html; charset=utf-8".
        read: returns its bytes; those that are made from the gallery are made once.
        immutable: whether its name changes with its content, so that browsers may keep it for ever.
    """

    media_type: str
    read: Callable[[], bytes]
    immutable: bool = False


def site_files(documentation: str | None = None) -> Mapping[str, SiteFile]:
    """Return all files of the site by their path from its root, such as "js/app.js".

    Args:
        documentation: an address that the page links to, relative to the root or absolute.
    """
    files = {
        path.relative_to(STATIC).as_posix(): SiteFile(
            media_type(path.name), path.read_bytes, "vendor/" in path.as_posix()
        )
        for path in sorted(STATIC.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    if documentation:
        page = (STATIC / INDEX).read_text(encoding="utf-8")
        page = page.replace(LINK_PLACE, LINK.format(html.escape(documentation)))
        files[INDEX] = SiteFile(media_type(INDEX), page.encode)
    files |= _gallery_files()
    if "sw.js" in files:
        files["sw.js"] = SiteFile(media_type("sw.js"), lambda: _service_worker(files))
    return files


def export_site(folder: Path, documentation: str | None = None) -> list[Path]:
    """Write all files of the site to a folder, which is made where it does not exist.

    Args:
        folder: the folder.
        documentation: see `site_files`.

    Returns:
        The paths of the files.

    Raises:
        ImpastoError: the folder or the disk does not accept the files.
    """
    paths = []
    for name, file in site_files(documentation).items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, file.read())
        except OSError as error:
            raise ImpastoError(
                f"cannot write {path}: {error.strerror or error}; choose another folder"
            ) from error
        paths.append(path)
    return paths


def media_type(name: str) -> str:
    """Return the media type of a file by its suffix."""
    suffix = Path(name).suffix
    found = MEDIA_TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") else found


def _gallery_files() -> dict[str, SiteFile]:
    """Return the files that are made from the gallery in use."""
    binary = media_type("x.bin")
    files = {
        "gallery/gallery.json": SiteFile(
            media_type("x.json"), lambda: json.dumps(gallery_list(), ensure_ascii=False).encode()
        )
    }
    for name in gallery_names():
        if picture := preview(name):
            files[f"gallery/previews/{name}.webp"] = SiteFile("image/webp", picture.read_bytes)
    for network_name in NETWORKS:
        network = load_shipped(network_name)
        paths = _network_paths(network)
        for kind, path in paths.items():
            read = partial(_network_file, kind, network_name, network.hash)
            files[path] = SiteFile(binary, read, immutable=True)
    return files


@cache
def _network_file(kind: str, name: str, network_hash: str) -> bytes:
    """Make a file for a network, once; the hash is that of the network."""
    network = load_shipped(name)
    assert network.hash == network_hash
    if kind == "graphs":
        return gzip.compress(pack_network(network), 9, mtime=0)
    if kind == "predictor":
        return gzip.compress(network.predictor, 9, mtime=0)
    return embeddings(network) if kind == "styles" else tested_picture(network).tobytes()


def _network_paths(network: Network) -> dict[str, str]:
    """Return the paths of the files for one network, by kind; names change with the contents."""
    stem = f"{network.name}-{network.hash}-{GRAPH_FORMAT}"
    styles = hashlib.sha256(embeddings(network)).hexdigest()[:8]
    paths = {
        "graphs": f"gallery/networks/{stem}.graphs.gz",
        "styles": f"gallery/networks/{stem}-{styles}.styles.bin",
        "test": f"gallery/networks/{stem}-{styles}.test.bin",
    }
    if network.predictor:
        paths["predictor"] = f"gallery/networks/{stem}.predictor.gz"
    return paths


def gallery_list() -> dict[str, Any]:
    """Return what `gallery/gallery.json` says: the networks and styles, and where their files are.

    Returns:
        `networks`: name, hash, embedding_size, gallery, the paths `graphs`, `styles`, `test` and
        `predictor`, and `names`, the styles in the order of the embeddings in `styles`. `styles`:
        name, title, artist, year and the path `preview`.
    """
    networks = [load_shipped(name) for name in NETWORKS]
    styles = []
    for name in gallery_names():
        if name != PHOTO:
            metadata = gallery_style(name).metadata
            facts = {key: metadata[key] for key in FACTS if key in metadata}
            path = {"preview": f"gallery/previews/{name}.webp"} if preview(name) else {}
            styles.append({"name": name, "title": name} | facts | path)
    return {
        "impasto": impasto.__version__,
        "networks": [
            {
                "name": network.name,
                "hash": network.hash,
                "embedding_size": network.embedding_size,
                "gallery": network.gallery,
                "names": _painted_names(network),
                **_network_paths(network),
            }
            for network in networks
        ],
        "styles": styles,
    }


def _painted_names(network: Network) -> list[str]:
    """Return the names of the gallery's styles that a network paints."""
    names = (name for name in gallery_names() if name != PHOTO)
    return [name for name in names if not gallery_style(name).mismatch(network)]


def embeddings(network: Network) -> bytes:
    """Return the embeddings of all styles of the gallery in one array, float16 (styles, size)."""
    rows = [gallery_style(name).embedding(network) for name in _painted_names(network)]
    return np.asarray(rows, "<f2").tobytes()


def test_picture() -> UInt8:
    """Draw the picture that engines are tested by, uint8 (64, 64, 3); the page draws the same."""
    down, across, channel = np.mgrid[:TEST_SIDE, :TEST_SIDE, :3]
    return (across * (3 + channel) + down * (5 - channel) & 255).astype(np.uint8)


def tested_picture(network: Network) -> UInt8:
    """Paint the test picture in the first style of the gallery, uint8 (64, 64, 3)."""
    style = gallery_style(_painted_names(network)[0])
    return LoadedNetwork(network, precision="f32").prepare(style).paint(test_picture())


class _SharedWeights:
    """Weights that several graphs share, each kept once."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._parts: list[bytes] = []
        self._size = 0

    def place(self, weights: bytes) -> int:
        """Return the place of weights among all, after adding them if they are new."""
        if weights not in self._places:
            self._places[weights] = self._size
            self._parts.append(weights + b"\0" * (-len(weights) % ALIGNMENT))
            self._size += len(self._parts[-1])
        return self._places[weights]

    def to_array(self) -> NDArray[np.uint8]:
        """Return all weights, uint8."""
        return np.frombuffer(b"".join(self._parts), np.uint8)

    def share(self, graph: bytes) -> NDArray[np.uint8]:
        """Return a graph that finds its weights in the file `SHARED`, serialized."""
        import onnx
        from onnx import numpy_helper

        model = onnx.load_model_from_string(graph)
        for node in model.graph.node:
            node.ClearField("doc_string")
            node.ClearField("metadata_props")
        for tensor in model.graph.initializer:
            raw = numpy_helper.to_array(tensor).tobytes()
            if len(raw) < MIN_SHARED_BYTES:
                continue
            fields = {"location": SHARED, "offset": self.place(raw), "length": len(raw)}
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            for key, value in fields.items():
                tensor.external_data.add(key=key, value=str(value))
        return np.frombuffer(model.SerializeToString(), np.uint8)


def pack_network(network: Network) -> bytes:
    """Pack all graphs of a network that the page runs, and the facts to use them.

    The graphs are the network as it is, without its normalizations, up to their statistics, and the
    segments that measure large pictures (see `impasto.inference`). They share their weights.

    Returns:
        The bytes of a safetensors file. Its tensors are uint8: `weights`, and graphs by name; and
        `photo`, float16. Its metadata `facts` is JSON: margin, epsilon, places of scales and
        shifts, and segments.
    """
    from safetensors.numpy import save

    shared, frozen = _SharedWeights(), frozen_norm.freeze_norms(network.graph)
    graphs = {
        "whole": shared.share(network.graph),
        "plain": shared.share(frozen.plain),
        "measuring": shared.share(frozen.measuring),
    }
    facts: dict[str, Any] = {
        "name": network.name,
        "hash": network.hash,
        "embedding_size": network.embedding_size,
        "gallery": network.gallery,
        "margin": frozen.margin,
        "epsilon": frozen.epsilon,
        "scales": frozen.scales.tolist(),
        "shifts": frozen.shifts.tolist(),
    }
    for step in (tiled_statistics.FINE_STEP, tiled_statistics.COARSE_STEP):
        segments = []
        for number, segment in enumerate(tiled_statistics.split_at_norms(network.graph, step)):
            name = f"segment.{step}.{number}"
            graph = shared.share(segment.graph)
            same = (key for key, value in graphs.items() if np.array_equal(value, graph))
            name = next(same, name)
            graphs[name] = graph
            segments.append(
                {
                    "graph": name,
                    "inputs": segment.inputs,
                    "outputs": segment.outputs,
                    "kept": sorted(segment.kept),
                    "steps": segment.steps,
                    "channels": [segment.channels.start, segment.channels.stop],
                    "step": segment.step,
                    "margin": segment.margin,
                }
            )
        facts[f"segments.{step}"] = segments
    tensors: dict[str, NDArray[Any]] = {**graphs, SHARED: shared.to_array()}
    if network.photo is not None:
        tensors[PHOTO] = network.photo.astype(np.float16)
    metadata = {"format": FORMAT, "facts": json.dumps(facts, separators=(",", ":"))}
    return sort_metadata(save(tensors, metadata))


def _service_worker(files: Mapping[str, SiteFile]) -> bytes:
    """Fill the lists of files, and a version that changes with them, into the service worker."""
    page = [name for name in files if name.startswith(PAGE) and not name.startswith(LATER)]
    page = [name for name in page if Path(name).suffix in PAGE_SUFFIXES and "jspi" not in name]
    digest = hashlib.sha256()
    for name in page:
        digest.update(name.encode() + files[name].read())
    text = (STATIC / "sw.js").read_text()
    lists = {
        # the address of the page is that of the folder
        "PAGE": [name.replace("index.html", "./") for name in page],
        "LATER": [name for name in files if name.startswith(LATER)],
        "LASTING": [name for name, file in files.items() if file.immutable],
    }
    for name, paths in lists.items():
        text = text.replace(f"[/*{name}*/]", json.dumps(paths))
    digest.update(text.encode())
    return text.replace('"VERSION"', f'"{digest.hexdigest()[:16]}"').encode()
