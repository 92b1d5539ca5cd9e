"""Train every style of the gallery alone: its embeddings, while the networks stay fixed.

  python gallery_tools/tune.py PAINTINGS --photos PHOTOS --minutes 1.4

In joint training each embedding meets a fraction of the steps, so there is much left to learn for
one by itself. Starts from the gallery's embedding and holds the content error at `--held` times
where it starts, by VGG-19. Each style is written when its embeddings are done, and left out if its
metadata say so, so a run that was killed goes on. `--part 1 --parts 2` and `--part 2 --parts 2`
share the styles between two processes.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from impasto.choices import NETWORKS
from impasto.images.image import Picture
from impasto.images.writing import write
from impasto.learning.conversion import onnx_export
from impasto.learning.data.photos import ContentImages, PhotoFolder
from impasto.learning.losses.objective import ContentTarget, LossWeights
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.training.inputs import load_losses, set_threads
from impasto.learning.training.loop import preview_sheet
from impasto.learning.training.paintings import read_painting
from impasto.learning.training.settings import TrainingSettings, learning_rates
from impasto.learning.training.trainer import Trainer
from impasto.models.gallery import gallery_names
from impasto.models.network import load_shipped
from impasto.models.style import PHOTO, SUFFIX, Style, read_style
from impasto.paths import GALLERY

TUNED = "then its embedding alone"


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "paintings", type=Path, help="folder of the pictures that the gallery was trained on"
    )
    parser.add_argument(
        "--photos", type=Path, required=True, help="folder of photographs to paint in training"
    )
    parser.add_argument(
        "--minutes", type=float, default=1.4, help="of training, for each style and network"
    )
    parser.add_argument(
        "--held", type=float, default=0.8, help="content error that is held, over where it starts"
    )
    parser.add_argument("--rate", type=float, default=8e-2, help="peak of the learning rate")
    parser.add_argument(
        "--local-weight", type=float, default=4.0, help="without it, strokes gather in patches"
    )
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--gallery", type=Path, default=GALLERY)
    parser.add_argument("--styles", nargs="*", default=[], help="only these")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--previews", type=Path, help="folder for pictures of what was learned")
    given = parser.parse_args()
    set_threads(given.threads)
    tuner = Tuner(given, load_losses("vgg19", "auto"), PhotoFolder(given.photos))
    names = [name for name in given.styles or gallery_names(given.gallery) if name != PHOTO]
    for name in names[given.part - 1 :: given.parts]:
        for network in given.networks:
            file = given.gallery / "styles" / f"{name}{SUFFIX}"
            style = read_style(file)
            if TUNED not in style.metadata.get(f"{network}.trained", ""):
                tuner.tuned(style, network).save(file)


class Tuner:
    """The parts that all styles share: options, perceptual network, photographs and targets."""

    def __init__(
        self, given: argparse.Namespace, judge: PerceptualNetwork, content: ContentImages
    ) -> None:
        self.given, self.judge, self.content = given, judge, content
        self.targets: dict[tuple[int, int], ContentTarget] = {}

    def tuned(self, style: Style, name: str) -> Style:
        """Train the embedding of a style for one network, and drop the scores of the old one."""
        given, network, facts = self.given, load_shipped(name), style.metadata
        pace_of_it = learning_rates(None, "tuned") | {"embedding_rate": given.rate}
        weights = LossWeights(local=given.local_weight)
        settings = TrainingSettings(
            minutes=given.minutes,
            batch=given.batch,
            crop=given.crop,
            weights=weights,
            whole_network=False,
            **pace_of_it,
        )
        painting = read_painting(
            next(given.paintings.glob(f"{facts['source']}.*")), int(facts[f"{name}.style_size"])
        )
        start = torch.from_numpy(style.embedding(network).copy())[None]
        trainer = Trainer(
            onnx_export.from_onnx(network.graph),
            start,
            [painting.pixels],
            self.content,
            self.judge,
            settings,
            content_targets=self.targets,
        )
        trainer.limit_content_loss(share=given.held)
        while trainer.fraction < 1:
            trainer.train_step()
        if given.previews:
            given.previews.mkdir(parents=True, exist_ok=True)
            write(given.previews / f"{style.name}.{name}.jpg", Picture(preview_sheet(trainer)))
        terms = " ".join(f"{key} {value:.3f}" for key, value in trainer.progress.losses.items())
        print(style.name, name, f"{trainer.step} steps, {terms}", flush=True)
        stale = {f"{name}.{score}" for score in (*"CSJ", "measured")}
        duration = (
            f"{trainer.step} steps of {settings.batch}, "
            f"{trainer.seconds / 60:.1f} minutes on {trainer.device.type}"
        )
        new = {
            f"{name}.trained": f"{facts[f'{name}.trained']}; {TUNED}, {duration}",
            f"{name}.crop": str(settings.crop),
        }
        metadata = {key: value for key, value in facts.items() if key not in stale} | new
        return replace(
            style,
            embeddings=dict(style.embeddings) | {name: trainer.averaged()["embeddings"][0].numpy()},
            metadata=metadata,
        )


if __name__ == "__main__":
    main()
