"""Networks as state dicts of PyTorch: plain tensors by name, with the style inside."""

import io

import torch
from safetensors.torch import load, save
from torch import Tensor

from impasto import export as exporting
from impasto.engines.base import Float32
from impasto.export import ExportResult
from impasto.inference.model import MARGIN
from impasto.learning.conversion import onnx_export, pytorch_examples
from impasto.learning.networks.johnson import Johnson
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.models.network import Network
from impasto.models.noise import noise_at
from impasto.models.style import SUFFIX, Embedding
from impasto.tensor_files import sort_metadata

STYLE = "embedding"  # the one tensor that is not the network's


def files(network: Network, embedding: Embedding | None, suffix: str) -> ExportResult:
    """Export a network as a state dict in float32.

    It is that of a `TransformerNetwork` or, for an imported network, that of the PyTorch examples.
    Safetensors files have the network's dimensions in their metadata.

    Args:
        network: to export.
        embedding: the style, (embedding_size,), which becomes the tensor `embedding`; or None.
        suffix: of the file, which decides its format.

    Raises:
        NetworkError: the network that is read back does not paint the same.
    """
    style = torch.from_numpy(exporting.example(network) if embedding is None else embedding)
    fresh, state, facts = _take_apart(network, style)
    if embedding is not None and isinstance(fresh, TransformerNetwork):
        state[STYLE] = style
    if suffix == SUFFIX:
        data = sort_metadata(
            save(
                {name: tensor.contiguous() for name, tensor in state.items()},
                {"format": "pt", **facts},
            )
        )
        read = load(data)
    else:
        file = io.BytesIO()
        torch.save(state, file)
        data = file.getvalue()
        read = torch.load(io.BytesIO(data), weights_only=True)
    style = read.pop(STYLE, style)
    fresh.load_state_dict(read)
    return ExportResult(
        {suffix: data},
        exporting.difference(exporting.painted(network, style.numpy()), _painted(fresh, style)),
    )


def _take_apart(
    network: Network, style: Tensor
) -> tuple[TransformerNetwork | Johnson, dict[str, Tensor], dict[str, str]]:
    """Take a network apart.

    Returns:
        A network of the same dimensions with other weights, the network's own weights, and the
        metadata of its dimensions.
    """
    _, properties = onnx_export.stored_tensors(network.graph)
    if pytorch_examples.KIND in properties:
        imported = pytorch_examples.from_onnx(network.graph, style)
        return (
            Johnson(*pytorch_examples.dimensions(imported)),
            dict(imported.state_dict()),
            {pytorch_examples.KIND: properties[pytorch_examples.KIND]},
        )
    ours = onnx_export.from_onnx(network.graph)
    return (
        TransformerNetwork(ours.architecture),
        dict(ours.state_dict()),
        {"architecture": properties["architecture"]},
    )


@torch.inference_mode()
def _painted(network: TransformerNetwork | Johnson, style: Tensor) -> Float32:
    image = torch.from_numpy(exporting.sample())
    if isinstance(network, Johnson):
        return pytorch_examples.painted(network, image).numpy()
    takes_noise = network.architecture.noise
    noise = torch.from_numpy(noise_at(*exporting.SAMPLE, -MARGIN, -MARGIN)) if takes_noise else None
    result: Float32 = network.eval()(image, style[None], noise).numpy()
    return result
