"""What steps draw: the same always, and the same if other processes make it ahead."""

import gc
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.learning.data.photos import PhotoFolder
from impasto.learning.data.sampler import (
    VIEW_STRIDE,
    VIEW_USES,
    VIEW_WINDOW,
    BatchSampler,
    TrainingBatch,
    prefetch_batches,
)
from impasto.learning.data.style_crops import StyleCrops
from learning.tiny import texture


@pytest.fixture(scope="module")
def draws(tmp_path_factory: pytest.TempPathFactory) -> BatchSampler:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        Image.fromarray(texture(number, 96, 120)).save(folder / f"{number}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return BatchSampler(
        5,
        4,
        styles=3,
        content=PhotoFolder(folder),
        takes_noise=True,
        art=StyleCrops([folder]),
        predicted=2,
        alone=0.5,
    )


def assert_same(one: TrainingBatch, other: TrainingBatch) -> None:
    for field in ("numbers", "photos", "rows", "alone", "views", "noise"):
        assert torch.equal(getattr(one, field), getattr(other, field)), field


def test_a_step_draws_the_same_always_and_another_something_else(draws: BatchSampler) -> None:
    drawn = draws.draw(7, 64)
    assert_same(drawn, draws.draw(7, 64))
    assert not torch.equal(drawn.photos, draws.draw(8, 64).photos)
    assert drawn.photos.shape == (4, 64, 64, 3) and drawn.photos.dtype == torch.uint8
    assert len(drawn.rows) == len(drawn.alone) == len(drawn.views) == 2
    assert drawn.noise is not None and drawn.noise.shape == (4, 1, 32, 32)
    assert set(drawn.rows.tolist()) <= {0, 1, 2}


def test_photographs_are_the_content_of_their_numbers(draws: BatchSampler) -> None:
    drawn = draws.draw(3, 72)
    for number, photo in zip(drawn.numbers.tolist(), drawn.photos, strict=True):
        assert (draws.content.crop(number, 72) == photo.numpy()).all()


def test_without_art_or_noise_there_are_neither(draws: BatchSampler) -> None:
    plain = BatchSampler(
        5, 4, 3, draws.content, takes_noise=False, art=None, predicted=0, alone=0.0
    )
    drawn = plain.draw(0, 64)
    assert drawn.noise is None and len(drawn.views) == 0 and len(drawn.rows) == 4
    assert plain.fresh(0, first=True) == {}


@settings(deadline=None, max_examples=20)
@given(start=st.integers(0, 5 * VIEW_STRIDE), steps=st.integers(1, 3 * VIEW_STRIDE))
def test_views_are_there_before_they_are_drawn_each_once(start: int, steps: int) -> None:
    """Whatever step a run begins at."""

    class Numbered(BatchSampler):
        def view(self, number: int) -> torch.Tensor:
            return torch.tensor(number)

    class Blank:
        pool, broken, description = 9, frozenset[str](), ""

        def crop(self, number: int, size: int) -> object:
            return texture(0, 8, 8)

    numbered = Numbered(0, 8, 3, Blank(), False, Blank(), 4, 0.0)  # type: ignore[arg-type]
    there: set[int] = set()
    for step in range(start, start + steps):
        fresh = numbered.fresh(step, first=step == start)
        assert there.isdisjoint(fresh)
        there |= fresh.keys()
        views = numbered.draw(step, 8).views.tolist()
        assert there.issuperset(views)
        assert min(views) >= numbered.gone(step)
    assert len(there) <= VIEW_WINDOW * 4 + (steps + 2 * VIEW_STRIDE) * 4 / VIEW_USES


def test_other_processes_draw_the_same_ahead(draws: BatchSampler) -> None:
    loader = prefetch_batches(draws, 31, 64, processes=2)
    for step in range(31, 35):
        made = next(loader)
        assert_same(made, draws.draw(step, 64))
        fresh = draws.fresh(step, first=step == 31)
        assert made.fresh.keys() == fresh.keys()
        assert all(torch.equal(made.fresh[number], view) for number, view in fresh.items())
    assert [Path(name).name for name in made.broken] == ["broken.jpg"]


class _BelongsHere:
    """Stands for the threads of an engine: who ends them in another process ends that process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.cycle = self

    def __del__(self) -> None:
        if os.getpid() != self.process:
            os._exit(1)


@dataclass(frozen=True)
class _Collecting(BatchSampler):
    """Collects garbage before each draw."""

    def draw(self, step: int, crop: int) -> TrainingBatch:
        gc.collect()
        return super().draw(step, crop)


@pytest.mark.slow
def test_other_processes_leave_garbage_of_this_one_alone(draws: BatchSampler) -> None:
    sampler = _Collecting(**vars(draws))
    gc.disable()
    try:
        _BelongsHere()
        loader = prefetch_batches(sampler, 0, 64, processes=1)
        assert_same(next(loader), sampler.draw(0, 64))
    finally:
        gc.enable()
