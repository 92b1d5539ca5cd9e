"""Choices and limits of options, in a module that loads nothing: help texts name them.

The modules that act on them load numpy and more, for which a help text need not wait.
"""

from typing import Literal, get_args

# Networks

NetworkName = Literal["large", "base", "small"]
NETWORKS = get_args(NetworkName)
"""Networks that ship: for pictures, for quick pictures, for video and webcams."""

# Colors, masks and strokes; see `impasto.inference`

Mode = Literal["style", "luminance", "histogram", "linear-cholesky", "linear-pca", "linear-mkl"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""Whose colors a painting has."""

When = Literal["after", "before"]
TIMES: tuple[When, ...] = get_args(When)
"""Whether the painting is recolored, or the style's picture before it is painted."""

Gradient = Literal["left-right", "right-left", "top-bottom", "bottom-top", "radial"]
GRADIENTS: tuple[Gradient, ...] = get_args(Gradient)
"""Masks that need no file."""

Wrap = Literal["none", "horizontal", "both"]
WRAPS = get_args(Wrap)
"""The sides that meet: none, left and right, or also top and bottom."""

MIN_STROKE, MAX_STROKE = 0.25, 16.0

# Pictures

MAX_PIXELS = 100_000_000
"""Pixels of the largest picture that is read into memory, unless the user allows more."""

MAX_STREAMED_PIXELS = 1_000_000_000
"""Pixels of the largest picture that is read row by row."""

MAX_PIXELS_PER_BYTE = 200
"""Of a file of more than `MAX_PIXELS`. No photograph and no scan has more, a decompression bomb
has."""

# Videos; see `impasto.video.formats`

CodecName = Literal["auto", "h264", "vp9", "av1"]
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
PRESETS: tuple[str, ...] = get_args(Preset)
HwAccelName = Literal["none", "auto", "nvenc", "qsv", "videotoolbox", "vaapi", "amf"]
ACCELERATORS: tuple[str, ...] = get_args(HwAccelName)[2:]
"""Kinds of hardware that encode and decode, in the order in which "auto" tries them."""
