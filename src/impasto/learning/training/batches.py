"""Batches of training: the photographs of a step, the styles they are painted in, and the targets.

Everything random is drawn from the seed and the step's number, by `BatchSampler`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from impasto.learning.data.sampler import BatchSampler, TrainingBatch, prefetch_batches
from impasto.learning.losses.objective import ContentTarget, LayerStyle, Objective, StyleTarget
from impasto.learning.losses.statistics import Moments
from impasto.learning.networks.predictor import StylePredictor
from impasto.learning.tensors import pixels, to_tensor

# stability is learned from motion, in pixels, and noise of pixels in 0..1, as of a camera in dim
# light
MAX_SHIFT, MAX_NOISE = 5, 0.03
VIEWS_PER_BATCH = 64  # views of art that a GPU reads at once
CONTENT_CACHE_BYTES = 2 << 30  # of content targets: computing one takes a third of a training step

ContentCache = dict[tuple[int, int], ContentTarget]
"""Content targets by the number of the picture and the side of its crop."""


class StepBatch(NamedTuple):
    """What one step paints, and what the losses compare it with, on the device of training.

    Attributes:
        photos: (B, 3, S, S) in 0..1.
        content: content targets of the photographs.
        embeddings: (B, embedding_size), the style that each photograph is painted in.
        styles: targets of these styles.
        noise: (B, 1, S / 2, S / 2), for networks that take noise.
    """

    photos: Tensor
    content: ContentTarget
    embeddings: Tensor
    styles: StyleTarget
    noise: Tensor | None


class ContentTargets:
    """Content targets of numbered pictures; each is computed once and then cached.

    Args:
        objective: computes the targets.
        cache: targets to share with other runs on the same content by the same perceptual network.
    """

    def __init__(self, objective: Objective, cache: ContentCache | None = None) -> None:
        self.objective = objective
        self.cache: ContentCache = {} if cache is None else cache

    def targets(self, numbers: Tensor, photos: Tensor) -> ContentTarget:
        """Give the targets of photographs (B, 3, S, S) with these numbers (B,)."""
        targets = [
            self.target(int(number), photo[None])
            for number, photo in zip(numbers, photos, strict=True)
        ]
        return ContentTarget(*(torch.cat(parts) for parts in zip(*targets, strict=True)))

    def target(self, number: int, photo: Tensor) -> ContentTarget:
        """Give the target of one photograph (1, 3, S, S).

        It is computed alone, never in a batch. So it does not depend on the other pictures of a
        step, and runs repeat bit for bit.
        """
        key = number, photo.shape[-1]
        if key not in self.cache:
            target = self.compute(photo, self.objective)
            if not self._make_room(key, target):
                return target
            self.cache[key] = target
        return self.cache[key]

    def compute(self, photos: Tensor, objective: Objective) -> ContentTarget:
        """Compute targets in the type of the perceptual network, without the cache."""
        target = objective.content_target(photos)
        return ContentTarget(target.features.to(self.objective.perceptual.dtype), target.floor)

    def _make_room(self, key: tuple[int, int], target: ContentTarget) -> bool:
        """Make room for a target; return False where the cache has none to make."""
        size = target.features.nbytes
        if sum(cached.features.nbytes for cached in self.cache.values()) + size <= (
            CONTENT_CACHE_BYTES
        ):
            return True
        # crops grow in the course of a run: those of another size do not come again
        for other in [other for other in self.cache if other[1] != key[1]]:
            del self.cache[other]
        return len(self.cache) * size <= CONTENT_CACHE_BYTES


class GalleryStyles:
    """The styles to learn: an embedding for each picture, and the targets of the style terms.

    Args:
        embeddings: (styles, embedding_size), where they start.
        pictures: one for each style, uint8 (H, W, 3).
        objective: computes the targets.
        predictor: where there is one, embeddings are learned as differences to its predictions.
        device: where training runs.
    """

    def __init__(
        self,
        embeddings: Tensor,
        pictures: Sequence[np.ndarray],
        objective: Objective,
        predictor: StylePredictor | None,
        device: torch.device,
    ) -> None:
        self.predictor = predictor
        embeddings = embeddings.to(device)
        if predictor:
            with torch.no_grad():
                statistics = [predictor.statistics(to_tensor([p]).to(device)) for p in pictures]
                self.style_statistics = torch.cat(statistics)
                embeddings = embeddings - predictor.from_statistics(self.style_statistics)
        self.embeddings = nn.Parameter(embeddings)
        targets = [objective.style_target(to_tensor([p]).to(device)) for p in pictures]
        self.targets = stack_targets(targets)

    def __len__(self) -> int:
        return len(self.embeddings)

    def select(self, rows: Tensor, alone: Tensor) -> tuple[Tensor, StyleTarget]:
        """Pick styles.

        Args:
            rows: numbers of the styles, (B,).
            alone: which of them are painted as they are predicted, bool (B,).

        Returns:
            Embeddings (B, embedding_size), and the targets of the styles.
        """
        # a product with one-hot rows, not indexing: its gradient is summed in a fixed order
        one_hot = nn.functional.one_hot(rows, len(self)).to(self.embeddings.dtype)
        embeddings = one_hot @ self.embeddings
        if self.predictor:
            embeddings = embeddings * ~alone[:, None] + self.predictor.from_statistics(
                self.style_statistics[rows]
            )
        return embeddings, {layer: target.rows(rows) for layer, target in self.targets.items()}


class ArtViews:
    """Views of art in the window of a step, with their style statistics and targets.

    The window moves on with the steps. So each view is read once and painted a few times, in the
    company of others.

    Args:
        sampler: gives views by number, and the window of each step.
        predictor: predicts embeddings from the views.
        objective: computes the targets of the views.
        device: where training runs.
    """

    def __init__(
        self,
        sampler: BatchSampler,
        predictor: StylePredictor,
        objective: Objective,
        device: torch.device,
    ) -> None:
        self.sampler, self.predictor = sampler, predictor
        self.objective, self.device = objective, device
        self._views: dict[int, tuple[Tensor, StyleTarget]] = {}
        self._pending: dict[int, Tensor] = {}  # read together with the next view that is missing

    def select(self, step: int, draw: TrainingBatch, batched: bool) -> tuple[Tensor, StyleTarget]:
        """Predict embeddings of the views that a step draws, and give their targets."""
        for number in [number for number in self._views if number < self.sampler.gone(step)]:
            del self._views[number]
        numbers = draw.views.tolist()
        missing = [number for number in sorted(set(numbers)) if number not in self._views]
        if not batched:
            unread = {number: self.sampler.view(number) for number in missing}
        else:
            self._pending |= draw.fresh
            unread, self._pending = (self._pending, {}) if missing else ({}, self._pending)
        unread = {number: view for number, view in unread.items() if number not in self._views}
        self._read(unread, VIEWS_PER_BATCH if batched else 1)
        statistics, targets = zip(*(self._views[number] for number in numbers), strict=True)
        return self.predictor.from_statistics(torch.cat(statistics)), stack_targets(targets)

    @torch.no_grad()
    def _read(self, views: Mapping[int, Tensor], together: int) -> None:
        """Compute statistics and targets of views: so many of one size together.

        On a CPU each is computed alone, for the reason that `ContentTargets.target` gives.
        """
        sizes: dict[int, list[int]] = {}
        for number, view in views.items():
            sizes.setdefault(len(view), []).append(number)
        for same in sizes.values():
            for start in range(0, len(same), together):
                self._read_batch(same[start : start + together], views)

    def _read_batch(self, numbers: Sequence[int], views: Mapping[int, Tensor]) -> None:
        view = pixels(torch.stack([views[number] for number in numbers]).to(self.device))
        # no search for the quickest kernels, as shapes hardly come again
        with torch.backends.cudnn.flags(enabled=True, benchmark=False):
            statistics = self.predictor.statistics(view)
            targets = self.objective.style_target(view)
        for i, number in enumerate(numbers):
            row = torch.tensor([i], device=self.device)
            target = {layer: target.rows(row) for layer, target in targets.items()}
            self._views[number] = statistics[i : i + 1], target


class Batches:
    """Makes the batch of each step.

    Args:
        sampler: draws by the step's number.
        styles: styles to learn.
        content_targets: targets of the photographs.
        views: views of art, where prediction is learned.
        step_objective: computes the content targets of a whole batch, on a GPU.
        device: where training runs.

    Attributes:
        batched: whether other processes draw ahead, and targets are computed in batches, as is
            quick on a GPU. Such runs do not repeat bit for bit; nor would any on a GPU.
    """

    def __init__(
        self,
        sampler: BatchSampler,
        styles: GalleryStyles,
        content_targets: ContentTargets,
        views: ArtViews | None,
        step_objective: Objective,
        device: torch.device,
    ) -> None:
        self.sampler, self.styles, self.views = sampler, styles, views
        self.content_targets, self.step_objective = content_targets, step_objective
        self.device = device
        self.batched = device.type == "cuda"
        if self.batched:
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
        self._prefetched: Iterator[TrainingBatch] | None = None
        self._next = 0, 0  # the step and the crop that `_prefetched` gives next

    def make(self, step: int, crop: int) -> StepBatch:
        """Make the batch of a step, on crops of this size."""
        draw = self._draw(step, crop)
        photos = pixels(draw.photos.to(self.device, non_blocking=True))
        embeddings, styles = self.styles.select(
            draw.rows.to(self.device), draw.alone.to(self.device)
        )
        if len(draw.views):
            assert self.views
            predicted, view_targets = self.views.select(step, draw, self.batched)
            embeddings = torch.cat([embeddings, predicted])
            styles = stack_targets([styles, view_targets])
        if self.batched:  # a GPU computes the targets sooner than it would find them
            content = self.content_targets.compute(photos, self.step_objective)
        else:
            content = self.content_targets.targets(draw.numbers, photos)
        noise = None if draw.noise is None else draw.noise.to(self.device, non_blocking=True)
        return StepBatch(photos, content, embeddings, styles, noise)

    def _draw(self, step: int, crop: int) -> TrainingBatch:
        """Draw a batch, or take one that other processes drew ahead."""
        if not self.batched:
            return self.sampler.draw(step, crop)
        if self._prefetched is None or self._next != (step, crop):
            self._prefetched = None  # ends the processes that draw crops of another size
            processes = max(1, torch.get_num_threads() - 1)
            self._prefetched = prefetch_batches(self.sampler, step, crop, processes)
        draw = next(self._prefetched)
        self._next = step + 1, crop
        self.sampler.content.broken |= set(draw.broken)
        return draw


def move_photos(photos: Tensor, sampler: BatchSampler, step: int) -> tuple[Tensor, tuple[int, int]]:
    """Move the photographs of a step by some pixels in a circle, and add noise.

    The pixels that leave on one side come in on the other. So the statistics of normalization stay
    as they are.

    Args:
        photos: (B, 3, S, S) in 0..1.
        sampler: draws the batches of the run.
        step: number of the step. Photographs move in odd steps only, as most of the flicker of a
            film is where nothing moves.

    Returns:
        The photographs, and by how many pixels they moved (down, right).
    """
    # 1: other draws of the step are from the first two numbers, and from 2
    rng = np.random.default_rng([sampler.seed, step, 1])
    max_shift = MAX_SHIFT * (step % 2)
    down, right = (int(by) for by in rng.integers(-max_shift, max_shift + 1, size=2))
    # on the device, as a GPU makes noise quickly
    generator = torch.Generator(photos.device).manual_seed(int(rng.integers(1 << 62)))
    shape = sampler.ranks * len(photos), *photos.shape[1:]
    grain = torch.randn(shape, generator=generator, device=photos.device)[sampler.share]
    grain = rng.uniform(0, MAX_NOISE) * grain
    moved = (photos.roll((down, right), (2, 3)) + grain).clamp(0, 1)
    return moved.contiguous(memory_format=torch.channels_last), (down, right)


def stack_targets(targets: Sequence[StyleTarget]) -> StyleTarget:
    """Put the targets of several pictures together, layer by layer."""
    return {layer: _stack_layer([target[layer] for target in targets]) for layer in targets[0]}


def _stack_layer(targets: Sequence[LayerStyle]) -> LayerStyle:
    mean, cov = (
        torch.cat(parts) for parts in zip(*(target.moments for target in targets), strict=True)
    )
    directions, deviations = (
        torch.cat([getattr(target, name) for target in targets])
        for name in ("directions", "deviations")
    )
    return LayerStyle(Moments(mean, cov), directions, deviations)
