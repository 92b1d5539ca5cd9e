"""Between the two halves: networks out to ONNX graphs for stylizing, and back from them for more
training.

A graph holds everything there is to know of a network: structure, weights (float16, widened where
they are used) and, in its metadata, dimensions and hash. So one file serves both halves, and
nothing can disagree.
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
    """Weights as they ship: float16, sorted by name."""
    return {name: state[name].detach().cpu().to(torch.float16) for name in sorted(state)}


def network_hash(network: TransformerNetwork) -> str:
    """What style files call a network by: the hash of its weights as they ship."""
    return tensors_hash(rounded(network.state_dict()))


def to_onnx(network: TransformerNetwork) -> bytes:
    """The graph of a network: `image` (1, 3, H, W), `embedding` (1, size) and, if it takes that,
    `noise` (1, 1, H / 2, W / 2) in, `picture` (1, 3, H, W) out, all float32.

    H and W are any multiples of 8. Weights are stored in float16.
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
    """The graph of a style predictor: `image` (1, 3, H, W), RGB in 0..1, H and W 16 or more, in,
    `embedding` (1, size) out.

    Weights are stored in float16, what is usual among pictures in float32.
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
    """The style predictor that a graph made by `predictor_to_onnx` holds. Raises NetworkError if it
    is none."""
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
        stored.setdefault(
            "statistics.gain", torch.ones(dimensions.statistics)
        )  # of predictors made before there were gains
        state = predictor.state_dict()
        predictor.load_state_dict(
            {name: stored[name] for name in state if _is_kept(name)}, strict=False
        )
    except Exception as error:
        raise NetworkError(
            f"this graph holds no style predictor ({type(error).__name__}: {error})"
        ) from error
    return predictor


def _is_weight(name: str) -> bool:
    return _is_kept(name) and not name.startswith("statistics.directions")


def _is_kept(name: str) -> bool:
    """Of a predictor's tensors, those that are its own: the mean and deviation of ImageNet are
    constants."""
    return name not in ("statistics.perceptual.mean", "statistics.perceptual.std")


def exported(
    module: torch.nn.Module,
    example: tuple[Tensor, ...],
    names: tuple[Sequence[str], str],
    dynamic: tuple[Any, ...],
    halved: set[str],
    properties: Mapping[str, str],
) -> bytes:
    """A module as an ONNX graph, with the weights `halved` in float16 and `properties` in its
    metadata."""
    for name in (
        "torch.onnx",
        "onnxscript",
    ):  # they warn that torchvision is missing, and of constants that are not folded
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
    for part in model.graph.node:  # where in the source each came from: a quarter of a megabyte
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
        part.ClearField("name")
    del model.graph.value_info[:]
    _store_float16(model, halved)
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def stored_tensors(graph: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a graph by name, in float32, and its metadata."""
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
    """Largest difference between the graph and PyTorch's float32 on a picture, by precision, on the
    engine that stylizes here.

    Raises NetworkError if one is above its bound in `PARITY`: then the export is wrong.
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
                f"the exported graph differs from the network by {difference:.3g} in {precision}, above {bound}"
            )
        differences[precision] = difference
    return differences


def _noise(network: TransformerNetwork, height: int, width: int) -> tuple[Tensor, ...]:
    """The noise that a network takes for a picture of this size: one tensor or none."""
    noise = network.noise(height, width)
    return () if noise is None else (noise,)


def _copy(network: TransformerNetwork) -> TransformerNetwork:
    """A copy in float32 on the CPU whose weights are already rounded as they ship."""
    copied = TransformerNetwork(network.architecture)
    copied.load_state_dict(
        {name: tensor.float() for name, tensor in rounded(network.state_dict()).items()}
    )
    return copied


def _store_float16(model: onnx.ModelProto, names: set[str]) -> None:
    """Store the named weights as float16, with a cast to float32 where they are used: engines fold
    it away when they load."""
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
    """The network that a graph made by `to_onnx` holds. Raises NetworkError if it is none."""
    try:
        stored, properties = stored_tensors(graph)
        dimensions = json.loads(properties["architecture"])
        dimensions["widths"] = tuple(dimensions["widths"])
        network = TransformerNetwork(
            Architecture(**dimensions)
        )  # graphs of older galleries do not say all of it
        state = {name: stored[name] for name in network.state_dict()}
        network.load_state_dict(state)
    except Exception as error:
        raise NetworkError(
            f"this graph holds no impasto network that can be trained ({type(error).__name__}: {error})"
        ) from error
    return network
