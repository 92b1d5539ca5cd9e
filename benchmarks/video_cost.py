"""Measure what painting a video costs, against decoding and encoding alone.

  python benchmarks/video_cost.py CLIP [--frames 300] [--rounds 2] [--size 1280x720]
  [--impasto FOLDER] [-- OPTIONS OF impasto stylize]

The clip is repeated to so many frames by ffmpeg. In turns, `impasto stylize --network small` paints
it, and `ffmpeg -c:v libx264 -preset veryfast` decodes and encodes the painted result. The CPU
seconds of each process, user and system, are those that the system counts, with their ratio; they
depend little on what else the machine does. `--impasto` names the `src` folder of another version,
which is measured in the same turns. Windows does not count them.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STYLE = "starry-night"
BYTECODE = tempfile.TemporaryDirectory()


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--size", help="scale the clip first, such as 1280x720")
    parser.add_argument("--impasto", type=Path, help="src folder of another version to measure too")
    own, options = sys.argv[1:], list[str]()
    if "--" in own:
        own, options = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = parser.parse_args(own)
    versions = {"impasto": None, **({"other": arguments.impasto} if arguments.impasto else {})}
    ratios: dict[str, list[float]] = {name: [] for name in versions}
    with tempfile.TemporaryDirectory() as folder:
        clip = repeated(arguments.clip, arguments.frames, arguments.size, Path(folder))
        targets = {name: Path(folder) / f"{name}.mp4" for name in versions}
        for name, source in versions.items():  # which fills caches
            run(paint_command(clip, targets[name], ["--end", "0.1", *options]), source)
        for _ in range(arguments.rounds):
            for name, source in versions.items():
                painting = cpu_seconds(paint_command(clip, targets[name], options), source)
                encoding = cpu_seconds(encode_command(targets[name], Path(folder) / "again.mp4"))
                ratios[name].append(painting / encoding)
                record = {
                    "version": name,
                    "options": options,
                    "cpu_seconds": round(painting, 2),
                    "ffmpeg_cpu_seconds": round(encoding, 2),
                    "ratio": round(ratios[name][-1], 2),
                    "megabytes": round(targets[name].stat().st_size / 1e6, 2),
                }
                print(json.dumps(record), flush=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    for name, measured in ratios.items():
        print(f"{name}: {statistics.median(measured):.2f} times the CPU time of ffmpeg ({machine})")


def repeated(clip: Path, frames: int, size: str | None, folder: Path) -> Path:
    """A file of the clip, repeated to so many frames, in its own size or another one."""
    target = folder / "clip.mp4"
    # 1000 times or as often as it takes, since a file tells its number of frames seldom
    source = ["-stream_loop", "1000", "-i", clip, "-frames:v", frames, "-an"]
    coding = ["-vf", f"scale={size.replace('x', ':')}", "-crf", "20"] if size else ["-c", "copy"]
    run(["ffmpeg", "-v", "error", "-y", *source, *coding, target])
    return target


def paint_command(clip: Path, target: Path, options: list[str]) -> list[object]:
    """The command that paints."""
    paint = [sys.executable, "-m", "impasto", "stylize", clip, "-o", target, "--overwrite"]
    return [*paint, "--style", STYLE, "--network", "small", *options]


def encode_command(source: Path, target: Path) -> list[object]:
    """The command that decodes a painted clip and encodes it again."""
    return [
        *("ffmpeg", "-v", "error", "-y", "-i", source),
        *("-c:v", "libx264", "-preset", "veryfast", target),
    ]


def cpu_seconds(command: list[object], source: Path | None = None) -> float:
    """CPU seconds of a process and its threads, by the version of impasto in a folder."""
    before = os.times()
    run(command, source)
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def run(command: list[object], source: Path | None = None) -> None:
    """Run a command; its output is shown if it fails."""
    environment = os.environ | ({"PYTHONPATH": str(source)} if source else {})
    environment |= {"PYTHONPYCACHEPREFIX": BYTECODE.name}  # as an installed version has it
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


if __name__ == "__main__":
    main()
