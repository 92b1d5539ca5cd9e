"""Smaller networks made of larger ones, by leaving out channels and residual blocks.

Of every layer those channels stay by which all others are predicted best, by linear regression on
features of paintings. Weights that took the others take the prediction instead (as in He, Zhang and
Sun 2017, "Channel pruning for accelerating very deep neural networks"; here, channels are chosen
greedily, one after another). So the embeddings of the smaller network, and its style predictor, are
parts of those of the larger.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from impasto.learning.networks.transformer import COLORS, Architecture, TransformerNetwork

Batch = tuple[Tensor, Tensor, Tensor]
"""Images (B, 3, H, W), embeddings (B, embedding_size), noise (B, 1, H / 2, W / 2)."""

MAX_POSITIONS = 4000  # of features, taken from one batch


@torch.no_grad()
def take_channels(network: TransformerNetwork, batch: Batch) -> Iterator[tuple[str, Tensor]]:
    """Paint a batch and yield what each convolution takes.

    Yields:
        The name of the group of channels that several convolutions share, and the features
        (B, C, h, w).
    """
    inputs: list[tuple[str, Tensor]] = []
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
            lambda _, args, __, group=group: inputs.append((group, args[0].detach()))
        )
        for module, group in convolutions
    ]
    network(*batch)
    for hook in hooks:
        hook.remove()
    yield from inputs


def choose_channels(x: Tensor, weight: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Choose the channels that predict all channels best, one after another.

    Args:
        x: features (n, channels).
        weight: (channels,), how much each channel's error counts.
        count: channels to choose.

    Returns:
        The numbers of the channels, (count,), and the linear map from them to all,
        (channels, count).
    """
    x = x.double() - x.double().mean(0)
    cov = x.T @ x / len(x)
    cov += 1e-6 * cov.diagonal().mean() * torch.eye(len(cov))
    unexplained, chosen = cov.clone(), list[int]()
    for _ in range(count):
        gain = (unexplained.square() * weight[:, None]).sum(0)
        gain /= unexplained.diagonal().clamp_min(1e-12)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        explained = torch.outer(unexplained[:, best], unexplained[best])
        unexplained = unexplained - explained / unexplained[best, best]
    numbers = torch.tensor(sorted(chosen))
    return numbers, torch.linalg.solve(cov[numbers][:, numbers], cov[numbers]).T.float()


@torch.no_grad()
def prune(
    teacher: TransformerNetwork,
    shape: Architecture,
    blocks: Sequence[int],
    batches: Sequence[Batch],
) -> tuple[TransformerNetwork, Tensor]:
    """Make a network of another shape that paints as nearly as the teacher as it can.

    Args:
        teacher: takes noise, and its last convolution is one of 3x3.
        shape: takes noise; no layer is wider than the teacher's.
        blocks: residual blocks of the teacher that stay, as many as the shape has.
        batches: by whose features channels are chosen.

    Returns:
        The network, and where the numbers of its embeddings stand in the teacher's,
        (embedding_size,).
    """
    takers = _taking_weights(teacher, blocks)
    features = _sample_features(teacher, takers, batches)
    student = _Student(teacher, shape)
    a, b, c = shape.widths
    sizes = {"half": a, "quarter": b, "up2": b, "up1": a}
    for group, weights in takers.items():
        shares = [w.square().sum((0, 2, 3)) / w.square().sum() for w in weights]
        weight = torch.stack(shares).sum(0).double()
        count = sizes.get(group, c)
        student.kept[group], student.maps[group] = choose_channels(features[group], weight, count)
    student.copy_layers(blocks)
    student.copy_colors_and_noise()
    return student.network, student.numbers


def _taking_weights(teacher: TransformerNetwork, blocks: Sequence[int]) -> dict[str, list[Tensor]]:
    """List, by group of channels, the weights that take its features."""
    _, b, c = teacher.architecture.widths
    convs: Any = teacher.convs
    return {
        "half": [teacher.down2.weight, teacher.up1.weight[:, b:]],
        "quarter": [teacher.down3.weight, teacher.up2.weight[:, c:]],
        "stream": [*(convs[2 * k].weight for k in blocks), teacher.up2.weight[:, :c]],
        **{f"inner{k}": [convs[2 * k + 1].weight] for k in blocks},
        "up2": [teacher.up1.weight[:, :b]],
        "up1": [teacher.out.weight],
    }


def _sample_features(
    teacher: TransformerNetwork, groups: Mapping[str, object], batches: Sequence[Batch]
) -> dict[str, Tensor]:
    """Draw features (n, channels) of each group of channels from batches."""
    features: dict[str, list[Tensor]] = {group: [] for group in groups}
    for batch in batches:
        for group, x in take_channels(teacher, batch):
            if group in features:
                flat = x.permute(0, 2, 3, 1).flatten(0, 2)
                features[group].append(flat[torch.randperm(len(flat))[:MAX_POSITIONS]])
    return {group: torch.cat(parts) for group, parts in features.items()}


class _Student:
    """A smaller network that gets its weights from a teacher.

    Attributes:
        kept: by group of channels, the numbers of those that stay.
        maps: by group of channels, the linear map from those to all.
        numbers: where the numbers of its embeddings stand in the teacher's.
    """

    def __init__(self, teacher: TransformerNetwork, shape: Architecture) -> None:
        self.teacher, self.network = teacher, TransformerNetwork(shape)
        self.kept: dict[str, Tensor] = {}
        self.maps: dict[str, Tensor] = {}
        self.numbers = torch.zeros(self.network.embedding_size, dtype=torch.long)

    def copy_layers(self, blocks: Sequence[int]) -> None:
        """Copy all convolutions, and the places of their normalizations' numbers."""
        student, teacher = self.network, self.teacher
        layers: list[tuple[str, str, tuple[str | None, ...]]] = [
            ("down1", "half", (None,)),
            ("down2", "quarter", ("half",)),
            ("down3", "stream", ("quarter",)),
            ("up2", "up2", ("stream", "quarter")),
            ("up1", "up1", ("up2", "half")),
        ]
        for name, out, inputs in layers:
            self._copy_weight(getattr(student, name), getattr(teacher, name), out, *inputs)
            self._place(getattr(student, f"{name}_norm"), getattr(teacher, f"{name}_norm"), out)
        for new, k in enumerate(blocks):
            groups = ((f"inner{k}", "stream"), ("stream", f"inner{k}"))
            for i, (out, taken) in enumerate(groups):
                target, source = 2 * new + i, 2 * k + i
                self._copy_weight(student.convs[target], teacher.convs[source], out, taken)
                self._place(student.norms[target], teacher.norms[source], out)
        self._copy_weight(student.out, teacher.out, None, "up1")

    def copy_colors_and_noise(self) -> None:
        """Copy the layers of noise, and the places of their numbers and of those for colors."""
        student, teacher = self.network, self.teacher
        colors = torch.arange(2 * COLORS) + teacher.pixels_start
        self.numbers[student.pixels_start :][: 2 * COLORS] = colors
        layers: list[tuple[Any, Any, str]] = [(student.up2_noise, teacher.up2_noise, "up2")]
        pairs = zip(student.noises, teacher.noises, strict=False)
        layers += [(target, source, "stream") for target, source in pairs]
        for target, source, group in layers:
            target.mix.weight.copy_(source.mix.weight[self.kept[group]])
            self.numbers[target.start :][: target.channels] = source.start + self.kept[group]

    def _copy_weight(self, target: Any, source: Any, out: str | None, *inputs: str | None) -> None:
        """Copy a convolution, with channels left out of its result and predicted in its inputs."""
        rows = slice(None) if out is None else self.kept[out]
        parts, start = [], 0
        for group in inputs:
            width = len(self.maps[group]) if group else source.in_channels
            part = source.weight[rows, start : start + width]
            parts.append(torch.einsum("oikl,is->oskl", part, self.maps[group]) if group else part)
            start += width
        weight = torch.cat(parts, 1)
        if target.kernel_size != source.kernel_size:
            weight = weight.sum((2, 3), keepdim=True)
        target.weight.copy_(weight)
        if target.bias is not None and source.bias is not None:
            target.bias.copy_(source.bias[rows])

    def _place(self, target: Any, source: Any, group: str) -> None:
        """Note where a normalization's scales and shifts stand in the teacher's embedding."""
        for part in range(2):
            places = source.start + part * source.channels + self.kept[group]
            self.numbers[target.start + part * target.channels :][: target.channels] = places
