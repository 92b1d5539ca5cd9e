"""Networks for other programs: ONNX graphs that take a picture alone, and OpenVINO IR of them.

A network of impasto takes a style embedding and noise. An export puts both into the graph, so that
it takes a picture alone. Its painting is then compared with the painting of the network.
`impasto.learning.conversion.state_dict` exports to PyTorch.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from impasto import hardware
from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.engines.base import Float32
from impasto.errors import ArgumentError, NetworkError, StyleError
from impasto.hub import is_reference
from impasto.inference.model import LoadedNetwork
from impasto.inference.prepared_style import MARGIN
from impasto.models.mix import find_mix
from impasto.models.network import (
    INPUTS,
    MULTIPLE,
    NOISE,
    SUFFIX,
    Network,
    find_network,
    load_shipped,
)
from impasto.models.noise import NOISE_SIDE, noise_at
from impasto.models.style import Embedding

IMAGE, EMBEDDING, _ = INPUTS
PIXELS, PAINTED = "pixels", "painted"  # input and output of graphs for 8-bit pixels
# largest allowed difference of an export or an import to its network, of pixels in 0..1, in float32
MAX_DIFFERENCE = 2e-3
SAMPLE_SIZE = 96, 128  # height and width of the picture to compare with
MIN_EXPORT_SIDE = 32
MAX_ROUNDING = 0.5 / 255  # allowed in addition where pixels have 8 bits

# The noise begins where it does in a picture that `PreparedStyle.paint` has mirrored beyond its
# edges, so that the export gives the same picture.
FIRST_NOISE_ROW = -MARGIN // 2 % NOISE_SIDE
NOISE_NODES = """\
noise_sides = Shape <start = 2> (image)
noise_halves = Div (noise_sides, noise_two)
noise_height, noise_width = Split <axis = 0, num_outputs = 2> (noise_halves)
noise_rows = Squeeze (noise_height)
noise_bottom = Add (noise_rows, noise_first)
noise_down = Range (noise_first, noise_bottom, noise_step)
noise_row = Mod (noise_down, noise_period)
noise_columns = Squeeze (noise_width)
noise_right = Add (noise_columns, noise_first)
noise_across = Range (noise_first, noise_right, noise_step)
noise_column = Mod (noise_across, noise_period)
noise_band = Gather <axis = 2> (noise_everywhere, noise_row)
noise = Gather <axis = 3> (noise_band, noise_column)
"""
# initializers and not nodes: OpenCV takes the integers of constant nodes for another type
NOISE_CONSTANTS = {
    "noise_two": 2,
    "noise_first": FIRST_NOISE_ROW,
    "noise_step": 1,
    "noise_period": NOISE_SIDE,
}
PIXELS_IN_NODES = """\
pixels_levels = Cast <to = 1> (pixels)
pixels_planes = Transpose <perm = [0, 3, 1, 2]> (pixels_levels)
pixels_most = Constant <value_float = 255.0> ()
image = Div (pixels_planes, pixels_most)
"""
PIXELS_OUT_NODES = """\
painted_levels = Mul (picture, pixels_most)
painted_half = Constant <value_float = 0.5> ()
painted_raised = Add (painted_levels, painted_half)
painted_planes = Cast <to = 2> (painted_raised)
painted = Transpose <perm = [0, 2, 3, 1]> (painted_planes)
"""


class ExportResult(NamedTuple):
    """The files of an exported network, and its difference to the network of impasto.

    Attributes:
        files: content by suffix.
        difference: the largest difference of the two paintings, of pixels in 0..1.
    """

    files: Mapping[str, bytes]
    difference: float


def find_export(spec: str, network: str) -> tuple[Network, Embedding | None, str]:
    """Find the network and the style to export.

    Args:
        spec: a style or a mix; or the name of a network, or the path of its file, for a network
            without a style.
        network: the network that paints the style, unless the style owns one.

    Returns:
        The network, the embedding (embedding_size,) of the style or None, and the name of both.

    Raises:
        StyleError: there is no such style, or several networks paint the mix.
        NetworkError: there is no such network.
    """
    if alone := _find_network_alone(spec):
        return alone, None, alone.name
    mix = find_mix(spec)
    passes = LoadedNetwork(network).prepare(mix).passes
    if len(passes) > 1:
        raise StyleError(
            f"cannot export {spec}: {len(passes)} networks paint it, as some of its styles own "
            "their network; export one style alone"
        )
    return passes[0].network, passes[0].embedding, mix.name


def _find_network_alone(spec: str) -> Network | None:
    """Find the network of this name or file; None if it is anything else."""
    if spec in NETWORKS:
        return load_shipped(spec)
    try:
        is_file = spec.lower().endswith(SUFFIX) or is_reference(spec)
        return find_network(spec) if is_file else None
    except NetworkError:  # it may be a style file
        return None


def export_onnx(
    network: Network,
    embedding: Embedding | None,
    pixels: bool,
    size: tuple[int, int] | None = None,
) -> ExportResult:
    """Export a network as an ONNX graph, and compare the two.

    Args:
        network: the network to export.
        embedding: as for `to_onnx`.
        pixels: as for `to_onnx`.
        size: as for `to_onnx`.

    Raises:
        NetworkError: the graph paints something else.
        ValueError: the network does not take this size.
    """
    graph = to_onnx(network, embedding, pixels, size)
    engine = base.load_engine(graph, precision="f32")
    return ExportResult({".onnx": graph}, _compare(engine, network, embedding, size))


def export_openvino(
    network: Network,
    embedding: Embedding | None,
    pixels: bool,
    size: tuple[int, int] | None = None,
) -> ExportResult:
    """Export a network as OpenVINO IR of the graph of `to_onnx`, and compare the two.

    Args:
        network: the network to export.
        embedding: as for `to_onnx`.
        pixels: as for `to_onnx`.
        size: as for `to_onnx`.

    Raises:
        NetworkError: the IR paints something else, or OpenVINO is not installed.
        ValueError: the network does not take this size.
    """
    try:
        import openvino

        from impasto.engines.openvino import OpenVINOEngine
    except ImportError as error:
        raise NetworkError(
            f"cannot write OpenVINO IR: OpenVINO is not installed ({error}); pip install openvino"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        model = openvino.Core().read_model(to_onnx(network, embedding, pixels, size))
        # constants in float16 stay as they are; `compress_to_fp16` is for those in float32
        openvino.save_model(model, path, compress_to_fp16=False)
        engine = OpenVINOEngine(path, hardware.available_cores(), "f32", False, False)
        difference = _compare(engine, network, embedding, size)
        return ExportResult(
            {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".bin", ".xml")},
            difference,
        )


def _compare(
    engine: base.Engine,
    network: Network,
    embedding: Embedding | None,
    size: tuple[int, int] | None = None,
) -> float:
    """Compare an export in an engine with its network; see `measure_difference`."""
    size = size or SAMPLE_SIZE
    image, style = make_sample(size), make_embedding(network) if embedding is None else embedding
    expected = paint_sample(network, style, size)
    more_inputs = [] if embedding is not None else [style[None]]
    if PIXELS not in engine.inputs:
        return measure_difference(expected, engine.run(image, *more_inputs))
    levels = np.ascontiguousarray((image * 255).round().transpose(0, 2, 3, 1).astype(np.uint8))
    painting = engine.run(levels, *more_inputs).transpose(0, 3, 1, 2) / np.float32(255)
    return measure_difference(expected, painting, MAX_ROUNDING)


# Comparison of exports and imports with their networks


def make_sample(size: tuple[int, int] = SAMPLE_SIZE) -> Float32:
    """Make a picture to compare with: (1, 3, H, W), RGB in 0..1, in steps of 8 bits."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width] / width
    picture = np.stack([x, y, 0.5 + 0.5 * np.sin(40 * x * y)])[None].astype(np.float32)
    return (picture * 255).round() / np.float32(255)


def make_embedding(network: Network) -> Embedding:
    """Make an embedding of no style, (embedding_size,), to compare networks with."""
    return np.random.default_rng(0).normal(0.5, 0.3, network.embedding_size).astype(np.float32)


def paint_sample(
    network: Network, embedding: Embedding, size: tuple[int, int] = SAMPLE_SIZE
) -> Float32:
    """Paint the picture of `make_sample` in float32, on the engine that stylizes here.

    Args:
        network: the network that paints.
        embedding: the style, (embedding_size,).
        size: height and width of the picture.

    Returns:
        The painting, (1, 3, H, W), RGB in 0..1.
    """
    image, engine = make_sample(size), base.load_engine(network.graph, precision="f32")
    noise = [noise_at(*size, -MARGIN, -MARGIN)] if NOISE in engine.inputs else []
    result: Float32 = engine.run(image, embedding[None], *noise)
    return result


def measure_difference(expected: Float32, painting: Float32, rounding: float = 0.0) -> float:
    """Measure the largest difference of two pictures, and check that it is small.

    Args:
        expected: the painting of the network, in 0..1.
        painting: the painting of its export or import, of the same shape.
        rounding: the difference that rounding may add.

    Raises:
        NetworkError: the difference is above `MAX_DIFFERENCE` and `rounding`, or not a number.
    """
    difference = float(np.abs(expected - painting).max())
    if not difference <= MAX_DIFFERENCE + rounding:
        raise NetworkError(
            f"cannot use the converted network: it differs from the network by {difference:.3g} of "
            f"pixels in 0..1, and at most {MAX_DIFFERENCE + rounding:.2g} is allowed; try another "
            "format"
        )
    return difference


# Graphs


def to_onnx(
    network: Network,
    embedding: Embedding | None = None,
    pixels: bool = False,
    size: tuple[int, int] | None = None,
) -> bytes:
    """Put a style and the noise into the graph of a network.

    Args:
        network: the network to export.
        embedding: (embedding_size,); without one, `embedding` (1, embedding_size) stays an input.
        pixels: take `pixels` uint8 (1, H, W, 3) and give `painted`, the same; else take `image`
            float32 (1, 3, H, W), RGB in 0..1, and give `picture`. H and W are multiples of 16.
        size: H and W, where they are known. Everything that depends on no pixel is then computed
            beforehand, and the graph has no Shape, Range, Mod or Slice, which some runtimes lack.

    Returns:
        The serialized ONNX graph.

    Raises:
        ArgumentError: a side of `size` is no multiple of 8, or too small.
        NetworkError: ONNX Runtime, which computes beforehand, is not installed.
    """
    if size is not None and any(side % MULTIPLE or side < MIN_EXPORT_SIDE for side in size):
        raise ArgumentError(
            f"cannot export for {size[1]}x{size[0]} pixels; give multiples of {MULTIPLE}, from"
            f" {MIN_EXPORT_SIDE} up"
        )
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(network.graph)
    graph = model.graph
    inputs, (output,) = {value.name: value for value in graph.input}, graph.output
    before, after = "", ""
    if embedding is not None:
        del inputs[EMBEDDING]
        graph.initializer.append(
            numpy_helper.from_array(embedding[None].astype(np.float32), EMBEDDING)
        )
    if inputs.pop(NOISE, None) and size is not None:
        noise = noise_at(*size, -MARGIN, -MARGIN)
        graph.initializer.append(numpy_helper.from_array(noise, NOISE))
    elif NOISE in {value.name for value in graph.input}:
        everywhere = noise_at(2 * NOISE_SIDE, 2 * NOISE_SIDE)
        graph.initializer.append(numpy_helper.from_array(everywhere, "noise_everywhere"))
        graph.initializer.extend(
            numpy_helper.from_array(np.array(value, np.int64), name)
            for name, value in NOISE_CONSTANTS.items()
        )
        before = NOISE_NODES
    if pixels:
        _, _, height, width = (
            dim.dim_param for dim in inputs.pop(IMAGE).type.tensor_type.shape.dim
        )
        shape = [1, height, width, 3]
        inputs = {PIXELS: helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, shape)} | inputs
        output = helper.make_tensor_value_info(PAINTED, TensorProto.UINT8, shape)
        before, after = PIXELS_IN_NODES + before, PIXELS_OUT_NODES
    nodes = [*_parse_nodes(before), *graph.node, *_parse_nodes(after)]
    for field, values in (
        (graph.input, inputs.values()),
        (graph.output, [output]),
        (graph.node, nodes),
    ):
        values = list(values)  # before the field that they may stand in is emptied
        del field[:]
        field.extend(values)
    if size is not None:
        _fix_size(graph, size)
        model = onnx.load_model_from_string(_fold_constants(model.SerializeToString()))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _fix_size(graph: Any, size: tuple[int, int]) -> None:
    """Write a height and a width into the inputs and outputs of a graph."""
    for value in (*graph.input, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if len(dims) == 4:
            first = 1 if value.name in (PIXELS, PAINTED) else 2
            for dim, side in zip(dims[first:], size, strict=False):
                dim.Clear()
                dim.dim_value = side
    del graph.value_info[:]  # which hold the names of sides


def _fold_constants(graph: bytes) -> bytes:
    """Compute all that depends on no pixel, by ONNX Runtime's own optimization of graphs."""
    try:
        import onnxruntime
    except ImportError as error:
        raise NetworkError(
            f"cannot export for one size: ONNX Runtime is not installed ({error}); pip install"
            " onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return Path(options.optimized_model_filepath).read_bytes()


def _parse_nodes(text: str) -> list[Any]:
    """Parse nodes in ONNX's text format, one on each line."""
    import onnx.parser

    return [onnx.parser.parse_node(line) for line in text.splitlines()]
