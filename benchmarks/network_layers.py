"""Measure what each layer of a network costs on this CPU.

It prints, by kind of operation, the time of one thread, the products, the bytes, and how near they
come to what this CPU can do: a roofline (Williams et al. 2009). The two limits are measured in the
same run, by a convolution that stays in the cache and by a copy that does not.

The time of an operation is the least of many runs, so that other work on the machine counts
little. Bytes that stay in a cache may be moved faster than the limit.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import openvino
from openvino import opset13

from impasto.choices import NETWORKS
from impasto.engines.base import Array
from impasto.engines.cpu_graph import upsample_by_convolutions, wrap_pixels
from impasto.engines.int8 import quantize, read_ranges
from impasto.inference.frozen_norm import freeze_norms
from impasto.models.network import load_shipped
from impasto.models.noise import noise_at

SIZE = "512x512"
RUNS = 50  # on a machine without other work
ONE_THREAD = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "PERF_COUNT": True}
LIMIT_CHANNELS, LIMIT_SIDE = 64, 34  # of the convolution that shows the most products a second
COPY_BYTES = 1 << 27  # more than caches hold
CONVOLUTIONS = ("Convolution", "Deconvolution")


class Layer(NamedTuple):
    """An operation as OpenVINO runs it.

    Attributes:
        kind: Name of the operation and of what runs it.
        seconds: Least time of one run.
        products: Multiplications, each with an addition.
        moved: Bytes that it reads and writes, without weights.
    """

    kind: str
    seconds: float
    products: float
    moved: float


def main() -> None:
    """Print a table for each network and precision."""
    arguments = parse_arguments()
    width, height = map(int, arguments.size.split("x"))
    products, moved = most_products(arguments.runs), most_bytes(arguments.runs)
    print(f"limits of one thread: {products / 1e9:.0f} G products/s, {moved / 1e9:.1f} GB/s")
    for name in arguments.network:
        for precision in arguments.precision:
            layers = measure_network(name, precision, arguments, (width, height))
            title = f"{name} {precision} {arguments.size}" + " frozen" * arguments.frozen
            print(f"\n{title}")
            for line in table(layers, products, moved):
                print(line)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--precision", nargs="+", choices=["f32", "int8"], default=["f32", "int8"])
    parser.add_argument("--size", default=SIZE, help="width x height, multiples of 16")
    parser.add_argument("--runs", type=int, default=RUNS, help="more where other work runs")
    parser.add_argument(
        "--frozen", action="store_true", help="measure the graph of videos and tiles"
    )
    return parser.parse_args()


def measure_network(
    name: str, precision: str, arguments: argparse.Namespace, size: tuple[int, int]
) -> list[Layer]:
    """Measure the layers of a network that ships, from 8-bit pixels to 8-bit pixels."""
    network = load_shipped(name)
    graph = freeze_norms(network.graph).plain if arguments.frozen else network.graph
    model = openvino.Core().read_model(graph)
    if precision == "int8":
        ranges = read_ranges(model)
        upsample_by_convolutions(model)
        model = quantize(model, ranges)
    rng, (width, height) = np.random.default_rng(0), size
    picture = rng.integers(256, size=(1, height, width, 3), dtype=np.uint8)
    embedding = rng.random((1, network.embedding_size), np.float32)
    inputs: list[Array] = [picture, embedding, noise_at(height, width)]
    return measure_layers(wrap_pixels(model), inputs, arguments.runs)


def measure_layers(model: openvino.Model, inputs: list[Array], runs: int) -> list[Layer]:
    """Run a model on one thread, and list its layers."""
    names = [port.get_any_name() for port in model.inputs]
    model.reshape({name: list(array.shape) for name, array in zip(names, inputs, strict=True)})
    compiled = openvino.Core().compile_model(model, "CPU", ONE_THREAD)
    request = compiled.create_infer_request()
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        request.infer(inputs)
        for info in request.get_profiling_info():
            times[info.node_name].append(info.cpu_time.total_seconds())
    return [
        describe(node, min(times[node.get_friendly_name()]))
        for node in compiled.get_runtime_model().get_ordered_ops()
        if times.get(node.get_friendly_name()) and node.get_output_size()
    ]


def describe(node: Any, seconds: float) -> Layer:
    """Count the products and bytes of a node of a compiled model."""
    info = node.get_rt_info()
    operation = info["layerType"].astype(str)
    output = node.output(0)
    data = [value for value in node.input_values() if not is_constant(value)]
    moved = sum(size_of(value) for value in (*data, output))
    products = 0.0
    if operation in CONVOLUTIONS:
        outputs, inputs, *kernel = node.input_value(1).get_shape()
        # a transposed convolution multiplies each position of its input, a plain one of its output
        positions = output if operation == "Convolution" else node.input_value(0)
        products = outputs * inputs * np.prod(kernel) * np.prod(positions.get_shape()[2:])
    return Layer(f"{operation} {info['primitiveType'].astype(str)}", seconds, products, moved)


def is_constant(value: Any) -> bool:
    """Tell whether a value is fixed when the model is compiled."""
    return str(value.get_node().get_rt_info()["layerType"].astype(str)) == "Const"


def size_of(value: Any) -> int:
    """Count the bytes of a tensor."""
    return int(np.prod(value.get_shape())) * int(value.get_element_type().size)


def table(layers: list[Layer], products: float, moved: float) -> Iterator[str]:
    """List kinds of layers, the longest first, with shares of the limits."""
    total = sum(layer.seconds for layer in layers)
    kinds: dict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        kinds[layer.kind].append(layer)
    yield "kind                                  ms  share  M products  of limit      MB  of limit"
    rows = [*kinds.items(), ("all", layers)]
    for kind, members in sorted(rows, key=lambda row: -sum(layer.seconds for layer in row[1])):
        seconds, counted, size = (
            sum(column) for column in zip(*(layer[1:] for layer in members), strict=True)
        )
        if seconds > total / 200:
            shares = counted / seconds / products, size / seconds / moved
            yield (
                f"{kind:34} {1e3 * seconds:6.2f} {seconds / total:6.1%} {counted / 1e6:11.0f}"
                f" {shares[0]:9.0%} {size / 1e6:7.1f} {shares[1]:9.0%}"
            )


def most_products(runs: int) -> float:
    """Measure the most products a second of one thread in float32, by a convolution."""
    channels, side = LIMIT_CHANNELS, LIMIT_SIDE
    image = opset13.parameter([1, channels, side, side], np.float32, "image")
    weights = opset13.constant(np.ones((channels, channels, 3, 3), np.float32))
    result = opset13.convolution(image, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    layers = measure_layers(
        openvino.Model([result], [image], "limit"),
        [np.ones((1, channels, side, side), np.float32)],
        runs,
    )
    return max(layer.products / layer.seconds for layer in layers if layer.products)


def most_bytes(runs: int) -> float:
    """Measure the most bytes a second that one thread reads and writes, by a copy."""
    source, target = np.ones(COPY_BYTES, np.uint8), np.empty(COPY_BYTES, np.uint8)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        np.copyto(target, source)
        seconds.append(time.perf_counter() - start)
    return 2 * COPY_BYTES / min(seconds)


if __name__ == "__main__":
    main()
