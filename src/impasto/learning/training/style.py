"""A run of training from start to file: where it starts, how it is kept safe, and the styles and
networks it leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from impasto.inference.predictor import predict
from impasto.learning.conversion import onnx_export
from impasto.learning.data.photos import ContentImages
from impasto.learning.losses.objective import Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.learning.tensors import to_tensor
from impasto.learning.training.inputs import LITE_CONTENT_LIMIT, LITE_UPDATE_SCALE, Painting
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.trainer import Trainer
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import Network, load_shipped
from impasto.models.style import OWN, Style, name_of, read_style


def new_style(
    name: str,
    paintings: Sequence[Painting],
    content: ContentImages,
    perceptual: PerceptualNetwork,
    settings: TrainingSettings,
) -> Trainer:
    """A trainer of one embedding for a shipped network (of a copy of it too, if
    `settings.whole_network`).

    It starts from the prediction of the network's style predictor or, if it has none, from the
    embedding of the gallery that already comes nearest.
    """
    (painting,) = paintings
    known = load_shipped(name)
    network = onnx_export.from_onnx(known.graph)
    if known.predictor:
        start = torch.from_numpy(predict(painting.pixels, known).copy())
    else:
        near = nearest_style(network, known, painting, content, Objective(perceptual))
        start = torch.from_numpy(gallery_style(near).embedding(known).copy())
    trainer = Trainer(network, start[None], [painting.pixels], content, perceptual, settings)
    if known.predictor and perceptual.name == "lite" and not settings.whole_network:
        trainer.hold_content(held=LITE_CONTENT_LIMIT)
        trainer.trust = LITE_UPDATE_SCALE
    elif known.predictor:
        trainer.hold_content()
    return trainer


def nearest_style(
    network: TransformerNetwork,
    shipped: Network,
    painting: Painting,
    content: ContentImages,
    objective: Objective,
) -> str:
    """The gallery's style whose painted pictures have the least J for a painting, over two content
    pictures."""
    photos = to_tensor([content.crop(number, 256) for number in range(2)])
    target, wanted = (
        objective.content_target(photos),
        objective.style_target(to_tensor([painting.pixels])),
    )
    totals: dict[str, float] = {}
    network.eval()
    with torch.no_grad():
        for name in gallery_names():
            embedding = torch.from_numpy(gallery_style(name).embedding(shipped).copy())
            pictures = network(
                photos, embedding.expand(len(photos), -1), network.noise(*photos.shape[2:])
            )
            totals[name] = objective.total(objective.terms(pictures, target, wanted)).mean().item()
    return min(totals, key=lambda name: totals[name])


def trained_style(
    trainer: Trainer, name: str, painting: Painting, card: Mapping[str, str]
) -> tuple[Style, Mapping[str, float]]:
    """The style that a run of one painting is worth: an embedding, and the network where it was
    trained too.

    Also what `export.parity` found of that network, by precision.
    """
    averaged = trainer.averaged()
    embedding = averaged["embeddings"][0].numpy()
    own, parity = None, {}
    network_name, network_hash = name, load_shipped(name).hash
    known = {"gallery": load_shipped(name).gallery}
    if trainer.settings.whole_network:
        network = trained_network(trainer, averaged)
        network_name, network_hash, known = OWN, onnx_export.network_hash(network), {}
        graph = onnx_export.to_onnx(network)
        own = Network(OWN, network_hash, embedding.size, graph, {})
        parity = onnx_export.parity(network, graph, torch.from_numpy(embedding))
    metadata = dict(painting.metadata) | {
        f"{network_name}.{key}": value for key, value in {**card, **known}.items()
    }
    style = Style(
        painting.name,
        {network_name: embedding},
        {network_name: network_hash},
        metadata,
        own,
        painting.remembered,
    )
    return style, parity


def write_style(
    trainer: Trainer, name: str, paintings: Sequence[Painting], path: Path, card: Mapping[str, str]
) -> Mapping[str, float]:
    """Write the style of a run of one painting; a file of the same painting keeps its embeddings
    for other networks.

    Returns what `export.parity` found, if a network was exported.
    """
    (painting,) = paintings
    style, parity = trained_style(trainer, name, painting, card)
    write_merged(style, path)
    return parity


def write_merged(style: Style, path: Path) -> None:
    """Write a style over an older file; embeddings for other networks stay if they are of the same
    painting."""
    if path.exists() and not style.own:
        old, source = read_style(path), style.metadata.get("source")
        # files were once named after their picture, whatever the file's own name
        if old.metadata.get("source") == source and old.name in (style.name, name_of(source or "")):
            style = _merged(old, style)
    style.save(path)


def card(trainer: Trainer, crop: int, style_size: int) -> dict[str, str]:
    """How a style or network was trained, as its file says it."""
    minutes = trainer.seconds / 60
    steps = f"{trainer.step} steps of {trainer.settings.batch}, {minutes:.1f} minutes on {trainer.device.type}"
    return {
        "trained": f"{trainer.history}, then {steps}" if trainer.history else steps,
        "perceptual": trainer.objective.perceptual.identity,
        "content": trainer.content.description,
        **({"art": trainer.art.description} if trainer.art else {}),
        "crop": str(crop),
        "style_size": str(style_size),
        "weights": ", ".join(
            f"{key} {value:g}" for key, value in asdict(trainer.settings.weights).items()
        ),
        "seed": str(trainer.settings.seed),
    }


def _merged(old: Style, new: Style) -> Style:
    """A style with the embeddings of both, the new ones where both have them."""
    gone = (
        *new.embeddings,
        OWN,
    )  # an older file's own network has no place in a style that shares one
    metadata = {k: v for k, v in old.metadata.items() if k.partition(".")[0] not in gone} | dict(
        new.metadata
    )
    embeddings = {
        network: value for network, value in old.embeddings.items() if network not in gone
    }
    hashes = {network: old.hashes[network] for network in embeddings}
    return replace(
        new,
        embeddings=embeddings | dict(new.embeddings),
        hashes=hashes | dict(new.hashes),
        metadata=metadata,
    )


def trained_network(trainer: Trainer, averaged: Mapping[str, Tensor]) -> TransformerNetwork:
    network = TransformerNetwork(trainer.network.architecture)
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in averaged.items() if k.startswith("network.")}
    )
    return network
