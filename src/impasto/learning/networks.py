"""The transformer network: a photograph and a style embedding in, a painted picture out.

The image transformation network of Johnson et al. 2016 with the conditional instance normalization of Dumoulin et al.
2017, made for CPUs: all convolutions are 3x3 and work at half the picture's resolution or less, behind a pixel-unshuffle.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE = 8  # the network halves three times: sides of its input are multiples of this


@dataclass(frozen=True)
class Architecture:
    """Dimensions of a transformer network: channels at 1/2, 1/4 and 1/8 of the resolution, and residual blocks at 1/8."""

    widths: tuple[int, int, int]
    blocks: int
    skip: str = "add"


ARCHITECTURES = {
    "base": Architecture((32, 64, 128), blocks=5),  # for pictures
    "small": Architecture((16, 32, 64), blocks=5),  # for video and live use
}


class Conv(nn.Conv2d):
    """3x3 convolution with reflection padding, which leaves no border stripes."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (1, 1, 1, 1), mode="reflect"))


class StyleNorm(nn.Module):
    """Conditional instance normalization: statistics from the picture, scale and shift from the style embedding.

    Dumoulin et al. 2017, eq. 5. `start` is where this layer's scales stand in the embedding; its shifts follow them.
    """

    def __init__(self, channels: int, start: int) -> None:
        super().__init__()
        self.channels, self.start = channels, start

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = embedding[:, self.start : self.start + 2 * self.channels, None, None].split(self.channels, dim=1)
        return F.instance_norm(x) * scale + shift


class TransformerNetwork(nn.Module):
    """T(image, embedding): image (B, 3, H, W), RGB in 0..1, H and W multiples of 8; embedding (B, embedding_size).

    Gives (B, 3, H, W), clamped to 0..1 in evaluation; in training the clamp leaks a little, so that gradients reach pixels
    outside the range. Features of the way down are brought to the way up, where the next normalization takes the style of
    both, and the photograph itself, each colour scaled by the embedding, is added at the end: the `photo` embedding is the
    one that scales it by 1 and everything else by 0.
    """

    LEAK = 0.05

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.embedding_size = 0
        a, b, c = architecture.widths
        concat = architecture.skip == "concat"
        self.down1, self.down1_norm = Conv(12, a), self._norm(a)
        self.down2, self.down2_norm = Conv(a, b, stride=2), self._norm(b)
        self.down3, self.down3_norm = Conv(b, c, stride=2), self._norm(c)
        self.convs = nn.ModuleList(Conv(c, c) for _ in range(2 * architecture.blocks))
        self.norms = nn.ModuleList(self._norm(c) for _ in range(2 * architecture.blocks))
        self.up2, self.up2_norm = Conv(c + b * concat, b), self._norm(b)
        self.up1, self.up1_norm = Conv(b + a * concat, a), self._norm(a)
        self.out = Conv(a, 12)
        self.photo_start = self.embedding_size  # scales of the photograph's 12 unshuffled channels stand last
        self.embedding_size += 12

    def _norm(self, channels: int) -> StyleNorm:
        norm = StyleNorm(channels, self.embedding_size)
        self.embedding_size += 2 * channels
        return norm

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        e = embedding
        photo = F.pixel_unshuffle(image, 2)
        half = F.relu(self.down1_norm(self.down1(photo), e))
        quarter = F.relu(self.down2_norm(self.down2(half), e))
        x = F.relu(self.down3_norm(self.down3(quarter), e))
        for i in range(0, len(self.convs), 2):
            y = F.relu(self.norms[i](self.convs[i](x), e))
            x = x + self.norms[i + 1](self.convs[i + 1](y), e)
        x = F.relu(self.up2_norm(self._up(self.up2, x, quarter), e))
        x = F.relu(self.up1_norm(self._up(self.up1, x, half), e))
        x = self.out(x) + photo * e[:, self.photo_start :, None, None]
        x = F.pixel_shuffle(x, 2)
        clamped = x.clamp(0, 1)
        return clamped + self.LEAK * (x - clamped) if self.training else clamped

    def _up(self, conv: nn.Module, x: Tensor, skipped: Tensor) -> Tensor:
        """Resize and convolve (Odena et al. 2016: no checkerboards), with the features of the way down."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        if self.architecture.skip == "concat":
            return conv(torch.cat([x, skipped], 1))
        x = conv(x)
        return x + skipped if self.architecture.skip == "add" else x

    def neutral_embedding(self) -> Tensor:
        """Scales 1, shifts 0 and nothing of the photograph, (embedding_size,): where training starts."""
        embedding = torch.zeros(self.embedding_size)
        for norm in self.modules():
            if isinstance(norm, StyleNorm):
                embedding[norm.start : norm.start + norm.channels] = 1
        return embedding
