"""Engines that run a network's ONNX graph on this machine: OpenVINO (the default on CPUs) or ONNX
Runtime."""

import importlib.util
from collections.abc import Iterable
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError
from impasto.hardware import available_cores

EngineName = Literal["auto", "openvino", "onnxruntime"]
ENGINES = get_args(EngineName)[1:]  # in order of preference
Floats = Literal["auto", "bf16", "f32"]
Precision = Literal["auto", "bf16", "f32", "int8"]
PRECISIONS = get_args(Precision)

Float32 = NDArray[np.float32]
Array = NDArray[Any]


class Engine(Protocol):
    """A graph ready to run, any height and width."""

    name: str
    precision: str  # in which it really computes: "bf16", "f32" or "int8"
    inputs: tuple[str, ...]  # names of what it takes, in order

    def run(self, *inputs: Array) -> Any:
        """Of a transformer network: image (1, 3, H, W), RGB in 0..1, sides multiples of 8,
        embedding (1, size) and, if it is among `inputs`, noise (1, 1, H / 2, W / 2) to the painted
        (1, 3, H, W), all float32. Of a style predictor: image to embedding.

        Of an engine for `pixels`, image and painting are uint8 (1, H, W, 3) instead. Of a piece of
        a network, features (1, C, h, w); of one with several outputs, a list of them.
        """
        ...


def available_engines() -> list[str]:
    """Engines that are installed, in order of preference."""
    return [name for name in ENGINES if importlib.util.find_spec(name)]


def load_engine(
    graph: bytes,
    engine: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    pixels: bool = False,
    cache: bool = False,
) -> Engine:
    """Make a graph ready to run.

    Args:
        graph: an ONNX graph, serialized.
        engine: "auto" (the first that is installed), "openvino" or "onnxruntime".
        threads: how many to compute with; by default `available_cores()`.
        precision: "auto" (bfloat16 where the CPU computes in it natively and the engine can),
            "bf16", "f32" or, by OpenVINO and of graphs that tell the ranges of their features,
            "int8".
        pixels: let it take and give pictures of 8 bits; no copy of them is then made in float32
            outside the engine.
        cache: keep on disk what the graph is compiled to for its first size, so that the next
            process starts quicker; only OpenVINO can, and only the newest are kept.

    Raises:
        NetworkError: the engine is unknown or not installed, the precision is not to be had, or the
            graph is broken.
    """
    if engine not in ("auto", *ENGINES):
        raise NetworkError(f"no engine is called {engine!r}; there are auto, {', '.join(ENGINES)}")
    if precision not in PRECISIONS:
        raise NetworkError(
            f"no precision is called {precision!r}; there are {', '.join(PRECISIONS)}"
        )
    installed = available_engines()
    chosen = engine if engine != "auto" else next(iter(installed), ENGINES[0])
    if chosen not in installed:
        raise NetworkError(f"the engine {chosen} is not installed; pip install {chosen}")
    threads = threads or available_cores()
    if chosen == "openvino":
        from impasto.engines.openvino import OpenVINOEngine

        return OpenVINOEngine(graph, threads, precision, pixels, cache)
    from impasto.engines.onnxruntime import ONNXRuntimeEngine

    return ONNXRuntimeEngine(graph, threads, precision, pixels)


def run_each(graph: bytes, images: Iterable[Float32], engine: str = "auto") -> list[Float32]:
    """Run a graph that takes an image (1, 3, H, W) and nothing else, in float32, over images: what
    it gives of each. See `load` for the rest.
    """
    loaded = load_engine(graph, engine, precision="f32")
    return [loaded.run(image) for image in images]
