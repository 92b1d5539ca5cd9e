"""The result of one input in one style."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.batch.log import failure_record
from impasto.errors import PictureError
from impasto.files import address

KEPT = "the output exists; --overwrite paints it anew"
MIN_BEYOND_FRACTION = 0.0005  # of pixels made paler, to be mentioned


@dataclass(frozen=True)
class ClipTiming:
    """Frames of a video, and the speed at which they were painted.

    Attributes:
        frames: frames painted.
        lost: frames that could not be decoded.
        first_seconds: seconds until the first frame was painted, with the network's compilation.
        fps: frames a second after the first.
        stroke: size of strokes; 1 as the network paints.
    """

    frames: int
    lost: int
    first_seconds: float
    fps: float
    stroke: float


@dataclass(frozen=True)
class FileResult:
    """The result of one input in one style.

    Attributes:
        source: file that was read.
        target: file that was written, or kept; None where the input names no file.
        style: name of the style.
        network: name of the network.
        engine: name of the engine; empty where nothing was painted.
        precision: precision in which it computed.
        width: pixels across.
        height: pixels down.
        seconds: from the beginning of reading to the end of writing.
        beyond_fraction: share of pixels, 0..1, that were made paler to fit the color range; None
            where no color mode applies.
        clip: frames and speed of a video; None for a picture.
        notes: what else a user may want to know, one sentence each.
        error: reason of the failure; None where the input was painted or skipped.
        skipped: whether the target existed and was kept.
        repeated: whether the same failure was reported before, by this run or an earlier one.
        text: the input as it was written, where it names no file.
    """

    source: Path
    target: Path | None = None
    style: str = ""
    network: str = ""
    engine: str = ""
    precision: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    beyond_fraction: float | None = None
    clip: ClipTiming | None = None
    notes: tuple[str, ...] = ()
    error: Exception | None = None
    skipped: bool = False
    repeated: bool = False
    text: str | None = None

    def record(self) -> dict[str, Any]:
        """Return the JSON record: of a failure, of a target that was kept, or of a painting."""
        if self.error is not None:
            return failure_record(
                address(self.source) if self.text is None else self.text, self.error
            )
        record: dict[str, Any] = {
            "input": address(self.source),
            "output": address(self.target or ""),
            "style": self.style,
            "network": self.network,
        }
        if self.skipped:
            return record | {"skipped": KEPT}
        record |= {
            "engine": self.engine,
            "precision": self.precision,
            "width": self.width,
            "height": self.height,
            "seconds": round(self.seconds, 3),
        }
        if self.clip:
            record |= {
                "first_seconds": round(self.clip.first_seconds, 3),
                "frames": self.clip.frames,
                "fps": round(self.clip.fps, 2),
                "lost": self.clip.lost,
                "stroke": self.clip.stroke,
            }
        if self.beyond_fraction is not None:
            record["beyond"] = round(self.beyond_fraction, 5)
        return record

    def describe(self) -> str:
        """Describe the painting, the target that was kept, or the failure, in one line."""
        record = self.record()
        if self.error is not None:
            return str(record["error"])
        if self.skipped:
            return f"{record['output']} kept: {record['skipped']}"
        line = f"{self.width}x{self.height}, {record['seconds']} s"
        if (self.beyond_fraction or 0) >= MIN_BEYOND_FRACTION:
            percent = f"{100 * record['beyond']:.1f} %"
            line += (
                f", {percent} of pixels were made paler to fit the color range, with the same light"
                " and hue"
            )
        if self.clip:
            line += (
                f", of which {record['first_seconds']} to the first of {self.clip.frames} frames,"
                f" then {record['fps']} a second"
            )
            if self.clip.stroke != 1:
                line += f"; strokes {self.clip.stroke:g} times as large, see --stroke"
        return f"{record['output']} ({line})"


def parse_record(record: Mapping[str, Any]) -> FileResult:
    """Make a result of its record in a report; the error becomes one of pictures."""
    source = Path(record["input"])
    if "error" in record:
        return FileResult(source, error=PictureError(record["error"]))
    clip = None
    if "frames" in record:
        names = ("frames", "lost", "first_seconds", "fps", "stroke")
        clip = ClipTiming(*(record[name] for name in names))
    return FileResult(
        source,
        Path(record["output"]),
        record["style"],
        record["network"],
        record.get("engine", ""),
        record.get("precision", ""),
        record.get("width", 0),
        record.get("height", 0),
        record.get("seconds", 0.0),
        record.get("beyond"),
        clip,
        skipped="skipped" in record,
    )
