"""OpenVINO: the fastest engine on CPUs that it supports, and the only one for bfloat16."""

import contextlib
import ctypes
import hashlib
import platform
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import openvino
from openvino import Type, opset13

from impasto.engines.base import Array
from impasto.engines.compiled_files import CompiledFiles
from impasto.engines.cpu_graph import upsample_by_convolutions, wrap_pixels
from impasto.engines.cut_margin import cut_margin
from impasto.engines.int8 import has_ranges, quantize, read_ranges
from impasto.errors import NetworkError

Shapes = tuple[tuple[int, ...], ...]

MAX_COMPILED_SIZES = 4  # compiled graphs in memory
# Pixels of a picture, with its mirrored border, up to which a graph for any size runs it: such
# graphs are 12 to 35 % slower, and compiling one for each size of small pictures costs far more.
MAX_ANY_SIZE_PIXELS = 320_000
MAX_ANY_SIDE = 2048

# OpenVINO makes its table of numpy's types at the first use; two threads that do so at once wait
# for each other for ever
Type.f32.to_dtype()


class OpenVINOEngine:
    """A graph compiled for the CPU; see `impasto.engines.base.Engine`.

    Args:
        graph: ONNX, serialized, or the path of OpenVINO IR.
        threads: threads to compute with.
        precision: "auto", "bf16", "f32" or "int8".
        pixels: take and give 8-bit pixels, uint8 (1, H, W, 3).
        cache: keep compiled graphs on disk.
        any_size: run small pictures in one graph for any size.
        streams: runs at once, each with its share of the threads.
        margin: pixels to cut off at each edge of paintings, see `impasto.engines.cut_margin`.
        constants: functions of height and width that make inputs which nothing else changes, by
            name. They are compiled into the graph, and what is computed of them alone is computed
            once.

    Raises:
        NetworkError: the graph is broken, or the precision is unavailable.
    """

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        graph: bytes | Path,
        threads: int,
        precision: str,
        pixels: bool,
        cache: bool,
        any_size: bool = False,
        streams: int = 1,
        margin: int = 0,
        constants: Mapping[str, Callable[[int, int], Array]] = MappingProxyType({}),
    ) -> None:
        core = openvino.Core()
        native = _has_bf16(core)
        if precision == "bf16" and not native:
            raise NetworkError("this CPU does not compute in bf16; use --precision f32 or auto")
        floats = "bf16" if native and precision != "f32" else "f32"
        is_int8 = precision == "int8" and isinstance(graph, bytes)
        self.precision = "int8" if is_int8 else floats
        self._core, self._pixels = core, pixels
        self._source: Any = graph
        self._options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": floats,
            "INFERENCE_NUM_THREADS": max(threads, streams),
            **({"PERFORMANCE_HINT": "LATENCY"} if streams == 1 else _streams(streams)),
        }
        self._any_size, self._margin, self._constants = any_size, margin, constants
        self._files = self._find_files() if cache and isinstance(graph, bytes) else None
        # a graph that was compiled before need not be read
        self.inputs = self._files.inputs if self._files else ()
        if not self.inputs:
            names = (port.get_any_name() for port in self._model.inputs)
            self.inputs = tuple(name for name in names if name not in constants)
            if self._files:
                self._files.write_inputs(self.inputs)
        self._places = threading.BoundedSemaphore(streams)
        self._choosing = threading.Lock()
        # by shapes of the inputs, without any for the graph of any size
        self._graphs: OrderedDict[Shapes, _CompiledGraph] = OrderedDict()

    def _find_files(self) -> CompiledFiles:
        """Find the compiled graphs on disk; they depend on the processor."""
        facts = {
            "openvino": openvino.__version__,
            "processor": self._core.get_property("CPU", "FULL_DEVICE_NAME"),
            "capabilities": self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
            "precision": self.precision,
            "pixels": self._pixels,
            "margin": self._margin,
            # what they are made of, as the compiled graph holds their values
            "constants": sorted(
                (name, hashlib.sha256(make(64, 64).tobytes()).hexdigest())
                for name, make in self._constants.items()
            ),
            **self._options,
        }
        return CompiledFiles(self._source, facts)

    @cached_property
    def _model(self) -> openvino.Model:
        """The graph as OpenVINO reads it, ready to be reshaped and compiled."""
        try:
            model = self._core.read_model(self._source)
            if self.precision == "int8":
                ranges = read_ranges(model)
                if not ranges:
                    raise NetworkError(
                        "cannot compute in int8: the ranges of this network were not measured;"
                        " use --precision auto, or --network base"
                    )
                upsample_by_convolutions(model)
                model = quantize(model, ranges)
            if self._margin:
                cut_margin(model, self._margin)
            model = wrap_pixels(model, self._margin) if self._pixels else model
            self._bounds = _bound_shapes(model) if self._any_size else {}
            return model
        except NetworkError:
            raise
        # OpenVINO raises RuntimeError and its own kinds, with a C++ trace for a message
        except Exception as error:
            reason = str(error).strip().splitlines()[-1]
            raise NetworkError(f"OpenVINO cannot load this network: {reason}") from error

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
        if self._any_size and _is_small(shapes[0]):
            shapes = ()
        if shapes not in self._graphs:
            self._graphs[shapes] = _CompiledGraph(self._compiled(shapes), [])
            if len(self._graphs) > MAX_COMPILED_SIZES:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(shapes)
        return self._graphs[shapes]

    def _compiled(self, shapes: Shapes) -> openvino.CompiledModel:
        """Compile the graph for inputs of some shapes, or load what was compiled before."""
        if self._files and (compiled := self._files.read(shapes)):
            # OpenVINO refuses what another build of it has compiled
            with contextlib.suppress(RuntimeError):
                return self._core.import_model(compiled, "CPU", self._options)
        model = self._model
        sizes: dict[str, Any] = (
            self._bounds
            if not shapes
            else {name: list(shape) for name, shape in zip(self.inputs, shapes, strict=True)}
        )
        if self._constants:
            model = self._with_constants(*shapes[0][1:3])
        model.reshape(sizes)
        compiled_model = self._core.compile_model(model, "CPU", self._options)
        if self._files:
            self._files.write(shapes, self.inputs, compiled_model.export_model().getvalue())
        return compiled_model

    def _with_constants(self, height: int, width: int) -> openvino.Model:
        """Copy the graph, with constants for pictures of some size in place of inputs."""
        model = self._model.clone()
        for parameter in model.get_parameters():
            if make := self._constants.get(parameter.output(0).get_any_name()):
                constant = opset13.constant(make(height, width))
                parameter.output(0).replace(constant.output(0))
                model.remove_parameter(parameter)
        return model

    def __repr__(self) -> str:
        return f"OpenVINOEngine({self.precision})"


def is_int8_faster(graph: bytes) -> bool:
    """Tell whether int8 is faster than the floats of "auto": on x86 without native bf16.

    Args:
        graph: ONNX, serialized. It must carry the ranges of its features.
    """
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and has_ranges(graph) and not _has_bf16(openvino.Core())


def _has_bf16(core: openvino.Core) -> bool:
    with _restore_signal_stack():  # this loads the CPU's plugin
        return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


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
