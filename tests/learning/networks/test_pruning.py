"""Smaller networks made of larger ones: what is left out where nothing is lost by it, and what is
predicted of it."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.learning.networks.pruning import Batch, choose_channels, prune
from impasto.learning.networks.transformer import Architecture, TransformerNetwork
from learning.tiny import pictures, random_embedding

SHAPE = Architecture((4, 8, 8), blocks=2, noise=True)


@pytest.fixture
def teacher() -> TransformerNetwork:
    torch.manual_seed(3)
    return TransformerNetwork(SHAPE).eval()


def batch_of(teacher: TransformerNetwork, embedding: torch.Tensor) -> Batch:
    photos, noise = pictures(1, 2, height=48, width=64), teacher.noise(48, 64)
    assert noise is not None
    return photos, embedding.expand(2, -1), noise


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), kept=st.integers(1, 6), more=st.integers(0, 6))
def test_channels_that_follow_from_others_are_predicted(seed: int, kept: int, more: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(400, kept, generator=generator)
    x = torch.cat([x, x @ torch.randn(kept, more, generator=generator)], 1)[
        :, torch.randperm(kept + more, generator=generator)
    ]
    numbers, predicts = choose_channels(x, torch.ones(kept + more, dtype=torch.float64), kept)
    assert numbers.tolist() == sorted(set(numbers.tolist())) and len(numbers) == kept
    x = x - x.mean(0)
    assert (x[:, numbers] @ predicts.T - x).square().mean() < 1e-3 * x.square().mean()


def test_channels_count_by_their_weight() -> None:
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    numbers, _ = choose_channels(x, torch.tensor([0.1, 5.0, 0.1], dtype=torch.float64), 1)
    assert numbers.tolist() == [1]


def test_with_nothing_left_out_it_is_the_same_network(teacher: TransformerNetwork) -> None:
    batch = batch_of(teacher, random_embedding(teacher))
    student, numbers = prune(teacher, SHAPE, [0, 1], [batch])
    assert numbers.tolist() == list(range(teacher.embedding_size))
    with torch.no_grad():
        assert (student.eval()(*batch) - teacher(*batch)).abs().max() < 2e-3


def test_a_block_that_adds_nothing_is_not_missed(teacher: TransformerNetwork) -> None:
    last: Any = teacher.norms[1]
    embedding = random_embedding(teacher)
    embedding[last.start : last.start + 2 * last.channels] = (
        0  # of the first block, what its last normalization scales by, and adds
    )
    photos, embeddings, noise = batch_of(teacher, embedding)
    shape = Architecture((4, 8, 8), blocks=1, noise=True)
    student, numbers = prune(teacher, shape, [1], [(photos, embeddings, noise)])
    with torch.no_grad():
        expected, painted = (
            teacher(photos, embeddings, noise),
            student.eval()(photos, embeddings[:, numbers], noise),
        )
    assert (painted - expected).abs().max() < 2e-3


def test_a_narrower_network_paints_as_nearly_as_it_can(teacher: TransformerNetwork) -> None:
    """Much nearer than one whose weights are cut out without regard to what is left out."""
    batch = photos, embeddings, noise = batch_of(teacher, random_embedding(teacher))
    shape = Architecture((4, 6, 6), blocks=2, noise=True, last=1)
    student, numbers = prune(teacher, shape, [0, 1], [batch])
    assert student.architecture == shape and len(numbers) == student.embedding_size
    other = TransformerNetwork(shape).eval()
    with torch.no_grad():
        expected = teacher(*batch)
        near, far = (
            (each.eval()(photos, embeddings[:, numbers], noise) - expected).square().mean()
            for each in (student, other)
        )
    assert near < far
