"""Random features, and how nearly numbers must agree with their definition."""

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

Float64 = NDArray[np.float64]
DTYPES = (torch.float32, torch.bfloat16)
ERROR = {torch.float32: 1e-5, torch.bfloat16: 0.02}  # of the largest number

shapes = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 9), st.integers(1, 9))
seeds = st.integers(0, 2**32)
dtypes = st.sampled_from(DTYPES)


def random_features(seed: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Features as a perceptual network leaves them: not negative, of several scales, channels
    last."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-1, 1, shape[1])[None, :, None, None]
    f = ((torch.randn(shape, generator=generator) + 0.5).relu() * scale).to(dtype)
    return f.contiguous(memory_format=torch.channels_last)


def exact(tensor: Tensor) -> Float64:
    return tensor.detach().double().numpy()


def assert_close(got: Tensor, expected: Float64, dtype: torch.dtype = torch.float32) -> None:
    assert got.dtype == torch.float32
    np.testing.assert_allclose(
        exact(got), expected, rtol=0, atol=ERROR[dtype] * np.abs(expected).max() + 1e-9
    )
