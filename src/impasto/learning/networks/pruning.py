"""Smaller networks made of larger ones: channels and blocks left out, so that what is left paints
as nearly as it can.

Of every layer those channels stay by which all others are predicted best, by linear regression on
features that a network has when it paints, and weights that took the others take what is predicted
of them (as in He, Zhang and Sun 2017, "Channel pruning for accelerating very deep neural networks",
with channels found one after another). So embeddings, and a style predictor, of the smaller network
are parts of those of the larger.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from impasto.learning.networks.transformer import COLORS, Architecture, TransformerNetwork

Batch = tuple[Tensor, Tensor, Tensor]  # image, embedding, noise


@torch.no_grad()
def take_channels(network: TransformerNetwork, batch: Batch) -> Iterator[tuple[str, Tensor]]:
    """The features that a network's convolutions take, beside the name of the group of channels
    that they share."""
    found: list[tuple[str, Tensor]] = []
    convolutions: list[tuple[nn.Module, str]] = [
        (network.down2, "half"),
        (network.down3, "quarter"),
        (network.up2, "stream"),
    ]
    convolutions += [
        (conv, f"inner{i // 2}" if i % 2 else "stream") for i, conv in enumerate(network.convs)
    ]
    convolutions += [(network.up1, "up2"), (network.out, "up1")]
    hooks = [
        module.register_forward_hook(
            lambda _, given, __, group=group: found.append((group, given[0].detach()))
        )
        for module, group in convolutions
    ]
    network(*batch)
    for hook in hooks:
        hook.remove()
    yield from found


def choose_channels(x: Tensor, weight: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Of features (n, channels) the channels that predict all best, each of which counts by its
    weight (channels,), found one
    after another: their numbers (count,), and the linear map from them to all, (channels, count).
    """
    x = x.double() - x.double().mean(0)
    cov = x.T @ x / len(x)
    cov += 1e-6 * cov.diagonal().mean() * torch.eye(len(cov))
    left, kept = cov.clone(), list[int]()
    for _ in range(count):
        gain = (left.square() * weight[:, None]).sum(0) / left.diagonal().clamp_min(1e-12)
        gain[kept] = -1
        best = int(gain.argmax())
        kept.append(best)
        left = left - torch.outer(left[:, best], left[best]) / left[best, best]
    numbers = torch.tensor(sorted(kept))
    return numbers, torch.linalg.solve(cov[numbers][:, numbers], cov[numbers]).T.float()


@torch.no_grad()
def prune(
    teacher: TransformerNetwork,
    shape: Architecture,
    blocks: Sequence[int],
    batches: Sequence[Batch],
) -> tuple[TransformerNetwork, Tensor]:
    """A network of another shape that paints as nearly as the teacher as leaving out allows, and
    where its embeddings' numbers stand in the teacher's, (embedding_size,).

    Args:
        teacher: takes noise, and its last convolution is one of 3x3.
        shape: takes noise; no layer is wider than the teacher's.
        blocks: of the teacher, those that stay, as many as the shape has.
        batches: what features are seen with.
    """
    _, b, c = teacher.architecture.widths
    convs: Any = teacher.convs
    takers: dict[str, list[Tensor]] = {
        "half": [teacher.down2.weight, teacher.up1.weight[:, b:]],
        "quarter": [teacher.down3.weight, teacher.up2.weight[:, c:]],
        "stream": [*(convs[2 * k].weight for k in blocks), teacher.up2.weight[:, :c]],
        **{f"inner{k}": [convs[2 * k + 1].weight] for k in blocks},
        "up2": [teacher.up1.weight[:, :b]],
        "up1": [teacher.out.weight],
    }
    seen: dict[str, list[Tensor]] = {group: [] for group in takers}
    for batch in batches:
        for group, x in take_channels(teacher, batch):
            if group in seen:
                flat = x.permute(0, 2, 3, 1).flatten(0, 2)
                seen[group].append(flat[torch.randperm(len(flat))[:4000]])
    a, b, c = shape.widths
    sizes = {"half": a, "quarter": b, "up2": b, "up1": a}
    kept, maps = {}, {}
    for group, weights in takers.items():
        weight = torch.stack([w.square().sum((0, 2, 3)) / w.square().sum() for w in weights]).sum(0)
        kept[group], maps[group] = choose_channels(
            torch.cat(seen[group]), weight.double(), sizes.get(group, c)
        )

    student = TransformerNetwork(shape)
    numbers = torch.zeros(student.embedding_size, dtype=torch.long)

    def carry(to: Any, of: Any, out: str | None, *given: str | None) -> None:
        rows = slice(None) if out is None else kept[out]
        parts, start = [], 0
        for group in given:
            width = len(maps[group]) if group else of.in_channels
            part = of.weight[rows, start : start + width]
            parts.append(torch.einsum("oikl,is->oskl", part, maps[group]) if group else part)
            start += width
        weight = torch.cat(parts, 1)
        to.weight.copy_(
            weight if to.kernel_size == of.kernel_size else weight.sum((2, 3), keepdim=True)
        )
        if to.bias is not None and of.bias is not None:
            to.bias.copy_(of.bias[rows])

    def embed(to: Any, of: Any, group: str) -> None:
        for part in range(2):
            numbers[to.start + part * to.channels :][: to.channels] = (
                of.start + part * of.channels + kept[group]
            )

    layers: list[tuple[str, str, tuple[str | None, ...]]] = [
        ("down1", "half", (None,)),
        ("down2", "quarter", ("half",)),
        ("down3", "stream", ("quarter",)),
    ]
    layers += [("up2", "up2", ("stream", "quarter")), ("up1", "up1", ("up2", "half"))]
    for name, out, given in layers:
        carry(getattr(student, name), getattr(teacher, name), out, *given)
        embed(getattr(student, f"{name}_norm"), getattr(teacher, f"{name}_norm"), out)
    for new, k in enumerate(blocks):
        for i, (out, into) in enumerate(((f"inner{k}", "stream"), ("stream", f"inner{k}"))):
            carry(student.convs[2 * new + i], teacher.convs[2 * k + i], out, into)
            embed(student.norms[2 * new + i], teacher.norms[2 * k + i], out)
    carry(student.out, teacher.out, None, "up1")
    numbers[student.pixels_start :][: 2 * COLORS] = torch.arange(2 * COLORS) + teacher.pixels_start
    noises: list[tuple[Any, Any, str]] = [(student.up2_noise, teacher.up2_noise, "up2")]
    noises += [(to, of, "stream") for to, of in zip(student.noises, teacher.noises, strict=False)]
    for noise, of, group in noises:
        noise.mix.weight.copy_(of.mix.weight[kept[group]])
        numbers[noise.start :][: noise.channels] = of.start + kept[group]
    return student, numbers
