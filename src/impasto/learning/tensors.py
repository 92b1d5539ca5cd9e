"""Devices, types, and images as tensors."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def best_device() -> torch.device:
    """Choose the device to learn on: a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_dtype() -> torch.dtype:
    """Choose bfloat16 where the device computes in it natively, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = any(
        getattr(torch.cpu, check, bool)()
        for check in (
            "_is_avx512_bf16_supported",
            "_is_amx_tile_supported",
            "_is_amx_bf16_supported",
        )
    )
    return torch.bfloat16 if native else torch.float32


def pixels(pictures: Tensor) -> Tensor:
    """Convert uint8 pictures (B, H, W, 3) to (B, 3, H, W) in 0..1, channels-last in memory."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def to_tensor(pictures: Sequence[np.ndarray]) -> Tensor:
    """Convert uint8 pictures (H, W, 3), all of one size, to (B, 3, H, W) in 0..1."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))
    return pixels(stacked)
