"""Train and write a gallery: one network with an embedding for each painting."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import TrainingError
from impasto.learning.conversion import onnx_export
from impasto.learning.data.photos import ContentImages
from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.predictor import HIDDEN, StylePredictor, new_predictor
from impasto.learning.networks.transformer import ARCHITECTURES, TransformerNetwork
from impasto.learning.tensors import to_tensor
from impasto.learning.training.inputs import Painting
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.style import trained_network, write_merged
from impasto.learning.training.trainer import Trainer
from impasto.models.network import GALLERY_VERSION, Network, network_path, read_network
from impasto.models.style import PHOTO, Style, read_style


def new_gallery(
    name: str,
    paintings: Sequence[Painting],
    content: ContentImages,
    perceptual: PerceptualNetwork,
    settings: TrainingSettings,
    start: Path | None = None,
    art: StyleCrops | None = None,
) -> Trainer:
    """A trainer of one network with an embedding for each painting: fresh, or going on from the
    gallery in `start`.

    Paintings that the gallery does not know start from the prediction of its style predictor or,
    where it has none, from the mean of those it knows. With `art` a predictor is trained too; one
    that the gallery has goes on learning in any case.

    Raises:
        TrainingError: the gallery in `start` has no style for this network.
    """
    torch.manual_seed(settings.seed)
    history = ""
    if start:
        known = read_network(network_path(name, start))
        network = onnx_export.from_onnx(known.graph)
        if ARCHITECTURES[name].noise and not network.architecture.noise:
            network = network.with_noise()
        more = torch.zeros(network.embedding_size - known.embedding_size)
        network.rescale()
        history = known.metadata.get("trained", "")
        styles = {
            path.stem: read_style(path)
            for path in (start / "styles").glob("*.safetensors")
            if path.stem != PHOTO
        }
        rows = {
            key: torch.cat([torch.from_numpy(style.embedding(known).copy()), more])
            for key, style in styles.items()
            if name in style.embeddings
        }
        if not rows:
            raise TrainingError(
                f"{start / 'styles'} holds no style for the network {name} that --start could go on from"
            )
        mean = torch.stack(list(rows.values())).mean(0)
        predictor = onnx_export.predictor_from_onnx(known.predictor) if known.predictor else None
        if predictor:
            if len(more):
                predictor = predictor.widened(network.embedding_size)
            predictor.balance()
        embeddings = torch.stack(
            [rows[p.name] if p.name in rows else _predicted(predictor, p, mean) for p in paintings]
        )
    else:
        network, predictor = TransformerNetwork(ARCHITECTURES[name]), None
        mean = network.neutral_embedding()
        embeddings = mean.repeat(len(paintings), 1)
    if art and not predictor:
        predictor = new_predictor(mean, _usual_pictures(art), HIDDEN)
    trainer = Trainer(
        network,
        embeddings,
        [p.pixels for p in paintings],
        content,
        perceptual,
        settings,
        predictor,
        art,
    )
    trainer.history = history
    return trainer


USUAL = 600  # pictures that say what is usual among pictures


def _usual_pictures(art: StyleCrops) -> Iterator[Tensor]:
    return (to_tensor([art.view(0, 1, number)]) for number in range(USUAL))


@torch.no_grad()
def _predicted(predictor: StylePredictor | None, painting: Painting, mean: Tensor) -> Tensor:
    return predictor(to_tensor([painting.pixels]))[0] if predictor else mean


def write_gallery(
    trainer: Trainer,
    name: str,
    paintings: Sequence[Painting],
    folder: Path,
    card: Mapping[str, str],
) -> Mapping[str, float]:
    """Write a gallery: `networks/<name>.safetensors`, and a style file for each painting and for
    `photo`.

    A style that is there already keeps its embeddings for other networks. Returns what
    `export.parity` found.
    """
    averaged = trainer.averaged()
    network = trained_network(trainer, averaged)
    code = onnx_export.network_hash(network)
    embeddings = averaged["embeddings"]
    graph = onnx_export.to_onnx(network)
    parity = onnx_export.parity(network, graph, embeddings[0])
    shown = {f"parity.{precision}": f"{difference:.2g}" for precision, difference in parity.items()}
    predictor = (
        onnx_export.predictor_to_onnx(trainer.averaged_predictor()) if trainer.predictor else b""
    )
    photo = network.photo_embedding(like=embeddings.mean(0))
    facts = {**card, **shown, "gallery": GALLERY_VERSION}
    Network(name, code, network.embedding_size, graph, facts, predictor, photo.numpy()).save(
        network_path(name, folder)
    )
    version = {f"{name}.gallery": GALLERY_VERSION}
    itself = {"title": "The photograph itself", "artist": "", "year": "", "source": "", **version}
    styles = [Style(PHOTO, {name: photo.numpy()}, {name: code}, itself)]
    for painting, embedding in zip(paintings, embeddings, strict=True):
        metadata = (
            dict(painting.metadata)
            | {f"{name}.{key}": value for key, value in card.items()}
            | version
        )
        embedded = {name: embedding.numpy()}
        styles.append(
            Style(painting.name, embedded, {name: code}, metadata, remembered=painting.remembered)
        )
    for style in styles:
        write_merged(style, folder / "styles" / f"{style.name}.safetensors")
    return parity
