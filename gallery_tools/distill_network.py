"""Make a network of fewer weights that paints as a network of a gallery does, in the same styles.

  python gallery_tools/distill_network.py GALLERY --paintings PAINTINGS --photos PHOTOS --art ART
  --minutes 50 --out FOLDER

The student starts as the teacher with channels and blocks left out
(`impasto.learning.networks.pruning`), so its embeddings, and its style predictor, start as parts of
the teacher's. Then it learns to give the pictures that the teacher gives, in styles of the gallery,
in such as are predicted of art, and in mixtures: their pixels, their features as `lite` sees them,
and moments of these. What the teacher lacks of a style the student would lack twice, so it is also
asked for the style's own moments. It sees photographs with the noise of a camera, and is to give
what the teacher gives
without: so it flickers less. No large perceptual network is asked, so a step is quick.

Stopped at any time, the same command goes on from FOLDER/checkpoint.pt. In the end FOLDER is a
gallery with the student alone: networks/NAME.safetensors, and styles with its embeddings.
"""

import argparse
import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from impasto.choices import NETWORKS
from impasto.images.reading import read
from impasto.images.resize import resize_short_side
from impasto.learning.conversion.onnx_export import (
    from_onnx,
    network_hash,
    predictor_from_onnx,
    predictor_to_onnx,
    to_onnx,
)
from impasto.learning.data.photos import PhotoFolder
from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.losses.objective import STYLE_LAYERS
from impasto.learning.losses.statistics import Moments, moments
from impasto.learning.losses.terms import moment_loss, relative_error
from impasto.learning.networks import perceptual, pretrained
from impasto.learning.networks.predictor import StylePredictor
from impasto.learning.networks.pruning import Batch, prune
from impasto.learning.networks.transformer import Architecture, TransformerNetwork
from impasto.learning.tensors import to_tensor
from impasto.learning.training.content_weight import log_compress
from impasto.learning.training.muon import Muon
from impasto.models.network import GALLERY_VERSION, Network, network_path, read_network
from impasto.models.noise import NOISE_SIDE, noise_at
from impasto.models.style import PHOTO, Style, read_style

GRAIN = 0.03  # largest deviation of a camera's noise, of pixels in 0..1
RATES = {"kernels": 3e-3, "embeddings": 6e-3, "rest": 1e-3}
WEIGHTS = {"pixels": 3.0, "features": 0.5, "moments": 2.0, "style": 3.0}
STYLE_SIZE = 512  # pixels, short side of paintings
PART = 144  # pixels a side of what `lite` sees of a picture
SEEN = 288  # pixels a side of what is kept of a photograph; crops are parts of it
SMALL_CROPS = 0.3  # of the run, with crops of three quarters of the full size
MIXED = 4  # every so many steps, styles are mixed in pairs
WARM_UP = 50  # steps
SHOWN, SAVED = 20.0, 120.0  # seconds


class Supply:
    """Photographs and noise, drawn from one generator; small copies of the photographs are kept."""

    def __init__(self, photos: PhotoFolder, seed: int) -> None:
        self.photos, self.kept, self.rng = (
            photos,
            dict[int, np.ndarray](),
            np.random.default_rng(seed),
        )

    def crops(self, count: int, size: int) -> Tensor:
        """(count, 3, size, size) in 0..1."""
        parts = []
        for number in self.rng.integers(self.photos.pool, size=count).tolist():
            if number not in self.kept:
                self.kept[number] = np.ascontiguousarray(self.photos.crop(number, SEEN))
            y, x = self.rng.integers(SEEN - size + 1, size=2)
            part = self.kept[number][y : y + size, x : x + size]
            parts.append(part[:, ::-1] if self.rng.random() < 0.5 else part)
        return to_tensor(parts).contiguous(memory_format=torch.channels_last)

    def noise(self, count: int, size: int) -> Tensor:
        """(count, 1, size / 2, size / 2)."""
        corners = 2 * self.rng.integers(NOISE_SIDE, size=(count, 2))
        return torch.from_numpy(
            np.concatenate([noise_at(size, size, int(y), int(x)) for y, x in corners])
        )

    def numbers(self, below: int, count: int) -> Tensor:
        """Draw whole numbers below a limit, (count,)."""
        return torch.from_numpy(self.rng.integers(below, size=count))


def raw_moments(lite: perceptual.PerceptualNetwork, picture: Tensor) -> dict[str, Moments]:
    """Moments of features by layer, as `lite` has them."""
    return {layer: moments(f) for layer, f in lite(picture, STYLE_LAYERS).items()}


def unlike(
    pictures: Tensor,
    wanted: Tensor,
    styles: Mapping[str, Moments],
    lite: perceptual.PerceptualNetwork,
    corner: tuple[int, int],
) -> dict[str, Tensor]:
    """Measure how pictures differ from the wanted ones.

    Pixels are compared everywhere. Features and their moments take longest, and are compared in a
    part. There the moments of VGG-19's features, as `lite` predicts them, are compared with those
    of the styles too.
    """
    pixels = (pictures - wanted).abs().mean((1, 2, 3))
    y, x = corner
    pictures, wanted = (each[..., y : y + PART, x : x + PART] for each in (pictures, wanted))
    with torch.no_grad():
        target = lite(wanted, STYLE_LAYERS)
    seen = lite(pictures, STYLE_LAYERS)
    errors, stirred, style = [], [], []
    for layer in STYLE_LAYERS:
        mean = target[layer].mean((2, 3), keepdim=True)
        errors.append(relative_error(seen[layer] - mean, target[layer] - mean))
        ours = moments(seen[layer])
        stirred.append(moment_loss(ours, moments(target[layer])))
        style.append(
            moment_loss(
                *(Moments(*lite.project_moments(layer, *each)) for each in (ours, styles[layer]))
            )
        )
    means = {
        name: torch.stack(each).mean(0)
        for name, each in (("features", errors), ("moments", stirred), ("style", style))
    }
    return {"pixels": pixels, **means, "style": log_compress(means["style"])}


Read = tuple[Tensor, dict[str, Moments]]


@torch.no_grad()
def read_art(
    art: StyleCrops,
    predictor: StylePredictor,
    lite: perceptual.PerceptualNetwork,
    count: int,
    kept: Path,
) -> Read:
    """Read statistics of views of art, (count, statistics), and their moments by layer."""
    if not kept.exists():
        views = [to_tensor([art.view(number)]) for number in range(count)]
        readings = torch.cat([predictor.statistics(view) for view in views])
        torch.save(
            {"readings": readings, "moments": stacked([raw_moments(lite, view) for view in views])},
            kept,
        )
    read = torch.load(kept, weights_only=True)
    return read["readings"], {layer: Moments(*each) for layer, each in read["moments"].items()}


def stacked(each: Sequence[Mapping[str, Moments]]) -> dict[str, tuple[Tensor, Tensor]]:
    """Moments of several pictures as one, by layer."""
    return {
        layer: (torch.cat([m[layer].mean for m in each]), torch.cat([m[layer].cov for m in each]))
        for layer in each[0]
    }


@dataclass
class Teacher:
    """A network, its predictor, its embeddings of styles (styles, size), and readings of art.

    `moments` are those of features of all of these pictures, by layer: first the gallery's, then
    art.
    """

    known: Network
    network: TransformerNetwork
    predictor: StylePredictor
    styles: Mapping[str, Style]
    embeddings: Tensor
    readings: Tensor
    predicted: Tensor  # of them, (views, size)
    moments: Mapping[str, Moments]
    lite: perceptual.PerceptualNetwork


def teacher_of(
    gallery: Path, name: str, paintings: Path, art: StyleCrops, views: int, folder: Path
) -> Teacher:
    """Load a network of a gallery, and the moments of its styles and of art."""
    known = read_network(network_path(name, gallery))
    network = from_onnx(known.graph).eval().requires_grad_(False)
    predictor = predictor_from_onnx(known.predictor).requires_grad_(False)
    paths = [
        path for path in sorted((gallery / "styles").glob("*.safetensors")) if path.stem != PHOTO
    ]
    styles = {path.stem: read_style(path) for path in paths}
    embeddings = torch.stack(
        [torch.from_numpy(style.embedding(known).copy()) for style in styles.values()]
    )
    lite = pretrained.load_perceptual("lite").requires_grad_(False)
    readings, seen = read_art(art, predictor, lite, views, folder / f"art-{views}.pt")
    files = {path.stem: path for path in paintings.iterdir()}
    pictures = (
        resize_short_side(read(files[style.metadata["source"]]).rgb, STYLE_SIZE)
        for style in styles.values()
    )
    theirs = stacked([raw_moments(lite, to_tensor([picture])) for picture in pictures])
    every = {
        key: Moments(*(torch.cat(pair) for pair in zip(theirs[key], seen[key], strict=True)))
        for key in STYLE_LAYERS
    }
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    predicted = predictor.from_statistics(readings)
    return Teacher(known, network, predictor, styles, embeddings, readings, predicted, every, lite)


class Distillation:
    """A student that learns from a teacher."""

    def __init__(
        self, teacher: Teacher, shape: Architecture, blocks: Sequence[int], supply: Supply
    ) -> None:
        self.teacher, self.supply = teacher, supply
        self.student, places = prune(
            teacher.network, shape, blocks, [self._batch(4, 192) for _ in range(24)]
        )
        self.student.rescale()
        self.student = self.student.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        dimensions = replace(
            teacher.predictor.dimensions, embedding_size=self.student.embedding_size
        )
        self.predictor = StylePredictor(teacher.predictor.statistics.perceptual, dimensions)
        state = teacher.predictor.state_dict()
        self.predictor.load_state_dict(
            state | {name: state[name][places] for name in ("outer.weight", "outer.bias")}
        )
        self.embeddings = nn.Parameter(teacher.embeddings[:, places].clone())
        self.named: dict[str, nn.Parameter] = {
            f"network.{n}": p for n, p in self.student.named_parameters()
        }
        self.named |= {
            f"predictor.{n}": p for n, p in self.predictor.named_parameters() if p.requires_grad
        }
        self.named |= {"embeddings": self.embeddings}
        kernels = [p for n, p in self.named.items() if n.startswith("network.") and p.ndim > 1]
        rest = [p for n, p in self.named.items() if p.ndim < 2 or n.startswith("predictor.")]
        others = [
            {"params": rest, "rate": RATES["rest"]},
            {"params": [self.embeddings], "rate": RATES["embeddings"]},
        ]
        self.optimizers: list[torch.optim.Optimizer] = [
            Muon([{"params": kernels, "rate": RATES["kernels"]}]),
            torch.optim.Adam(others, betas=(0.9, 0.99)),
        ]
        self.averages = {name: p.detach().clone() for name, p in self.named.items()}
        self.step, self.seconds, self.running = 0, 0.0, dict[str, float]()

    def _styles(self, count: int) -> tuple[Tensor, Tensor]:
        """Numbers of styles of the gallery, and of views of art: half and half."""
        half = count // 2
        return self.supply.numbers(len(self.teacher.embeddings), count - half), self.supply.numbers(
            len(self.teacher.readings), half
        )

    def _batch(self, count: int, size: int) -> Batch:
        rows, views = self._styles(count)
        embeddings = torch.cat([self.teacher.embeddings[rows], self.teacher.predicted[views]])
        return self.supply.crops(count, size), embeddings, self.supply.noise(count, size)

    def train_step(self, batch: int, size: int, rate: float) -> None:
        """One step on crops of a size, at a part of the peak rates."""
        teacher, supply = self.teacher, self.supply
        photos, noise = supply.crops(batch, size), supply.noise(batch, size)
        rows, views = self._styles(batch)
        theirs = torch.cat([teacher.embeddings[rows], teacher.predicted[views]])
        one_hot = nn.functional.one_hot(rows, len(teacher.embeddings)).float()
        ours = torch.cat(
            [one_hot @ self.embeddings, self.predictor.from_statistics(teacher.readings[views])]
        )
        numbers = torch.cat([rows, len(teacher.embeddings) + views])
        styles = {
            layer: Moments(m.mean[numbers], m.cov[numbers]) for layer, m in teacher.moments.items()
        }
        mixed = self.step % MIXED == 0
        if mixed:
            share, order = torch.rand(batch, 1), torch.randperm(batch)
            theirs, ours = (torch.lerp(each, each[order], share) for each in (theirs, ours))
        with torch.no_grad():
            wanted = teacher.network(photos, theirs, noise)
        grain = GRAIN * torch.rand(batch, 1, 1, 1) * (torch.rand(batch, 1, 1, 1) < 0.5)
        noisy = (photos + grain * torch.randn_like(photos)).clamp(0, 1)
        y, x = (8 * int(place) for place in supply.rng.integers((size - PART) // 8 + 1, size=2))
        pictures = self.student(noisy, ours, noise)
        terms = {
            name: t.mean()
            for name, t in unlike(pictures, wanted, styles, teacher.lite, (y, x)).items()
        }
        if mixed:  # what moments a mixture should have is not known
            del terms["style"]
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum().backward()
        nn.utils.clip_grad_norm_(self.named.values(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * rate
            optimizer.step()
        self.step += 1
        decay = min(0.998, self.step / (self.step + 10))
        with torch.no_grad():
            for name, p in self.named.items():
                self.averages[name].lerp_(p, 1 - decay)
        for name, term in terms.items():
            self.running[name] = 0.98 * self.running.get(name, term.item()) + 0.02 * term.item()

    def train(self, minutes: float, batch: int, crop: int, checkpoint: Path) -> None:
        """To the end of a run of so many minutes, or to Ctrl-C."""
        shown = saved = time.monotonic()
        with contextlib.suppress(KeyboardInterrupt):
            while (done := self.seconds / (60 * minutes)) < 1:
                begun = time.perf_counter()
                size = crop if done > SMALL_CROPS else crop * 3 // 4 // 8 * 8
                rate = min(1.0, (self.step + 1) / WARM_UP) * max(
                    0.01, 0.5 * (1 + math.cos(math.pi * done))
                )
                self.train_step(batch, size, rate)
                self.seconds += time.perf_counter() - begun
                if time.monotonic() - shown > SHOWN:
                    shown = time.monotonic()
                    terms = ", ".join(f"{name} {value:.4f}" for name, value in self.running.items())
                    print(
                        f"step {self.step}, {self.seconds / 60:.1f} of {minutes:g} minutes: "
                        f"{terms}",
                        flush=True,
                    )
                if time.monotonic() - saved > SAVED:
                    saved = time.monotonic()
                    self.save(checkpoint)
        self.save(checkpoint)

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        weights = {name: p.detach() for name, p in self.named.items()}
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        kept = {
            "step": self.step,
            "spent": self.seconds,
            "averages": self.averages,
            "weights": weights,
            "optimizers": optimizers,
        }
        part = path.with_suffix(".part")
        torch.save(kept, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        kept = torch.load(path, weights_only=True)
        self.step, self.seconds, self.averages = kept["step"], kept["spent"], kept["averages"]
        with torch.no_grad():
            for name, p in self.named.items():
                p.copy_(kept["weights"][name])
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)

    def write(self, name: str, folder: Path, card: Mapping[str, str]) -> None:
        """The running means of the weights as a gallery of this network alone."""
        weights = {key: p.detach().float() for key, p in self.averages.items()}
        network = TransformerNetwork(self.student.architecture).eval()
        network.load_state_dict(
            {
                key.removeprefix("network."): w
                for key, w in weights.items()
                if key.startswith("network.")
            }
        )
        means = {
            key.removeprefix("predictor."): w
            for key, w in weights.items()
            if key.startswith("predictor.")
        }
        self.predictor.load_state_dict(self.predictor.state_dict() | means)
        embeddings, code = weights["embeddings"], network_hash(network)
        photo = network.photo_embedding(like=embeddings.mean(0)).numpy()
        facts, size = {**card, "gallery": GALLERY_VERSION}, network.embedding_size
        path = network_path(name, folder)
        for each in (path.parent, folder / "styles"):
            each.mkdir(parents=True, exist_ok=True)
        Network(
            name, code, size, to_onnx(network), facts, predictor_to_onnx(self.predictor), photo
        ).save(path)
        rows = dict(zip(self.teacher.styles, embeddings.numpy(), strict=True)) | {PHOTO: photo}
        for style, embedding in rows.items():
            known = self.teacher.styles.get(style)
            about = (
                {key: value for key, value in known.metadata.items() if "." not in key}
                if known
                else {}
            )
            about |= {f"{name}.{key}": value for key, value in facts.items()}
            Style(style, {name: embedding}, {name: code}, about).save(
                folder / "styles" / f"{style}.safetensors"
            )


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--teacher", choices=NETWORKS, default="base")
    parser.add_argument(
        "--name", choices=NETWORKS, default="small", help="what the student is called"
    )
    parser.add_argument(
        "--widths", type=int, nargs=3, default=[8, 24, 48], help="its channels at 1/2, 1/4 and 1/8"
    )
    parser.add_argument(
        "--blocks", type=int, nargs="*", default=[0, 1, 2], help="of the teacher's, those that stay"
    )
    parser.add_argument("--paintings", type=Path, required=True, help="of the gallery's styles")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--art", type=Path, required=True)
    parser.add_argument(
        "--views", type=int, default=2500, help="of art, whose predictions are painted"
    )
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    photos, art = PhotoFolder(args.photos, args.seed), StyleCrops([args.art], args.seed)
    teacher = teacher_of(args.gallery, args.teacher, args.paintings, art, args.views, args.out)
    widths = (args.widths[0], args.widths[1], args.widths[2])
    shape = Architecture(widths, len(args.blocks), noise=True, last=1)
    run = Distillation(teacher, shape, args.blocks, Supply(photos, args.seed))
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        run.load(checkpoint)
    run.train(args.minutes, args.batch, args.crop, checkpoint)
    spent = f"{run.step} steps of {args.batch}, {run.seconds / 60:.0f} minutes on cpu"
    card = {
        "trained": f"{spent}, to paint as the network {teacher.known.hash}",
        "perceptual": teacher.lite.identity,
        "content": photos.description,
        "art": art.description,
        "crop": str(args.crop),
        "style_size": str(STYLE_SIZE),
        "seed": str(args.seed),
    }
    run.write(args.name, args.out, card)
    print(f"{args.out}: {run.step} steps, {run.seconds / 60:.0f} minutes")


if __name__ == "__main__":
    main()
