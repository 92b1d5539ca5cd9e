"""The recipe of a gallery: one network with an embedding for each painting."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import TrainingError
from impasto.learning.conversion import onnx_export
from impasto.learning.data.photos import ContentImages
from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.losses.objective import LossWeights
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.predictor import HIDDEN, StylePredictor, new_predictor
from impasto.learning.networks.transformer import ARCHITECTURES, TransformerNetwork
from impasto.learning.tensors import to_tensor
from impasto.learning.training.paintings import Painting, read_painting
from impasto.learning.training.ranks import SINGLE, Ranks, join_ranks
from impasto.learning.training.recipe import (
    OnResult,
    RunOptions,
    finish,
    load_inputs,
    run_to_end,
    set_cores,
)
from impasto.learning.training.settings import TrainingSettings, learning_rates
from impasto.learning.training.style_files import describe_training, write_merged
from impasto.learning.training.trainer import Trainer
from impasto.models.network import (
    GALLERY_VERSION,
    Network,
    NetworkChoice,
    chosen_networks,
    network_path,
    read_network,
)
from impasto.models.style import PHOTO, Style, read_style
from impasto.progress import OnProgress

GALLERY_WEIGHTS = LossWeights(local=4.0)
FITTED_PICTURES = 600  # pictures whose statistics a new predictor is fitted to


def train_gallery(
    pictures: Sequence[Path],
    folder: str | Path,
    *,
    start: Path | None = None,
    art: Sequence[Path] = (),
    minutes: float = 5.0,
    steps: int | None = None,
    network: NetworkChoice = "base",
    photos: Path | None = None,
    perceptual: str = "lite",
    crop: int = 256,
    style_size: int = 512,
    batch: int = 4,
    weights: LossWeights = GALLERY_WEIGHTS,
    learning_rate: float | None = None,
    predictor_rate: float = 2e-4,
    keep_pictures: bool = False,
    catalog: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 0,
    precision: str = "auto",
    threads: int | None = None,
    resume: bool = False,
    preview_every: float = 0.0,
    on_progress: OnProgress | None = None,
    on_result: OnResult | None = None,
) -> list[Style]:
    """Train one fresh network for all pictures, and write it with a style for each.

    Under `torchrun` or `accelerate launch`, all processes train together, and the first one writes.
    The arguments that `train_style` has too mean the same.

    Args:
        pictures: files of pictures, or style files whose pictures are learned again.
        folder: of the gallery to write; styles there keep their embeddings for other networks.
        start: folder of a gallery to go on from; by default the network starts from nothing.
        art: folders of pictures from which the network also learns to predict styles.
        minutes: length of the run by the clock; several networks share it.
        steps: length of the run in steps, in place of `minutes`.
        network: architecture of the network: "large", "base" or "small"; "both" are base and
            small, and "all" are the three.
        photos: folder of photographs to paint in training; by default pictures are generated.
        perceptual: network of the losses: "lite", "vgg19" or "vgg16".
        crop: side of training crops, in pixels.
        style_size: short side that pictures are learned at, in pixels.
        batch: crops a step.
        weights: weights of the loss terms.
        learning_rate: peak for the network; embeddings take four times as much.
        predictor_rate: peak for the style predictor.
        keep_pictures: keep the pictures in the style files.
        catalog: facts by file name; see `read_catalog`.
        seed: seed of everything random.
        precision: "auto", "bf16" or "f32".
        threads: of PyTorch, in this whole process.
        resume: go on from the checkpoint beside `folder`, if a run of the same arguments left one.
        preview_every: seconds between previews beside `folder`; 0 for none.
        on_progress: called after every step.
        on_result: called at the end of the run of each network.

    Returns:
        The styles that were written last: `photo`, then one for each picture. Empty in processes
        that do not write.

    Raises:
        PictureError, StyleError: a picture or style file cannot be read.
        TrainingError: training cannot start, or a loss is not finite.
        KeyboardInterrupt: training was interrupted; `folder` holds the gallery so far.
    """
    names, folder = chosen_networks(network), Path(folder)
    settings = TrainingSettings(
        steps=steps,
        minutes=None if steps is not None else minutes / len(names),
        batch=batch,
        crop=crop,
        seed=seed,
        weights=weights,
        predictor_rate=predictor_rate,
        **learning_rates(learning_rate, "continued" if start else "fresh"),
    )
    with join_ranks() as ranks:
        set_cores(threads, ranks)
        facts = catalog or {}
        paintings = [
            read_painting(path, style_size, facts.get(path.name), keep=keep_pictures)
            for path in map(Path, pictures)
        ]
        content, losses = load_inputs(photos, seed, perceptual, precision, on_progress)
        crops = StyleCrops(list(art), seed) if art else None
        options = RunOptions(folder, resume, preview_every, on_progress, on_result)
        styles: list[Style] = []
        for name in names:
            trainer = start_gallery(name, paintings, content, losses, settings, start, crops, ranks)
            stop = run_to_end(trainer, name, options)
            parity: Mapping[str, float] = {}
            if ranks.is_first:
                card = describe_training(trainer, style_size)
                styles, parity = write_gallery(trainer, name, paintings, folder, card)
            finish(trainer, name, options, parity, stop)
        return styles


def start_gallery(
    name: str,
    paintings: Sequence[Painting],
    content: ContentImages,
    perceptual: PerceptualNetwork,
    settings: TrainingSettings,
    start: Path | None = None,
    art: StyleCrops | None = None,
    ranks: Ranks = SINGLE,
) -> Trainer:
    """Start a run of one network with an embedding for each painting.

    Paintings that the gallery in `start` lacks start from the prediction of its style predictor.
    Without a predictor they start from the mean of its styles.

    Args:
        name: of the network: "large", "base" or "small".
        paintings: pictures to learn.
        content: pictures to paint.
        perceptual: network of the losses.
        settings: of the run.
        start: folder of the gallery that the run goes on from; None for a fresh network.
        art: pictures to train a predictor on; the predictor of `start` goes on learning in any
            case.
        ranks: processes that train together.

    Raises:
        TrainingError: the gallery in `start` has no style for this network.
    """
    torch.manual_seed(settings.seed)
    history, predictor = "", None
    if start:
        known = read_network(network_path(name, start))
        history = known.metadata.get("trained", "")
        network, embeddings, mean, predictor = _known_gallery(name, known, start, paintings)
    else:
        network = TransformerNetwork(ARCHITECTURES[name])
        mean = network.neutral_embedding()
        embeddings = mean.repeat(len(paintings), 1)
    if art and not predictor:
        predictor = new_predictor(mean, _pictures_to_fit(art), HIDDEN)
    pictures = [painting.pixels for painting in paintings]
    trainer = Trainer(
        *(network, embeddings, pictures, content, perceptual, settings, predictor, art),
        ranks=ranks,
    )
    trainer.history = history
    return trainer


def _known_gallery(
    name: str, known: Network, start: Path, paintings: Sequence[Painting]
) -> tuple[TransformerNetwork, Tensor, Tensor, StylePredictor | None]:
    """Load a gallery to go on from.

    Returns:
        Its network; embeddings of the paintings (B, embedding_size); the mean embedding of its
        styles; and its predictor.
    """
    network = onnx_export.from_onnx(known.graph)
    if ARCHITECTURES[name].noise and not network.architecture.noise:
        network = network.with_noise()
    # a network that is given noise has more numbers in an embedding, which start at zero
    added = torch.zeros(network.embedding_size - known.embedding_size)
    network.rescale()
    embeddings = {
        style_name: torch.cat([torch.from_numpy(style.embedding(known).copy()), added])
        for style_name, style in _read_styles(start).items()
        if name in style.embeddings
    }
    if not embeddings:
        raise TrainingError(
            f"cannot go on from {start}: {start / 'styles'} holds no style for the network {name}; "
            "give another --start"
        )
    mean = torch.stack(list(embeddings.values())).mean(0)
    predictor = onnx_export.predictor_from_onnx(known.predictor) if known.predictor else None
    if predictor:
        if len(added):
            predictor = predictor.widened(network.embedding_size)
        predictor.balance()
    starts = [
        embeddings[painting.name]
        if painting.name in embeddings
        else _predict(predictor, painting, mean)
        for painting in paintings
    ]
    return network, torch.stack(starts), mean, predictor


def _read_styles(folder: Path) -> dict[str, Style]:
    """Read the styles of a gallery by name, without `photo`."""
    paths = (folder / "styles").glob("*.safetensors")
    return {path.stem: read_style(path) for path in paths if path.stem != PHOTO}


def _pictures_to_fit(art: StyleCrops) -> Iterator[Tensor]:
    return (to_tensor([art.view(0, 1, number)]) for number in range(FITTED_PICTURES))


@torch.no_grad()
def _predict(predictor: StylePredictor | None, painting: Painting, mean: Tensor) -> Tensor:
    return predictor(to_tensor([painting.pixels]))[0] if predictor else mean


def write_gallery(
    trainer: Trainer,
    name: str,
    paintings: Sequence[Painting],
    folder: Path,
    card: Mapping[str, str],
) -> tuple[list[Style], Mapping[str, float]]:
    """Write `networks/<name>.safetensors`, and a style file for each painting and for `photo`.

    A style that is there already keeps its embeddings for other networks.

    Returns:
        The styles as they are written, and the result of `onnx_export.parity`.
    """
    predictor = trainer.averaged_predictor() if trainer.predictor else None
    itself = {"title": "The photograph itself", "artist": "", "year": "", "source": ""}
    styles = [Style(PHOTO, {}, {}, itself)]
    styles += [
        Style(painting.name, {}, {}, dict(painting.metadata), remembered=painting.remembered)
        for painting in paintings
    ]
    embeddings = trainer.averaged()["embeddings"]
    return write_network(
        name, trainer.averaged_network(), predictor, embeddings, styles, folder, card
    )


def write_network(
    name: str,
    network: TransformerNetwork,
    predictor: StylePredictor | None,
    embeddings: Tensor,
    styles: Sequence[Style],
    folder: Path,
    card: Mapping[str, str],
) -> tuple[list[Style], Mapping[str, float]]:
    """Write a network to a gallery, and its embeddings to the styles there.

    Args:
        name: of the network.
        network: the network.
        predictor: of its embeddings, if it has one.
        embeddings: (styles, embedding_size).
        styles: `photo`, then one for each embedding, with facts and what they remember.
        folder: of the gallery.
        card: how the network was trained.

    Returns:
        The styles as they are written, and the result of `onnx_export.parity`.
    """
    code, graph = onnx_export.network_hash(network), onnx_export.to_onnx(network)
    parity = onnx_export.parity(network, graph, embeddings[0])
    differences = {f"parity.{precision}": f"{value:.2g}" for precision, value in parity.items()}
    predictor_graph = onnx_export.predictor_to_onnx(predictor) if predictor else b""
    photo = network.photo_embedding(like=embeddings.mean(0))
    facts = {**card, **differences, "gallery": GALLERY_VERSION}
    Network(name, code, network.embedding_size, graph, facts, predictor_graph, photo.numpy()).save(
        network_path(name, folder)
    )
    version = {f"{name}.gallery": GALLERY_VERSION}
    style_card = {f"{name}.{key}": value for key, value in card.items()}
    written = []
    for style, embedding in zip(styles, [photo, *embeddings], strict=True):
        more = version if style.name == PHOTO else style_card | version
        learned = replace(
            style,
            embeddings={name: embedding.numpy()},
            hashes={name: code},
            metadata=dict(style.metadata) | more,
        )
        written.append(write_merged(learned, folder / "styles" / f"{style.name}.safetensors"))
    return written, parity
