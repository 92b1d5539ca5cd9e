"""Draws of each step of training, from nothing but the seed and the number of the step.

Other processes draw ahead where a GPU would wait.
"""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_all_start_methods
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from impasto.learning.data.photos import ContentImages
from impasto.learning.data.style_crops import StyleCrops
from impasto.models.noise import NOISE_SIDE, noise_at

VIEW_USES = 4  # how often each view of art is painted; its target costs a third of a step
VIEW_WINDOW = 24  # views at hand, for each that a step paints: so its uses stand among others
VIEW_STRIDE = 32  # steps after which the window moves on: a GPU reads views together
ENDLESS = 1 << 40  # steps


class TrainingBatch(NamedTuple):
    """The photographs of one step, and the styles that they are painted in.

    Attributes:
        numbers: of the content pictures, (B,).
        photos: uint8 (B, S, S, 3).
        rows: numbers of the gallery's styles, in which the first photographs are painted.
        alone: which of these styles are painted as they are predicted, bool.
        views: numbers of the views of art, in whose styles the last photographs are painted.
        noise: float32 (B, 1, S / 2, S / 2).
        fresh: views to come, uint8 (side, side, 3), by number, if they are read ahead.
        broken: files that could not be read so far.
    """

    numbers: Tensor
    photos: Tensor
    rows: Tensor
    alone: Tensor
    views: Tensor
    noise: Tensor | None
    fresh: dict[int, Tensor]
    broken: list[str]


@dataclass(frozen=True)
class BatchSampler:
    """The draws of a run, by step.

    Args:
        seed: of all draws.
        batch: photographs a step.
        styles: count of the gallery's styles.
        content: pictures to paint.
        takes_noise: whether the network takes noise.
        art: gives views; None where prediction is not learned.
        predicted: photographs of a batch that are painted in styles predicted from views.
        alone: share of the others that are painted in styles as they are predicted.
        rank: number of the process among those that share each batch.
        ranks: count of these processes. All make the same draws, and keep every so manieth row.
    """

    seed: int
    batch: int
    styles: int
    content: ContentImages
    takes_noise: bool
    art: StyleCrops | None
    predicted: int
    alone: float
    rank: int = 0
    ranks: int = 1

    @property
    def share(self) -> slice:
        """The rows of a batch that this process keeps."""
        return slice(self.rank, None, self.ranks)

    def draw(self, step: int, crop: int) -> TrainingBatch:
        """Draw this process's share of a step's batch, on crops of this size.

        `fresh` stays empty.
        """
        rng = np.random.default_rng([self.seed, step])
        numbers = rng.integers(self.content.pool, size=self.batch)
        rows = (
            rng.permutation(max(self.styles, self.batch))[: self.batch - self.predicted]
            % self.styles
        )
        alone = rng.random(len(rows)) < self.alone
        views = self._window(step).start + rng.integers(
            VIEW_WINDOW * max(1, self.predicted), size=self.predicted
        )
        numbers, rows, alone = numbers[self.share], rows[self.share], alone[self.share]
        # each process reads views of its own, as reading one costs a third of a step
        views = views[self.share] // self.ranks * self.ranks + self.rank
        photos = np.stack([self.content.crop(int(number), crop) for number in numbers])
        noise = self.noise(step, len(numbers), crop) if self.takes_noise else None
        broken = sorted(self.content.broken | (self.art.broken if self.art else set()))
        tensor = torch.from_numpy
        return TrainingBatch(
            tensor(numbers),
            tensor(photos),
            tensor(rows),
            tensor(alone),
            tensor(views),
            noise,
            {},
            broken,
        )

    def fresh(self, step: int, first: bool) -> dict[int, Tensor]:
        """Read a step's share of the views that come into the window when it moves next.

        Args:
            step: number of the step.
            first: whether it is the first step of a run, which needs the whole window too.

        Returns:
            Views by number.
        """
        window, coming = self._window(step), self._window(step + VIEW_STRIDE)
        new = range(window.stop, coming.stop)
        done, share = (len(new) * (step % VIEW_STRIDE + more) // VIEW_STRIDE for more in (0, 1))
        numbers = [*window, *new[:share]] if first else new[done:share]
        own = (number for number in numbers if number % self.ranks == self.rank)
        return {number: self.view(number) for number in own}

    def view(self, number: int) -> Tensor:
        """Read a view of art, uint8 (side, side, 3)."""
        assert self.art
        return torch.from_numpy(np.array(self.art.view(number)))

    def _window(self, step: int) -> range:
        start = step // VIEW_STRIDE * VIEW_STRIDE * self.predicted // VIEW_USES
        return range(start, start + VIEW_WINDOW * self.predicted)

    def gone(self, step: int) -> int:
        """Give the number below which views are no longer in the window of a step."""
        return self._window(step).start

    def noise(self, step: int, count: int, crop: int) -> Tensor:
        """Cut noise for this process's photographs of a step, each from another place of it.

        Returns:
            (count, 1, S / 2, S / 2) for crops of S pixels.
        """
        # 2: other draws of the step are from the first two numbers, and from 1
        rng = np.random.default_rng([self.seed, step, 2])
        corners = 2 * rng.integers(NOISE_SIDE, size=(count * self.ranks, 2))
        corners = corners[self.share]
        return torch.from_numpy(
            np.concatenate([noise_at(crop, crop, int(top), int(left)) for top, left in corners])
        )


@dataclass(frozen=True)
class _Steps(Dataset[TrainingBatch]):
    """Batches as the processes of a loader draw them: with the views that are new."""

    sampler: BatchSampler
    crop: int
    first: int

    def __getitem__(self, step: int) -> TrainingBatch:
        fresh = self.sampler.fresh(step, first=step == self.first)
        return self.sampler.draw(step, self.crop)._replace(fresh=fresh)


def prefetch_batches(
    sampler: BatchSampler, step: int, crop: int, processes: int
) -> Iterator[TrainingBatch]:
    """Let other processes draw batches ahead, from a step on, without an end.

    The batches stand in memory that a GPU reads quickly.
    """
    loader = DataLoader(
        _Steps(sampler, crop, step),
        batch_size=None,
        sampler=range(step, ENDLESS),
        num_workers=processes,
        pin_memory=torch.cuda.is_available(),
        prefetch_factor=3,
        # forking is quicker, and safe here: the processes never touch the GPU
        multiprocessing_context="fork" if "fork" in get_all_start_methods() else None,
    )
    # What awaits collection here must not be collected there: the threads of an engine
    # (`std::thread`) do not exist after a fork, and who ends them ends the process. Frozen objects
    # stay out of the collector's sight, as Python's documentation of gc.freeze advises.
    gc.freeze()
    try:
        return iter(loader)
    finally:
        gc.unfreeze()
