"""Engines that run a network's ONNX graph: OpenVINO, ONNX Runtime or PyTorch."""

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from impasto.errors import NetworkError
from impasto.hardware import available_cores

EngineName = Literal["auto", "openvino", "onnxruntime", "torch"]
ENGINES = get_args(EngineName)[1:]  # in order of preference
Floats = Literal["auto", "bf16", "f32"]
Precision = Literal["auto", "bf16", "f16", "f32", "int8"]
PRECISIONS = get_args(Precision)
PACKAGES = {"torch": "'impasto[train]'"}  # to install, where not the engine by its own name
MAX_STREAMS = 4  # of `run_each`; each has features of its own in memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float32 = NDArray[np.float32]
    Array = NDArray[Any]
else:  # help texts name engines, and do not wait for numpy
    Float32 = Array = Any


class Engine(Protocol):
    """A graph ready to run at any height and width."""

    name: str
    device: str  # that computes: "cpu", or another name of `impasto.engines.devices.DEVICES`
    precision: str  # in which it really computes: "bf16", "f16", "f32" or "int8"
    inputs: tuple[str, ...]  # names of what it takes, in order

    def run(self, *inputs: Array) -> Any:
        """Run the graph on its inputs, in the order of `inputs`.

        Args:
            *inputs: all float32. A transformer network takes image (1, 3, H, W), RGB in 0..1, with
                sides that are multiples of 16, then embedding (1, size) and, if it is among
                `inputs`, noise (1, 1, H / 2, W / 2). A style predictor takes the image alone. A
                segment of a network takes features (1, C, h, w).

        Returns:
            The painting (1, 3, H, W) of a transformer network, the embedding of a style predictor,
            or the features of a segment, float32. A graph with several outputs gives their list.
            With `pixels`, image and painting are uint8 (1, H, W, 3) instead.
        """
        ...


def available_engines() -> list[str]:
    """List the installed engines, in order of preference."""
    return [name for name in ENGINES if importlib.util.find_spec(name)]


def check_engine(engine: str) -> None:
    """Raise NetworkError if no engine has this name."""
    if engine not in ("auto", *ENGINES):
        raise NetworkError(f"no engine is called {engine!r}; there are auto, {', '.join(ENGINES)}")


def load_engine(
    graph: bytes,
    engine: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    pixels: bool = False,
    cache: bool = False,
    any_size: bool = False,
    device: str = "cpu",
    streams: int = 1,
    margin: int = 0,
    constants: Mapping[str, Callable[[int, int], Array]] | None = None,
) -> Engine:
    """Load a graph into an engine, on one device.

    `impasto.inference.devices.choose_device` chooses the device, and tests it.

    Args:
        graph: an ONNX graph, serialized.
        engine: "auto" (the first that is installed), "openvino", "onnxruntime" or "torch".
        threads: threads to compute with; by default `available_cores()`.
        precision: "auto" (bfloat16 where the CPU computes in it natively and the engine supports
            it; float16 on other devices), "bf16", "f16", "f32" or "int8". int8 needs OpenVINO on
            the CPU, and a graph that carries the ranges of its features.
        pixels: take and give pictures of 8 bits, so that the caller makes no copy in float32.
        cache: keep compiled graphs on disk, so that the next process starts faster. Only OpenVINO
            does so; see `impasto.engines.compiled_files`.
        any_size: expect pictures of many sizes: run small ones in one graph for all of them. Only
            OpenVINO differs; needs `pixels`.
        device: "cpu", or the name of a device that this engine drives.
        streams: runs at once, from as many Python threads; each has its share of `threads`. With
            one thread each they take a fifth to a quarter less CPU time than one run with several,
            and more memory. More runs than streams take turns.
        margin: pixels at each edge that the caller cuts off. OpenVINO gives paintings without
            them, and does not compute what only they need; other engines give the whole. Needs
            `pixels`, and a graph without means over the picture.
        constants: inputs that depend on the size alone: by name, functions of the height and width
            of an image. OpenVINO compiles them in, so that they are no longer among its inputs;
            other engines leave them there. Needs `pixels`, and not `any_size`.

    Returns:
        The engine with the graph, ready to run at any height and width.

    Raises:
        NetworkError: the engine is unknown or not installed, the precision is unavailable, or the
            graph is broken.
    """
    check_engine(engine)
    if precision not in PRECISIONS:
        raise NetworkError(
            f"no precision is called {precision!r}; there are {', '.join(PRECISIONS)}"
        )
    installed = available_engines()
    chosen = engine if engine != "auto" else next(iter(installed), ENGINES[0])
    if chosen not in installed:
        package = PACKAGES.get(chosen, chosen)
        raise NetworkError(f"the engine {chosen} is not installed; pip install {package}")
    threads = threads or available_cores()
    if chosen == "torch":
        from impasto.learning.torch_engine import TorchEngine

        return TorchEngine(graph, threads, precision, pixels, device)
    if device != "cpu":
        return _load_on_device(graph, chosen, precision, pixels, device)
    if precision == "f16":
        raise NetworkError("cannot compute in f16 on the CPU; use --precision auto or f32")
    if chosen == "openvino":
        from impasto.engines.openvino import OpenVINOEngine

        any_size = any_size and pixels
        return OpenVINOEngine(
            graph, threads, precision, pixels, cache, any_size, streams, margin, constants or {}
        )
    from impasto.engines.onnxruntime import ONNXRuntimeEngine

    return ONNXRuntimeEngine(graph, max(1, threads // streams), precision, pixels)


def choose_precision(graph: bytes, engine: str = "auto") -> str:
    """Choose the fastest precision of the CPU for many images, where none is asked for.

    Args:
        graph: an ONNX graph, serialized.
        engine: as for `load_engine`.

    Returns:
        "int8" for OpenVINO on x86 CPUs without native bfloat16, if the graph carries the ranges of
        its features; else "auto".
    """
    if (engine if engine != "auto" else next(iter(available_engines()), "")) != "openvino":
        return "auto"
    from impasto.engines.openvino import is_int8_faster

    return "int8" if is_int8_faster(graph) else "auto"


def _load_on_device(graph: bytes, engine: str, precision: str, pixels: bool, device: str) -> Engine:
    """Load a graph on a GPU or an NPU; see `load_engine`."""
    if engine == "openvino":
        from impasto.engines.openvino_devices import OpenVINODeviceEngine

        return OpenVINODeviceEngine(graph, precision, pixels, device)
    from impasto.engines.onnxruntime_devices import ONNXRuntimeDeviceEngine

    return ONNXRuntimeDeviceEngine(graph, precision, pixels, device)


def run_each(graph: bytes, images: Iterable[Float32], engine: str = "auto") -> "list[Float32]":
    """Run a graph that takes an image and nothing else, in float32, over several images.

    The engine is kept for the next call, and runs several images at once.

    Args:
        graph: an ONNX graph, serialized.
        images: float32 (1, 3, H, W), RGB in 0..1.
        engine: as for `load_engine`.

    Returns:
        The output for each image.
    """
    from concurrent.futures import ThreadPoolExecutor  # here, as few need it

    streams = min(MAX_STREAMS, available_cores())
    loaded = _kept_engine(graph, engine, streams)
    with ThreadPoolExecutor(streams) as pool:
        return list(pool.map(loaded.run, images))


@lru_cache(maxsize=2)  # of `large` and of `base`; one takes 40 MB and more
def _kept_engine(graph: bytes, engine: str, streams: int) -> Engine:
    return load_engine(graph, engine, precision="f32", cache=True, streams=streams)
