"""impasto doctor: the state of the installation, and how to get missing parts."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from impasto import __version__
from impasto.choices import NETWORKS
from impasto.cli import console, options
from impasto.engines.base import ENGINES, available_engines, choose_precision
from impasto.engines.devices import AUTO, CPU, REMEDIES, Device, find_clash, find_devices
from impasto.errors import DeviceWarning, ImpastoError
from impasto.files import os_reason, write_atomically
from impasto.hardware import available_cores, available_memory, graphics_vendors
from impasto.images.image import UInt8
from impasto.inference.devices import choose_device
from impasto.models.gallery import gallery_names
from impasto.models.network import load_shipped
from impasto.paths import home, weights_folders
from impasto.stylizer import Stylizer

ENVIRONMENT = (  # variables that change what impasto does
    *("IMPASTO_HOME", "IMPASTO_DEVICE", "IMPASTO_WEIGHTS", "XDG_CACHE_HOME"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ONEDNN_MAX_CPU_ISA"),
    *("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "LD_PRELOAD", "NO_COLOR", "TERM"),
)
CPU_FEATURES = (  # that engines use
    *("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"),
    *("bf16", "asimd"),
)
EXTRAS = {  # optional package: its purpose, and the command that installs it
    "torch": ("learning styles", "pip install 'impasto[train]'"),
    "onnx": ("learning styles", "pip install 'impasto[train]'"),
    "matplotlib": ("evaluating", "pip install 'impasto[evaluate]'"),
    "opencv-python-headless": (
        "motion in videos: evaluate --clip, stylize --flow",
        "pip install 'impasto[flow]'",
    ),
    "pygame-ce": ("a window for webcam", "pip install 'impasto[webcam]'"),
    "pillow_heif": ("HEIC photographs", "pip install 'impasto[heic]'"),
    "pyvips": ("pictures of more than 100 megapixels", "pip install 'impasto[huge]'"),
    "fastapi": ("the page that paints, and the HTTP API", "pip install 'impasto[serve]'"),
    "huggingface_hub": ("styles on the Hugging Face Hub", "pip install 'impasto[hub]'"),
    "ray": ("batches on a cluster", "pip install 'impasto[cluster]'"),
    "tensorboard": ("logs of training", "pip install 'impasto[tensorboard]'"),
}
MODULES = {  # of packages whose module has another name
    "pillow": "PIL",
    "opencv-python-headless": "cv2",
    "pygame-ce": "pygame",
}
ALTERNATIVES = {  # packages with the same module
    "opencv-python-headless": (
        *("opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
    ),
    "pygame-ce": ("pygame",),
}


def doctor(
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a file for a bug report, without names of folders, files or people.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Show engines, CPU features, versions, weights and cache, and how to get missing parts.

    Examples:

      impasto doctor

      impasto doctor --report impasto-report.md
    """  # noqa: D412  # blank lines part paragraphs of the help text
    facts = examine()
    if report:
        try:
            write_atomically(report, "\n".join(report_lines(facts)).encode())
        except OSError as error:
            raise ImpastoError(f"cannot write {report}: {os_reason(error)}") from error
        line = f"{report}: check its content, then attach it to the bug report"
        console.result(line, {"output": str(report)}, json)
        return
    if json:
        console.result("", facts, as_json=True)
        return
    for key, value in facts.items():
        if key != "advice":
            print(f"{key:20} {_format(value)}")
    for line in facts["advice"]:
        print(f"- {line}")


def examine() -> dict[str, Any]:
    """Examine the installation.

    Returns:
        Facts by subject. `advice` lists missing parts, each with its remedy.
    """
    versions = {name: _version(name) for name in (*ENGINES, "numpy", "pillow", "av", *EXTRAS)}
    weights = _find_weights()
    networks, galleries, broken = _check_networks()
    devices, device_advice = _examine_devices()
    return {
        "impasto": __version__,
        "python": platform.python_version(),
        # not `platform.platform`, which starts a process
        "system": " ".join((platform.system(), platform.release(), *platform.libc_ver())),
        "cores": available_cores(),
        "cpu": _cpu_features(),
        "engines": available_engines(),
        **devices,
        "networks": networks,
        "gallery": galleries,
        "styles": len(gallery_names()),
        "versions": versions,
        "weights": weights,
        **_examine_cache(),
        "advice": [*broken, *device_advice, *_advise(versions, weights)],
    }


def _examine_devices() -> tuple[dict[str, Any], list[str]]:
    """Return the devices that were found, the one that paints by itself, and advice."""
    found = find_devices()
    advice = [
        f"{device} is not used by itself: {device.objection}; --device {device.name} uses it"
        for device in found
        if device.objection
    ]
    advice += [clash] if (clash := find_clash()) else []
    if not any(device.kind == "gpu" for device in found) and graphics_vendors() == {"nvidia"}:
        advice.append(f"a card of NVIDIA is here, and no engine uses it: {REMEDIES['cuda']}")
    labels = [f"{device} ({device.label})" if device.label else str(device) for device in found]
    return {"devices": [*labels, CPU], "paints_on": _describe_choice()}, advice


def _describe_choice() -> str:
    """Describe the device that paints where none is named, and why no other does."""
    with warnings.catch_warnings(record=True) as failures:
        warnings.simplefilter("always", DeviceWarning)
        try:
            choice = choose_device(load_shipped("small"), AUTO, AUTO, AUTO)
        except ImpastoError as error:
            return f"nothing: {error}"
    reasons = [str(failure.message) for failure in failures]
    if choice.device == CPU:
        reasons = reasons or ["no graphics card was found that is worth it"]
        if choose_precision(load_shipped("small").graph) == "int8":
            reasons += ["videos and many pictures in int8"]
        return "; ".join([CPU, *reasons])
    passed = f"{choice.device} by {choice.engine}, in {choice.precision}: it paints as the CPU does"
    return "; ".join([passed, *reasons])


def _examine_cache() -> dict[str, Any]:
    """Return the place of the cache, which some users do not have, and its size."""
    folder = home()
    if folder is None:
        return {
            "cache": "none, as there is no home folder; IMPASTO_HOME names one",
            "cache_bytes": 0,
        }
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it was removed meanwhile
            size += path.stat().st_size if path.is_file() else 0
    return {"cache": str(folder), "cache_bytes": size}


def _check_networks() -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return hashes and gallery versions of the networks that ship, and advice on broken ones."""
    hashes, galleries, advice = dict[str, str](), dict[str, str](), list[str]()
    for name in NETWORKS:
        try:
            network = load_shipped(name)
        except ImpastoError as error:
            hashes[name] = "broken"
            advice.insert(0, f"{error}; reinstall impasto")
        else:
            hashes[name], galleries[name] = network.hash, network.gallery
    return hashes, galleries, advice


def _advise(versions: Mapping[str, str | None], weights: Sequence[str]) -> list[str]:
    """List missing parts, each with its remedy; engines first."""
    advice = []
    if not available_engines():
        advice.append(
            "no engine is installed, so nothing can be painted: pip install openvino "
            "(or onnxruntime)"
        )
    advice += [
        f"{name} is missing ({purpose}): {remedy}"
        for name, (purpose, remedy) in EXTRAS.items()
        if not versions[name]
    ]
    if not weights:
        advice.append(
            "weights of vgg19 and vgg16 are missing: training uses lite, which ships, or downloads "
            "them when you choose them"
        )
    return advice


def report_lines(facts: Mapping[str, Any]) -> list[str]:
    """Write facts as Markdown for a bug report, with no paths, and try each engine.

    Args:
        facts: As `examine` returns them.
    """
    lines = ["# impasto doctor --report", ""]
    for key, value in facts.items():
        if key not in ("cache", "advice"):
            public = [Path(path).name for path in value] if key == "weights" else value
            lines.append(f"- {key}: {_format(public)}")
    memory = available_memory()
    lines.append(f"- memory free: {'unknown' if memory is None else f'{memory / 1e9:.1f} GB'}")
    # values are written only where they are numbers, as others may hold names
    values = {
        name: os.environ[name] if os.environ[name].isdigit() else "set"
        for name in ENVIRONMENT
        if name in os.environ
    }
    lines.append(f"- environment: {_format(values) or 'no variable of impasto or its engines'}")
    lines += ["", "## Stylizing 64x64 pixels in starry-night", ""]
    ways = [Device(engine, CPU, CPU) for engine in available_engines()] + find_devices()
    for way in ways:
        name = way.engine if way.name == CPU else str(way)
        lines += [f"- {name}, {network}: {_try_stylizer(network, way)}" for network in NETWORKS]
    return [*lines, ""]


def _try_stylizer(network: str, way: Device) -> str:
    """Stylize a test picture; return its statistics and the time, or the error."""
    try:
        start = time.perf_counter()
        precision = "f32" if way.name == CPU else AUTO
        stylizer = Stylizer(network, way.engine, precision=precision, device=way.name)
        stylized = stylizer.stylize(_test_picture(), "starry-night")
        seconds = time.perf_counter() - start
    except Exception as error:  # any error belongs into the report
        return f"{type(error).__name__}: {_without_paths(str(error))}"
    return f"mean {stylized.mean():.3f}, deviation {stylized.std():.3f}, {seconds:.2f} s"


def _test_picture() -> UInt8:
    """Draw a picture that is the same everywhere, uint8 (64, 64, 3)."""
    y, x = np.mgrid[:64, :64]
    return np.stack([4 * x, 4 * y, 2 * (x + y)], axis=-1).astype(np.uint8)


def _without_paths(text: str) -> str:
    return re.sub(r"(?:[A-Za-z]:)?[/\\][^\s'\"]*[/\\]", ".../", " ".join(text.split()))


def _format(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part or '-'}" for name, part in value.items())
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _version(package: str) -> str | None:
    """Find the version of the package that has the module; None where the module is missing."""
    if not importlib.util.find_spec(MODULES.get(package, package)):
        return None
    for name in (package, *ALTERNATIVES.get(package, ())):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def _find_weights() -> list[str]:
    """List the weights of perceptual networks in the folders where training looks for them."""
    return [
        str(path)
        for folder in weights_folders()
        for path in sorted(folder.glob("vgg1*"))
        if path.suffix in (".safetensors", ".pth")
    ]


def _cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """List the features of this CPU that engines use; empty where the system does not tell."""
    try:
        lines = cpuinfo.read_text().splitlines()
        flags = next(line for line in lines if line.startswith(("flags", "Features"))).split()
    except (OSError, StopIteration):
        return []
    return [feature for feature in CPU_FEATURES if feature in flags]
