"""Networks as state dicts of PyTorch: plain tensors by name, with the style that they paint."""

import io

import torch
from safetensors.torch import load, save
from torch import Tensor

from impasto import exporting
from impasto.engines import Float32
from impasto.exporting import Exported
from impasto.files import ordered
from impasto.learning import export, legacy
from impasto.learning.johnson import Johnson
from impasto.learning.networks import TransformerNetwork
from impasto.model import MARGIN
from impasto.networks import Network, noise_at
from impasto.styles import SUFFIX, Embedding

STYLE = "embedding"  # the one tensor that is not the network's


def files(network: Network, embedding: Embedding | None, suffix: str) -> Exported:
    """As the state dict of a `learning.networks.TransformerNetwork`, with one tensor more where there is a style, `embedding`
    (embedding_size,); or, of an imported network, as the PyTorch examples have it. In float32.

    With the suffix of safetensors, the file says the network's dimensions in its metadata. Raises NetworkError if what is read
    back does not paint the same.
    """
    style = torch.from_numpy(exporting.example(network) if embedding is None else embedding)
    fresh, state, facts = _taken_apart(network, style)
    if embedding is not None and isinstance(fresh, TransformerNetwork):
        state[STYLE] = style
    if suffix == SUFFIX:
        data = ordered(save({name: tensor.contiguous() for name, tensor in state.items()}, {"format": "pt", **facts}))
        read = load(data)
    else:
        file = io.BytesIO()
        torch.save(state, file)
        data = file.getvalue()
        read = torch.load(io.BytesIO(data), weights_only=True)
    style = read.pop(STYLE, style)
    fresh.load_state_dict(read)
    return Exported({suffix: data}, exporting.difference(exporting.painted(network, style.numpy()), _painted(fresh, style)))


def _taken_apart(network: Network, style: Tensor) -> tuple[TransformerNetwork | Johnson, dict[str, Tensor], dict[str, str]]:
    """A network of the same dimensions with other weights, the network's own weights, and what its graph says of it."""
    _, said = export.stored_tensors(network.graph)
    if legacy.KIND in said:
        imported = legacy.from_onnx(network.graph, style)
        return Johnson(*legacy.dimensions(imported)), dict(imported.state_dict()), {legacy.KIND: said[legacy.KIND]}
    ours = export.from_onnx(network.graph)
    return TransformerNetwork(ours.architecture), dict(ours.state_dict()), {"architecture": said["architecture"]}


@torch.inference_mode()
def _painted(network: TransformerNetwork | Johnson, style: Tensor) -> Float32:
    image = torch.from_numpy(exporting.sample())
    if isinstance(network, Johnson):
        return legacy.painted(network, image).numpy()
    takes_noise = network.architecture.noise
    noise = torch.from_numpy(noise_at(*exporting.SAMPLE, -MARGIN, -MARGIN)) if takes_noise else None
    result: Float32 = network.eval()(image, style[None], noise).numpy()
    return result
