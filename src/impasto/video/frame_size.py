"""Frames of one size: frames that change their size midway are resized to that of the first."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.images.transparency import resize_visible
from impasto.video.clip import Clip, Frame
from impasto.video.large_strokes import enlarge_frame

T = TypeVar("T", bound=np.generic)


def fit_frame(frame: Frame, first: Frame, clip: Clip) -> Frame:
    """Resize a frame to the size of the first one, where it has another.

    The first time, a note is added to the clip.

    Args:
        frame: the frame.
        first: the first frame of the clip.
        clip: the clip of both, for its notes.
    """
    if frame.size == first.size and frame.rgb.shape == first.rgb.shape:
        return frame
    _note_change(frame, first, clip)
    if first.fine is None:
        frame = enlarge_frame(frame)
    fine = None if first.fine is None else np.zeros_like(first.fine)
    if fine is not None and frame.fine is not None:
        fine = np.rint(_resize(frame.fine.astype(np.float32), first.size)).astype(np.int16)
    alpha = None if frame.alpha is None else _resize(frame.alpha, first.size)
    height, width = first.rgb.shape[:2]
    if frame.alpha is not None and frame.alpha.shape == frame.rgb.shape[:2]:
        pixels = np.ascontiguousarray(frame.rgb)
        rgb = resize_visible(pixels, frame.alpha, (width, height), Image.Resampling.BILINEAR)
    else:
        rgb = _resize(frame.rgb, (height, width))
    return replace(frame, rgb=rgb, alpha=alpha, fine=fine)


def _note_change(frame: Frame, first: Frame, clip: Clip) -> None:
    if any("frames change" in note for note in clip.notes):
        return
    before, after = (f"{width}x{height}" for height, width in (first.size, frame.size))
    clip.notes.append(
        f"{clip.path}: frames change from {before} to {after} pixels at frame {frame.number}; "
        "all are painted in the size of the first"
    )


def _resize(pixels: NDArray[T], size: tuple[int, int]) -> NDArray[T]:
    """Resize pixels (H, W) or (H, W, 3) to this height and width."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize(size[::-1], Image.Resampling.BILINEAR))
