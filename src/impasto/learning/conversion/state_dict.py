"""Export of networks to state dicts of PyTorch: plain tensors by name, and their style."""

import io

import torch
from safetensors.torch import load, save
from torch import Tensor

from impasto import export as exporting
from impasto.engines.base import Float32
from impasto.export import ExportResult
from impasto.inference.prepared_style import MARGIN
from impasto.learning.conversion import onnx_export, pytorch_examples
from impasto.learning.networks.johnson import Johnson
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.models.network import Network
from impasto.models.noise import noise_at
from impasto.models.style import SUFFIX, Embedding
from impasto.tensor_files import sort_metadata

STYLE = "embedding"  # the name of the style among the tensors of the network


def export_state_dict(network: Network, embedding: Embedding | None, suffix: str) -> ExportResult:
    """Export a network as a state dict in float32, and compare the two.

    The state dict is that of `impasto.learning.networks.transformer.TransformerNetwork`. With a
    style, it has one tensor more, `embedding` (embedding_size,). An imported network is exported
    as the PyTorch examples have it.

    Args:
        network: the network to export.
        embedding: the style, (embedding_size,), or None for a network without one.
        suffix: that of the file. A file of safetensors has the dimensions of the network in its
            metadata.

    Raises:
        NetworkError: the state dict, read back, paints something else.
    """
    style = torch.from_numpy(exporting.make_embedding(network) if embedding is None else embedding)
    fresh, state, metadata = _split_network(network, style)
    if embedding is not None and isinstance(fresh, TransformerNetwork):
        state[STYLE] = style
    if suffix == SUFFIX:
        tensors = {name: tensor.contiguous() for name, tensor in state.items()}
        data = sort_metadata(save(tensors, {"format": "pt", **metadata}))
        restored = load(data)
    else:
        file = io.BytesIO()
        torch.save(state, file)
        data = file.getvalue()
        restored = torch.load(io.BytesIO(data), weights_only=True)
    style = restored.pop(STYLE, style)
    fresh.load_state_dict(restored)
    expected = exporting.paint_sample(network, style.numpy())
    difference = exporting.measure_difference(expected, _paint_sample(fresh, style))
    return ExportResult({suffix: data}, difference)


def _split_network(
    network: Network, style: Tensor
) -> tuple[TransformerNetwork | Johnson, dict[str, Tensor], dict[str, str]]:
    """Split a network into an empty network, weights and metadata.

    Returns:
        A network of the same dimensions with other weights, the weights by name, and the dimensions
        as the metadata of the graph has them.
    """
    _, properties = onnx_export.stored_tensors(network.graph)
    if pytorch_examples.KIND in properties:
        imported = pytorch_examples.from_onnx(network.graph, style)
        return (
            Johnson(*pytorch_examples.read_dimensions(imported)),
            dict(imported.state_dict()),
            {pytorch_examples.KIND: properties[pytorch_examples.KIND]},
        )
    transformer = onnx_export.from_onnx(network.graph)
    return (
        TransformerNetwork(transformer.architecture),
        dict(transformer.state_dict()),
        {"architecture": properties["architecture"]},
    )


@torch.inference_mode()
def _paint_sample(network: TransformerNetwork | Johnson, style: Tensor) -> Float32:
    """Paint the picture of `impasto.export.make_sample` in PyTorch."""
    image = torch.from_numpy(exporting.make_sample())
    if isinstance(network, Johnson):
        return pytorch_examples.paint(network, image).numpy()
    takes_noise = network.architecture.noise
    noise = (
        torch.from_numpy(noise_at(*exporting.SAMPLE_SIZE, -MARGIN, -MARGIN))
        if takes_noise
        else None
    )
    result: Float32 = network.eval()(image, style[None], noise).numpy()
    return result
