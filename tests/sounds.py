"""Small videos with sound of any codec that FFmpeg writes, in any container."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SECONDS, PITCH = 1.0, 440.0
MUXERS = {
    ".wmv": "asf",
    ".mkv": "matroska",
    ".mpg": "mpeg",
    ".ts": "mpegts",
    ".vob": "vob",
    ".ogv": "ogg",
}
VIDEO_CODECS = {
    ".wmv": "wmv2",
    ".webm": "libvpx",
    ".flv": "flv",
    ".ogv": "libvpx",
    **dict.fromkeys((".mpg", ".ts", ".vob", ".mxf"), "mpeg2video"),
}


def make_sounding(path: Path, codec: str) -> Path:
    """A clip of 25 gray frames, with a tone of one second in this codec."""
    suffix = path.suffix
    rate = 8000 if "amr" in codec else 44_100 if suffix == ".flv" else 48_000
    layout = "mono" if rate == 8000 or codec == "nellymoser" else "stereo"
    with av.open(str(path), "w", format=MUXERS.get(suffix)) as out:
        video: Any = out.add_stream(VIDEO_CODECS.get(suffix, "mpeg4"), rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = out.add_stream(codec, rate=rate, options={"strict": "-2"})
        context = sound.codec_context
        context.bit_rate = 12_200 if "amr" in codec else 64_000
        context.format, context.layout = context.codec.audio_formats[0].name, layout
        out.start_encoding()
        for number in range(25):
            gray = np.full((48, 64, 3), 10 * (number % 20), np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        tone = 0.3 * np.sin(2 * np.pi * PITCH * np.arange(int(rate * SECONDS)) / rate)
        samples = np.repeat((tone * 32_767).astype(np.int16), 1 if layout == "mono" else 2)[None]
        raw = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        raw.sample_rate = rate
        resampler = av.AudioResampler(context.format, layout, rate, context.frame_size or 1024)
        for part in (*resampler.resample(raw), *resampler.resample(None)):
            out.mux(sound.encode(part))
        out.mux(sound.encode(None))
    return path


def sound_of(path: Path) -> tuple[str, float, float, float]:
    """The codec of the sound, its length in seconds, its level (RMS) and its pitch in hertz."""
    resampler = av.AudioResampler("flt", "mono", 48_000)
    with av.open(str(path)) as clip:
        track = clip.streams.audio[0]
        codec = track.codec_context.name
        frames = [part for frame in clip.decode(track) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    spectrum = np.abs(np.fft.rfft(samples))
    pitch = float(np.argmax(spectrum) * 48_000 / len(samples))
    return codec, len(samples) / 48_000, float(np.sqrt(np.mean(samples**2))), pitch
