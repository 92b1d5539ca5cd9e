"""A run of training from start to file: where it starts, how it is kept safe, and the styles and networks it leaves."""

import contextlib
import csv
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from impasto.color import Color, after, recolored_style
from impasto.errors import TrainingError
from impasto.images import UInt8, read, resized
from impasto.learning import export
from impasto.learning.art import Art
from impasto.learning.content import Content, Photos
from impasto.learning.features import Perceptual, load
from impasto.learning.generated import Generated
from impasto.learning.losses import Objective
from impasto.learning.networks import ARCHITECTURES, TransformerNetwork
from impasto.learning.predictor import HIDDEN, StylePredictor, new_predictor
from impasto.learning.train import Progress, Settings, Trainer, best_dtype, to_tensor
from impasto.networks import GALLERY_VERSION, Network, network_path, read_network, shipped
from impasto.predictor import predict
from impasto.styles import OWN, PHOTO, SUFFIX, Style, gallery_names, gallery_style, name_of, read_style, remember

# peaks, where a trained network is the start; crops of the full size only, as small ones undo what a prediction knows
TUNING: dict[str, Any] = {"embedding_rate": 3e-2, "learning_rate": 1e-3, "curriculum": ((1.0, 1.0),)}
# How much of what `lite` adds to a prediction counts. Predictions were learned by VGG-19, and beyond what is good by both
# networks `lite` leads to what is good by itself alone: half of the way is better than all of it
# (docs/explanation/training-history.md).
TRUST_IN_LITE = 0.5
# As `impasto.learning.train.HELD`, where content errors are those that `lite` finds: by VGG-19 they rise more.
HELD_BY_LITE = 0.7
# of a gallery; its first crops are larger than those of a fresh one, as it knows the rough manner already
CONTINUED: dict[str, Any] = {"embedding_rate": 8e-3, "learning_rate": 2e-3, "curriculum": ((0.3, 0.6), (0.6, 0.8), (1.0, 1.0))}

SAVE_EVERY = 60.0  # seconds between checkpoints


@dataclass(frozen=True)
class Painting:
    """A picture to learn: pixels at the size of the strokes wanted, and what a style file says of it."""

    name: str
    pixels: UInt8
    metadata: Mapping[str, str]
    remembered: bytes | None = None  # the picture as the style file is to keep it, if it is


def read_painting(
    path: Path, short_side: int, facts: Mapping[str, str] | None = None, name: str | None = None, keep: bool = True
) -> Painting:
    """A picture, or the one that a style file remembers, brought to a short side in pixels.

    `facts` (title, artist, ...) may name it, and so may the file; `keep` is whether its style shall remember it.

    Raises:
        PictureError, StyleError: the file cannot be read.
        TrainingError: the style file remembers no picture.
    """
    metadata: dict[str, str] = {"source": path.stem, "name": name_of(path.stem)}
    remembered: bytes | None
    if path.suffix.lower() == SUFFIX:
        style = read_style(path)
        if style.picture is None:
            raise TrainingError(
                f"{path} does not remember the picture that it was learned from; learn it from the picture: "
                f"impasto train PICTURE -o {path} --overwrite"
            )
        pixels, remembered = style.picture, style.remembered
        flat = {key: value for key, value in style.metadata.items() if "." not in key}  # the others are of the old embeddings
        metadata |= {**flat, "name": style.name}
    else:
        pixels = read(path).rgb
        remembered = remember(pixels) if keep else None
    metadata |= {key: value for key, value in (facts or {}).items() if value or key != "name"}
    given = metadata.pop("name")
    return Painting(name or given, resized(pixels, short_side), metadata, remembered if keep else None)


def in_colors(painting: Painting, color: Color, photo: UInt8 | None) -> Painting:
    """A picture to learn for paintings whose colors are kept: as it is, to be recolored after painting, which the style
    remembers; or in the colors of a photograph, uint8 (H, W, 3), if there is one.
    """
    if photo is None:
        return replace(painting, metadata=dict(painting.metadata) | {"color": color.text})
    pixels = recolored_style(painting.pixels, photo, color)
    left = after(replace(color, when="before"))
    more = {"recolored": color.text} | ({"color": left.text} if left.changes else {})
    remembered = None if painting.remembered is None else remember(pixels)
    return replace(painting, pixels=pixels, metadata=dict(painting.metadata) | more, remembered=remembered)


def content(photos: Path | None, seed: int) -> Content:
    """What to paint in training: a folder of photographs, or generated pictures where there is none."""
    return Photos(photos, seed) if photos else Generated(seed)


def perceptual(name: str, precision: str, progress: Callable[[int, int], None] | None = None) -> Perceptual:
    """A perceptual network in a precision: "auto", "bf16" or "f32"."""
    dtype = {"auto": best_dtype(), "bf16": torch.bfloat16, "f32": torch.float32}[precision]
    return load(name, dtype, progress)


def pace(learning_rate: float | None, kind: Literal["fresh", "continued", "tuned"]) -> dict[str, Any]:
    """Settings of learning rates and crops: for a gallery from nothing, for one that goes on, or for a style of a network that
    is there. A learning rate that is given is the network's peak.
    """
    paces: dict[str, dict[str, Any]] = {"fresh": {}, "continued": CONTINUED, "tuned": TUNING}
    chosen = dict(paces[kind])
    if learning_rate is not None:
        chosen |= {"learning_rate": learning_rate, "embedding_rate": 4 * learning_rate}
    return chosen


def set_threads(threads: int) -> None:
    """How many threads PyTorch computes with."""
    torch.set_num_threads(threads)


def read_catalog(path: Path) -> dict[str, dict[str, str]]:
    """What a table (tab-separated, with a header) says of pictures, by file name: name, title, artist, year, licence."""
    try:
        with path.open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table, delimiter="\t", restval=""))
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TrainingError(f"cannot read the catalog {path}: {reason}; it is a table in UTF-8, tab-separated") from error
    if not rows or not {"file", "name"} <= rows[0].keys():
        raise TrainingError(
            f"{path} is no catalog: its first line must name columns, tab-separated: file, name, title, artist, ..."
        )
    # None is where a reader puts what stands beyond the last column
    return {row["file"]: {key: value for key, value in row.items() if key not in ("file", None)} for row in rows}


def new_gallery(
    name: str,
    paintings: Sequence[Painting],
    content: Content,
    perceptual: Perceptual,
    settings: Settings,
    start: Path | None = None,
    art: Art | None = None,
) -> Trainer:
    """A trainer of one network with an embedding for each painting: fresh, or going on from the gallery in `start`.

    Paintings that the gallery does not know start from the prediction of its style predictor or, where it has none, from the
    mean of those it knows. With `art` a predictor is trained too; one that the gallery has goes on learning in any case.

    Raises:
        TrainingError: the gallery in `start` has no style for this network.
    """
    torch.manual_seed(settings.seed)
    history = ""
    if start:
        known = read_network(network_path(name, start))
        network = export.from_onnx(known.graph)
        if ARCHITECTURES[name].noise and not network.architecture.noise:
            network = network.with_noise()
        more = torch.zeros(network.embedding_size - known.embedding_size)
        network.rescale()
        history = known.metadata.get("trained", "")
        styles = {path.stem: read_style(path) for path in (start / "styles").glob("*.safetensors") if path.stem != PHOTO}
        rows = {
            key: torch.cat([torch.from_numpy(style.embedding(known).copy()), more])
            for key, style in styles.items()
            if name in style.embeddings
        }
        if not rows:
            raise TrainingError(f"{start / 'styles'} holds no style for the network {name} that --start could go on from")
        mean = torch.stack(list(rows.values())).mean(0)
        predictor = export.predictor_from_onnx(known.predictor) if known.predictor else None
        if predictor:
            if len(more):
                predictor = predictor.widened(network.embedding_size)
            predictor.balance()
        embeddings = torch.stack([rows[p.name] if p.name in rows else _predicted(predictor, p, mean) for p in paintings])
    else:
        network, predictor = TransformerNetwork(ARCHITECTURES[name]), None
        mean = network.neutral_embedding()
        embeddings = mean.repeat(len(paintings), 1)
    if art and not predictor:
        predictor = new_predictor(mean, _usual_pictures(art), HIDDEN)
    trainer = Trainer(network, embeddings, [p.pixels for p in paintings], content, perceptual, settings, predictor, art)
    trainer.history = history
    return trainer


USUAL = 600  # pictures that say what is usual among pictures


def _usual_pictures(art: Art) -> Iterator[Tensor]:
    return (to_tensor([art.view(0, 1, number)]) for number in range(USUAL))


@torch.no_grad()
def _predicted(predictor: StylePredictor | None, painting: Painting, mean: Tensor) -> Tensor:
    return predictor(to_tensor([painting.pixels]))[0] if predictor else mean


def new_style(
    name: str, paintings: Sequence[Painting], content: Content, perceptual: Perceptual, settings: Settings
) -> Trainer:
    """A trainer of one embedding for a shipped network (of a copy of it too, if `settings.whole_network`).

    It starts from the prediction of the network's style predictor or, if it has none, from the embedding of the gallery that
    already comes nearest.
    """
    (painting,) = paintings
    known = shipped(name)
    network = export.from_onnx(known.graph)
    if known.predictor:
        start = torch.from_numpy(predict(painting.pixels, known).copy())
    else:
        near = nearest(network, known, painting, content, Objective(perceptual))
        start = torch.from_numpy(gallery_style(near).embedding(known).copy())
    trainer = Trainer(network, start[None], [painting.pixels], content, perceptual, settings)
    if known.predictor and perceptual.name == "lite" and not settings.whole_network:
        trainer.hold_content(held=HELD_BY_LITE)
        trainer.trust = TRUST_IN_LITE
    elif known.predictor:
        trainer.hold_content()
    return trainer


def nearest(network: TransformerNetwork, shipped: Network, painting: Painting, content: Content, objective: Objective) -> str:
    """The gallery's style whose painted pictures have the least J for a painting, over two content pictures."""
    photos = to_tensor([content.crop(number, 256) for number in range(2)])
    target, wanted = objective.content_target(photos), objective.style_target(to_tensor([painting.pixels]))
    totals: dict[str, float] = {}
    network.eval()
    with torch.no_grad():
        for name in gallery_names():
            embedding = torch.from_numpy(gallery_style(name).embedding(shipped).copy())
            pictures = network(photos, embedding.expand(len(photos), -1), network.noise(*photos.shape[2:]))
            totals[name] = objective.total(objective.terms(pictures, target, wanted)).mean().item()
    return min(totals, key=lambda name: totals[name])


class Run(Protocol):
    """What goes on step by step: a `Trainer`, or an `Optimization`."""

    @property
    def fraction(self) -> float:
        """How much of it is done, 0..1."""
        ...

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        ...

    def train_step(self) -> None:
        """One step."""
        ...

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        ...


def keep_training(
    trainer: Run,
    checkpoint: Path,
    on_step: Callable[[Progress], None],
    preview: Callable[[], None] | None = None,
    preview_every: float = 30.0,
) -> None:
    """Train to the end of a run with a checkpoint every minute, and one more whatever ends it: Ctrl-C, or a loss that is not
    finite, leaves the last good state there.
    """
    saved = shown = time.monotonic()
    try:
        with _interrupts_between_steps() as check:
            while trainer.fraction < 1:
                trainer.train_step()
                on_step(trainer.progress)
                now = time.monotonic()
                if now - saved > SAVE_EVERY:
                    trainer.save(checkpoint)
                    saved = time.monotonic()
                if preview and now - shown > preview_every:
                    preview()
                    shown = time.monotonic()
                check()
    finally:
        trainer.save(checkpoint)


@contextlib.contextmanager
def _interrupts_between_steps() -> Iterator[Callable[[], None]]:
    """Holds Ctrl-C, and SIGTERM, back until the function that is given is called, so that they never cut a step in two: half a
    step's weights would be kept as a whole one's. A second one comes through at once.
    """
    held = False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal held
        if held:
            raise KeyboardInterrupt
        held = True

    def check() -> None:
        if held:
            raise KeyboardInterrupt

    # another handler, or none (in the background), is somebody's choice; and only the main thread may set one
    usual: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours = [number for number, handler in usual.items() if signal.getsignal(number) is handler]
    if current_thread() is not main_thread():
        ours = []
    for number in ours:
        signal.signal(number, hold)
    try:
        yield check
    finally:
        for number in ours:
            signal.signal(number, usual[number])


def preview_sheet(trainer: Trainer, style: int = 0, pictures: int = 4, size: int = 256) -> UInt8:
    """Content pictures above what the running means of the weights make of them: uint8 (2 size, pictures size, 3)."""
    photos = [trainer.content.crop(number, size) for number in range(pictures)]
    averaged = trainer.averaged()
    network = _trained_network(trainer, averaged) if trainer.settings.whole_network else trainer.network
    with torch.no_grad():
        embeddings = averaged["embeddings"][style].expand(pictures, -1)
        painted = network.eval().cpu()(to_tensor(photos), embeddings, network.noise(size, size))
    trainer.network.to(trainer.device).train()
    rows = [np.concatenate(photos, 1), (painted.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)]
    return np.concatenate([rows[0], np.concatenate(list(rows[1]), 1)])


def trained_style(
    trainer: Trainer, name: str, painting: Painting, card: Mapping[str, str]
) -> tuple[Style, Mapping[str, float]]:
    """The style that a run of one painting is worth: an embedding, and the network where it was trained too.

    Also what `export.parity` found of that network, by precision.
    """
    averaged = trainer.averaged()
    embedding = averaged["embeddings"][0].numpy()
    own, parity = None, {}
    network_name, network_hash = name, shipped(name).hash
    known = {"gallery": shipped(name).gallery}
    if trainer.settings.whole_network:
        network = _trained_network(trainer, averaged)
        network_name, network_hash, known = OWN, export.network_hash(network), {}
        graph = export.to_onnx(network)
        own = Network(OWN, network_hash, embedding.size, graph, {})
        parity = export.parity(network, graph, torch.from_numpy(embedding))
    metadata = dict(painting.metadata) | {f"{network_name}.{key}": value for key, value in {**card, **known}.items()}
    style = Style(painting.name, {network_name: embedding}, {network_name: network_hash}, metadata, own, painting.remembered)
    return style, parity


def write_style(
    trainer: Trainer, name: str, paintings: Sequence[Painting], path: Path, card: Mapping[str, str]
) -> Mapping[str, float]:
    """Write the style of a run of one painting; a file of the same painting keeps its embeddings for other networks.

    Returns what `export.parity` found, if a network was exported.
    """
    (painting,) = paintings
    style, parity = trained_style(trainer, name, painting, card)
    _write_merged(style, path)
    return parity


def _write_merged(style: Style, path: Path) -> None:
    """Write a style over an older file; embeddings for other networks stay if they are of the same painting."""
    if path.exists() and not style.own:
        old, source = read_style(path), style.metadata.get("source")
        # files were once named after their picture, whatever the file's own name
        if old.metadata.get("source") == source and old.name in (style.name, name_of(source or "")):
            style = _merged(old, style)
    style.write(path)


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
        "weights": ", ".join(f"{key} {value:g}" for key, value in asdict(trainer.settings.weights).items()),
        "seed": str(trainer.settings.seed),
    }


def _merged(old: Style, new: Style) -> Style:
    """A style with the embeddings of both, the new ones where both have them."""
    gone = (*new.embeddings, OWN)  # an older file's own network has no place in a style that shares one
    metadata = {k: v for k, v in old.metadata.items() if k.partition(".")[0] not in gone} | dict(new.metadata)
    embeddings = {network: value for network, value in old.embeddings.items() if network not in gone}
    hashes = {network: old.hashes[network] for network in embeddings}
    return replace(new, embeddings=embeddings | dict(new.embeddings), hashes=hashes | dict(new.hashes), metadata=metadata)


def _trained_network(trainer: Trainer, averaged: Mapping[str, Tensor]) -> TransformerNetwork:
    network = TransformerNetwork(trainer.network.architecture)
    network.load_state_dict({k.removeprefix("network."): v for k, v in averaged.items() if k.startswith("network.")})
    return network


def write_gallery(
    trainer: Trainer, name: str, paintings: Sequence[Painting], folder: Path, card: Mapping[str, str]
) -> Mapping[str, float]:
    """Write a gallery: `networks/<name>.safetensors`, and a style file for each painting and for `photo`.

    A style that is there already keeps its embeddings for other networks. Returns what `export.parity` found.
    """
    averaged = trainer.averaged()
    network = _trained_network(trainer, averaged)
    code = export.network_hash(network)
    embeddings = averaged["embeddings"]
    graph = export.to_onnx(network)
    parity = export.parity(network, graph, embeddings[0])
    shown = {f"parity.{precision}": f"{difference:.2g}" for precision, difference in parity.items()}
    predictor = export.predictor_to_onnx(trainer.averaged_predictor()) if trainer.predictor else b""
    photo = network.photo_embedding(like=embeddings.mean(0))
    facts = {**card, **shown, "gallery": GALLERY_VERSION}
    Network(name, code, network.embedding_size, graph, facts, predictor, photo.numpy()).write(network_path(name, folder))
    version = {f"{name}.gallery": GALLERY_VERSION}
    itself = {"title": "The photograph itself", "artist": "", "year": "", "source": "", **version}
    styles = [Style(PHOTO, {name: photo.numpy()}, {name: code}, itself)]
    for painting, embedding in zip(paintings, embeddings, strict=True):
        metadata = dict(painting.metadata) | {f"{name}.{key}": value for key, value in card.items()} | version
        embedded = {name: embedding.numpy()}
        styles.append(Style(painting.name, embedded, {name: code}, metadata, remembered=painting.remembered))
    for style in styles:
        _write_merged(style, folder / "styles" / f"{style.name}.safetensors")
    return parity
