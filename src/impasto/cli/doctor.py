"""impasto doctor: what is here, and what to do about what is missing."""

import contextlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path
from typing import Any

from impasto import __version__
from impasto.cli import options, report
from impasto.engines import ENGINES, available, available_cores
from impasto.errors import ImpastoError
from impasto.networks import NETWORKS, shipped
from impasto.paths import home, weights_folders
from impasto.styles import gallery_names

CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "bf16", "asimd")  # that engines use
EXTRAS = {  # package: what it is for, and how to get it
    "torch": ("learning styles", "pip install 'impasto[train]'"),
    "onnx": ("learning styles", "pip install 'impasto[train]'"),
    "matplotlib": ("evaluating", "pip install 'impasto[evaluate]'"),
    "opencv-python-headless": ("what moves in videos: evaluate --clip, stylize --flow", "pip install 'impasto[flow]'"),
    "pygame-ce": ("a window for webcam", "pip install 'impasto[webcam]'"),
    "pillow_heif": ("HEIC photographs", "pip install 'impasto[heic]'"),
    "pyvips": ("pictures of more than 100 megapixels", "pip install 'impasto[huge]'"),
    "tensorboard": ("logs of training", "pip install 'impasto[tensorboard]'"),
}

MODULES = {"pillow": "PIL", "opencv-python-headless": "cv2", "pygame-ce": "pygame"}  # of packages that name them otherwise
ALIKE = {  # packages that have the same module
    "opencv-python-headless": ("opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
    "pygame-ce": ("pygame",),
}


def doctor(json: options.Json = False) -> None:
    """Show engines, CPU features, versions, weights and cache, and what to do about what is missing.

    Example:

      impasto doctor
    """
    found = examine()
    if json:
        report.result("", found, as_json=True)
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
    advice = [f"{name} is missing ({purpose}): {remedy}" for name, (purpose, remedy) in EXTRAS.items() if not versions[name]]
    if not available():
        advice.insert(0, "no engine is installed, nothing can be painted: pip install openvino (or onnxruntime)")
    if not weights:
        advice.append("weights of vgg19 and vgg16 are not here; training uses lite, which ships, or fetches them when asked to")
    networks, galleries = dict[str, str](), dict[str, str]()
    for name in NETWORKS:
        try:
            networks[name], galleries[name] = shipped(name).hash, shipped(name).gallery
        except ImpastoError as error:
            networks[name] = "broken"
            advice.insert(0, f"{error}; reinstall impasto")
    return {
        "impasto": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": available_cores(),
        "cpu": _cpu_features(),
        "engines": available(),
        "networks": networks,
        "gallery": galleries,
        "styles": len(gallery_names()),
        "versions": versions,
        "weights": weights,
        "cache": str(home()),
        "cache_bytes": sum(path.stat().st_size for path in home().rglob("*") if path.is_file()),
        "advice": advice,
    }


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
    """Of the features that engines use, those that this CPU has; empty where the system does not tell."""
    try:
        flags = next(line for line in cpuinfo.read_text().splitlines() if line.startswith(("flags", "Features"))).split()
    except (OSError, StopIteration):
        return []
    return [feature for feature in CPU_FEATURES if feature in flags]
