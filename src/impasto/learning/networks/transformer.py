"""The transformer network: a photograph and a style embedding in, a painted picture out.

It is the image transformation network of Johnson et al. 2016 with the conditional instance
normalization of Dumoulin et al. 2017, made for CPUs: all convolutions are 3x3 and work at half the
picture's resolution or less, behind a pixel-unshuffle. Networks of four levels are U-nets with
residual blocks on the way up too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.images.image import LUMA_WEIGHTS
from impasto.models.noise import noise_at

# added to the variance by normalizations: a flat picture must not be amplified from layer to layer
EPSILON = 1e-4
# of leaky activations on the way up: with plain ones, features fell silent all at once in places,
# and left flat gray blobs
SLOPE = 0.2
NOISY_BLOCKS = (0, 2)  # residual blocks before which noise is added
# By pixels a side, filters along a line that are 0 at the highest frequency. Of a mesh along both
# diagonals, 0.3 periods a pixel down and across, they leave an eighth and a twenty-sixth.
SMOOTHING = {3: (1, 2, 1), 5: (1, 6, 10, 6, 1)}
OUTLINES = (1, 3, 4, 3, 1)  # filter along a line that keeps the finest outlines out
COLORS = 3
PIXEL_CHANNELS = 4 * COLORS  # channels of 2x2 pixels, unshuffled


@dataclass(frozen=True)
class Architecture:
    """Dimensions of a transformer network.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8 and, with a fourth, 1/16 of the resolution.
        blocks: residual blocks at the coarsest level.
        noise: whether noise is added to features, as much as the style asks for.
        last: positions a side of the last convolution. With 1, it is merged with the filter that
            follows.
        up_blocks: residual blocks on the way up, at each level above the coarsest, from coarse to
            fine; empty for none. With them, noise is added at each of these levels too.
        smoothing: pixels a side of the filter that follows, see `SMOOTHING`.
        detail: share of the photograph's luma that is added to the painting, of what the filter
            `OUTLINES` keeps out. So the subject is clear.
    """

    widths: tuple[int, ...]
    blocks: int
    noise: bool = False
    last: Literal[1, 3] = 3
    up_blocks: tuple[int, ...] = ()
    smoothing: Literal[3, 5] = 3
    detail: float = 0.0


ARCHITECTURES = {
    # for pictures: sees forms at 1/16, and repaints them on the way up
    "large": Architecture(
        (32, 64, 96, 128), blocks=2, noise=True, up_blocks=(2, 3, 1), smoothing=5, detail=0.5
    ),
    "base": Architecture((16, 32, 64), blocks=4, noise=True),  # quick and good
    "small": Architecture((8, 24, 48), blocks=3, noise=True, last=1),  # for video and live use
}


class Conv(nn.Conv2d):
    """A 3x3 convolution with reflection padding, which leaves no border stripes."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 3, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, inputs, H, W) into (B, outputs, H / stride, W / stride)."""
        return super().forward(_pad(x, "reflect"))


class UpConv(Conv):
    """The same convolution over upsampled features, beside others of that size.

    Upsampling repeats each position four times. Such features are convolved before they are
    doubled, by a transposed convolution with sums of the kernel's taps. That gives the same with
    less than half the products: it saves a fifth of the network's time on a CPU.
    """

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve (B, C1, H, W), doubled, and (B, C2, 2 H, 2 W) into (B, outputs, 2 H, 2 W)."""
        # split, not sliced: the ONNX exporter would store slices in place of the weight, which must
        # be read back
        doubled, plain = self.weight.split([x.shape[1], beside.shape[1]], dim=1)
        # reflection at a doubled border meets the outermost position again, so here it is repeated
        x = F.conv_transpose2d(
            _pad(x, "replicate"), upsampling_kernel(doubled), stride=2, padding=3
        )
        return x + F.conv2d(_pad(beside, "reflect"), plain, self.bias)


class Noise(nn.Module):
    """Noise that is added to features, as strong as the style embedding asks for.

    A network that is the same everywhere can paint a smooth sky with one stroke only, again and
    again; noise makes strokes differ (Ulyanov et al. 2016, "Texture networks"; Karras et al. 2019
    add it layer by layer, as here).

    Args:
        inputs: channels of the noise.
        channels: of the features; each gets its own mixture of the noise's channels.
        start: index of this layer's strengths in the embedding.
    """

    def __init__(self, inputs: int, channels: int, start: int) -> None:
        super().__init__()
        self.channels, self.start = channels, start
        self.mix = nn.Conv2d(inputs, channels, 1, bias=False)
        nn.init.normal_(self.mix.weight, std=inputs**-0.5)

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Mix noise (B, inputs, h, w) into what is added to features, (B, channels, h, w)."""
        return self.mix(noise) * embedding[:, self.start : self.start + self.channels, None, None]


def upsampling_kernel(kernel: Tensor) -> Tensor:
    """Make a kernel that upsamples and convolves at once.

    Of the three taps in a line that a position falls under, two meet the same original; which two
    alternates.

    Args:
        kernel: (out, in, 3, 3), of a convolution over doubled features.

    Returns:
        The kernel (in, out, 4, 4) of a transposed convolution with stride 2 over the features.
    """
    for dim in (2, 3):
        first, second, third = kernel.split(1, dim)  # split, as in `UpConv`
        kernel = torch.cat([third, second + third, first + second, first], dim)
    return kernel.transpose(0, 1)


class StyleNorm(nn.Module):
    """Conditional instance normalization: z = scale (x - mean) / std + shift.

    Mean and deviation are the picture's, scale and shift stand in the style embedding (Dumoulin et
    al. 2017, eq. 5).

    Args:
        channels: of the features.
        start: index of this layer's scales in the embedding; its shifts follow them.
    """

    def __init__(self, channels: int, start: int) -> None:
        super().__init__()
        self.channels, self.start = channels, start

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Normalize features (B, C, h, w) in the styles of embeddings (B, embedding_size)."""
        end = self.start + 2 * self.channels
        scale, shift = embedding[:, self.start : end, None, None].split(self.channels, dim=1)
        return F.instance_norm(x, eps=EPSILON) * scale + shift


class TransformerNetwork(nn.Module):
    """T(image, embedding, noise): the photograph painted in the style of the embedding.

    Features of the way down stand beside those of the way up, where the next normalization takes
    the style of both: this keeps the subject. Resizing before convolving leaves no checkerboards
    (Odena et al. 2016). The photograph itself, scaled by the embedding, is added at the end: the
    `photo` embedding is the one that scales it by 1 and everything else by 0.

    Attributes:
        architecture: the dimensions.
        embedding_size: numbers in a style embedding.
        LEAK: in training, slope of the clamp to 0..1 outside that range, so that gradients reach
            pixels there.
    """

    LEAK = 0.05
    # layers that networks of all depths have
    down1: Conv
    down2: Conv
    down3: Conv
    up2: UpConv
    up1: UpConv
    up1_norm: StyleNorm

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.embedding_size = 0
        self.smoothing: Tensor
        widths, levels = architecture.widths, len(architecture.widths)
        for level, (inputs, outputs) in enumerate(pairwise((PIXEL_CHANNELS, *widths)), 1):
            setattr(self, f"down{level}", Conv(inputs, outputs, stride=1 if level == 1 else 2))
            setattr(self, f"down{level}_norm", self._norm(outputs))
        self.convs, self.norms = self._blocks(widths[-1], architecture.blocks)
        up_blocks = architecture.up_blocks or (0,) * (levels - 1)
        for level, blocks in zip(range(levels - 1, 0, -1), up_blocks, strict=True):
            above, here = widths[level], widths[level - 1]
            setattr(self, f"up{level}", UpConv(above + here, here))
            setattr(self, f"up{level}_norm", self._norm(here))
            if blocks:
                convs, norms = self._blocks(here, blocks)
                setattr(self, f"up{level}_convs", convs)
                setattr(self, f"up{level}_norms", norms)
        # without a bias: the style's shifts of colors take its place
        self.out = (
            Conv(widths[0], PIXEL_CHANNELS, bias=False)
            if architecture.last > 1
            else nn.Conv2d(widths[0], PIXEL_CHANNELS, 1, bias=False)
        )
        self.register_buffer(
            "smoothing", _smoothing_kernel(SMOOTHING[architecture.smoothing]), persistent=False
        )
        if architecture.detail:
            self.detail: Tensor
            kernel = architecture.detail * _detail_kernel(_smoothing_kernel(OUTLINES))
            self.register_buffer("detail", kernel, persistent=False)
        # index in the embedding of scales and then shifts of the photograph's colors
        self.pixels_start = self.embedding_size
        self.embedding_size += 2 * COLORS
        if architecture.noise:
            self.noises = nn.ModuleList(
                self._noise(4 ** (levels - 1), widths[-1])
                for block in NOISY_BLOCKS
                if block < architecture.blocks
            )
            for level in range(levels - 1, 0, -1):
                if level == 2 or architecture.up_blocks:
                    noise = self._noise(4 ** (level - 1), widths[level - 1])
                    setattr(self, f"up{level}_noise", noise)

    def _blocks(self, channels: int, count: int) -> tuple[nn.ModuleList, nn.ModuleList]:
        convs = nn.ModuleList(Conv(channels, channels) for _ in range(2 * count))
        return convs, nn.ModuleList(self._norm(channels) for _ in range(2 * count))

    def _noise(self, inputs: int, channels: int) -> Noise:
        noise = Noise(inputs, channels, self.embedding_size)
        self.embedding_size += channels
        return noise

    def _norm(self, channels: int) -> StyleNorm:
        norm = StyleNorm(channels, self.embedding_size)
        self.embedding_size += 2 * channels
        return norm

    def forward(self, image: Tensor, embedding: Tensor, noise: Tensor | None = None) -> Tensor:
        """Paint photographs.

        Args:
            image: (B, 3, H, W), RGB in 0..1; H and W are multiples of 16, 32 or more.
            embedding: (B, embedding_size).
            noise: (B or 1, 1, H / 2, W / 2), of mean 0 and deviation 1, where the architecture has
                noise; else None.

        Returns:
            The paintings (B, 3, H, W), clamped to 0..1 in evaluation; in training the clamp leaks.

        Raises:
            ValueError: noise is missing, or given to a network that takes none.
        """
        if self.architecture.noise != (noise is not None):
            takes = "takes noise" if self.architecture.noise else "takes no noise"
            raise ValueError(f"cannot paint: this network {takes}; pass network.noise(H, W)")
        e = embedding
        photo = F.pixel_unshuffle(image, 2)
        beside: list[Tensor] = []  # features of the way down, from fine to coarse
        x = photo
        for level in range(1, len(self.architecture.widths) + 1):
            x = F.relu(self._get(f"down{level}_norm")(self._get(f"down{level}")(x), e))
            beside.append(x)
        beside.pop()
        for i in range(0, len(self.convs), 2):
            if noise is not None and i // 2 in NOISY_BLOCKS:
                x = x + self.noises[NOISY_BLOCKS.index(i // 2)](
                    F.pixel_unshuffle(noise, 2 ** len(beside)), e
                )
            x = self._residual(x, e, i, self.convs, self.norms)
        while beside:
            x = self._rise(len(beside), x, beside.pop(), e, noise)
        end = self.pixels_start + 2 * COLORS
        scale, shift = e[:, self.pixels_start : end, None, None].split(COLORS, dim=1)
        # pixels stay unshuffled to the end: nothing is computed at full size, where engines take
        # longer for fewer products
        x = self._to_pixels(x) + photo * _repeat_per_pixel(scale) + _repeat_per_pixel(shift)
        if self.architecture.detail:
            # none where the photograph itself is added: it has its detail
            detail = F.conv2d(_pad(photo, "reflect"), self.detail)
            x = x + detail * (1 - _repeat_per_pixel(scale))
        clamped = x.clamp(0, 1)
        return F.pixel_shuffle(clamped + self.LEAK * (x - clamped) if self.training else clamped, 2)

    def _get(self, name: str) -> Any:
        return getattr(self, name)

    @staticmethod
    def _residual(
        x: Tensor, e: Tensor, i: int, convs: nn.ModuleList, norms: nn.ModuleList
    ) -> Tensor:
        y = F.relu(norms[i](convs[i](x), e))
        return x + norms[i + 1](convs[i + 1](y), e)

    def _rise(
        self, level: int, x: Tensor, beside: Tensor, e: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Go up to a level: double features, join those of the way down, add noise, and refine."""
        x = self._get(f"up{level}_norm")(self._get(f"up{level}")(x, beside), e)
        if noise is not None and hasattr(self, f"up{level}_noise"):
            here = F.pixel_unshuffle(noise, 2 ** (level - 1)) if level > 1 else noise
            x = x + self._get(f"up{level}_noise")(here, e)
        x = F.leaky_relu(x, SLOPE)
        if hasattr(self, f"up{level}_convs"):
            convs, norms = self._get(f"up{level}_convs"), self._get(f"up{level}_norms")
            for i in range(0, len(convs), 2):
                x = self._residual(x, e, i, convs, norms)
        return x

    def _to_pixels(self, x: Tensor) -> Tensor:
        """Convolve features (B, a, H / 2, W / 2) into unshuffled pixels (B, 12, H / 2, W / 2)."""
        if isinstance(self.out, Conv):
            return _smooth(self.out(x), self.smoothing)
        # convolution and filter in one pass, with a third fewer products of 8 features
        pixels = PIXEL_CHANNELS // COLORS
        colors = self.out.weight.split(pixels)  # split, as in `UpConv`
        one = self.smoothing[:pixels, :pixels].permute(0, 2, 3, 1)
        kernels = [(one @ color.flatten(1)).permute(0, 3, 1, 2) for color in colors]
        return _smooth(x, torch.cat(kernels))

    def noise(self, height: int, width: int) -> Tensor | None:
        """Make the noise for pictures of a size; None if the network takes none.

        Args:
            height: of the pictures, pixels.
            width: of the pictures, pixels.

        Returns:
            Noise (1, 1, height / 2, width / 2), the same each time.
        """
        return torch.from_numpy(noise_at(height, width)) if self.architecture.noise else None

    @torch.no_grad()
    def rescale(self) -> None:
        """Bring weights back to the size that fresh ones have; the network paints as before.

        Behind a normalization, weights of convolutions count by their direction alone. They grow in
        training, and steps of one size then turn them less and less.
        """
        for name, conv in self.named_modules():
            if isinstance(conv, Conv) and name != "out":
                fresh = (3 * conv.weight[0].numel()) ** -0.5  # of PyTorch's initialization
                scale = fresh / conv.weight.square().mean().sqrt()
                conv.weight *= scale
                if conv.bias is not None:
                    conv.bias *= scale

    @torch.no_grad()
    def with_noise(self) -> "TransformerNetwork":
        """Copy this network as one that takes noise.

        The copy paints the same until its embeddings, which are a little longer, ask for noise.
        """
        noisy = TransformerNetwork(replace(self.architecture, noise=True))
        noisy.load_state_dict(self.state_dict(), strict=False)
        return noisy

    def neutral_embedding(self) -> Tensor:
        """Make the embedding at which training starts, (embedding_size,).

        Scales are 1, shifts 0; nothing of the photograph is added, but mid gray.
        """
        embedding = torch.zeros(self.embedding_size)
        for norm in self.modules():
            if isinstance(norm, StyleNorm):
                embedding[norm.start : norm.start + norm.channels] = 1
        embedding[self.pixels_start + COLORS : self.pixels_start + 2 * COLORS] = 0.5
        return embedding

    def photo_embedding(self, like: Tensor) -> Tensor:
        """Make the embedding that gives the photograph back exactly, (embedding_size,).

        It scales the painted features before the last convolution by 0 and the photograph by 1.

        Args:
            like: (embedding_size,); everywhere else the result is the same, so that mixtures of
                both keep it.
        """
        embedding = like.clone()
        embedding[self._get("up1_norm").start :] = 0
        embedding[self.pixels_start : self.pixels_start + COLORS] = 1
        return embedding


def _repeat_per_pixel(colors: Tensor) -> Tensor:
    """Repeat values of colors (B, 3, 1, 1) for unshuffled pixels: (B, 12, 1, 1)."""
    return colors.repeat_interleave(PIXEL_CHANNELS // COLORS, dim=1)


def _smooth(x: Tensor, kernel: Tensor) -> Tensor:
    """Filter (B, C, H / 2, W / 2) by a kernel that is 0 at the highest frequency of pixels.

    Neighbors that come from the four channels of one position would otherwise differ by a grid of
    single pixels, which perceptual losses like and eyes do not.
    """
    return F.conv2d(_pad(x, "reflect"), kernel)


def _pad(x: Tensor, mode: Literal["reflect", "replicate"]) -> Tensor:
    """Pad features (B, C, H, W) by one position on each side."""
    if x.is_cuda:
        return _PadOnGpu.apply(x, mode == "reflect")  # type: ignore[no-untyped-call]
    return F.pad(x, (1, 1, 1, 1), mode=mode)


class _PadOnGpu(torch.autograd.Function):
    """The same padding, in the memory format of the features.

    PyTorch's own changes the format twice a layer, and adds up its derivative by atomic operations,
    which take longer than the convolution.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, reflect: bool) -> Tensor:
        ctx.inset = inset = int(reflect)
        b, c, h, w = x.shape
        padded = x.new_empty((b, c, h + 2, w + 2)).contiguous(memory_format=torch.channels_last)
        padded[:, :, 1:-1, 1:-1] = x
        padded[:, :, 1:-1, 0], padded[:, :, 1:-1, -1] = x[..., inset], x[..., -1 - inset]
        padded[:, :, 0], padded[:, :, -1] = padded[:, :, 1 + inset], padded[:, :, -2 - inset]
        return padded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        inset, (gradient,) = ctx.inset, gradients
        rows = gradient[:, :, 1:-1].clone(memory_format=torch.channels_last)
        rows[:, :, inset] += gradient[:, :, 0]
        rows[:, :, -1 - inset] += gradient[:, :, -1]
        inner = rows[..., 1:-1].clone(memory_format=torch.channels_last)
        inner[..., inset] += rows[..., 0]
        inner[..., -1 - inset] += rows[..., -1]
        return inner, None


def _smoothing_kernel(line_weights: Sequence[int]) -> Tensor:
    """Make a filter of 3 or 5 unshuffled pixels a side, of weights along a line: (12, 12, 3, 3)."""
    weights = [weight / sum(line_weights) for weight in line_weights]
    # to a pixel of two, from one of two, in the position before, here or after
    line = torch.zeros(2, 2, 3)
    for target in range(2):
        for tap, weight in enumerate(weights, -(len(weights) // 2)):
            position, source = divmod(target + tap, 2)
            line[target, source, position + 1] += weight
    one = torch.einsum("tfi,ugj->tufgij", line, line).reshape(4, 4, 3, 3)
    return torch.einsum("cd,tfij->ctdfij", torch.eye(COLORS), one).reshape(
        PIXEL_CHANNELS, PIXEL_CHANNELS, 3, 3
    )


def _detail_kernel(smoothing: Tensor) -> Tensor:
    """Make the kernel of the luma that a filter keeps out of unshuffled pixels.

    Args:
        smoothing: kernel of the filter, (12, 12, 3, 3).

    Returns:
        (12, 12, 3, 3): the same for each color.
    """
    kept_out = -smoothing
    kept_out[:, :, 1, 1] += torch.eye(PIXEL_CHANNELS)
    luma = torch.tensor(LUMA_WEIGHTS).repeat_interleave(PIXEL_CHANNELS // COLORS)
    # of each color alone: the filter mixes none
    return (
        (luma.view(-1, 1, 1, 1) * kept_out)
        .unflatten(0, (COLORS, -1))
        .sum(0)
        .repeat(COLORS, 1, 1, 1)
    )
