"""Hardware codecs: encoders and decoders of graphics chips, where PyAV's FFmpeg has them.

Chips encode with less care than x264: at the same quality setting files are larger, or pictures
worse. So they are used only where the user asks for them.
"""

from fractions import Fraction
from typing import Any, NamedTuple

from av.codec import Codec, CodecContext
from av.codec.codec import UnknownCodecError
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError

from impasto.choices import ACCELERATORS

_DEVICES = {"nvenc": "cuda", "amf": "d3d11va"}  # names for decoding, where they differ
_QUALITY = "{quality}"  # stands for the constant quantizer, as of x264
# Constant quality in the words of each encoder. No B-frames: not all chips have them.
_H264_OPTIONS = {
    "nvenc": {"rc": "vbr", "cq": _QUALITY, "b": "0", "preset": "p4", "bf": "0"},
    "qsv": {"global_quality": _QUALITY, "bf": "0"},
    "videotoolbox": {"flags": "+qscale", "bf": "0"},
    "vaapi": {"rc_mode": "CQP", "qp": _QUALITY, "bf": "0"},
    "amf": {"rc": "cqp", "qp_i": _QUALITY, "qp_p": _QUALITY, "bf": "0"},
}
# VideoToolbox takes 1..100, in units of 118, and only on Apple's own chips
_LAMBDA = 118


class HardwareEncoder(NamedTuple):
    """An encoder that opens here.

    Attributes:
        name: its name in FFmpeg.
        options: its options for constant quality.
        device: what it encodes on, where FFmpeg wants to know.
    """

    name: str
    options: dict[str, str]
    device: HWAccel | None = None


def _candidates(hwaccel: str) -> tuple[str, ...]:
    return {"none": (), "auto": ACCELERATORS}.get(hwaccel, (hwaccel,))


def find_encoder(
    hwaccel: str, codec: str, size: tuple[int, int], pix_fmt: str, quality: int
) -> HardwareEncoder | str:
    """Find a hardware encoder that opens for pictures of this size.

    Args:
        hwaccel: one of `ACCELERATORS`, or "auto" for the first that opens.
        codec: "h264"; no other one is encoded by hardware.
        size: width and height in pixels.
        pix_fmt: pixel format to encode.
        quality: 1 (small file) to 100 (fine picture).

    Returns:
        The encoder, or a note that there is none and why.
    """
    reasons = list[str]()
    if (codec, pix_fmt) != ("h264", "yuv420p"):
        reasons.append(f"impasto uses it for H.264 of even sides, not for {codec} as {pix_fmt}")
    else:
        for name in _candidates(hwaccel):
            device = HWAccel(name) if name == "vaapi" else None
            encoder = HardwareEncoder(f"h264_{name}", _options(name, quality), device)
            reason = _refusal(encoder, size, pix_fmt)
            if reason is None:
                return encoder
            reasons.append(reason)
    return f"--hwaccel {hwaccel}: encoded by software ({'; '.join(reasons)})"


def decoding_devices(hwaccel: str) -> list[HWAccel]:
    """List the devices of PyAV's FFmpeg to try for decoding."""
    built = hwdevices_available()
    names = [_DEVICES.get(name, name) for name in _candidates(hwaccel)]
    return [HWAccel(name, allow_software_fallback=True) for name in names if name in built]


def _options(name: str, quality: int) -> dict[str, str]:
    if name == "videotoolbox":
        return _H264_OPTIONS[name] | {"global_quality": str(quality * _LAMBDA)}
    quantizer = f"{51 - quality / 3:.0f}"
    return {key: value.replace(_QUALITY, quantizer) for key, value in _H264_OPTIONS[name].items()}


def _refusal(encoder: HardwareEncoder, size: tuple[int, int], pix_fmt: str) -> str | None:
    """Tell why an encoder does not open; None if it does.

    That it is built in says nothing of the chip and its driver.
    """
    try:
        codec = Codec(encoder.name, "w")
        context: Any = CodecContext.create(codec, "w", hwaccel=encoder.device)
        context.width, context.height = size
        context.pix_fmt, context.time_base = pix_fmt, Fraction(1, 25)
        context.framerate, context.options = Fraction(25), dict(encoder.options)
        context.open(strict=False)
    except UnknownCodecError:
        return f"PyAV has no {encoder.name}"
    except (FFmpegError, OSError, ValueError, NotImplementedError) as error:
        return f"{encoder.name} does not open: {getattr(error, 'strerror', None) or error}"
    return None
