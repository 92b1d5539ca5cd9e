"""What was painted last, kept where the scene stands still, as a small graph that runs on the
engine that paints."""

from functools import lru_cache

import numpy as np

from impasto.engines import base
from impasto.images.image import UInt8

# Levels of 255 by which a frame differs from the last, on average around a pixel: up to STILL it is
# the noise of a camera, from MOVED on something moves. Where the scene is still a new frame counts
# by SHARE, so that what is shown follows within a few frames all the same; a smaller share flickers
# less and paints fur and leaves, which hardly move, softer.
STILL, MOVED, SHARE = 1.5, 6.0, 0.3
CELL, AROUND = (
    2,
    5,
)  # pixels a side that count as one, and of those how many a side make up the surroundings
FRAMES = ("frame", "before", "painted", "shown")


class StillBlend:
    """Blends a painted frame into the last one that was shown; for frames of one size, uint8 RGB
    (H, W, 3)."""

    def __init__(
        self, height: int, width: int, engine: str = "auto", threads: int | None = None
    ) -> None:
        self._engine = base.load_engine(_graph(height, 3 * width), engine, threads, "f32")

    def __call__(self, frame: UInt8, before: UInt8, painted: UInt8, shown: UInt8) -> UInt8:
        """Args: a frame and the one before, this one painted, and what was shown for the one
        before. Gives what to show."""
        height, width, colors = frame.shape
        rows = (
            each.reshape(1, 1, height, width * colors) for each in (frame, before, painted, shown)
        )
        shown = self._engine.run(*rows)
        return shown.reshape(frame.shape)


@lru_cache(maxsize=4)
def _graph(height: int, width: int) -> bytes:
    """ONNX of four uint8 arrays (1, 1, height, width), in rows of red, green and blue, to one."""
    from onnx import TensorProto, helper, numpy_helper  # here, as pictures do without

    pool, beside = [CELL, 3 * CELL], AROUND // 2
    missing = [-height % pool[0], -width % pool[1]]
    constants = {
        "still": np.float32(STILL),
        "slope": np.float32((1 - SHARE) / (MOVED - STILL)),
        "share": np.float32(SHARE),
        "one": np.float32(1),
        "half": np.float32(0.5),
        "scales": np.array([1, 1, *pool], np.float32),
        "zeros": np.array([0, 0]),
        "size": np.array([height, width]),
        "sides": np.array([2, 3]),
    }
    node = helper.make_node
    nodes = [
        *(node("Cast", [name], [f"{name}.f"], to=TensorProto.FLOAT) for name in FRAMES),
        node("Sub", ["frame.f", "before.f"], ["difference"]),
        node("Abs", ["difference"], ["distance"]),
        # the last cells may be narrower; not by `ceil_mode`, as engines want a whole cell at least
        # then
        node(
            "AveragePool",
            ["distance"],
            ["cells"],
            kernel_shape=pool,
            strides=pool,
            pads=[0, 0, *missing],
        ),
        node("AveragePool", ["cells"], ["around"], kernel_shape=[AROUND] * 2, pads=[beside] * 4),
        node("Sub", ["around", "still"], ["above"]),
        node("Mul", ["above", "slope"], ["motion"]),
        node("Add", ["motion", "share"], ["moved"]),
        node("Clip", ["moved", "share", "one"], ["weights"]),
        # the nearest, as a linear one takes longer than all else; nobody sees two pixels
        node(
            "Resize",
            ["weights", "", "scales"],
            ["enlarged"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        node("Slice", ["enlarged", "zeros", "size", "sides"], ["weight"]),
        node("Sub", ["painted.f", "shown.f"], ["new"]),
        node("Mul", ["new", "weight"], ["part"]),
        node("Add", ["shown.f", "part"], ["blended"]),
        node("Add", ["blended", "half"], ["raised"]),
        node("Cast", ["raised"], ["picture"], to=TensorProto.UINT8),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, [1, 1, height, width])
        for name in FRAMES
    ]
    output = helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, 1, height, width])
    weights = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    ]
    graph = helper.make_graph(nodes, "blend", inputs, [output], weights)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    ).SerializeToString()
