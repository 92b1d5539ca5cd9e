"""The names of the measures, without PyTorch: the command line lists them before it is needed."""

from typing import Literal, get_args

Measure = Literal[
    "canonical",
    "repetition",
    "residue",
    "halo",
    "palette",
    "adain",
    "cfsd",
    "ssim",
    "lpips",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)
