"""Graphs of small networks as `torch.onnx.export` makes them, which takes seconds: kept in
`assets`, without their weights.

`assets/make.py` makes the files again; `learning/conversion/test_assets.py` compares them with
graphs that are exported then.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper

from impasto.learning.conversion import onnx_export, pytorch_examples
from impasto.learning.networks.johnson import Johnson
from impasto.learning.networks.transformer import ARCHITECTURES, Architecture, TransformerNetwork

ASSETS = Path(__file__).with_name("assets")
NETWORKS = (
    Architecture((4, 8, 8), 1),
    Architecture((4, 8, 8), 1, noise=True),
    Architecture((4, 8, 8), 1, last=1),
    ARCHITECTURES["base"],
)
IMPORTED = (((8, 4, 6), 1), ((8, 16, 32), 2))  # widths and blocks
in_earnest = onnx_export.export_module  # the function itself, whatever stands in its place later


def modules() -> list[TransformerNetwork | Johnson]:
    """A network of each kind that is kept, with random weights."""
    ours = [TransformerNetwork(each) for each in NETWORKS]
    return [*ours, *(Johnson(widths, blocks).requires_grad_(False) for widths, blocks in IMPORTED)]


def graph_of(module: TransformerNetwork | Johnson) -> bytes:
    return (
        pytorch_examples.to_onnx(module)
        if isinstance(module, Johnson)
        else onnx_export.to_onnx(module)
    )


def path_of(properties: Mapping[str, str]) -> Path:
    """The file of a kind of network, which the metadata of its graph tells, if it is kept."""
    kind = "network" if "architecture" in properties else "imported"
    found = json.loads(
        properties.get("architecture") or properties.get(pytorch_examples.KIND) or "{}"
    )
    sizes = [*found.pop("widths", ()), found.pop("blocks", 0)]
    if not found.pop("up_blocks", ()):  # none, the smaller filter and no detail need no words
        found.pop("smoothing", None)
        found.pop("detail", None)
    more = [f"{key}{int(value)}" for key, value in found.items() if not isinstance(value, dict)]
    return ASSETS / f"{'-'.join(map(str, [kind, *sizes, *more]))}.onnx"


def without_weights(graph: bytes, module: torch.nn.Module) -> bytes:
    """A graph whose weights are told by name and shape alone."""
    model = onnx.load_model_from_string(graph)
    for weight in model.graph.initializer:
        if weight.name.removesuffix(".float16") in module.state_dict():
            weight.ClearField("raw_data")
    del model.metadata_props[:]
    return bytes(model.SerializeToString())


def kept(
    module: torch.nn.Module,
    example: Any,
    names: Any,
    dynamic: Any,
    halved: set[str],
    properties: Mapping[str, str],
) -> bytes:
    """Replace `onnx_export.export_module`: return a kept graph with the weights of this module."""
    path = path_of(properties)
    assert path.is_file(), (
        f"{path.name} is not kept: mark the test with `export`, or add it to exports.py and make it"
    )
    model, state = onnx.load_model_from_string(path.read_bytes()), module.state_dict()
    for weight in model.graph.initializer:
        name = weight.name.removesuffix(".float16")
        if name in state:
            tensor = state[name].half() if name in halved else state[name]
            array = tensor.detach().numpy()
            assert list(weight.dims) == list(array.shape)
            weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    helper.set_model_props(model, dict(properties))
    return bytes(model.SerializeToString())
