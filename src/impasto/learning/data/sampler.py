"""What each step of training draws, from nothing but the seed and the step's number; read ahead
where a GPU would wait."""

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
    """What one step paints, and in which styles."""

    numbers: Tensor  # of content pictures, (B,)
    photos: Tensor  # uint8 (B, S, S, 3)
    rows: Tensor  # styles of the gallery that the first of them are painted in
    alone: Tensor  # which of these are painted as they are predicted
    views: Tensor  # of art, by number, that the last of them are painted in
    noise: Tensor | None  # float32 (B, 1, S / 2, S / 2)
    fresh: dict[int, Tensor]  # views to come, uint8 (side, side, 3), if they are read ahead
    broken: list[str]  # files that could not be read, so far


@dataclass(frozen=True)
class BatchSampler:
    """The draws of a run, by step.

    Args:
        seed: of everything.
        batch: photographs a step.
        styles: how many the gallery has.
        content: pictures to paint.
        takes_noise: whether the network does.
        art: what views are of; None where prediction is not learned.
        predicted: of the batch, painted in styles predicted from views.
        alone: of the others, painted in styles as they are predicted.
    """

    seed: int
    batch: int
    styles: int
    content: ContentImages
    takes_noise: bool
    art: StyleCrops | None
    predicted: int
    alone: float

    def draw(self, step: int, crop: int) -> TrainingBatch:
        """What a step paints, on crops of this size; without views."""
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
        photos = np.stack([self.content.crop(int(number), crop) for number in numbers])
        noise = self.noise(step, self.batch, crop) if self.takes_noise else None
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
        """A step's share of the views that come into the window when it moves next; and all that a
        run's first step needs."""
        window, coming = self._window(step), self._window(step + VIEW_STRIDE)
        new = range(window.stop, coming.stop)
        done, share = (len(new) * (step % VIEW_STRIDE + more) // VIEW_STRIDE for more in (0, 1))
        numbers = [*window, *new[:share]] if first else new[done:share]
        return {number: self.view(number) for number in numbers}

    def view(self, number: int) -> Tensor:
        """A view of art, uint8 (side, side, 3)."""
        assert self.art
        return torch.from_numpy(np.array(self.art.view(number)))

    def _window(self, step: int) -> range:
        start = step // VIEW_STRIDE * VIEW_STRIDE * self.predicted // VIEW_USES
        return range(start, start + VIEW_WINDOW * self.predicted)

    def gone(self, step: int) -> int:
        """Views below this number are no longer in the window of a step."""
        return self._window(step).start

    def noise(self, step: int, count: int, crop: int) -> Tensor:
        """Of the noise that pictures are painted with, other parts for each photograph and step:
        (count, 1, S / 2, S / 2)."""
        rng = np.random.default_rng(
            [self.seed, step, 2]
        )  # 2: others draw from the first two, and from 1
        corners = 2 * rng.integers(NOISE_SIDE, size=(count, 2))
        return torch.from_numpy(
            np.concatenate([noise_at(crop, crop, int(top), int(left)) for top, left in corners])
        )


@dataclass(frozen=True)
class _Steps(Dataset[TrainingBatch]):
    """Draws as a loader's processes make them: with the views that are new."""

    draws: BatchSampler
    crop: int
    first: int

    def __getitem__(self, step: int) -> TrainingBatch:
        fresh = self.draws.fresh(step, first=step == self.first)
        return self.draws.draw(step, self.crop)._replace(fresh=fresh)


def prefetch_batches(
    draws: BatchSampler, step: int, crop: int, processes: int
) -> Iterator[TrainingBatch]:
    """Draws from a step on, in memory that a GPU reads quickly, made ahead by other processes."""
    loader = DataLoader(
        _Steps(draws, crop, step),
        batch_size=None,
        sampler=range(step, ENDLESS),
        num_workers=processes,
        pin_memory=torch.cuda.is_available(),
        prefetch_factor=3,
        multiprocessing_context="fork"
        if "fork" in get_all_start_methods()
        else None,  # quicker; they never touch the GPU
    )
    return iter(loader)
