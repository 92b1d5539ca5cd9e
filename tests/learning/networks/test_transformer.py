"""The transformer network: sizes, embeddings and what they do to a picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.learning.networks.transformer import (
    ARCHITECTURES,
    EPSILON,
    NOISY_BLOCKS,
    Architecture,
    StyleNorm,
    TransformerNetwork,
    UpConv,
)
from impasto.models.noise import noise_at
from learning.tiny import ARCHITECTURE, pictures, random_embedding, tiny_network

eights = st.integers(2, 12).map(lambda n: 8 * n)


@settings(deadline=None, max_examples=20)
@given(height=eights, width=eights, batch=st.integers(1, 3), training=st.booleans())
def test_the_picture_is_as_large_as_the_photograph(
    height: int, width: int, batch: int, training: bool
) -> None:
    network = tiny_network().train(training)
    image = pictures(*range(batch), height=height, width=width)
    with torch.no_grad():
        picture = network(image, random_embedding(network).expand(batch, -1))
    assert picture.shape == image.shape
    assert picture.isfinite().all()
    assert training or (picture.min() >= 0 and picture.max() <= 1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_size_of_the_embedding_is_what_the_normalizations_take(name: str) -> None:
    architecture = ARCHITECTURES[name]
    *above, coarsest = architecture.widths
    up_blocks = architecture.up_blocks or (0,) * len(above)
    network = TransformerNetwork(architecture)
    normalized = sum(above) + coarsest + 2 * architecture.blocks * coarsest + 3
    for width, blocks in zip(reversed(above), up_blocks, strict=True):
        normalized += width + 2 * blocks * width
    with_noise = sum(above) if architecture.up_blocks else above[1]
    noisy_blocks = sum(block < architecture.blocks for block in NOISY_BLOCKS)
    noisy = noisy_blocks * coarsest + with_noise
    assert network.embedding_size == 2 * normalized + noisy
    assert network.neutral_embedding().shape == (network.embedding_size,)


def test_small_is_smaller_than_base() -> None:
    sizes = {
        name: sum(p.numel() for p in TransformerNetwork(a).parameters())
        for name, a in ARCHITECTURES.items()
    }
    assert sizes["small"] < 0.5 * sizes["base"]


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_flat_photograph_gives_a_flat_picture(level: float) -> None:
    """Reflection padding: no stripes at the border. Pixels come in blocks of 2x2, so flatness is
    that of blocks."""
    network = tiny_network().eval()
    with torch.no_grad():
        picture = network(torch.full((1, 3, 48, 64), level), random_embedding(network)[None])
    assert picture.isfinite().all()
    torch.testing.assert_close(
        picture, picture[:, :, :2, :2].repeat(1, 1, 24, 32), rtol=0, atol=1e-4
    )


@settings(deadline=None, max_examples=20)
@given(height=st.integers(2, 9), width=st.integers(2, 9), seed=st.integers(0, 1000))
def test_the_way_up_resizes_then_convolves(height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    conv = UpConv(5, 4)
    x, beside = (
        torch.randn(2, c, s * height, s * width, generator=generator) for c, s in ((3, 1), (2, 2))
    )
    both = torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), beside], 1)
    expected = F.conv2d(F.pad(both, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias)
    torch.testing.assert_close(conv(x, beside), expected, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=20)
@given(height=st.integers(2, 9), width=st.integers(2, 9), seed=st.integers(0, 1000))
def test_a_last_convolution_of_one_position_is_smoothed_as_a_larger_one_is(
    height: int, width: int, seed: int
) -> None:
    torch.manual_seed(seed)
    network = TransformerNetwork(replace(ARCHITECTURE, last=1))
    x = torch.randn(2, ARCHITECTURE.widths[0], height, width)
    pixels = F.pixel_shuffle(F.conv2d(x, network.out.weight), 2).flatten(0, 1)[:, None]
    kernel = torch.tensor([0.25, 0.5, 0.25])
    # a position at a border meets its neighbours' pixels again, not its own
    around = F.pixel_shuffle(
        F.pad(F.conv2d(x, network.out.weight), (1, 1, 1, 1), mode="reflect"), 2
    ).flatten(0, 1)[:, None]
    expected = F.conv2d(around, torch.outer(kernel, kernel)[None, None])[:, :, 1:-1, 1:-1]
    assert expected.shape == pixels.shape
    found = F.pixel_shuffle(network._to_pixels(x), 2).flatten(0, 1)[:, None]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_photograph_gives_half_of_the_luma_that_a_filter_of_five_pixels_keeps_out() -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(replace(ARCHITECTURE, detail=0.5)).eval()
    plain = TransformerNetwork(ARCHITECTURE).eval()
    plain.load_state_dict(network.state_dict())
    embedding, image = random_embedding(network)[None], 0.4 + 0.2 * pictures(1)
    scale, shift = embedding[:, network.pixels_start :].split(3, 1)
    scale[:], shift[:] = torch.tensor([0.0, 0.2, -0.1]), 0.5
    network.out.weight.data *= 1e-3  # so that nothing is clamped
    plain.out.weight.data *= 1e-3
    luma = (torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1) * image).sum(1, keepdim=True)
    line = torch.tensor([1.0, 3, 4, 3, 1]) / 12
    kept = F.conv2d(luma, torch.outer(line, line)[None, None])
    expected = 0.5 * (luma[..., 2:-2, 2:-2] - kept) * (1 - scale.view(1, 3, 1, 1))
    with torch.no_grad():
        added = (network(image, embedding) - plain(image, embedding))[..., 2:-2, 2:-2]
        photo = network(image, network.photo_embedding(like=embedding[0])[None])
    assert added.abs().max() > 0.01
    torch.testing.assert_close(added, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(photo, image, rtol=0, atol=1e-6)


def noisy_network(seed: int = 0) -> TransformerNetwork:
    torch.manual_seed(seed)
    return TransformerNetwork(replace(ARCHITECTURE, noise=True)).eval()


def test_noise_changes_a_flat_picture_only_as_much_as_the_style_asks() -> None:
    network, flat = noisy_network(), torch.full((1, 3, 64, 96), 0.4)
    quiet = random_embedding(network)
    quiet[network.pixels_start + 6 :] = 0
    loud = quiet.clone()
    loud[network.pixels_start + 6 :] = 0.5
    noise = torch.from_numpy(noise_at(64, 96))
    with torch.no_grad():
        without, still, moved = (
            network(flat, e[None], z) for e, z in ((quiet, noise), (quiet, -noise), (loud, noise))
        )
    torch.testing.assert_close(without, still)
    assert (moved - without).std() > 0.01
    # over all colors, as one of them is clipped nearly everywhere
    blocks = moved.mean(1)[..., ::8, ::8]
    assert blocks.std() > 0.01, "the same stroke everywhere"


def test_a_network_gets_noise_and_paints_as_before() -> None:
    network = tiny_network().eval()
    noisy, embedding = network.with_noise().eval(), random_embedding(network)
    longer = torch.cat([embedding, torch.zeros(noisy.embedding_size - network.embedding_size)])
    image, noise = pictures(1), torch.from_numpy(noise_at(64, 64))
    assert noisy.architecture == replace(ARCHITECTURE, noise=True)
    with torch.no_grad():
        torch.testing.assert_close(
            noisy(image, longer[None], noise), network(image, embedding[None])
        )


def test_noise_is_asked_for_by_those_that_take_it_alone() -> None:
    noise = torch.from_numpy(noise_at(64, 64))
    with pytest.raises(ValueError, match="takes noise"):
        noisy_network()(pictures(1), random_embedding(noisy_network())[None])
    with pytest.raises(ValueError, match="no noise"):
        tiny_network()(pictures(1), random_embedding(tiny_network())[None], noise)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000))
def test_photo_embedding_gives_the_photograph_back(seed: int) -> None:
    network, image = tiny_network(seed).eval(), pictures(seed)
    with torch.no_grad():
        picture = network(
            image, network.photo_embedding(like=random_embedding(network, seed))[None]
        )
    torch.testing.assert_close(picture, image, rtol=0, atol=1e-5)


def test_photo_embedding_keeps_the_rest_of_the_style() -> None:
    network = tiny_network()
    style = random_embedding(network)
    photo = network.photo_embedding(like=style)
    kept = network.up1_norm.start
    assert torch.equal(photo[:kept], style[:kept])
    assert not torch.equal(photo, style), "a copy, not the style itself"


def test_neutral_embedding_normalizes_and_nothing_else() -> None:
    network = tiny_network()
    embedding, x = network.neutral_embedding()[None], torch.randn(1, 8, 6, 7)
    norms = [
        module
        for module in network.modules()
        if isinstance(module, StyleNorm) and module.channels == 8
    ]
    assert len(norms) == 5
    for norm in norms:
        torch.testing.assert_close(
            norm(x, embedding), torch.nn.functional.instance_norm(x, eps=EPSILON)
        )


def test_neutral_embedding_paints_on_mid_grey() -> None:
    network = tiny_network().eval()
    torch.nn.init.zeros_(network.out.weight)
    with torch.no_grad():
        picture = network(pictures(1), network.neutral_embedding()[None])
    torch.testing.assert_close(picture, torch.full_like(picture, 0.5))


@settings(deadline=None, max_examples=30)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 5),
    start=st.integers(0, 4),
    side=st.integers(2, 9),
    seed=st.integers(0, 99),
)
def test_style_norm_by_its_formula(
    batch: int, channels: int, start: int, side: int, seed: int
) -> None:
    """(x - mean) / deviation * scale + shift, each picture and channel by itself."""
    rng = np.random.default_rng(seed)
    x, e = (
        rng.normal(1, 3, (batch, channels, side, side + 1)),
        rng.normal(0, 1, (batch, start + 2 * channels + 3)),
    )
    scale, shift = e[:, start : start + channels], e[:, start + channels : start + 2 * channels]
    deviation = np.sqrt(x.var((2, 3), keepdims=True) + EPSILON)
    expected = (x - x.mean((2, 3), keepdims=True)) / deviation * scale[..., None, None] + shift[
        ..., None, None
    ]
    got = StyleNorm(channels, start)(torch.from_numpy(x), torch.from_numpy(e))
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=1e-9)


def test_normalizations_share_no_number_of_the_embedding() -> None:
    network = tiny_network()
    taken = [
        position
        for norm in network.modules()
        if isinstance(norm, StyleNorm)
        for position in range(norm.start, norm.start + 2 * norm.channels)
    ]
    assert sorted(taken) == list(range(network.pixels_start))


def test_every_number_of_the_embedding_counts() -> None:
    """All but the shifts that end a residual branch: what they add to every position, the next
    normalization takes away."""
    network = tiny_network()
    embedding = (network.neutral_embedding() + 0.1)[None].requires_grad_()  # no channel is silent
    (gradient,) = torch.autograd.grad(network(pictures(1), embedding).square().sum(), embedding)
    taken_away = torch.zeros(network.embedding_size, dtype=torch.bool)
    for norm in network.norms[1::2]:
        assert isinstance(norm, StyleNorm)
        taken_away[norm.start + norm.channels : norm.start + 2 * norm.channels] = True
    counting = gradient[0].abs()[~taken_away]
    assert (counting > 0).all()
    assert (
        gradient[0].abs()[taken_away].max() < 1e-4 * counting.mean()
    )  # rounding, which differs by machine


def test_styles_in_a_batch_keep_to_themselves() -> None:
    network, image = tiny_network().eval(), pictures(1, 1)
    embeddings = random_embedding(network).repeat(2, 1)
    with torch.no_grad():
        before = network(image, embeddings)
        embeddings[1, 0] += 1
        after = network(image, embeddings)
    assert torch.equal(before[0], after[0])
    assert (before[1] - after[1]).abs().max() > 1e-3


def test_the_clamp_leaks_in_training_only() -> None:
    network, image = tiny_network(), pictures(1)
    twice = network.photo_embedding(like=network.neutral_embedding())[None]
    twice[:, network.pixels_start : network.pixels_start + 3] = 2
    with torch.no_grad():
        painted, learning = network.eval()(image, twice), network.train()(image, twice)
    torch.testing.assert_close(painted, (2 * image).clamp(max=1), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        learning, painted + 0.05 * (2 * image - 1).clamp(min=0), rtol=0, atol=1e-5
    )


def test_gradients_reach_pixels_outside_the_range() -> None:
    network = tiny_network().train()
    white = network.photo_embedding(like=network.neutral_embedding())[None]
    white[:, -3:] = 3  # shifts: every pixel is far above 1
    white.requires_grad_()
    (gradient,) = torch.autograd.grad(network(pictures(1), white).sum(), white)
    assert (gradient[:, -3:] > 0).all()


def test_architecture_decides_the_network() -> None:
    small, large = (TransformerNetwork(Architecture((4, 8, 8), blocks)) for blocks in (1, 2))
    assert (
        len(large.state_dict()) == len(small.state_dict()) + 4
    )  # two convolutions more, each with a bias


def test_rescaled_weights_are_as_large_as_fresh_ones_and_paint_the_same() -> None:
    grown, fresh = (TransformerNetwork(ARCHITECTURE).eval() for _ in range(2))
    grown.load_state_dict(
        {k: v if k.startswith("out") else 5 * v for k, v in fresh.state_dict().items()}
    )
    image, embedding = torch.rand(1, 3, 64, 64), fresh.neutral_embedding()[None]
    before = grown(image, embedding)
    grown.rescale()
    for (name, one), (_, other) in zip(
        grown.named_parameters(), fresh.named_parameters(), strict=True
    ):
        if one.ndim == 4:
            assert one.square().mean().item() == pytest.approx(
                other.square().mean().item(), rel=0.2
            ), name
    torch.testing.assert_close(
        grown(image, embedding), before, atol=2e-3, rtol=0
    )  # but for normalization's epsilon
