"""The image transformation network of Johnson et al. 2016 in the dimensions of the PyTorch examples: the yardstick of speed."""

import torch.nn.functional as F
from torch import Tensor, nn


class _Conv(nn.Sequential):
    """Reflection padding, convolution, instance normalization."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReflectionPad2d(kernel // 2),
            nn.Conv2d(inputs, outputs, kernel, stride),
            nn.InstanceNorm2d(outputs, affine=True),
        )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(channels, channels, 3), _Conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(F.relu(self.conv1(x)))
        return out


class _Up(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = _Conv(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.relu(self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest")))
        return out


class Johnson(nn.Module):
    """RGB (B, 3, H, W) to (B, 3, H, W), sides multiples of 4: 9x9 convolutions at full size, five residual blocks 128 wide."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([_Conv(3, 32, 9), _Conv(32, 64, 3, 2), _Conv(64, 128, 3, 2)])
        self.blocks = nn.Sequential(*(_Residual(128) for _ in range(5)))
        self.up = nn.Sequential(_Up(128, 64), _Up(64, 32))
        self.out = nn.Sequential(nn.ReflectionPad2d(4), nn.Conv2d(32, 3, 9))

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.down:
            x = F.relu(conv(x))
        out: Tensor = self.out(self.up(self.blocks(x)))
        return out
