"""Compare the paintings of an old commit with those of the working tree, pixel by pixel.

Run it before and after a change that must not change any painting, such as a move of modules.
Each source tree paints the same photographs with the same commands, in its own cache folder.
The photographs come with scikit-image. Nothing is downloaded.

Examples:
  python trials/compare_versions.py HEAD
  python trials/compare_versions.py v0.1.0 --only video
  python trials/compare_versions.py HEAD~3 --keep paintings/
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

UInt8 = NDArray[np.uint8]

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = {
    "astronaut": "astronaut.png",
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "stars": "hubble_deep_field.jpg",  # the picture that is used as a style
}
LARGE_SIZE = (2400, 1800)  # 4.3 megapixels: impasto paints more than 4 megapixels in tiles
CLIP_FRAMES, CLIP_SIZE, CLIP_STEP = 12, (320, 240), 5  # frames; pixels; pixels of motion a frame
TIMEOUT = 900  # seconds for one command
EXIT_EQUAL, EXIT_DIFFERENT, EXIT_USAGE = 0, 1, 2


@dataclass(frozen=True)
class Pair:
    """One command that both source trees run. Options name files of the input folder."""

    name: str
    photo: str
    options: tuple[str, ...]

    @property
    def output(self) -> str:
        """Return the file name of the painting: a video for a video, else a PNG file."""
        return self.name.replace(" ", "-") + (".mp4" if self.photo.endswith(".mp4") else ".png")


def _pair(name: str, photo: str, *options: str) -> Pair:
    return Pair(name, photo, options)


_BASE, _SMALL = ("-n", "base"), ("-n", "small")
_STARRY, _WAVE, _STARS = ("-s", "starry-night"), ("-s", "great-wave"), ("-s", "stars.png")
PAIRS = (
    _pair("base", "astronaut.png", *_STARRY, *_BASE),
    _pair("small", "coffee.png", *_WAVE, *_SMALL),
    _pair("int8", "cat.png", *_STARRY, *_BASE, "--precision", "int8"),
    _pair("size", "astronaut.png", *_WAVE, *_BASE, "--size", "200"),
    _pair("tiles base", "large.png", *_STARRY, *_BASE, "--memory", "4"),
    _pair("tiles small", "large.png", *_WAVE, *_SMALL, "--memory", "4", "--color", "linear-mkl"),
    _pair("stroke 0.5", "rocket.png", *_STARRY, *_SMALL, "--stroke", "0.5"),
    _pair("stroke 2", "cat.png", *_STARRY, *_BASE, "--stroke", "2"),
    _pair("luminance", "coffee.png", *_STARRY, *_BASE, "--color", "luminance"),
    _pair("histogram", "cat.png", *_WAVE, *_BASE, "--color", "histogram:0.7"),
    _pair("linear-mkl", "rocket.png", *_STARRY, *_SMALL, "--color", "linear-mkl"),
    _pair(
        "color before", "astronaut.png", *_STARS, "--color", "linear-mkl", "--color-when", "before"
    ),
    _pair("mask gradient", "coffee.png", *_STARRY, *_BASE, "--mask", "left-right"),
    _pair("mask file", "astronaut.png", *_STARRY, *_SMALL, "--mask", "mask.png"),
    _pair("mask not", "astronaut.png", *_WAVE, *_BASE, "--mask", "not:mask.png"),
    _pair("mask alpha", "alpha.png", *_WAVE, *_SMALL, "--mask", "alpha"),
    _pair("region", "cat.png", *_STARRY, *_BASE, "--region", "mask.png=great-wave"),
    _pair("mix", "rocket.png", "-s", "starry-night:0.7,great-wave:0.3", "--strength", "0.6"),
    _pair("picture as style", "cat.png", *_STARS, *_BASE),
    _pair("video", "clip.mp4", *_STARRY, *_SMALL),
    _pair("video stroke 2", "clip.mp4", *_WAVE, *_SMALL, "--stroke", "2", "--color", "luminance"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all pairs, print one line a pair, and return the exit status."""
    options = _parse(arguments)
    pairs = [pair for pair in PAIRS if options.only in pair.name]
    if not pairs:
        print(f"no pair has {options.only!r} in its name; the pairs are:", file=sys.stderr)
        print("\n".join(f"  {pair.name}" for pair in PAIRS), file=sys.stderr)
        return EXIT_USAGE
    with tempfile.TemporaryDirectory(prefix="impasto-versions-") as name:
        folder = Path(name)
        make_inputs(folder / "inputs")
        try:
            with old_tree(options.commit, folder / "tree") as tree:
                equal = compare_all(pairs, tree, folder)
        except (subprocess.CalledProcessError, RuntimeError) as error:
            print(f"error: {str(getattr(error, 'stderr', '') or error).strip()}", file=sys.stderr)
            return EXIT_USAGE
        if options.keep:
            for version in ("old", "new"):
                shutil.copytree(folder / version, options.keep / version, dirs_exist_ok=True)
    print(f"{equal} of {len(pairs)} equal")
    return EXIT_EQUAL if equal == len(pairs) else EXIT_DIFFERENT


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", help="the old commit, branch or tag")
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="run pairs with TEXT in the name"
    )
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="copy the paintings to FOLDER")
    return parser.parse_args(arguments)


@contextlib.contextmanager
def old_tree(commit: str, folder: Path) -> Iterator[Path]:
    """Check out a commit into a temporary git worktree, and remove it afterwards."""
    _git("worktree", "add", "--detach", "--quiet", str(folder), commit)
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> None:
    command = ["git", "-C", str(ROOT), *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


def make_inputs(folder: Path) -> None:
    """Write photographs, a large one, one with transparency, a mask and a clip."""
    folder.mkdir(parents=True)
    data = Path(skimage.__file__).parent / "data"
    photos = {name: Image.open(data / file).convert("RGB") for name, file in PHOTOS.items()}
    for name, photo in photos.items():
        photo.save(folder / f"{name}.png")
    photos["coffee"].resize(LARGE_SIZE, Image.Resampling.LANCZOS).save(folder / "large.png")
    mask = soft_ellipse(*photos["astronaut"].size)
    mask.save(folder / "mask.png")
    transparent = photos["astronaut"].copy()
    transparent.putalpha(mask)
    transparent.save(folder / "alpha.png")
    write_clip(folder / "clip.mp4", np.asarray(photos["coffee"]))


def soft_ellipse(width: int, height: int) -> Image.Image:
    """Draw a grayscale mask: white in the middle, black at the corners, a soft edge between."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    distance = np.hypot(x / 0.7, y / 0.8)
    return Image.fromarray((255 * (3 - 2.5 * distance).clip(0, 1)).astype(np.uint8))


def write_clip(path: Path, photo: UInt8) -> None:
    """Write a video whose frames are crops of a photograph (H, W, 3), each moved a little."""
    width, height = CLIP_SIZE
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(CLIP_FRAMES):
            left, top = 60 + CLIP_STEP * index, 40 + 2 * index
            crop = np.ascontiguousarray(photo[top : top + height, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(crop, format="rgb24")))
        container.mux(stream.encode(None))


def compare_all(pairs: Sequence[Pair], tree: Path, folder: Path) -> int:
    """Paint every pair with both trees, print the result, and count the equal ones."""
    versions = {"old": tree, "new": ROOT}
    for name, source in versions.items():
        (folder / name).mkdir()
        check_source(source, folder / f"{name}-home")
    equal = 0
    for pair in pairs:
        errors = [
            f"{name}: {error}"
            for name, source in versions.items()
            if (
                error := paint(
                    pair, source, folder / "inputs", folder / name, folder / f"{name}-home"
                )
            )
        ]
        verdict = "; ".join(errors) or compare_files(
            *(folder / name / pair.output for name in versions)
        )
        equal += verdict == "equal"
        print(f"{pair.name}: {verdict}", flush=True)
    return equal


def _environment(source: Path, home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "IMPASTO_GALLERY"}
    return {**kept, "PYTHONPATH": str(source / "src"), "IMPASTO_HOME": str(home), "NO_COLOR": "1"}


def check_source(source: Path, home: Path) -> None:
    """Raise RuntimeError if Python would import impasto from another place than this tree."""
    command = [sys.executable, "-c", "import impasto; print(impasto.__file__)"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=_environment(source, home), cwd=home.parent
    )
    if not Path(done.stdout.strip()).is_relative_to(source / "src"):
        raise RuntimeError(f"{source} is not imported: {done.stderr or done.stdout}")


def paint(pair: Pair, source: Path, inputs: Path, outputs: Path, home: Path) -> str:
    """Run one command with one source tree. Return the last line of its error, or nothing."""
    target = outputs / pair.output
    command = [sys.executable, "-m", "impasto", "stylize", pair.photo, *pair.options]
    command += ["--overwrite", "-o", str(target)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=_environment(source, home),
            cwd=inputs,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return f"timed out after {TIMEOUT} s"
    if done.returncode == 0 and target.exists():
        return ""
    lines = done.stderr.strip().splitlines() or ["no message"]
    return f"exit status {done.returncode}, {lines[-1]}"


def compare_files(old: Path, new: Path) -> str:
    """Compare two paintings: `equal`, or the largest difference and the number of pixels."""
    first, second = read_pixels(old), read_pixels(new)
    if first.shape != second.shape:
        return f"shapes differ: {first.shape} and {second.shape}"
    difference = np.abs(first.astype(np.int16) - second).max(-1)
    count = np.count_nonzero(difference)
    if not count:
        return "equal"
    return (
        f"largest difference {difference.max()} of 255, "
        f"{count} of {difference.size} pixels differ ({count / difference.size:.2%})"
    )


def read_pixels(path: Path) -> UInt8:
    """Read a picture as (1, H, W, channels), or all frames of a video as (N, H, W, 3)."""
    if path.suffix != ".mp4":
        with Image.open(path) as image:
            return np.atleast_3d(np.asarray(image))[None]
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


if __name__ == "__main__":
    sys.exit(main())
