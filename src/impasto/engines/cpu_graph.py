"""Rewriting of graphs for CPUs: the same pictures, with less moving of pixels.

Networks unshuffle pixels, two by two, and shuffle them back at the end. A CPU moves them one by one
there, which takes as long as a convolution. But rows of a picture (H, W, 3) are pairs of pixels as
they lie in memory, (H, W / 2, 6). A convolution with twice the rows reads them where they are, and
one convolution for even rows and one for odd rows write them where they belong.

Here and in the shapes below, memory is as in the picture: row, column, color.
"""

from typing import Any, NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import Type, opset13

from impasto.engines.base import Array

COLORS = 3  # channels of a picture
PICTURE = openvino.PartialShape([1, COLORS, -1, -1])
WHITE = np.float32(255)  # the greatest level of 8 bits
CELL = 2  # pixels a side that are unshuffled into one position
PAIR = CELL * COLORS  # channels of the pixels of one row of a cell
UNSHUFFLED = CELL * PAIR  # channels of a cell: by color, then row, then column
UNSHUFFLING = [0, 1, 3, 5, 2, 4]  # order of the axes in PyTorch's pixel_unshuffle
KERNEL = 3  # positions a side of all convolutions of unshuffled pixels
HEIGHT, WIDTH = 2, 3  # axes of features
# taps of 4 of a transposed convolution, by output position of 2 and input position of 2
UPSAMPLING_TAPS = [[2, 0], [3, 1]]
# of a scaled input they give the scaled output
LINEAR = {
    "Add": opset13.add,
    "Subtract": opset13.subtract,
    "Maximum": opset13.maximum,
    "Minimum": opset13.minimum,
}
UPSAMPLING = {"strides": [2, 2], "pads_begin": [3, 3], "pads_end": [3, 3]}


class _UnknownPatternError(Exception):
    """A graph is not built as impasto builds them."""


def wrap_pixels(model: openvino.Model, margin: int = 0) -> openvino.Model:
    """Let a model take 8-bit pixels (1, H, W, 3), and give them if its output is a picture.

    Args:
        model: takes an image (1, 3, H, W), RGB in 0..1, as its first input. It is changed.
        margin: pixels that were cut off at each edge of its picture, even (see
            `impasto.engines.cut_margin`).
    """
    image = model.input(0)
    pixels = opset13.parameter([1, -1, -1, COLORS], np.uint8, image.get_any_name())
    pixels.output(0).get_tensor().set_names(image.get_names())
    unshuffled = _find_unshuffled(model)
    results = [output.get_node().input_value(0) for output in model.outputs]
    if len(results) == 1 and PICTURE.compatible(results[0].get_partial_shape()):
        shown, inner = pixels, unshuffled
        if margin:
            shown = opset13.slice(pixels, [margin] * 2, [-margin] * 2, [1, 1], [1, 2])
            inner = unshuffled and _find_slice(unshuffled)
        results = [_paint(results[0], inner, shown)]
    if unshuffled is not None:
        _convolve_pixels(unshuffled, pixels)
    planes = opset13.convert(opset13.transpose(pixels, [0, 3, 1, 2]), Type.f32)
    image.replace(opset13.divide(planes, WHITE).output(0))
    wrapped = openvino.Model(results, [pixels, *model.get_parameters()[1:]], model.get_name())
    wrapped.validate_nodes_and_infer_types()
    return wrapped


def upsample_by_convolutions(model: openvino.Model) -> None:
    """Replace transposed convolutions that upsample by plain ones, which int8 can compute.

    Four outputs see the same two by two inputs. One convolution gives them as channels, with as
    many products. A row and a column on each side are not asked for.
    """
    for node in model.get_ordered_ops():
        if not is_upsampling(node) or node.get_attributes()["output_padding"] != [0, 0]:
            continue
        weights = constant_value(node.input_value(1))  # (in, out, 4, 4)
        # in, out, row, tap, column, tap
        taps = weights[:, :, UPSAMPLING_TAPS][..., UPSAMPLING_TAPS]
        kernel = taps.transpose(2, 4, 1, 0, 3, 5).reshape(-1, len(weights), 2, 2)
        cells = _convolve(node.input_value(0), kernel, node.get_friendly_name())
        features = opset13.depth_to_space(cells, "blocks_first", CELL)
        inner = opset13.slice(features, [1, 1], [-1, -1], [1, 1], [HEIGHT, WIDTH])
        node.output(0).replace(inner.output(0))
    model.validate_nodes_and_infer_types()


def is_upsampling(node: Any) -> bool:
    """Tell whether a node is a transposed convolution that upsamples as impasto's do."""
    if node.get_type_name() != "ConvolutionBackpropData":
        return False
    attributes, shape = node.get_attributes(), list(node.input_value(1).get_shape())
    known = shape[HEIGHT:] == [np.size(UPSAMPLING_TAPS)] * 2
    return known and all(attributes[name] == value for name, value in UPSAMPLING.items())


def is_unpadded(node: Any) -> bool:
    """Tell whether a node is a convolution without padding, strides and dilation."""
    if node.get_type_name() != "Convolution":
        return False
    attributes = node.get_attributes()
    ones = attributes["strides"] == attributes["dilations"] == [1, 1]
    return ones and attributes["pads_begin"] == attributes["pads_end"] == [0, 0]


def constant_value(output: Any) -> Array:
    """Compute weights, which a model derives from constants."""
    value = openvino.Tensor(output.get_element_type(), output.get_shape())
    openvino.Model([output], [], "weights").evaluate([value], [])
    return np.array(value.data)


def _find_unshuffled(model: openvino.Model) -> Any:
    """Find the image with its pixels unshuffled, (1, 12, H / 2, W / 2); None if it is not there."""
    image = model.input(0).get_node()
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Transpose":
            continue
        source = node.input_value(0).get_node()
        while source.get_type_name() == "Reshape":
            source = source.input_value(0).get_node()
        if source == image and constant_value(node.input_value(1)).tolist() == UNSHUFFLING:
            output = node.output(0)
            while (reshaped := _only_reshape(output)) is not None:
                output = reshaped
            return output if output.get_partial_shape()[1] == UNSHUFFLED else None
    return None


def _find_slice(unshuffled: Any) -> Any:
    """Find the slice of unshuffled pixels that a painting without its margin is made of."""
    users = [target.get_node() for target in unshuffled.get_target_inputs()]
    return next((node.output(0) for node in users if node.get_type_name() == "Slice"), None)


def _only_reshape(output: Any) -> Any:
    """Return the reshaped tensor if that is all that a tensor is used for; else None."""
    users = [target.get_node() for target in output.get_target_inputs()]
    kinds = [node.get_type_name() for node in users]
    if kinds.count("Reshape") == 1 and set(kinds) <= {"Reshape", "ShapeOf"}:
        return users[kinds.index("Reshape")].output(0)
    return None


def _convolve(source: Any, kernel: Array, name: str, strides: tuple[int, int] = (1, 1)) -> Any:
    """Convolve features without padding."""
    weights = opset13.constant(np.ascontiguousarray(kernel))
    node = opset13.convolution(source, weights, strides, [0, 0], [0, 0], [1, 1])
    node.set_friendly_name(name)
    return node


def _convolve_pixels(unshuffled: Any, pixels: Any) -> None:
    """Let convolutions of mirrored unshuffled pixels read rows of pixels instead."""
    pairs = None
    for pad in unshuffled.get_target_inputs():
        node = pad.get_node()
        if node.get_type_name() != "Pad" or not _is_mirrored(node):
            continue
        for target in node.output(0).get_target_inputs():
            convolution = target.get_node()
            if not _is_plain(convolution):
                continue
            pairs = pairs or _mirrored_pairs(pixels)
            weights = constant_value(convolution.input_value(1))
            cells = weights.reshape(-1, COLORS, CELL, CELL, KERNEL, KERNEL)
            rows = cells.transpose(0, 3, 1, 4, 2, 5).reshape(-1, PAIR, CELL * KERNEL, KERNEL)
            name = convolution.get_friendly_name()
            features = _convolve(pairs, rows / WHITE, name, strides=(CELL, 1))
            convolution.output(0).replace(features.output(0))


def _mirrored_pairs(pixels: Any) -> Any:
    """View pixels as pairs in rows, mirrored as unshuffled ones are.

    Returns:
        Pairs (1, 6, H + 4, W / 2 + 2), in levels, 0..255.
    """
    pairs = opset13.reshape(pixels, [0, 0, -1, PAIR], True)
    cells = opset13.reshape(pairs, [-1, CELL, 0, PAIR], True)
    mirrored = opset13.pad(cells, [1, 0, 1, 0], [1, 0, 1, 0], "reflect")
    rows = opset13.reshape(mirrored, [1, -1, 0, PAIR], True)
    return opset13.transpose(opset13.convert(rows, Type.f32), [0, 3, 1, 2])


def _is_mirrored(pad: Any) -> bool:
    """Tell whether features are mirrored by one position on each side."""
    widths = [constant_value(pad.input_value(place)).tolist() for place in (1, 2)]
    return pad.get_attributes()["pad_mode"] == "reflect" and widths == [[0, 0, 1, 1]] * 2


def _is_plain(node: Any) -> bool:
    """Tell whether a node is a convolution of 3x3 positions with constant weights."""
    return is_unpadded(node) and list(node.input_value(1).get_shape())[HEIGHT:] == [KERNEL] * 2


def _paint(picture: Any, unshuffled: Any, pixels: Any) -> Any:
    """Round a picture to 8-bit pixels (1, H, W, 3)."""
    try:
        rows = _Rows(pixels, unshuffled).compute(_before_shuffling(picture), WHITE)
    except _UnknownPatternError:
        levels = opset13.multiply(picture, WHITE)
        return opset13.transpose(_round(levels), [0, 2, 3, 1]).output(0)
    return opset13.reshape(_round(rows), [0, 0, -1, COLORS], True).output(0)


def _round(levels: Any) -> Any:
    """Round levels 0..255 to 8 bits; converting rounds down."""
    return opset13.convert(opset13.add(levels, np.float32(0.5)), Type.u8)


def _before_shuffling(picture: Any) -> Any:
    """Return the unshuffled pixels (1, 12, H / 2, W / 2) of a picture."""
    node = picture.get_node()
    if node.get_type_name() == "DepthToSpace":
        attributes = node.get_attributes()
        if (attributes["mode"], attributes["block_size"]) == ("depth_first", CELL):
            return node.input_value(0)
    raise _UnknownPatternError


class _Rows(NamedTuple):
    """What is computed of unshuffled pixels, computed in rows as of a picture instead.

    Attributes:
        pixels: the image, 8-bit (1, H, W, 3).
        unshuffled: the image as the graph unshuffles it, (1, 12, H / 2, W / 2), 0..1; or None.
    """

    pixels: Any
    unshuffled: Any

    def compute(self, output: Any, scale: np.float32) -> Any:
        """Compute a tensor (1, 12, H / 2, W / 2) or (1, 12, 1, 1), times a scale.

        Returns:
            Rows (1, H, 1, 3 W) or (1, 1, 1, 3 W).

        Raises:
            _UnknownPatternError: it is computed as impasto does not.
        """
        node = output.get_node()
        kind = node.get_type_name()
        if output == self.unshuffled:
            rows = opset13.convert(opset13.reshape(self.pixels, [0, 0, 1, -1], True), Type.f32)
            return rows if scale == WHITE else opset13.multiply(rows, scale / WHITE)
        if kind == "Multiply":
            one, other = sorted(node.input_values(), key=_is_small)
            return opset13.multiply(self.compute(one, scale), self.compute(other, np.float32(1)))
        if kind in LINEAR:
            return LINEAR[kind](*(self.compute(value, scale) for value in node.input_values()))
        if kind == "Constant" and output.get_shape() == openvino.Shape([]):
            return opset13.constant(constant_value(output) * scale)
        if kind == "Reshape" and _is_color(node.input_value(0)):
            return opset13.multiply(_repeat_color(node.input_value(0), self.pixels), scale)
        if _is_plain(node):
            weights = constant_value(node.input_value(1)) * scale
            return _convolve_into_rows(node.input_value(0), weights, node.get_friendly_name())
        raise _UnknownPatternError


def _is_small(output: Any) -> bool:
    """Tell whether a tensor has no positions, only channels."""
    return output.get_partial_shape().is_static


def _is_color(output: Any) -> bool:
    """Tell whether a tensor holds a value for each color, repeated for the pixels of a cell."""
    shape = output.get_partial_shape()
    return shape == openvino.PartialShape([1, COLORS, CELL * CELL, 1, 1])


def _repeat_color(repeated: Any, pixels: Any) -> Any:
    """Repeat values of colors along a row: (1, 1, 1, 3 W)."""
    one = opset13.slice(repeated, [0], [1], [1], [2])
    color = opset13.reshape(one, [1, 1, 1, COLORS], False)
    shape = opset13.shape_of(pixels, Type.i64)
    width = opset13.gather(shape, [2], 0)
    line = opset13.broadcast(color, opset13.concat([[1, 1], width, [COLORS]], 0))
    return opset13.reshape(line, [0, 0, 1, -1], True)


def _convolve_into_rows(source: Any, weights: NDArray[np.float32], name: str) -> Any:
    """Convolve features (1, C, h + 2, w + 2) into unshuffled pixels, in rows (1, 2 h, 1, 6 w)."""
    # row of the cell, column, color, input, tap, tap
    kernels = weights.reshape(COLORS, CELL, CELL, -1, KERNEL, KERNEL).transpose(1, 2, 0, 3, 4, 5)
    between = _between_cells(kernels)
    rows = [
        _convolve(source, kernel.reshape(PAIR, *kernel.shape[2:]), f"{name}/{row}")
        for row, kernel in enumerate(kernels if between is None else between)
    ]
    joined = opset13.concat(
        [
            opset13.reshape(opset13.transpose(row, [0, 2, 3, 1]), [0, 0, 1, -1], True)
            for row in rows
        ],
        2,
    )
    picture = opset13.reshape(joined, [1, -1, 1, 0], True)
    if between is None:
        return picture
    return opset13.slice(picture, [1, COLORS], [-1, -COLORS], [1, 1], [1, 3])


def _between_cells(kernels: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Make kernels with two taps a side for cells that lie half a cell up and to the left.

    A filter of three pixels a side reaches from any pixel into one neighboring cell, so a third of
    the taps are 0: of an upper pixel those below, of a lower pixel those above. Of such shifted
    cells, all pixels reach the same two by two cells.

    Args:
        kernels: (2, 2, 3, C, 3, 3): row and column in the cell, color, input, taps.

    Returns:
        The kernels (2, 2, 3, C, 2, 2) of the shifted cells, or None if other taps are not 0.
    """
    outer = (
        kernels[0][..., 2, :],
        kernels[1][..., 0, :],
        kernels[:, 0][..., 2],
        kernels[:, 1][..., 0],
    )
    if any(taps.any() for taps in outer):
        return None
    lines = np.stack([kernels[1][..., 1:, :], kernels[0][..., :2, :]])
    return np.stack([lines[:, 1][..., 1:], lines[:, 0][..., :2]], axis=1)
