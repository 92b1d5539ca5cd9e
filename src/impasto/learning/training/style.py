"""The recipe of one style: an embedding for a network that is already trained."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch

from impasto.images.reading import PictureSource, to_picture
from impasto.inference.color import Color, parse_color
from impasto.inference.predictor import predict
from impasto.learning.conversion import onnx_export
from impasto.learning.data.photos import ContentImages
from impasto.learning.losses.objective import LossWeights, Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.learning.tensors import to_tensor
from impasto.learning.training.content_weight import LITE_CONTENT_LIMIT_SHARE
from impasto.learning.training.paintings import Painting, recolor_painting, to_painting
from impasto.learning.training.recipe import (
    OnResult,
    RunOptions,
    finish,
    load_inputs,
    run_to_end,
    set_cores,
)
from impasto.learning.training.settings import TrainingSettings, learning_rates
from impasto.learning.training.style_files import describe_training, merge_styles, write_merged
from impasto.learning.training.trainer import Trainer
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import Network, NetworkChoice, chosen_networks, load_shipped
from impasto.models.style import OWN, Style, name_of
from impasto.progress import OnProgress

STYLE_WEIGHTS = LossWeights(local=2.0)
# How much of the update of a prediction by `lite` counts. Predictions were learned by VGG-19.
# Beyond the part that is good by both networks, `lite` leads to pictures that are good by `lite`
# alone: half of the way is better than all of it (docs/explanation/training-history.md).
LITE_UPDATE_SCALE = 0.5
COMPARED_PHOTOS, COMPARED_SIZE = 2, 256  # pictures, pixels: on which styles are compared


def train_style(
    picture: PictureSource,
    *,
    name: str | None = None,
    minutes: float = 5.0,
    steps: int | None = None,
    network: NetworkChoice = "base",
    whole_network: bool = False,
    photos: Path | None = None,
    perceptual: str = "lite",
    crop: int = 256,
    style_size: int = 512,
    batch: int = 4,
    weights: LossWeights = STYLE_WEIGHTS,
    learning_rate: float | None = None,
    color: str | Color | None = None,
    color_photo: PictureSource | None = None,
    keep_picture: bool = True,
    facts: Mapping[str, str] | None = None,
    seed: int = 0,
    precision: str = "auto",
    threads: int | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    preview_every: float = 0.0,
    on_progress: OnProgress | None = None,
    on_result: OnResult | None = None,
) -> Style:
    """Learn a style from one picture.

    Args:
        picture: a picture in any form that `to_picture` takes, or the path of a style file whose
            picture is learned again.
        name: of the style; by default from `output`, or else from the picture.
        minutes: length of the run by the clock; several networks share it.
        steps: length of the run in steps, in place of `minutes`. Such runs repeat bit for bit.
        network: network to learn the style for: "large", "base" or "small"; "both" are base and
            small, and "all" are the three.
        whole_network: train a network that this style owns, not only an embedding.
        photos: folder of photographs to paint in training; by default pictures are generated.
        perceptual: network of the losses: "lite", "vgg19" or "vgg16".
        crop: side of training crops, in pixels.
        style_size: short side that the picture is learned at, in pixels; larger, larger strokes.
        batch: crops a step.
        weights: weights of the loss terms.
        learning_rate: peak for the network; embeddings take four times as much.
        color: color mode of paintings, such as "luminance:0.5"; the style remembers it.
        color_photo: with `color`, a photograph whose colors the picture takes before it is learned.
        keep_picture: keep the picture, at 512 pixels, in the style.
        facts: title, artist, year, ... for the style file.
        seed: seed of everything random.
        precision: "auto", "bf16" or "f32".
        threads: of PyTorch, in this whole process; by default the cores this process may use.
        output: style file to write; an older file of the same picture keeps its embeddings for
            other networks. By default nothing is written.
        resume: go on from the checkpoint beside `output`, if a run of the same arguments left one.
        preview_every: seconds between previews beside `output`; 0 for none.
        on_progress: called after every step; first for where a resumed run goes on. While weights
            are downloaded, the unit is "byte".
        on_result: called at the end of the run for each network, also of one that ends early.

    Returns:
        The style, with an embedding for each network.

    Raises:
        PictureError, StyleError: the picture or style file cannot be read.
        ColorError: there is no such color mode.
        TrainingError: training cannot start, or a loss is not finite. `output` then holds the
            style so far, if training had started.
        KeyboardInterrupt: training was interrupted; `output` holds the style so far.
    """
    names, target = chosen_networks(network), Path(output) if output else None
    settings = TrainingSettings(
        steps=steps,
        minutes=None if steps is not None else minutes / len(names),
        batch=batch,
        crop=crop,
        seed=seed,
        weights=weights,
        whole_network=whole_network,
        **learning_rates(learning_rate, "tuned"),
    )
    set_cores(threads)
    # named after its file, so that two styles of one picture differ; a style that is learned again
    # in place keeps its name
    renamed = target and (not isinstance(picture, str | os.PathLike) or target != Path(picture))
    facts = {**({"name": name_of(target.stem)} if target and renamed else {}), **(facts or {})}
    painting = to_painting(picture, style_size, facts, name, keep_picture)
    if color:
        mode = parse_color(color) if isinstance(color, str) else color
        photo = None if color_photo is None else to_picture(color_photo).opaque()
        painting = recolor_painting(painting, mode, photo)
    content, losses = load_inputs(photos, seed, perceptual, precision, on_progress)
    options = RunOptions(target, resume, preview_every, on_progress, on_result)
    style: Style | None = None
    for network_name in names:
        trainer = start_style(network_name, painting, content, losses, settings)
        stop = run_to_end(trainer, network_name, options)
        card = describe_training(trainer, style_size)
        learned, parity = trained_style(trainer, network_name, painting, card)
        if target:
            style = write_merged(learned, target)
        else:
            style = merge_styles(style, learned) if style and not learned.own else learned
        finish(trainer, network_name, options, parity, stop)
    assert style
    return style


def start_style(
    name: str,
    painting: Painting,
    content: ContentImages,
    perceptual: PerceptualNetwork,
    settings: TrainingSettings,
) -> Trainer:
    """Start a run of one embedding for a shipped network.

    The run trains a copy of the network too, if `settings.whole_network`. It starts from the
    prediction of the network's style predictor or, without one, from the embedding of the gallery
    that already comes nearest.
    """
    shipped = load_shipped(name)
    network = onnx_export.from_onnx(shipped.graph)
    if shipped.predictor:
        start = torch.from_numpy(predict(painting.pixels, shipped).copy())
    else:
        nearest = find_nearest_style(network, shipped, painting, content, Objective(perceptual))
        start = torch.from_numpy(gallery_style(nearest).embedding(shipped).copy())
    trainer = Trainer(network, start[None], [painting.pixels], content, perceptual, settings)
    if shipped.predictor and perceptual.name == "lite" and not settings.whole_network:
        trainer.limit_content_loss(share=LITE_CONTENT_LIMIT_SHARE)
        trainer.update_scale = LITE_UPDATE_SCALE
    elif shipped.predictor:
        trainer.limit_content_loss()
    return trainer


def find_nearest_style(
    network: TransformerNetwork,
    shipped: Network,
    painting: Painting,
    content: ContentImages,
    objective: Objective,
) -> str:
    """Find the style of the gallery that has the least J for a painting, over two pictures."""
    photos = to_tensor([content.crop(number, COMPARED_SIZE) for number in range(COMPARED_PHOTOS)])
    content_target = objective.content_target(photos)
    style_target = objective.style_target(to_tensor([painting.pixels]))
    totals: dict[str, float] = {}
    network.eval()
    with torch.no_grad():
        for name in gallery_names():
            embedding = torch.from_numpy(gallery_style(name).embedding(shipped).copy())
            pictures = network(
                photos, embedding.expand(len(photos), -1), network.noise(*photos.shape[2:])
            )
            terms = objective.terms(pictures, content_target, style_target)
            totals[name] = objective.total(terms).mean().item()
    return min(totals, key=lambda name: totals[name])


def trained_style(
    trainer: Trainer, name: str, painting: Painting, card: Mapping[str, str]
) -> tuple[Style, Mapping[str, float]]:
    """Make the style that a run has learned.

    Args:
        trainer: a run of one painting.
        name: of the shipped network.
        painting: gives the name and the facts of the style.
        card: how it was trained.

    Returns:
        The style, with its own network where the network was trained too; and the result of
        `onnx_export.parity` for that network.
    """
    embedding = trainer.averaged()["embeddings"][0].numpy()
    own, parity = None, {}
    shipped = load_shipped(name)
    network_name, network_hash, gallery = name, shipped.hash, {"gallery": shipped.gallery}
    if trainer.settings.whole_network:
        network = trainer.averaged_network()
        network_name, network_hash, gallery = OWN, onnx_export.network_hash(network), {}
        graph = onnx_export.to_onnx(network)
        own = Network(OWN, network_hash, embedding.size, graph, {})
        parity = onnx_export.parity(network, graph, torch.from_numpy(embedding))
    card = {f"{network_name}.{key}": value for key, value in {**card, **gallery}.items()}
    style = Style(
        painting.name,
        {network_name: embedding},
        {network_name: network_hash},
        dict(painting.metadata) | card,
        own,
        painting.remembered,
    )
    return style, parity
