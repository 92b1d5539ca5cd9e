"""Predict the embedding of any style picture, with the small network beside a transformer network.

A picture is read in patches of the size that the predictor was trained on, and its embedding is the
mean of theirs. Read whole, it would be larger than the pictures of the training, and its embedding
worse (docs/explanation/training-history.md).

Predictions are kept in the cache by the hash of the picture, so no picture is predicted twice.
"""

import contextlib
import hashlib
import math
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path

import numpy as np

from impasto.engines import base
from impasto.errors import StyleError
from impasto.files import write_atomically
from impasto.images.image import UInt8
from impasto.images.resize import resize_short_side
from impasto.models.network import PREDICTOR_PATCH_SIZE, Network
from impasto.models.style import Embedding, Style, encode_picture
from impasto.paths import home

SHORT_SIDE = 512  # pixels of the short side at which a picture is read; it sets the stroke size
keeps_predictions = ContextVar("keeps_predictions", default=True)
"""Whether predictions are kept in the cache on disk; a server keeps nothing of its clients."""

MAX_ASPECT = 4  # long side over short side; only the middle of a longer picture is read


def predict(picture: UInt8, network: Network) -> Embedding:
    """Predict the style embedding of a picture.

    Args:
        picture: the style picture, uint8 RGB (H, W, 3), any size.
        network: the network that the embedding is for.

    Returns:
        float32 (network.embedding_size,).

    Raises:
        StyleError: the network has no style predictor, or its result is not finite.
    """
    if not network.predictor:
        raise StyleError(
            f"cannot use a picture as a style with the network {network.name} ({network.hash}):"
            " it has no style predictor; learn the style with `impasto train PICTURE`, or train the"
            " network's gallery with --art"
        )
    reduced = resize_short_side(_crop_middle(picture), SHORT_SIDE)
    path = _cache_path(reduced, network)
    embedding = _read_cached(path, network)
    if embedding is not None:
        return embedding
    images = (
        np.ascontiguousarray(patch.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        for patch in _patches(reduced)
    )
    embeddings = [output[0] for output in base.run_each(network.predictor, images)]
    embedding = np.mean(embeddings, 0)
    if not _is_sound(embedding, network):
        raise StyleError(
            f"cannot use this picture as a style: the style predictor of the network {network.name}"
            f" ({network.hash}) gives no finite numbers for it; take another picture, or another"
            " network"
        )
    if path is not None:
        with contextlib.suppress(OSError):  # the next prediction takes a moment again
            write_atomically(path, embedding.tobytes())
    return embedding


def predict_style(picture: UInt8, name: str, networks: Iterable[Network]) -> Style:
    """Make a style of a picture, with a predicted embedding for each network.

    The style remembers the picture, so that it can be remade for other networks.

    Args:
        picture: the style picture, uint8 RGB (H, W, 3), any size.
        name: the name of the style.
        networks: the networks that the style is for.

    Raises:
        StyleError: a network has no style predictor, its result is not finite, or the name cannot
            be that of a style.
    """
    networks = list(networks)
    return Style(
        name,
        {network.name: predict(picture, network) for network in networks},
        {network.name: network.hash for network in networks},
        {f"{network.name}.gallery": str(network.gallery) for network in networks},
        remembered=encode_picture(picture),
    )


def _read_cached(path: Path | None, network: Network) -> Embedding | None:
    """Read a prediction from the cache; None where it is missing or broken."""
    if path is not None:
        with contextlib.suppress(OSError, ValueError):
            embedding = np.frombuffer(path.read_bytes(), np.float32)
            if _is_sound(embedding, network):
                return embedding
    return None


def _is_sound(embedding: Embedding, network: Network) -> bool:
    return embedding.shape == (network.embedding_size,) and bool(np.isfinite(embedding).all())


def _crop_middle(picture: UInt8) -> UInt8:
    """Crop a picture to at most `MAX_ASPECT` times its short side."""
    longest = MAX_ASPECT * min(picture.shape[:2])
    down, across = (max(0, side - longest + 1) // 2 for side in picture.shape[:2])
    return picture[down : picture.shape[0] - down, across : picture.shape[1] - across]


def _patches(picture: UInt8) -> Iterator[UInt8]:
    """Yield the fewest squares of `PREDICTOR_PATCH_SIZE` pixels that cover a picture evenly."""
    tops, lefts = (
        np.linspace(0, side - PREDICTOR_PATCH_SIZE, math.ceil(side / PREDICTOR_PATCH_SIZE))
        .round()
        .astype(int)
        for side in picture.shape[:2]
    )
    for top in tops:
        for left in lefts:
            yield picture[top : top + PREDICTOR_PATCH_SIZE, left : left + PREDICTOR_PATCH_SIZE]


def _cache_path(picture: UInt8, network: Network) -> Path | None:
    """Return the cache file of a prediction; None where there is no cache.

    The name depends on the pixels, the predictor and the patch size: a change of any is a new file.
    """
    folder = home()
    if folder is None or not keeps_predictions.get():
        return None
    digest = hashlib.sha256(network.predictor)
    digest.update(f"{network.hash} {picture.shape} {PREDICTOR_PATCH_SIZE}".encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    return folder / "predicted" / digest.hexdigest()[:32]
