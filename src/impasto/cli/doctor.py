"""impasto doctor: what is here, and what to do about what is missing."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from impasto import __version__
from impasto.cli import console, options
from impasto.engines.base import ENGINES, available_engines
from impasto.errors import ImpastoError
from impasto.files import os_reason, write_atomically
from impasto.hardware import available_cores, available_memory
from impasto.images.image import UInt8
from impasto.models.gallery import gallery_names
from impasto.models.network import NETWORKS, load_shipped
from impasto.paths import home, weights_folders
from impasto.stylizer import Stylizer

ENVIRONMENT = (  # that changes what impasto does; values are told where they are numbers
    *(
        "IMPASTO_HOME",
        "IMPASTO_WEIGHTS",
        "XDG_CACHE_HOME",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
    ),
    *("ONEDNN_MAX_CPU_ISA", "CUDA_VISIBLE_DEVICES", "PYTHONPATH", "LD_PRELOAD", "NO_COLOR", "TERM"),
)
CPU_FEATURES = (
    "avx2",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "amx_bf16",
    "amx_int8",
    "bf16",
    "asimd",
)  # that engines use
EXTRAS = {  # package: what it is for, and how to get it
    "torch": ("learning styles", "pip install 'impasto[train]'"),
    "onnx": ("learning styles", "pip install 'impasto[train]'"),
    "matplotlib": ("evaluating", "pip install 'impasto[evaluate]'"),
    "opencv-python-headless": (
        "what moves in videos: evaluate --clip, stylize --flow",
        "pip install 'impasto[flow]'",
    ),
    "pygame-ce": ("a window for webcam", "pip install 'impasto[webcam]'"),
    "pillow_heif": ("HEIC photographs", "pip install 'impasto[heic]'"),
    "pyvips": ("pictures of more than 100 megapixels", "pip install 'impasto[huge]'"),
    "tensorboard": ("logs of training", "pip install 'impasto[tensorboard]'"),
}

MODULES = {
    "pillow": "PIL",
    "opencv-python-headless": "cv2",
    "pygame-ce": "pygame",
}  # of packages that name them otherwise
ALIKE = {  # packages that have the same module
    "opencv-python-headless": (
        "opencv-python",
        "opencv-contrib-python-headless",
        "opencv-contrib-python",
    ),
    "pygame-ce": ("pygame",),
}


def doctor(
    out: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write what a bug report needs, with no names of folders, files or people.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Show engines, CPU features, versions, weights and cache, and what to do about what is
    missing.

    Examples:

      impasto doctor

      impasto doctor --report impasto-report.md
    """
    found = examine()
    if out:
        try:
            write_atomically(out, "\n".join(report_lines(found)).encode())
        except OSError as error:
            raise ImpastoError(f"cannot write {out}: {os_reason(error)}") from error
        console.result(
            f"{out}: look it over, and put it into the bug report", {"output": str(out)}, json
        )
        return
    if json:
        console.result("", found, as_json=True)
        return
    for key, value in found.items():
        if key != "advice":
            print(f"{key:20} {_shown(value)}")
    for line in found["advice"]:
        print(f"- {line}")


def examine() -> dict[str, Any]:
    """What `impasto doctor` knows, by subject; `advice` is what to do about what is missing."""
    versions = {name: _version(name) for name in (*ENGINES, "numpy", "pillow", "av", *EXTRAS)}
    weights = _weights()
    advice = [
        f"{name} is missing ({purpose}): {remedy}"
        for name, (purpose, remedy) in EXTRAS.items()
        if not versions[name]
    ]
    if not available_engines():
        advice.insert(
            0,
            "no engine is installed, nothing can be painted: pip install openvino (or onnxruntime)",
        )
    if not weights:
        advice.append(
            "weights of vgg19 and vgg16 are not here; training uses lite, which ships, or fetches them when asked to"
        )
    networks, galleries = dict[str, str](), dict[str, str]()
    for name in NETWORKS:
        try:
            networks[name], galleries[name] = load_shipped(name).hash, load_shipped(name).gallery
        except ImpastoError as error:
            networks[name] = "broken"
            advice.insert(0, f"{error}; reinstall impasto")
    return {
        "impasto": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": available_cores(),
        "cpu": _cpu_features(),
        "engines": available_engines(),
        "networks": networks,
        "gallery": galleries,
        "styles": len(gallery_names()),
        "versions": versions,
        "weights": weights,
        "cache": str(home()),
        "cache_bytes": sum(path.stat().st_size for path in home().rglob("*") if path.is_file()),
        "advice": advice,
    }


def report_lines(found: Mapping[str, Any]) -> list[str]:
    """What `examine` found, as Markdown for people who mend bugs: no paths, and whether each engine
    paints as it should."""
    lines = ["# impasto doctor --report", ""]
    for key, value in found.items():
        if key in ("cache", "advice"):
            continue
        shown = [Path(path).name for path in value] if key == "weights" else value
        lines.append(f"- {key}: {_shown(shown)}")
    memory = available_memory()
    lines.append(f"- memory free: {'unknown' if memory is None else f'{memory / 1e9:.1f} GB'}")
    known = [name for name in ENVIRONMENT if name in os.environ]
    values = {name: os.environ[name] if os.environ[name].isdigit() else "set" for name in known}
    lines += [
        f"- environment: {_shown(values) or 'nothing of note'}",
        "",
        "## Painting 64x64 pixels in starry-night",
        "",
    ]
    for engine in available_engines():
        for network in NETWORKS:
            try:
                start = time.perf_counter()
                painted = Stylizer(network, engine, precision="f32").stylize(
                    _test_picture(), "starry-night"
                )
                took = time.perf_counter() - start
            except Exception as error:  # what is looked for is just what nobody expects
                lines.append(
                    f"- {engine}, {network}: {type(error).__name__}: {_without_paths(str(error))}"
                )
                continue
            said = f"mean {painted.mean():.3f}, deviation {painted.std():.3f}, {took:.2f} s"
            lines.append(f"- {engine}, {network}: {said}")
    return [*lines, ""]


def _test_picture() -> UInt8:
    """A picture that is the same everywhere, uint8 (64, 64, 3)."""
    y, x = np.mgrid[:64, :64]
    return np.stack([4 * x, 4 * y, 2 * (x + y)], axis=-1).astype(np.uint8)


def _without_paths(text: str) -> str:
    return re.sub(r"(?:[A-Za-z]:)?[/\\][^\s'\"]*[/\\]", ".../", " ".join(text.split()))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v or '-'}" for k, v in value.items())
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _version(package: str) -> str | None:
    """Of what has the package's module; None where nothing has it."""
    module = MODULES.get(package, package)
    if not importlib.util.find_spec(module):
        return None
    for name in (package, *ALIKE.get(package, ())):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def _weights() -> list[str]:
    """Files of perceptual weights in the folders that training looks into."""
    return [
        str(path)
        for folder in weights_folders()
        for path in sorted(folder.glob("vgg1*"))
        if path.suffix in (".safetensors", ".pth")
    ]


def _cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Of the features that engines use, those that this CPU has; empty where the system does not
    tell."""
    try:
        flags = next(
            line
            for line in cpuinfo.read_text().splitlines()
            if line.startswith(("flags", "Features"))
        ).split()
    except (OSError, StopIteration):
        return []
    return [feature for feature in CPU_FEATURES if feature in flags]
