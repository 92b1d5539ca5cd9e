"""Export of networks to ONNX graphs for stylizing, and import from them for more training.

A graph holds all of a network: structure, weights (float16, cast to float32 where they are used)
and, in its metadata, dimensions and hash. One file serves training and stylizing, so the two
cannot disagree.
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

# Largest allowed difference to PyTorch's float32, of pixels in 0..1, by precision. float32 shows
# whether the graph is right. bfloat16 is off by a few levels nearly everywhere, but by much more at
# single sharp pixels of a bold style.
PARITY = {"f32": 2e-3, "bf16": 0.5}


def round_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Round weights as impasto ships them: float16, sorted by name."""
    return {name: state[name].detach().cpu().to(torch.float16) for name in sorted(state)}


def network_hash(network: TransformerNetwork) -> str:
    """Hash the weights of a network as they ship; style files name their network by this hash."""
    return tensors_hash(round_weights(network.state_dict()))


def to_onnx(network: TransformerNetwork) -> bytes:
    """Export a network as an ONNX graph; the same network always gives the same bytes.

    Args:
        network: the network to export; it is left as it is.

    Returns:
        The serialized graph, with weights in float16. It takes `image` (1, 3, H, W), RGB in 0..1,
        `embedding` (1, size) and, if the network takes noise, `noise` (1, 1, H / 2, W / 2). It
        gives `picture` (1, 3, H, W). All are float32; H and W are any multiples of 16.
    """
    network = _copy(network).eval()
    example = (
        torch.rand(1, 3, 64, 80),
        network.neutral_embedding()[None],
        *_noise(network, 64, 80),
    )
    height, width = (torch.export.Dim(name, min=1, max=1 << 16) for name in ("h16", "w16"))
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
    return export_module(
        network,
        example,
        (INPUTS[: len(example)], OUTPUT),
        dynamic,
        set(network.state_dict()),
        properties,
    )


def predictor_to_onnx(predictor: StylePredictor) -> bytes:
    """Export a style predictor as an ONNX graph.

    Args:
        predictor: the predictor to export; it is left as it is.

    Returns:
        The serialized graph, with weights in float16 and the statistics of usual pictures in
        float32. It takes `image` (1, 3, H, W), RGB in 0..1, H and W 16 or more. It gives
        `embedding` (1, size).
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
    return export_module(
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
        NetworkError: the graph is broken, or holds anything else.
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
        # predictors of older galleries have no gains
        stored.setdefault("statistics.gain", torch.ones(dimensions.statistics))
        state = predictor.state_dict()
        predictor.load_state_dict(
            {name: stored[name] for name in state if _is_own(name)}, strict=False
        )
    except Exception as error:
        raise NetworkError(
            f"cannot read a style predictor from this graph: {type(error).__name__}: {error}; give "
            "a graph that impasto wrote"
        ) from error
    return predictor


def _is_weight(name: str) -> bool:
    """Tell whether a tensor of a predictor is learned, and so rounded."""
    return _is_own(name) and not name.startswith("statistics.directions")


def _is_own(name: str) -> bool:
    """Tell whether a tensor is a predictor's own; mean and deviation of ImageNet are constants."""
    return name not in ("statistics.perceptual.mean", "statistics.perceptual.std")


def export_module(
    module: torch.nn.Module,
    example: tuple[Tensor, ...],
    names: tuple[Sequence[str], str],
    dynamic: tuple[Any, ...],
    halved: set[str],
    properties: Mapping[str, str],
) -> bytes:
    """Export a module as an ONNX graph; the same module always gives the same bytes.

    Args:
        module: the module, in evaluation.
        example: inputs of any allowed size.
        names: names of the inputs, and of the output.
        dynamic: for each input, its dynamic axes, or None.
        halved: names of the weights to store in float16.
        properties: metadata of the graph.

    Returns:
        The serialized graph.
    """
    # these warn that torchvision is missing, and of constants that are not folded
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
    assert program is not None  # the dynamo exporter always returns a program
    model = program.model_proto
    _strip_notes(model.graph)
    _store_float16(model, halved)
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _strip_notes(graph: onnx.GraphProto) -> None:
    """Remove the exporter's notes from a graph.

    The source lines of the nodes take a quarter of a megabyte. The ranges of the sides, in the
    metadata of the graph, stand in an order that varies between processes.
    """
    for node in graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
        node.ClearField("name")
    del graph.value_info[:], graph.metadata_props[:]


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
    """Compare a graph with its network in PyTorch's float32, on the engine that stylizes here.

    Args:
        network: the network that was exported.
        graph: its graph.
        embedding: the style to compare with, (embedding_size,).

    Returns:
        The largest difference, of pixels in 0..1, by precision. A precision that this machine
        lacks is left out.

    Raises:
        NetworkError: a difference is above its bound in `PARITY`, so the export is wrong.
    """
    y, x = np.mgrid[0:96, 0:128] / 128
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
                f"in {precision}, and at most {bound} is allowed; export it again"
            )
        differences[precision] = difference
    return differences


def _noise(network: TransformerNetwork, height: int, width: int) -> tuple[Tensor, ...]:
    """Return the noise that a network takes for a picture of this size: one tensor or none."""
    noise = network.noise(height, width)
    return () if noise is None else (noise,)


def _copy(network: TransformerNetwork) -> TransformerNetwork:
    """Copy a network to float32 on the CPU, with weights rounded as they ship."""
    copied = TransformerNetwork(network.architecture)
    copied.load_state_dict(
        {name: tensor.float() for name, tensor in round_weights(network.state_dict()).items()}
    )
    return copied


def _store_float16(model: onnx.ModelProto, names: set[str]) -> None:
    """Store the named weights as float16, with a cast to float32 where they are used.

    Engines fold the casts when they load the graph.
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
        NetworkError: the graph is broken, or holds anything else.
    """
    try:
        stored, properties = stored_tensors(graph)
        dimensions = json.loads(properties["architecture"])
        for name in ("widths", "up_blocks"):
            dimensions[name] = tuple(dimensions.get(name, ()))
        # graphs of older galleries lack some dimensions, which then have their defaults
        network = TransformerNetwork(Architecture(**dimensions))
        state = {name: stored[name] for name in network.state_dict()}
        network.load_state_dict(state)
    except Exception as error:
        raise NetworkError(
            f"cannot read a network to train from this graph: {type(error).__name__}: {error}; "
            "give a graph that impasto wrote"
        ) from error
    return network
