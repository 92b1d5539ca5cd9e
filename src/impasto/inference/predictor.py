"""Styles at once: the style embedding of any picture, predicted by the small network that stands
beside a transformer network.

A picture is read in parts as large as those that prediction was learned from, and its embedding is
the mean of theirs: read whole, it is larger than any picture that predictors know, and is predicted
worse (docs/explanation/training-history.md).

Predictions are kept in the cache by the hash of the picture, so a picture seen before is not
predicted again.
"""

import contextlib
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from impasto.engines import base
from impasto.errors import StyleError
from impasto.files import write_atomically
from impasto.images.image import UInt8
from impasto.images.resize import resized
from impasto.models.network import PREDICTOR_PATCH_SIZE, Network
from impasto.models.style import Embedding
from impasto.paths import home

SHORT_SIDE = 512  # pixels, at which a picture is read: strokes have the size they have there
LONGEST = 4  # times the short side; of a longer picture the middle is read


def predict(picture: UInt8, network: Network) -> Embedding:
    """The style embedding of a picture for a network.

    Args:
        picture: uint8 RGB (H, W, 3), any size.
        network: whose embedding is asked for.

    Returns:
        float32 (network.embedding_size,).

    Raises:
        StyleError: the network has no style predictor, or one that fails.
    """
    if not network.predictor:
        raise StyleError(
            f"the network {network.name} ({network.hash}) has no style predictor, so it takes no picture as a style; learn the "
            "style with `impasto train PICTURE`, or train the network's gallery with --art"
        )
    seen = resized(_middle(picture), SHORT_SIDE)
    kept = _place(seen, network)
    with contextlib.suppress(OSError, ValueError):
        embedding = np.frombuffer(kept.read_bytes(), np.float32)
        if _is_sound(embedding, network):
            return embedding
    images = (
        np.ascontiguousarray(part.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        for part in _parts(seen)
    )
    embedding = np.mean([found[0] for found in base.run_each(network.predictor, images)], 0)
    if not _is_sound(embedding, network):
        raise StyleError(
            f"the style predictor of the network {network.name} ({network.hash}) gives no finite numbers for this picture; "
            "take another picture, or another network"
        )
    with contextlib.suppress(
        OSError
    ):  # a cache that cannot be written costs a moment the next time
        write_atomically(kept, embedding.tobytes())
    return embedding


def _is_sound(embedding: Embedding, network: Network) -> bool:
    return embedding.shape == (network.embedding_size,) and bool(np.isfinite(embedding).all())


def _middle(picture: UInt8) -> UInt8:
    """No more than `LONGEST` times as long as broad."""
    longest = LONGEST * min(picture.shape[:2])
    beyond = [max(0, side - longest + 1) // 2 for side in picture.shape[:2]]
    return picture[
        beyond[0] : picture.shape[0] - beyond[0], beyond[1] : picture.shape[1] - beyond[1]
    ]


def _parts(picture: UInt8) -> Iterator[UInt8]:
    """As few squares of `READ` pixels as cover a picture, evenly over it."""
    tops, lefts = (
        np.linspace(0, side - PREDICTOR_PATCH_SIZE, math.ceil(side / PREDICTOR_PATCH_SIZE))
        .round()
        .astype(int)
        for side in picture.shape[:2]
    )
    for top in tops:
        for left in lefts:
            yield picture[top : top + PREDICTOR_PATCH_SIZE, left : left + PREDICTOR_PATCH_SIZE]


def _place(picture: UInt8, network: Network) -> Path:
    """Where the prediction of a picture is kept; of another predictor, or read in other parts, it
    is another one."""
    digest = hashlib.sha256(network.predictor)
    digest.update(f"{network.hash} {picture.shape} {PREDICTOR_PATCH_SIZE}".encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    return home() / "predicted" / digest.hexdigest()[:32]
