"""Networks for other programs: ONNX graphs that need nothing beside the picture, and OpenVINO IR of
them.

A network of this project takes a style embedding and noise. Here both are put into the graph, so
that it takes a picture alone, and what it paints is compared with what the network paints.
`impasto.learning.conversion.state_dict` does so for PyTorch.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from impasto import hardware
from impasto.engines import base
from impasto.engines.base import Float32
from impasto.errors import NetworkError, StyleError
from impasto.inference.model import MARGIN, LoadedNetwork
from impasto.models.mix import find_mix
from impasto.models.network import (
    INPUTS,
    NETWORKS,
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
# largest difference, of pixels in 0..1, in float32, that what is exported or imported may have
BOUND = 2e-3
SAMPLE = 96, 120  # height and width of the picture to compare with
ROUNDING = 0.5 / 255  # more where pixels have 8 bits

# Noise stands where it does in a picture that `Brush.paint` has mirrored beyond its edges, so that
# the same picture comes out.
FIRST = -MARGIN // 2 % NOISE_SIDE
NOISE_NODES = f"""\
noise_sides = Shape <start = 2> (image)
noise_two = Constant <value_int = 2> ()
noise_halves = Div (noise_sides, noise_two)
noise_height, noise_width = Split <axis = 0, num_outputs = 2> (noise_halves)
noise_first = Constant <value_int = {FIRST}> ()
noise_step = Constant <value_int = 1> ()
noise_period = Constant <value_int = {NOISE_SIDE}> ()
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
    """What a network is to another program: files by suffix, as bytes, and their largest difference
    to what paints here, of pixels in 0..1.
    """

    files: Mapping[str, bytes]
    difference: float


def find_export(spec: str, network: str) -> tuple[Network, Embedding | None, str]:
    """What to export, and its name: a network alone, if `spec` is the name of one or the path of
    its file; else the embedding of a style or a mix, and the network that paints it, which is
    `network` unless a style owns one.

    Raises:
        StyleError, NetworkError: there is no such style or network, or several networks paint the
            mix.
    """
    if alone := _network(spec):
        return alone, None, alone.name
    mix = find_mix(spec)
    jobs = LoadedNetwork(network).prepare(mix).passes
    if len(jobs) > 1:
        raise StyleError(
            f"{spec} is painted by {len(jobs)} networks, as it has styles that own theirs; export one style alone"
        )
    return jobs[0].network, jobs[0].embedding, mix.name


def _network(spec: str) -> Network | None:
    if spec in NETWORKS:
        return load_shipped(spec)
    try:
        return find_network(spec) if spec.lower().endswith(SUFFIX) else None
    except NetworkError:  # a style, perhaps
        return None


def onnx_files(network: Network, embedding: Embedding | None, pixels: bool) -> ExportResult:
    """As an ONNX graph; see `to_onnx`. Raises NetworkError if it does not paint the same."""
    graph = to_onnx(network, embedding, pixels)
    return ExportResult(
        {".onnx": graph}, _compared(base.load_engine(graph, precision="f32"), network, embedding)
    )


def openvino_files(network: Network, embedding: Embedding | None, pixels: bool) -> ExportResult:
    """As OpenVINO IR of the graph of `to_onnx`. Raises NetworkError if it does not paint the same,
    or there is no OpenVINO.
    """
    try:
        import openvino

        from impasto.engines.openvino import OpenVINOEngine
    except ImportError as error:
        raise NetworkError(
            f"OpenVINO IR is written by OpenVINO ({error}); pip install openvino"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        model = openvino.Core().read_model(to_onnx(network, embedding, pixels))
        openvino.save_model(
            model, path, compress_to_fp16=False
        )  # constants that are float16 stay so
        difference = _compared(
            OpenVINOEngine(path, hardware.available_cores(), "f32", False, False),
            network,
            embedding,
        )
        return ExportResult(
            {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".bin", ".xml")},
            difference,
        )


def _compared(engine: base.Engine, network: Network, embedding: Embedding | None) -> float:
    image, style = sample(), example(network) if embedding is None else embedding
    expected, given = painted(network, style), [] if embedding is not None else [style[None]]
    if PIXELS not in engine.inputs:
        return difference(expected, engine.run(image, *given))
    levels = np.ascontiguousarray((image * 255).round().transpose(0, 2, 3, 1).astype(np.uint8))
    got = engine.run(levels, *given).transpose(0, 3, 1, 2) / np.float32(255)
    return difference(expected, got, ROUNDING)


# How exports are compared, and imports


def sample() -> Float32:
    """A picture to compare with: (1, 3, 96, 120), RGB in 0..1, of 8 bits."""
    height, width = SAMPLE
    y, x = np.mgrid[0:height, 0:width] / width
    picture = np.stack([x, y, 0.5 + 0.5 * np.sin(40 * x * y)])[None].astype(np.float32)
    return (picture * 255).round() / np.float32(255)


def example(network: Network) -> Embedding:
    """An embedding of no style, (embedding_size,), to compare networks with."""
    return np.random.default_rng(0).normal(0.5, 0.3, network.embedding_size).astype(np.float32)


def painted(network: Network, embedding: Embedding) -> Float32:
    """`sample` as a network paints it, (1, 3, 96, 120), in float32 on the engine that stylizes
    here.
    """
    image, engine = sample(), base.load_engine(network.graph, precision="f32")
    noise = [noise_at(*SAMPLE, -MARGIN, -MARGIN)] if NOISE in engine.inputs else []
    result: Float32 = engine.run(image, embedding[None], *noise)
    return result


def difference(expected: Float32, got: Float32, rounding: float = 0.0) -> float:
    """The largest between two pictures in 0..1. Raises NetworkError if it is above `BOUND` and what
    rounding may add.
    """
    found = float(np.abs(expected - got).max())
    if not found <= BOUND + rounding:
        raise NetworkError(
            f"what was made differs from the network by {found:.3g} of pixels in 0..1, above {BOUND:.2g}"
        )
    return found


# Graphs


def to_onnx(network: Network, embedding: Embedding | None = None, pixels: bool = False) -> bytes:
    """A network's graph with a style and its noise inside.

    Args:
        network: to export.
        embedding: (embedding_size,); without one, `embedding` (1, embedding_size) stays an input.
        pixels: take `pixels` uint8 (1, H, W, 3) and give `painted`, the same; else take `image`
            float32 (1, 3, H, W), RGB in 0..1, and give `picture`. H and W are multiples of 8.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(network.graph)
    graph = model.graph
    inputs, (output,) = {each.name: each for each in graph.input}, graph.output
    before, after = "", ""
    if embedding is not None:
        del inputs[EMBEDDING]
        graph.initializer.append(
            numpy_helper.from_array(embedding[None].astype(np.float32), EMBEDDING)
        )
    if inputs.pop(NOISE, None):
        everywhere = noise_at(2 * NOISE_SIDE, 2 * NOISE_SIDE)
        graph.initializer.append(numpy_helper.from_array(everywhere, "noise_everywhere"))
        before = NOISE_NODES
    if pixels:
        _, _, height, width = (
            dim.dim_param for dim in inputs.pop(IMAGE).type.tensor_type.shape.dim
        )
        shape = [1, height, width, 3]
        inputs = {PIXELS: helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, shape)} | inputs
        output = helper.make_tensor_value_info(PAINTED, TensorProto.UINT8, shape)
        before, after = PIXELS_IN_NODES + before, PIXELS_OUT_NODES
    nodes = [*_nodes(before), *graph.node, *_nodes(after)]
    for field, values in (
        (graph.input, inputs.values()),
        (graph.output, [output]),
        (graph.node, nodes),
    ):
        kept = list(values)
        del field[:]
        field.extend(kept)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _nodes(text: str) -> list[Any]:
    import onnx.parser

    return [onnx.parser.parse_node(line) for line in text.splitlines()]
