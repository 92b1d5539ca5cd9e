"""Inputs that every run shares: threads, content pictures, and the network of the losses."""

from collections.abc import Callable
from pathlib import Path

import torch

from impasto.learning.data.photos import ContentImages, PhotoFolder
from impasto.learning.data.synthetic.generator import SyntheticPhotos
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.pretrained import load_perceptual
from impasto.learning.tensors import best_dtype


def set_threads(threads: int) -> None:
    """Set the number of threads that PyTorch computes with, in this whole process."""
    torch.set_num_threads(threads)


def load_content(photos: Path | None, seed: int) -> ContentImages:
    """Open a folder of photographs to paint in training, or generated pictures without a folder.

    Raises:
        TrainingError: the folder holds no pictures.
    """
    return PhotoFolder(photos, seed) if photos else SyntheticPhotos(seed)


def load_losses(
    name: str, precision: str, progress: Callable[[int, int], None] | None = None
) -> PerceptualNetwork:
    """Load a perceptual network, which computes the losses.

    Args:
        name: "lite", "vgg19" or "vgg16".
        precision: "auto", "bf16" or "f32"; see `best_dtype` for "auto".
        progress: called with the bytes fetched so far and the bytes of the file, where weights are
            downloaded.

    Raises:
        WeightsError: the weights are missing, or they are not the published ones.
    """
    dtype = {"auto": best_dtype(), "bf16": torch.bfloat16, "f32": torch.float32}[precision]
    return load_perceptual(name, dtype, progress)
