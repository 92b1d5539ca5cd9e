"""OpenVINO: the fastest engine on CPUs that it supports, and the only one for bfloat16."""

import contextlib
import ctypes
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino
from openvino import Layout, Type, opset13
from openvino.preprocess import PrePostProcessor

from impasto.engines.base import Array
from impasto.engines.int8 import quantize, read_ranges
from impasto.errors import NetworkError
from impasto.paths import home

Shapes = tuple[tuple[int, ...], ...]

COLORS = 3  # channels of a picture
MAX_COMPILED_SIZES = 4  # compiled graphs in memory
# Pixels of a picture, with its mirrored border, up to which a graph for any size runs it: such
# graphs are 25 to 50 % slower, and compiling one for each size of small pictures costs far more.
MAX_ANY_SIZE_PIXELS = 320_000
MAX_ANY_SIDE = 2048
MAX_CACHED_BLOBS = 12  # compiled graphs, of 2 to 6 MB


_CACHE_LOCK = threading.Lock()  # one thread at a time writes blobs and removes old ones


class OpenVINOEngine:
    """A graph compiled for the CPU; see `impasto.engines.base.Engine`.

    Args:
        graph: ONNX, serialized, or the path of OpenVINO IR.
        threads: threads to compute with.
        precision: "auto", "bf16", "f32" or "int8".
        pixels: take and give 8-bit pixels, uint8 (1, H, W, 3).
        cache: keep the compiled graph of the first size on disk.
        any_size: run small pictures in one graph for any size.
        streams: runs at once, each with its share of the threads.

    Raises:
        NetworkError: the graph is broken, or the precision is unavailable.
    """

    name = "openvino"

    def __init__(
        self,
        graph: bytes | Path,
        threads: int,
        precision: str,
        pixels: bool,
        cache: bool,
        any_size: bool = False,
        streams: int = 1,
    ) -> None:
        core = openvino.Core()
        with _restore_signal_stack():  # this loads the CPU's plugin
            native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and not native:
            raise NetworkError("this CPU does not compute in bf16; use --precision f32 or auto")
        floats = "bf16" if native and precision != "f32" else "f32"
        ranges = read_ranges(graph) if precision == "int8" and isinstance(graph, bytes) else {}
        self.precision = "int8" if ranges else floats
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": floats,
            "INFERENCE_NUM_THREADS": max(threads, streams),
            **({"PERFORMANCE_HINT": "LATENCY"} if streams == 1 else _streams(streams)),
        }
        try:
            model = core.read_model(graph)
            if ranges:
                model = quantize(model, ranges)
            self._core, self._model, self._options = (
                core,
                _wrap_pixels(model) if pixels else model,
                options,
            )
        # OpenVINO raises RuntimeError and its own kinds, with a C++ trace for a message
        except Exception as error:
            reason = str(error).strip().splitlines()[-1]
            raise NetworkError(f"OpenVINO cannot load this network: {reason}") from error
        self.inputs = tuple(port.get_any_name() for port in self._model.inputs)
        self._cached = cache  # whether the graph of the next size is kept on disk
        self._any_size = _bound_shapes(self._model) if any_size else None
        self._places = threading.BoundedSemaphore(streams)
        self._choosing = threading.Lock()
        # by shapes of the inputs, without any for the graph of any size
        self._graphs: OrderedDict[Shapes, _CompiledGraph] = OrderedDict()

    def run(self, *inputs: Array) -> Any:
        """Run the graph; see `impasto.engines.base.Engine`.

        As many threads run it at once as the engine has streams. More take turns.
        """
        with self._places:
            with self._choosing:
                graph = self._graph(tuple(array.shape for array in inputs))
                request = graph.idle.pop() if graph.idle else graph.model.create_infer_request()
            # asynchronous runs are given to different streams, synchronous ones may share one
            request.start_async(list(inputs), share_inputs=True)
            request.wait()
            # the request's own memory, which its next run overwrites: copy it once
            copied = [np.array(tensor.data) for tensor in request.output_tensors]
            graph.idle.append(request)
        return copied[0] if len(copied) == 1 else copied

    def _graph(self, shapes: Shapes) -> "_CompiledGraph":
        """Return the graph for one size of picture, compiled at its first use.

        Compiling takes about 0.2 s. Whether a graph is for one size or for any depends on the size
        alone, so the same picture always gives the same pixels.
        """
        if self._any_size is not None and _is_small(shapes[0]):
            shapes = ()
        if shapes not in self._graphs:
            self._model.reshape(
                {name: list(shape) for name, shape in zip(self.inputs, shapes, strict=True)}
                if shapes
                else self._any_size
            )
            self._graphs[shapes] = _CompiledGraph(self._compiled(), [])
            if len(self._graphs) > MAX_COMPILED_SIZES:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(shapes)
        return self._graphs[shapes]

    def _compiled(self) -> openvino.CompiledModel:
        """Compile the model for its present shape, from the cache on disk at the first call."""
        # a folder of pictures may have as many sizes
        cache, self._cached = home() if self._cached else None, False
        if cache:
            # a blob that is cut or foreign is passed over by OpenVINO itself; what is left are
            # folders that take no file
            with contextlib.suppress(OSError, RuntimeError), _CACHE_LOCK:
                folder = cache / "openvino"
                folder.mkdir(parents=True, exist_ok=True)
                options = self._options | {"CACHE_DIR": str(folder)}
                compiled = self._core.compile_model(self._model, "CPU", options)
                for old in sorted(folder.glob("*.blob"), key=lambda blob: blob.stat().st_mtime)[
                    :-MAX_CACHED_BLOBS
                ]:
                    old.unlink(missing_ok=True)
                return compiled
        return self._core.compile_model(self._model, "CPU", self._options)

    def __repr__(self) -> str:
        return f"OpenVINOEngine({self.precision})"


def _streams(count: int) -> dict[str, Any]:
    """Return the options of several runs at once, on any core: jobs beside would pin the same."""
    return {"NUM_STREAMS": count, "ENABLE_CPU_PINNING": False}


class _CompiledGraph(NamedTuple):
    """A graph compiled for one size of picture or for any, and its requests that do not run."""

    model: openvino.CompiledModel
    idle: list[openvino.InferRequest]


def _is_small(shape: tuple[int, ...]) -> bool:
    """Tell whether a picture (1, H, W, 3) is run in a graph for any size."""
    _, height, width, _ = shape
    return height * width <= MAX_ANY_SIZE_PIXELS and max(height, width) <= MAX_ANY_SIDE


def _bound_shapes(model: openvino.Model) -> dict[str, openvino.PartialShape]:
    """Return the shapes of the inputs for any size: with bounds, they run faster than without."""
    return {
        port.get_any_name(): openvino.PartialShape(
            [
                openvino.Dimension(1, MAX_ANY_SIDE) if dimension.is_dynamic else dimension
                for dimension in port.partial_shape
            ]
        )
        for port in model.inputs
    }


def _wrap_pixels(model: openvino.Model) -> openvino.Model:
    """Let a model take 8-bit pixels (1, H, W, 3), and give them if its output is a picture.

    The conversions then run inside OpenVINO, on all cores.
    """
    wrapped = PrePostProcessor(model)
    image = wrapped.input(0)
    image.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    image.model().set_layout(Layout("NCHW"))
    image.preprocess().convert_element_type(Type.f32).scale(255.0)
    if list(model.output().partial_shape)[1] == COLORS:
        picture = wrapped.output()
        picture.model().set_layout(Layout("NCHW"))
        picture.postprocess().custom(_to_levels)
        picture.postprocess().convert_element_type(Type.u8)  # this rounds down
        picture.tensor().set_layout(Layout("NHWC"))
    return wrapped.build()


def _to_levels(picture: openvino.Output) -> openvino.Output:
    """Scale 0..1 to 0..255, and add a half so that rounding down rounds to the nearest."""
    return opset13.add(opset13.multiply(picture, np.float32(255)), np.float32(0.5)).output(0)


class _SignalStack(ctypes.Structure):
    """`stack_t` of sigaltstack(2)."""

    _fields_ = (("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextlib.contextmanager
def _restore_signal_stack() -> Iterator[None]:
    """Restore this thread's stack for signals at the end of the block.

    OpenVINO's plugin replaces it by one with room for the registers of a CPU with AMX and not a
    byte more: Ctrl-C, which Python handles on that stack, was a segmentation fault.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    libc, stack = ctypes.CDLL(None), _SignalStack()
    libc.sigaltstack(None, ctypes.byref(stack))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(stack), None)
