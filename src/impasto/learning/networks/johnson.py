"""The image transformation network of Johnson et al. 2016, as the PyTorch examples have it.

Checkpoints of the examples (`fast_neural_style`) are read into it by
`impasto.learning.conversion.pytorch_examples`, and it is the yardstick of speed.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (32, 64, 128)  # channels at full size, a half and a quarter, in the examples
BLOCKS = 5  # residual blocks in the examples


class JohnsonConv(nn.Module):
    """A convolution behind reflection padding, which keeps the size but for its stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, inputs, H, W) into (B, outputs, H / stride, W / stride)."""
        out: Tensor = self.conv2d(self.reflection_pad(x))
        return out


class JohnsonUpConv(JohnsonConv):
    """The same over features at twice their size: each position is repeated four times."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, inputs, H, W) into (B, outputs, 2 H, 2 W)."""
        return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Residual(nn.Module):
    """Two convolutions whose result is added to their input (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.in1 = JohnsonConv(channels, channels, 3), _norm(channels)
        self.conv2, self.in2 = JohnsonConv(channels, channels, 3), _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add the block's result to its input (B, C, H, W)."""
        out: Tensor = x + self.in2(self.conv2(F.relu(self.in1(self.conv1(x)))))
        return out


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=True)


class Johnson(nn.Module):
    """A network of one style: pictures (B, 3, H, W) to pictures (B, 3, H, W).

    Both are RGB in 0..255 in the checkpoints, and the result goes beyond that range; sides are
    multiples of 4. 9x9 convolutions work at full size, residual blocks at a quarter of it. Layers
    have the names that the checkpoints give them.

    Args:
        widths: channels at full size, a half and a quarter.
        blocks: residual blocks.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> None:
        super().__init__()
        a, b, c = widths
        self.conv1, self.in1 = JohnsonConv(3, a, 9), _norm(a)
        self.conv2, self.in2 = JohnsonConv(a, b, 3, 2), _norm(b)
        self.conv3, self.in3 = JohnsonConv(b, c, 3, 2), _norm(c)
        for number in range(1, blocks + 1):
            self.add_module(f"res{number}", Residual(c))
        self.deconv1, self.in4 = JohnsonUpConv(c, b, 3), _norm(b)
        self.deconv2, self.in5 = JohnsonUpConv(b, a, 3), _norm(a)
        self.deconv3 = JohnsonConv(a, 3, 9)

    @property
    def residuals(self) -> list[Residual]:
        """List the residual blocks, in order."""
        return [module for module in self.children() if isinstance(module, Residual)]

    def forward(self, x: Tensor) -> Tensor:
        """Paint pictures (B, 3, H, W), RGB in 0..255."""
        for conv, norm in ((self.conv1, self.in1), (self.conv2, self.in2), (self.conv3, self.in3)):
            x = F.relu(norm(conv(x)))
        for block in self.residuals:
            x = block(x)
        for conv, norm in ((self.deconv1, self.in4), (self.deconv2, self.in5)):
            x = F.relu(norm(conv(x)))
        out: Tensor = self.deconv3(x)
        return out
