"""Batches of pictures as ComfyUI has them, painted and recolored; knows NumPy and no PyTorch.

An image batch is float32 (B, H, W, C), values in 0..1; a mask batch is float32 (B, H, W).
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ArgumentError
from impasto.inference.color import Color, keep_color
from impasto.inference.settings import StylizeSettings
from impasto.stylizer import Stylizer
from impasto.video.frame_stylizer import SteadyColor
from impasto.video.frames import stylize_frames
from impasto.video.temporal.frozen_statistics import is_cut

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
OnPicture = Callable[[int, int], None]
"""Called after each picture with the number that is done, and the number of all."""


def paint_batch(
    images: Float32,
    settings: StylizeSettings,
    stylizer: Stylizer,
    masks: Float32 | None = None,
    steady: bool = True,
    on_picture: OnPicture = lambda done, count: None,
) -> Float32:
    """Paint a batch of pictures.

    Args:
        images: float32 (B, H, W, C) in 0..1; channels beyond three are left out.
        settings: style, strength, stroke and color.
        stylizer: the loaded network.
        masks: float32 (B or 1, h, w) in 0..1, of any size: 1 is painted, 0 stays.
        steady: several pictures are the frames of a video, and are painted alike.
        on_picture: called after each picture; an exception that it raises ends the work.

    Returns:
        float32 (B, H, W, 3) in 0..1.

    Raises:
        StyleError: a style does not fit the network.
        ArgumentError: there are neither as many masks as pictures, nor one.
    """
    frames = (to_bytes(image) for image in images)
    painted = stylize_frames(frames, settings, stylizer, steady=steady and len(images) > 1)
    return _collect(images, painted, masks, on_picture)


def recolor_batch(
    images: Float32,
    references: Float32,
    color: Color,
    masks: Float32 | None = None,
    steady: bool = True,
    on_picture: OnPicture = lambda done, count: None,
) -> Float32:
    """Give a batch of pictures the colors of others.

    Args:
        images: float32 (B, H, W, C) in 0..1; channels beyond three are left out.
        references: float32 (B or 1, h, w, C) in 0..1, of any size; for "luminance" they should
            show the same as the pictures, such as the photographs that were painted.
        color: mode and amount.
        masks: float32 (B or 1, h, w) in 0..1, of any size: 1 is recolored, 0 stays.
        steady: several pictures are the frames of a video: colors follow the scene slowly.
        on_picture: called after each picture; an exception that it raises ends the work.

    Returns:
        float32 (B, H, W, 3) in 0..1.

    Raises:
        ArgumentError: there are neither as many masks or references as pictures, nor one.
    """
    _check_count("references", references, len(images))
    pairs = (
        (to_bytes(image), _resized(references[number % len(references)], image.shape))
        for number, image in enumerate(images)
    )
    recolored = _recolor_steadily(pairs, color) if steady else _recolor_each(pairs, color)
    return _collect(images, recolored, masks, on_picture)


def _recolor_each(pairs: Iterable[tuple[UInt8, UInt8]], color: Color) -> Iterator[UInt8]:
    for frame, reference in pairs:
        yield keep_color(frame, reference, color)[0]


def _recolor_steadily(pairs: Iterable[tuple[UInt8, UInt8]], color: Color) -> Iterator[UInt8]:
    last: UInt8 | None = None
    for frame, reference in pairs:
        if last is None or is_cut(last, frame):
            change = SteadyColor(color)
        last = frame
        yield change(frame, reference) if color.changes else frame


def to_bytes(image: Float32) -> UInt8:
    """Convert a picture, float32 (H, W, C) in 0..1, to uint8 (H, W, 3); NaN becomes black."""
    pixels = np.nan_to_num(image[..., :3] * np.float32(255)) + np.float32(0.5)
    if pixels.shape[-1] == 1:
        pixels = pixels.repeat(3, axis=-1)
    return np.ascontiguousarray(pixels.clip(0, 255).astype(np.uint8))


def _resized(image: Float32, shape: tuple[int, ...]) -> UInt8:
    """Convert a picture to bytes, in the height and width of another."""
    pixels = to_bytes(image)
    if pixels.shape[:2] == shape[:2]:
        return pixels
    size = shape[1], shape[0]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _collect(
    images: Float32, changed: Iterable[UInt8], masks: Float32 | None, on_picture: OnPicture
) -> Float32:
    """Gather changed pictures into one batch; where masks are 0, pictures stay as they were."""
    if masks is not None:
        _check_count("masks", masks, len(images))
    result = np.empty((*images.shape[:3], 3), np.float32)
    for number, pixels in enumerate(changed):
        np.divide(pixels, np.float32(255), out=result[number])
        if masks is not None:
            opacity = _opacity(masks[number % len(masks)], *images.shape[1:3])
            result[number] = images[number, ..., :3] * (1 - opacity) + result[number] * opacity
        on_picture(number + 1, len(images))
    return result


def _opacity(mask: Float32, height: int, width: int) -> Float32:
    """Resize a mask (h, w) to (H, W, 1), values in 0..1."""
    if mask.shape != (height, width):
        image = Image.fromarray(np.ascontiguousarray(mask, np.float32))
        mask = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return mask.clip(0, 1)[..., None]


def _check_count(name: str, batch: Float32, count: int) -> None:
    if len(batch) not in (1, count):
        raise ArgumentError(
            f"cannot use {len(batch)} {name} with {count} pictures; give one, or one for each"
        )
