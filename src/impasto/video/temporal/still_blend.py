"""Still blend: where the scene stands still, the last painting is kept.

The blend is a small ONNX graph, which runs on the engine that paints.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from impasto.engines import base
from impasto.images.image import UInt8

# Levels of 255 by which a frame differs from the last, on average around a pixel: up to the first
# number it is the noise of a camera, from the second on something moves.
STILL_DIFFERENCE, MOVING_DIFFERENCE = 1.5, 6.0
# Where the scene is still, a new frame counts by this share, so that the shown picture follows
# within a few frames all the same. A smaller share flickers less, and paints fur and leaves, which
# hardly move, softer.
MIN_NEW_SHARE = 0.3
CELL_SIZE = 2  # pixels a side that count as one, of which the upper row is compared
SURROUNDING_CELLS = 5  # cells a side around a pixel, over which the difference is averaged
FRAMES = ("frame", "last", "painted", "shown")


class StillBlend:
    """Blends a painted frame into the last one that was shown.

    Args:
        height: pixels of all frames.
        width: pixels of all frames.
        engine: "auto", "openvino", "onnxruntime", or "torch", which stands for "auto" here.
        threads: number of threads to compute with; by default all cores.
    """

    def __init__(
        self, height: int, width: int, engine: str = "auto", threads: int | None = None
    ) -> None:
        self._size = height, width
        engine = "auto" if engine == "torch" else engine  # the blend is for CPUs, whatever paints
        self._engine = base.load_engine(_blend_graph(height, 3 * width), engine, threads, "f32")

    def __repr__(self) -> str:
        height, width = self._size
        return f"StillBlend({width}x{height})"

    def __call__(self, frame: UInt8, last: UInt8, painted: UInt8, shown: UInt8) -> UInt8:
        """Compute the picture to show; all pictures are uint8 RGB (H, W, 3).

        Args:
            frame: the frame.
            last: the frame before it.
            painted: the frame, painted.
            shown: the picture that was shown for the frame before.
        """
        height, width, channels = frame.shape
        rows = (
            picture.reshape(1, 1, height, width * channels)
            for picture in (frame, last, painted, shown)
        )
        return self._engine.run(*rows).reshape(frame.shape)


@lru_cache(maxsize=4)
def _blend_graph(height: int, width: int) -> bytes:
    """Make the ONNX graph of the blend.

    It takes four uint8 arrays (1, 1, height, width), whose rows hold red, green and blue in turn,
    and gives one.
    """
    from onnx import TensorProto, helper, numpy_helper  # here, as pictures do without

    inputs = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, [1, 1, height, width])
        for name in FRAMES
    ]
    output = helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, 1, height, width])
    constants = [
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in _constants(height, width).items()
    ]
    nodes = [*_weight_nodes(width), *_mix_nodes()]
    graph = helper.make_graph(nodes, "blend", inputs, [output], constants)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    ).SerializeToString()


_CELL_COLUMNS = 3 * CELL_SIZE  # of red, green and blue in turn


def _constants(height: int, width: int) -> dict[str, Any]:
    slope = (1 - MIN_NEW_SHARE) / (MOVING_DIFFERENCE - STILL_DIFFERENCE)
    margin = SURROUNDING_CELLS // 2
    return {
        "still": np.float32(STILL_DIFFERENCE),
        "slope": np.float32(slope),
        "share": np.float32(MIN_NEW_SHARE),
        "one": np.float32(1),
        "half": np.float32(0.5),
        "scales": np.array([1, 1, CELL_SIZE, _CELL_COLUMNS], np.float32),
        "mean": np.full([1, 1] + 2 * [SURROUNDING_CELLS], SURROUNDING_CELLS**-2, np.float32),
        "margins": np.array(2 * [0, 0, margin, margin]),
        "zero": np.array([0]),
        "zeros": np.array([0, 0]),
        "height": np.array([height]),
        "size": np.array([height, width]),
        "rows": np.array([2]),
        "sides": np.array([2, 3]),
        "step": np.array([CELL_SIZE]),
    }


def _weight_nodes(width: int) -> list[Any]:
    """Make the nodes that compute the weight of the new frame at each pixel."""
    from onnx import TensorProto, helper

    node = helper.make_node
    compared = [
        made
        for name in ("frame", "last")
        for made in (
            node("Slice", [name, "zero", "height", "rows", "step"], [f"{name}.rows"]),
            node("Cast", [f"{name}.rows"], [f"{name}.f"], to=TensorProto.FLOAT),
        )
    ]
    return [
        *compared,
        node("Sub", ["frame.f", "last.f"], ["difference"]),
        node("Abs", ["difference"], ["distance"]),
        # The last cells may be narrower. Not by `ceil_mode`, as engines then want a complete cell
        # at least.
        node(
            "AveragePool",
            ["distance"],
            ["cells"],
            kernel_shape=[1, _CELL_COLUMNS],
            strides=[1, _CELL_COLUMNS],
            pads=[0, 0, 0, -width % _CELL_COLUMNS],
        ),
        # a convolution, as pooling of one channel takes three times as long
        node("Pad", ["cells", "margins"], ["bordered"], mode="edge"),
        node("Conv", ["bordered", "mean"], ["around"]),
        node("Sub", ["around", "still"], ["above"]),
        node("Mul", ["above", "slope"], ["motion"]),
        node("Add", ["motion", "share"], ["moved"]),
        node("Clip", ["moved", "share", "one"], ["weights"]),
        # Nearest, as linear takes longer than all else, and a step of two pixels is not visible.
        node(
            "Resize",
            ["weights", "", "scales"],
            ["enlarged"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        node("Slice", ["enlarged", "zeros", "size", "sides"], ["weight"]),
    ]


def _mix_nodes() -> list[Any]:
    """Make the nodes that mix the painted frame and the last shown one by the weight."""
    from onnx import TensorProto, helper

    node = helper.make_node
    return [
        *(node("Cast", [name], [f"{name}.f"], to=TensorProto.FLOAT) for name in FRAMES[2:]),
        node("Sub", ["painted.f", "shown.f"], ["new"]),
        node("Mul", ["new", "weight"], ["part"]),
        node("Add", ["shown.f", "part"], ["blended"]),
        node("Add", ["blended", "half"], ["raised"]),
        node("Cast", ["raised"], ["picture"], to=TensorProto.UINT8),
    ]
