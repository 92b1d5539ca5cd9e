"""Each extra by itself in a fresh virtual environment: it installs, is complete, and does its job.

  python trials/extras.py [EXTRA...] [--wheel dist/impasto.whl] [--python python3.13]

Without names, all extras of pyproject.toml and `base`, the package alone. For each, the wheel is
installed with the extra, `impasto doctor` must miss nothing of it, and its main job is done: as
root on Linux without a network, but for `cluster`. The environment is deleted before the next one
is made. At the end a table in Markdown says how large each was. The exit code is 1 if one failed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from clips import make_clip
from pictures import photo

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = "base"
STARRY = ("-s", "starry-night", "-n", "small")
SERVER = (
    "from impasto.server.app import create_app; from impasto.server.settings import ServerSettings;"
    "create_app(ServerSettings())"
)
# by extra: what it is for, the command, and what that writes; PYTHON is that of the environment
JOBS: dict[str, tuple[str, tuple[str, ...], str]] = {
    BASE: (
        "paint a photo",
        ("impasto", "stylize", "photo.png", *STARRY, "-o", "out.jpg"),
        "out.jpg",
    ),
    "train": (
        "train a style for two steps",
        ("impasto", "train", "photo.png", "--steps", "2", "-o", "out.safetensors"),
        "out.safetensors",
    ),
    "flow": (
        "paint a video along its motion",
        ("impasto", "stylize", "clip.mp4", *STARRY, "--flow", "-o", "out.mp4"),
        "out.mp4",
    ),
    "evaluate": (
        "score a painting",
        (
            *("impasto", "evaluate", "photo.png", "--photos", "photo.png", "-m", "recolored"),
            *("--measures", "canonical", "--perceptual", "lite", "-o", "scores"),
        ),
        "scores/results.md",
    ),
    "onnxruntime": (
        "paint by ONNX Runtime",
        ("impasto", "stylize", "photo.png", *STARRY, "--engine", "onnxruntime", "-o", "out.png"),
        "out.png",
    ),
    **dict.fromkeys(
        ("cuda", "rocm", "webgpu"),
        (
            "paint by ONNX Runtime",
            (
                *("impasto", "stylize", "photo.png", *STARRY, "--engine", "onnxruntime"),
                *("--device", "cpu", "-o", "out.png"),
            ),
            "out.png",
        ),
    ),
    "webcam": (
        "show a clip in a window without a screen, and record it",
        (
            *("impasto", "webcam", "clip.mp4", "--loop", *STARRY),
            *("--record", "out.mp4", "--seconds", "3"),
        ),
        "out.mp4",
    ),
    "heic": (
        "paint a HEIC photo",
        ("impasto", "stylize", "photo.heic", *STARRY, "-o", "out.png"),
        "out.png",
    ),
    "huge": (
        "paint a picture of 102 megapixels, reduced",
        (
            *("impasto", "stylize", "huge.png", *STARRY, "--size", "128", "-o", "out.png"),
            *("--max-pixels", "102000000"),  # as it is one color, the file looks like a bomb
        ),
        "out.png",
    ),
    "tensorboard": (
        "train with a log",
        (
            *("impasto", "train", "photo.png", "--steps", "2", "-o", "out.safetensors"),
            *("--tensorboard", "log"),
        ),
        "log",
    ),
    "serve": (
        "make the server; `make test-container` lets it paint",
        ("PYTHON", "-c", SERVER),
        "",
    ),
    "hub": ("list styles of the Hub that are here", ("impasto", "styles", "--pulled"), ""),
    "cluster": (
        "paint a photo on a local cluster",
        ("impasto", "stylize", "photo.png", *STARRY, "--cluster", "local", "-o", "painted/"),
        "painted",
    ),
    "demo": ("import what the demo does", ("PYTHON", "-c", "import skimage.data, sklearn"), ""),
    "fuzz": ("import the fuzzer", ("PYTHON", "-c", "import atheris"), ""),
}
JOBS["all"], JOBS["dev"], JOBS["directml"] = JOBS[BASE], JOBS[BASE], JOBS[BASE]
CONNECTED = {"cluster"}  # parts of a cluster speak by the loopback device


@dataclass(frozen=True)
class Row:
    """How an extra fared."""

    extra: str
    job: str
    megabytes: float
    packages: int
    faults: tuple[str, ...]


def make_inputs(folder: Path) -> None:
    """Draw the files that jobs read."""
    picture = Image.fromarray(photo(96, 128))
    picture.save(folder / "photo.png")
    make_clip(folder / "clip.mp4")
    Image.fromarray(np.full((10_000, 10_200), 128, np.uint8)).save(folder / "huge.png")
    import pillow_heif

    pillow_heif.from_pillow(picture).save(folder / "photo.heic")


def offline(command: list[str]) -> list[str]:
    """Return a command that has no network, where that can be."""
    if sys.platform == "linux" and os.getuid() == 0:
        return ["unshare", "--net", *command]
    return command


def try_extra(extra: str, wheel: Path, python: str) -> Row:
    """Install an extra, look at it, and do its job."""
    with tempfile.TemporaryDirectory(prefix=f"impasto-{extra}-") as name:
        folder = Path(name)
        make_inputs(folder)
        run([python, "-m", "venv", "environment"], folder)
        own = folder / "environment/bin/python"
        site = Path(run([own, "-c", "import site; print(site.getsitepackages()[0])"], folder))
        before = size(site)
        pip: list[str | Path] = [
            own,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "install",
        ]
        pip += ["--constraint", ROOT / "constraints.txt"]
        wanted = "" if extra == BASE else f"[{extra}]"
        run([*pip, f"impasto{wanted} @ {wheel.resolve().as_uri()}"], folder)
        packages = len(list(site.glob("*.dist-info"))) - 2  # pip and setuptools
        job, command, output = JOBS.get(extra, ("none is known", (), ""))
        faults = [] if command else [f"add a job to {Path(__file__).name}"]
        doctor = run([own.with_name("impasto"), "doctor"], folder)
        faults += [line for line in doctor.splitlines() if f"impasto[{extra}]" in line]
        programs = {"impasto": str(own.with_name("impasto")), "PYTHON": str(own)}
        words = [programs.get(word, word) for word in command]
        if extra not in CONNECTED:
            words = offline(words)
        done = subprocess.run(
            words, cwd=folder, env=surroundings(folder), capture_output=True, text=True
        )
        if done.returncode or not (folder / output).exists():
            faults.append(done.stderr.strip().rpartition("\n")[2] or "nothing was written")
        return Row(extra, job, size(site) - before, packages, tuple(faults))


def surroundings(folder: Path) -> dict[str, str]:
    """Return the environment of a job: a home of its own, and no screen."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SDL_VIDEODRIVER": "dummy",
        "SDL_AUDIODRIVER": "dummy",
    }


def run(command: list[str | Path], folder: Path) -> str:
    """Return what a command prints; end the trial with its words if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout.strip()


def size(folder: Path) -> float:
    """Return the megabytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


def main() -> None:
    """Try extras and print a table."""
    known = [BASE, *PROJECT["optional-dependencies"]]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=", ".join(known))
    parser.add_argument("--wheel", type=Path, help="default: one that is built now")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    if unknown := set(options.extras) - set(known):
        parser.error(f"no such extra: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    with tempfile.TemporaryDirectory(prefix="impasto-wheel-") as folder:
        if options.wheel is None:
            run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, str(ROOT)], ROOT)
            (options.wheel,) = Path(folder).glob("*.whl")
        rows = []
        for extra in options.extras or known:
            rows.append(try_extra(extra, options.wheel, options.python))
            said = "; ".join(rows[-1].faults) or "ok"
            print(f"{extra}: {said}, {rows[-1].megabytes:.0f} MB", file=sys.stderr, flush=True)
    base = next((row.megabytes for row in rows if row.extra == BASE), None)
    print("| Extra | Packages | Megabytes | Beyond the base | Tried |\n|---|---:|---:|---:|---|")
    for row in rows:
        beyond = "" if base is None else f"{row.megabytes - base:.0f}"
        tried = f"FAILED: {'; '.join(row.faults)}" if row.faults else row.job
        print(f"| `{row.extra}` | {row.packages} | {row.megabytes:.0f} | {beyond} | {tried} |")
    if any(row.faults for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
