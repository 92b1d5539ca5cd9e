"""Networks to ONNX graphs for stylizing, and graphs to networks for more training.

A graph holds all of a network: structure, weights (float16, widened where they are used) and, in
its metadata, dimensions and hash. So one file serves both halves, and nothing can disagree.
"""

import copy
import json
import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from impasto.engines import base
from impasto.errors import NetworkError
from impasto.learning.networks.perceptual import PerceptualNetwork, tensors_hash
from impasto.learning.networks.predictor import Dimensions, StylePredictor
from impasto.learning.networks.transformer import Architecture, TransformerNetwork
from impasto.models.network import INPUTS, MULTIPLE, OUTPUT

# Largest difference to PyTorch's float32, of pixels in 0..1, that an export may have. float32 says
# whether the graph is right; bfloat16 is off by a few levels nearly everywhere, but by much more at
# single sharp pixels of a bold style.
PARITY = {"f32": 2e-3, "bf16": 0.5}


def rounded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Round weights as they ship: float16, sorted by name."""
    return {name: state[name].detach().cpu().to(torch.float16) for name in sorted(state)}


def network_hash(network: TransformerNetwork) -> str:
    """Hash the weights as they ship; style files name networks by this hash."""
    return tensors_hash(rounded(network.state_dict()))


def to_onnx(network: TransformerNetwork) -> bytes:
    """Make the graph of a network; its weights are stored in float16.

    The graph takes `image` (1, 3, H, W), `embedding` (1, size) and, if the network has noise,
    `noise` (1, 1, H / 2, W / 2). It gives `picture` (1, 3, H, W). All are float32; H and W are any
    multiples of 8.
    """
    network = _copy(network).eval()
    example = (
        torch.rand(1, 3, 64, 80),
        network.neutral_embedding()[None],
        *_noise(network, 64, 80),
    )
    height, width = (torch.export.Dim(name, min=1, max=1 << 16) for name in ("h8", "w8"))
    properties = {
        "architecture": json.dumps(asdict(network.architecture)),
        "hash": network_hash(network),
        "embedding_size": str(network.embedding_size),
    }
    half = MULTIPLE // 2
    dynamic = (
        {2: MULTIPLE * height, 3: MULTIPLE * width},
        None,
        {2: half * height, 3: half * width},
    )[: len(example)]
    return exported(
        network,
        example,
        (INPUTS[: len(example)], OUTPUT),
        dynamic,
        set(network.state_dict()),
        properties,
    )


def predictor_to_onnx(predictor: StylePredictor) -> bytes:
    """Make the graph of a style predictor.

    The graph takes `image` (1, 3, H, W), RGB in 0..1, H and W 16 or more, and gives `embedding`
    (1, size). Weights are stored in float16, the statistics of usual pictures in float32.
    """
    predictor = copy.deepcopy(predictor).cpu().eval()
    halved = {
        name
        for name, tensor in predictor.state_dict().items()
        if tensor.ndim > 1 and _is_weight(name)
    }
    sides = {
        side: torch.export.Dim(name, min=16, max=1 << 14) for side, name in ((2, "h"), (3, "w"))
    }
    properties = {"dimensions": json.dumps(asdict(predictor.dimensions))}
    return exported(
        predictor,
        (torch.rand(1, 3, 96, 80),),
        (INPUTS[:1], INPUTS[1]),
        (sides,),
        halved,
        properties,
    )


def predictor_from_onnx(graph: bytes) -> StylePredictor:
    """Rebuild the style predictor of a graph that `predictor_to_onnx` made.

    Raises:
        NetworkError: the graph holds no style predictor.
    """
    try:
        stored, properties = stored_tensors(graph)
        dimensions = Dimensions(**json.loads(properties["dimensions"]))
        prefix = "statistics.perceptual."
        convolutions = {
            f"features.{name.removeprefix(prefix)[1:]}.{kind}": tensor
            for name, tensor in stored.items()
            for letter, kind in (("w", "weight"), ("b", "bias"))
            if re.fullmatch(rf"{re.escape(prefix)}{letter}\d+", name)
        }
        predictor = StylePredictor(PerceptualNetwork("lite", convolutions), dimensions)
        # older predictors have no gains
        stored.setdefault("statistics.gain", torch.ones(dimensions.statistics))
        state = predictor.state_dict()
        predictor.load_state_dict(
            {name: stored[name] for name in state if _is_kept(name)}, strict=False
        )
    except Exception as error:
        raise NetworkError(
            f"cannot read a style predictor from this graph: it holds no style predictor "
            f"({type(error).__name__}: {error})"
        ) from error
    return predictor


def _is_weight(name: str) -> bool:
    return _is_kept(name) and not name.startswith("statistics.directions")


def _is_kept(name: str) -> bool:
    """Tell whether a predictor's tensor is its own, not a constant of ImageNet."""
    return name not in ("statistics.perceptual.mean", "statistics.perceptual.std")


def exported(
    module: torch.nn.Module,
    example: tuple[Tensor, ...],
    names: tuple[Sequence[str], str],
    dynamic: tuple[Any, ...],
    halved: set[str],
    properties: Mapping[str, str],
) -> bytes:
    """Export a module as an ONNX graph.

    Args:
        module: in evaluation mode.
        example: inputs to trace with.
        names: of the inputs, and of the output.
        dynamic: for each input the sides that may vary, as `torch.onnx.export` takes them.
        halved: names of weights that are stored in float16.
        properties: metadata of the graph.
    """
    # they warn that torchvision is missing, and of constants that are not folded
    for name in ("torch.onnx", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            example,
            input_names=list(names[0]),
            output_names=[names[1]],
            dynamic_shapes=dynamic,
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # of the dynamo exporter
    model = program.model_proto
    # the place in the source that each node came from: a quarter of a megabyte in all
    for part in model.graph.node:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
        part.ClearField("name")
    del model.graph.value_info[:]
    _store_float16(model, halved)
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def stored_tensors(graph: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a graph by name, in float32, and its metadata."""
    model = onnx.load_model_from_string(graph)
    tensors = {
        weight.name.removesuffix(".float16"): torch.from_numpy(numpy_helper.to_array(weight).copy())
        for weight in model.graph.initializer
    }
    floats = {
        name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()
    }
    return floats, {prop.key: prop.value for prop in model.metadata_props}


def parity(network: TransformerNetwork, graph: bytes, embedding: Tensor) -> dict[str, float]:
    """Compare a graph, on the engine that stylizes here, with PyTorch's float32 on a picture.

    Returns:
        The largest difference of pixels in 0..1, by precision.

    Raises:
        NetworkError: a difference is above its bound in `PARITY`: the export is wrong.
    """
    y, x = np.mgrid[0:96, 0:120] / 120
    image = np.stack([x, y, 0.5 + 0.5 * np.sin(40 * x * y)])[None].astype(np.float32)
    noise = _noise(network, *image.shape[2:])
    with torch.no_grad():
        expected = (
            _copy(network).eval()(torch.from_numpy(image), embedding[None].float(), *noise).numpy()
        )
    differences = {}
    for precision, bound in PARITY.items():
        try:
            engine = base.load_engine(graph, precision=precision)
        except NetworkError:  # no bfloat16 on this machine
            continue
        difference = float(
            np.abs(
                engine.run(image, embedding[None].float().numpy(), *map(np.asarray, noise))
                - expected
            ).max()
        )
        if not difference <= bound:
            raise NetworkError(
                f"cannot use the exported graph: it differs from the network by {difference:.3g} "
                f"in {precision}, above {bound}"
            )
        differences[precision] = difference
    return differences


def _noise(network: TransformerNetwork, height: int, width: int) -> tuple[Tensor, ...]:
    """Make the noise for a picture of a size: one tensor or none."""
    noise = network.noise(height, width)
    return () if noise is None else (noise,)


def _copy(network: TransformerNetwork) -> TransformerNetwork:
    """Copy a network in float32 on the CPU, its weights rounded as they ship."""
    copied = TransformerNetwork(network.architecture)
    copied.load_state_dict(
        {name: tensor.float() for name, tensor in rounded(network.state_dict()).items()}
    )
    return copied


def _store_float16(model: onnx.ModelProto, names: set[str]) -> None:
    """Store weights as float16, with a cast to float32 where they are used.

    Engines fold the cast away when they load.
    """
    casts = []
    for weight in model.graph.initializer:
        if weight.name in names:
            half = numpy_helper.to_array(weight).astype(np.float16)
            name, stored = weight.name, f"{weight.name}.float16"
            weight.CopyFrom(numpy_helper.from_array(half, stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    for position, cast in enumerate(casts):
        model.graph.node.insert(position, cast)


def from_onnx(graph: bytes) -> TransformerNetwork:
    """Rebuild the network of a graph that `to_onnx` made.

    Raises:
        NetworkError: the graph holds no network of impasto.
    """
    try:
        stored, properties = stored_tensors(graph)
        dimensions = json.loads(properties["architecture"])
        dimensions["widths"] = tuple(dimensions["widths"])
        # graphs of older galleries leave some out, which then have their defaults
        network = TransformerNetwork(Architecture(**dimensions))
        state = {name: stored[name] for name in network.state_dict()}
        network.load_state_dict(state)
    except Exception as error:
        raise NetworkError(
            f"cannot train the network of this graph: it holds no impasto network "
            f"that can be trained ({type(error).__name__}: {error})"
        ) from error
    return network
