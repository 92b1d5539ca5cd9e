"""Compiled graphs on disk, so that the next process need not read and compile the network.

OpenVINO has a cache of its own (`CACHE_DIR`), which asks for the whole network, read and reshaped,
before it looks: for `base` that takes as long as loading the compiled graph. Here the graph's bytes
and all that changes its compilation name a file, so nothing but that file is read.

A file is checked before OpenVINO sees it. Processes may share the folder: files appear whole.
"""

import contextlib
import hashlib
import json
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from impasto.files import write_atomically
from impasto.paths import home

SUFFIX = ".blob"
MAX_BYTES = 256 << 20  # of all files; one has 2 to 8 MB
MAX_NEW_FILES = 4  # of one graph in one process: a folder of pictures may have as many sizes
MAX_LINE_BYTES = 1000  # of the line of facts before a compiled graph
_BROKEN = (KeyError, StopIteration, TypeError, ValueError)  # what broken files, or none, raise
_LOCK = threading.Lock()  # one thread at a time writes files and removes old ones

Shapes = Sequence[Sequence[int]]


class CompiledFiles:
    """The files of one graph, compiled with the same options.

    Args:
        graph: ONNX, serialized.
        facts: all else that changes what is compiled, such as precision, threads and processor.

    Attributes:
        inputs: names of the graph's inputs, in order; empty if there is no file yet.
    """

    def __init__(self, graph: bytes, facts: Mapping[str, Any]) -> None:
        cache = home()
        self._folder = None if cache is None else cache / "openvino"
        digest = hashlib.sha256(f"{sorted(facts.items())} {_code_digest()}".encode())
        digest.update(graph)
        self._name = digest.hexdigest()[:32]
        self._new_files = 0
        self.inputs = self._read_inputs()

    def __repr__(self) -> str:
        return f"CompiledFiles({self._name})"

    def read(self, shapes: Shapes) -> bytes | None:
        """Return the graph compiled for inputs of some shapes; None where there is none."""
        if self._folder is None:
            return None
        path = self._path(self._folder, shapes)
        with contextlib.suppress(OSError, *_BROKEN):
            compiled = _unpack(path.read_bytes())
            with contextlib.suppress(OSError):
                os.utime(path)  # it was used: others are removed first
            return compiled
        return None

    def write(self, shapes: Shapes, inputs: Sequence[str], compiled: bytes) -> None:
        """Keep a compiled graph, if the folder takes it, and remove those that are used least."""
        if self._folder is None or self._new_files >= MAX_NEW_FILES:
            return
        self._new_files += 1
        with contextlib.suppress(OSError), _LOCK:
            write_atomically(self._path(self._folder, shapes), _pack(inputs, compiled))
            _remove_old(self._folder)

    def write_inputs(self, inputs: Sequence[str]) -> None:
        """Keep the names of inputs of a graph that is perhaps not compiled.

        Videos load the graph of pictures for its precision and its errors, and paint by others.
        """
        if self._folder is not None:
            with contextlib.suppress(OSError), _LOCK:
                write_atomically(self._folder / f"{self._name}-inputs{SUFFIX}", _pack(inputs, b""))

    def _path(self, folder: Path, shapes: Shapes) -> Path:
        code = hashlib.sha256(repr([list(shape) for shape in shapes]).encode()).hexdigest()[:16]
        return folder / f"{self._name}-{code}{SUFFIX}"

    def _read_inputs(self) -> tuple[str, ...]:
        """Read the names of inputs from any file of this graph."""
        if self._folder is not None:
            with contextlib.suppress(OSError, *_BROKEN):
                path = next(self._folder.glob(f"{self._name}-*{SUFFIX}"))
                with path.open("rb") as file:
                    return tuple(json.loads(file.readline(MAX_LINE_BYTES))["inputs"])
        return ()


def _pack(inputs: Sequence[str], compiled: bytes) -> bytes:
    facts = {"inputs": list(inputs), "sha256": hashlib.sha256(compiled).hexdigest()}
    return json.dumps(facts).encode() + b"\n" + compiled


def _unpack(data: bytes) -> bytes:
    """Return the compiled graph in a file; ValueError where it is cut or changed."""
    line, _, compiled = data.partition(b"\n")
    if hashlib.sha256(compiled).hexdigest() != json.loads(line)["sha256"]:
        raise ValueError("its bytes have changed")
    return compiled


def _remove_old(folder: Path) -> None:
    """Remove files until all have at most `MAX_BYTES`: those first that were used least lately."""
    states = [(path, path.stat()) for path in folder.glob(f"*{SUFFIX}")]
    total = sum(state.st_size for _, state in states)
    for path, state in sorted(states, key=lambda entry: entry[1].st_mtime_ns):
        if total <= MAX_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= state.st_size


@cache
def _code_digest() -> str:
    """Return a hash of the code that changes graphs before they are compiled."""
    # the package is above this layer, which must not import it, and is loaded
    digest = hashlib.sha256(sys.modules["impasto"].__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):  # none where impasto is frozen
        digest.update(path.read_bytes())
    return digest.hexdigest()
