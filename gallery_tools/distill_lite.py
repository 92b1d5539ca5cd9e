"""Train `lite`, the perceptual network that ships: a student of VGG-19 at a quarter of its width.

  python gallery_tools/distill_lite.py --photos FOLDER --art FOLDER --minutes 15

At every layer that the losses use, a linear read-out of the student's features predicts the
teacher's (collaborative distillation, Wang et al. 2020, with a read-out a layer). Losses: relative
squared error of the predicted features, and of their mean and covariance, which is what the style
term compares. A network in training shows its teacher pictures that no
camera took: so half of the pictures are changed (noise, foreign colours, double exposures), and a
quarter, of all, are painted first in a style of the gallery. Writes lite.safetensors and the
figures of lite.json, measured on pictures that were left out.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from impasto.images.image import UInt8
from impasto.learning.data.photos import PhotoFolder
from impasto.learning.losses.objective import STYLE_LAYERS
from impasto.learning.losses.statistics import Moments, moments
from impasto.learning.losses.terms import moment_loss, relative_error
from impasto.learning.networks import perceptual, pretrained
from impasto.learning.tensors import best_dtype, to_tensor
from impasto.models.gallery import gallery_names
from impasto.models.style import PHOTO
from impasto.stylizer import Stylizer

WIDTHS = {"relu1": 16, "relu2": 32, "relu3": 64, "relu4": 128}  # VGG-19 has 64, 128, 256, 512
GRID = {
    "relu1_1": 4,
    "relu2_1": 2,
}  # features of large layers are compared at every fourth or second position
HELD_OUT = 40  # pictures of each folder for the figures


def student(start: Path | None) -> perceptual.PerceptualNetwork:
    """A `lite` whose tensors are parameters: fresh, or going on from a file."""
    tensors: dict[str, Tensor] = {}
    inputs, index = 3, 0
    for layer in perceptual.layer_names("lite"):
        if layer == "pool":
            index += 1
            continue
        width = WIDTHS[layer[:5]]
        tensors[f"features.{index}.weight"] = torch.randn(width, inputs, 3, 3) * math.sqrt(
            2 / (9 * inputs)
        )
        tensors[f"features.{index}.bias"] = torch.zeros(width)
        if layer in STYLE_LAYERS:
            tensors[f"readout.{layer}.weight"] = torch.randn(4 * width, width) / math.sqrt(width)
            tensors[f"readout.{layer}.bias"] = torch.zeros(4 * width)
        inputs, index = width, index + 2
    if start:
        tensors = {name: tensor.float() for name, tensor in pretrained.read_tensors(start).items()}
    network = perceptual.PerceptualNetwork("lite", tensors)
    for name, buffer in list(network.named_buffers()):
        if name not in ("mean", "std"):
            delattr(network, name)
            network.register_parameter(name, nn.Parameter(buffer))
    return network


def named_tensors(network: perceptual.PerceptualNetwork) -> dict[str, Tensor]:
    """Tensors in the key layout of the file, float16."""
    tensors = {}
    for index in network.layers.values():
        tensors[f"features.{index}.weight"] = getattr(network, f"w{index}")
        tensors[f"features.{index}.bias"] = getattr(network, f"b{index}")
    for layer in network.readouts:
        for part in ("weight", "bias"):
            tensors[f"readout.{layer}.{part}"] = getattr(network, f"readout_{layer}_{part}")
    return {name: t.detach().to(torch.float16).contiguous() for name, t in tensors.items()}


def altered(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Change the second half of a batch, as early paintings of a network look.

    The changes are double exposures, foreign colors and noise.
    """
    half = len(x) // 2
    y = x[half:]
    blend = torch.from_numpy(rng.uniform(0, 0.6, (len(y), 1, 1, 1))).float() * (rng.random() < 0.5)
    y = (1 - blend) * y + blend * x[:half][: len(y)].flip(0)
    mix = torch.eye(3) + torch.from_numpy(rng.normal(0, 0.3, (len(y), 3, 3))).float()
    y = (
        torch.einsum("bij,bjhw->bihw", mix, y - 0.5)
        + 0.5
        + torch.from_numpy(rng.normal(0, 0.1, (len(y), 3, 1, 1))).float()
    )
    shape = y.shape[2:] if rng.random() < 0.5 else [s // 4 for s in y.shape[2:]]
    noise = torch.from_numpy(rng.normal(0, 1, (len(y), 3, *shape))).float()
    y = y + rng.uniform(0, 0.15) * nn.functional.interpolate(
        noise, size=y.shape[2:], mode="bilinear"
    )
    return torch.cat([x[:half], y.clamp(0, 1)])


def painted(
    picture: UInt8, rng: np.random.Generator, stylizer: Stylizer, styles: list[str]
) -> UInt8:
    """The picture in a style and strength of chance, one time in four."""
    if rng.random() < 0.75:
        return picture
    return stylizer.stylize(
        picture, styles[rng.integers(len(styles))], strength=rng.uniform(0.5, 1)
    )


def errors(
    network: perceptual.PerceptualNetwork, teacher: perceptual.PerceptualNetwork, x: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Relative errors of predicted features and of their moments, by layer."""
    with torch.no_grad():
        truth = teacher(x, STYLE_LAYERS)
    result = {}
    for layer, f in network(x, STYLE_LAYERS).items():
        predicted = Moments(*network.project_moments(layer, *moments(f)))
        every = (..., slice(None, None, GRID.get(layer)), slice(None, None, GRID.get(layer)))
        error = relative_error(network.project(layer, f[every]), truth[layer][every])
        result[layer] = error, moment_loss(predicted, moments(truth[layer]))
    return result


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--art", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="go on from this file instead of afresh")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--out", type=Path, default=pretrained.LITE_FILE)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    dtype = best_dtype()
    teacher, network = pretrained.load_perceptual("vgg19", dtype), student(options.start)
    folders = [
        PhotoFolder(folder, options.seed, crops=1) for folder in (options.photos, options.art)
    ]
    stylizer, styles = Stylizer("base"), [name for name in gallery_names() if name != PHOTO]
    optimizer = torch.optim.Adam(network.parameters(), lr=0, betas=(0.9, 0.99))
    start, step = time.perf_counter(), 0
    while (fraction := (time.perf_counter() - start) / (60 * options.minutes)) < 1:
        rng = np.random.default_rng([options.seed, step])
        pictures = [
            painted(
                folders[i % 2].crop(int(rng.integers(HELD_OUT, folders[i % 2].pool)), options.crop),
                rng,
                stylizer,
                styles,
            )
            for i in range(options.batch)
        ]
        x = altered(to_tensor(pictures)[torch.from_numpy(rng.permutation(options.batch))], rng)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            by_layer = errors(network, teacher, x)
        # a capped share for moments: one odd picture's relative error may be huge
        loss = torch.stack([(f + 0.3 * m.clamp_max(4)).mean() for f, m in by_layer.values()]).sum()
        for group in optimizer.param_groups:
            group["lr"] = (
                options.rate * min(1, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * fraction))
            )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            shown = {
                layer: [round(v.median().item(), 3) for v in pair]
                for layer, pair in by_layer.items()
            }
            print(f"{step} steps, {100 * fraction:.0f} %: {loss.item():.3f} {shown}", flush=True)
        if step % 400 == 0:
            save_file(named_tensors(network), options.out)
    save_file(named_tensors(network), options.out)
    lite = (
        pretrained.load_perceptual("lite", dtype)
        if options.out == pretrained.LITE_FILE
        else network
    )
    with torch.no_grad():
        rows = [
            errors(lite, teacher, to_tensor([folder.crop(i, 256)]))
            for folder in folders
            for i in range(HELD_OUT)
        ]
    card = {
        "steps": step,
        "minutes": options.minutes,
        "pictures": [len(folder.paths) for folder in folders],
        "relative error of features, mean": {
            k: round(float(np.mean([r[k][0] for r in rows])), 4) for k in STYLE_LAYERS
        },
        "relative error of moments, mean": {
            k: round(float(np.mean([r[k][1] for r in rows])), 4) for k in STYLE_LAYERS
        },
        "identity": pretrained.load_perceptual("lite").identity,
    }
    options.out.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    print(json.dumps(card, indent=2))


if __name__ == "__main__":
    main()
