"""Graphs that paint a picture without its margin, and compute none of what only the margin needs.

The margin is mirrored padding that is cut off. Features need a part of it, which is smaller the
nearer they are to the painting. So the cut moves up the graph, through all that computes each
position from those around it, and meets the borders that graphs mirror: a cut feature has true
neighbors instead. What is left is painted as before, to rounding.
"""

from collections import Counter
from typing import Any

import openvino
from openvino import opset13

from impasto.engines.cpu_graph import (
    CELL,
    HEIGHT,
    WIDTH,
    constant_value,
    is_unpadded,
    is_upsampling,
)

SPATIAL = [HEIGHT, WIDTH]
POINTWISE = {
    *("Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum", "Clamp"),
    *("Relu", "PRelu", "FakeQuantize", "Convert"),
}


def cut_margin(model: openvino.Model, margin: int) -> None:
    """Cut the margin off what a model paints.

    Args:
        model: its one output is a picture (1, 3, H, W), and features do not depend on means over
            the picture. It is changed.
        margin: pixels to cut off at each edge.
    """
    _Cut(model).cut(model.get_results()[0].input(0), margin)
    model.validate_nodes_and_infer_types()


class _Cut:
    """Cuts features of a model, each of them once."""

    def __init__(self, model: openvino.Model) -> None:
        # Counted before any cut, so nodes that are bypassed still count. `ShapeOf` does not: it is
        # asked for the rank alone, to add biases.
        nodes = [node for node in model.get_ordered_ops() if node.get_type_name() != "ShapeOf"]
        self._uses = Counter(_key(value) for node in nodes for value in node.input_values())
        self._slices: dict[tuple[str, int, int], Any] = {}  # by features, and how much is cut off

    def cut(self, port: Any, count: int) -> None:
        """Cut positions off at each edge of what the input of a node reads."""
        if count == 0:
            return
        source = port.get_source_output()
        node, kind = source.get_node(), source.get_node().get_type_name()
        if self._uses[_key(source)] > 1:
            self._slice(port, source, count)
        elif kind == "Pad" and _border_width(node) == 1:
            port.replace_source_output(node.input_value(0))
            self.cut(port, count - 1)
        elif kind == "Slice" and _is_cut_by_one(node):
            port.replace_source_output(node.input_value(0))
            self.cut(port, count + 1)
        elif not self._cut_inputs(node, kind, count):
            self._slice(port, source, count)
        elif kind in ("DepthToSpace", "ConvolutionBackpropData"):
            self._slice(port, source, count % CELL)

    def _cut_inputs(self, node: Any, kind: str, count: int) -> bool:
        """Cut what a node reads, so that what it gives is cut; False if that is not known."""
        if kind in POINTWISE:
            for port in node.inputs():
                if _has_positions(port.get_source_output()):
                    self.cut(port, count)
        elif is_unpadded(node):
            self.cut(node.input(0), count)
        elif (
            kind == "DepthToSpace" and node.get_attributes()["block_size"] == CELL
        ) or is_upsampling(node):
            self.cut(node.input(0), count // CELL)
        else:
            return False
        return True

    def _slice(self, port: Any, source: Any, count: int) -> None:
        if count == 0:
            return
        key = *_key(source), count
        if key not in self._slices:
            ends = [count] * 2, [-count] * 2
            self._slices[key] = opset13.slice(source, *ends, [1, 1], SPATIAL).output(0)
        port.replace_source_output(self._slices[key])


def _key(output: Any) -> tuple[str, int]:
    return output.get_node().get_name(), output.get_index()


def _has_positions(output: Any) -> bool:
    """Tell whether a tensor holds features by position, and not one value for all."""
    shape = output.get_partial_shape()
    return shape.rank.get_length() == 4 and any(
        shape[axis].is_dynamic or shape[axis].get_length() > 1 for axis in SPATIAL
    )


def _border_width(pad: Any) -> int | None:
    """Return how many positions a node puts around features; None if not the same everywhere."""
    begin, end = (constant_value(pad.input_value(place)).tolist() for place in (1, 2))
    return begin[HEIGHT] if begin == end == [0, 0] + 2 * [begin[HEIGHT]] else None


def _is_cut_by_one(node: Any) -> bool:
    """Tell whether a slice cuts one position off at each edge."""
    values = [constant_value(value).tolist() for value in node.input_values()[1:]]
    return values == [[1, 1], [-1, -1], [1, 1], SPATIAL]
