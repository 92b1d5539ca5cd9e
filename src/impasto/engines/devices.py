"""Devices: what can compute a network here, through which engine, and in which order to try."""

import importlib
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from impasto.engines.base import ENGINES, available_engines, check_engine
from impasto.errors import NetworkError
from impasto.hardware import graphics_vendors

# fmt: off
DeviceName = Literal[
    "auto", "cpu", "gpu", "npu", "cuda", "tensorrt", "rocm", "directml", "coreml", "webgpu", "mps",
    "xpu",
]
# fmt: on
DEVICES = get_args(DeviceName)
CPU, AUTO = "cpu", "auto"

REMEDIES = {  # what to install for a device
    "gpu": "install the extra for your graphics card, such as 'impasto[cuda]' or 'impasto[webgpu]'",
    "npu": "install the driver of Intel's NPU, and OpenVINO",
    "cuda": "pip install 'impasto[cuda]', or a build of PyTorch for CUDA",
    "tensorrt": "pip install 'impasto[cuda]', and the version of TensorRT that it wants",
    "rocm": "pip install 'impasto[rocm]', or a build of PyTorch for ROCm",
    "directml": "on Windows: pip install 'impasto[directml]'",
    "coreml": "on macOS: pip install 'impasto[onnxruntime]'",
    "webgpu": "pip install 'impasto[webgpu]'",
    "mps": "on a Mac with an Apple chip: pip install 'impasto[train]'",
    "xpu": "install a build of PyTorch for XPU",
}
# wheels of ONNX Runtime with other devices; all of them bring the module `onnxruntime`
GPU_WHEELS = (
    *("onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-webgpu", "onnxruntime-migraphx"),
    *("onnxruntime-rocm", "onnxruntime-ep-webgpu"),
)
MAKERS = {  # of cards, by device
    "cuda": {"nvidia"},
    "tensorrt": {"nvidia"},
    "rocm": {"amd"},
    # where there is no card, drivers in software pose as one
    "webgpu": {"nvidia", "amd", "intel", "apple"},
}
# makers of cards that a build of PyTorch computes on, by the label of its version
TORCH_VENDORS = {"cpu": set[str](), "rocm": {"amd"}, "xpu": {"intel"}}
MODULES = {  # with `find_devices`, by engine
    "openvino": "impasto.engines.openvino_devices",
    "onnxruntime": "impasto.engines.onnxruntime_devices",
    "torch": "impasto.learning.torch_engine",
}


class Device(NamedTuple):
    """A device through the engine that drives it.

    Attributes:
        engine: name of the engine; "auto" for the first that is installed.
        name: name of the device, as `--device` takes it.
        kind: "cpu", "gpu" or "npu".
        label: its name by its maker, or what drives it.
        objection: why "auto" does not take it; empty if it does.
    """

    engine: str
    name: str
    kind: str
    label: str = ""
    objection: str = ""

    def __str__(self) -> str:
        return self.name if self.engine == AUTO else f"{self.name} by {self.engine}"


def find_devices(engine: str = AUTO, thorough: bool = True, doubtful: bool = False) -> list[Device]:
    """List GPUs and NPUs that installed engines see, in the order in which they are tried.

    Args:
        engine: "auto" for all engines, or the name of one.
        thorough: load each engine to ask it. Else engines are asked only where their package is
            built for a GPU and the machine seems to have one, which costs no time.
        doubtful: list devices too whose maker seems to have no card here. A build of ONNX Runtime
            names all that it was built for.
    """
    found = [
        device
        for name in available_engines()
        if name == engine or engine == AUTO
        if thorough or _may_have_devices(name)
        for device in _ask(name)
    ]
    if doubtful:
        return found
    vendors = graphics_vendors()
    return [one for one in found if one.name not in MAKERS or MAKERS[one.name] & vendors]


def _ask(engine: str) -> Iterator[Device]:
    """Ask an engine for its devices; one that cannot be imported has none."""
    try:
        module = importlib.import_module(MODULES[engine])
        yield from (Device(engine, *facts) for facts in module.find_devices())
    except (ImportError, OSError, RuntimeError):  # a library or a driver is broken
        return


def _may_have_devices(engine: str) -> bool:
    """Tell, without loading an engine, whether it may see a GPU that "auto" takes."""
    vendors = graphics_vendors()
    if not vendors:  # as on most servers: versions are slow to read
        return False
    if engine == "onnxruntime":
        return any(map(_version, GPU_WHEELS))
    if engine == "torch":
        label = (_version("torch") or "").partition("+")[2]
        builds = (TORCH_VENDORS[build] for build in TORCH_VENDORS if label.startswith(build))
        return bool(vendors & next(builds, {"nvidia", "apple"}))
    return "intel" in vendors


def _version(package: str) -> str | None:
    from importlib import metadata  # here, as it is slow, and the command line reads the names

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def list_candidates(engine: str, device: str, precision: str = "auto") -> list[Device]:
    """List the devices to try, best first.

    Args:
        engine: "auto", or the name of an engine.
        device: a name of `DEVICES`. "gpu" is any GPU; "auto" is a GPU that is worth it, else the
            CPU.
        precision: int8 is for the CPU only.

    Raises:
        NetworkError: there is no such device, or no installed engine has it.
    """
    check_engine(engine)
    if device not in DEVICES:
        raise NetworkError(f"no device is called {device!r}; there are {', '.join(DEVICES)}")
    cpu = Device(engine, CPU, "cpu")
    if device == CPU or (device == AUTO and precision == "int8"):
        return [cpu]
    if precision == "int8":
        raise NetworkError(
            f"cannot compute in int8 on {device}: only the CPU does; use --device cpu, or"
            " --precision auto"
        )
    if device == AUTO:
        found = find_devices(engine, thorough=False)
        return [*(one for one in found if not one.objection), cpu]
    # what is named is tried, whatever the system tells of cards
    found = find_devices(engine, doubtful=device in MAKERS)
    matches = [one for one in found if device in (one.name, one.kind)]
    if not matches:
        raise NetworkError(
            f"cannot compute on {device}: {_describe_lack(engine, device)}; {REMEDIES[device]};"
            " `impasto doctor` shows what was found"
        )
    return sorted(matches, key=lambda one: bool(one.objection))


def _describe_lack(engine: str, device: str) -> str:
    """Explain why no engine has a device."""
    if clash := find_clash():
        return clash
    if engine != AUTO:
        return f"the engine {engine} finds none, or is not installed"
    return f"no installed engine finds one ({', '.join(available_engines()) or 'none is there'})"


def find_clash() -> str | None:
    """Explain which packages of ONNX Runtime overwrite each other; None if none do."""
    wheels = [name for name in ("onnxruntime", *GPU_WHEELS) if _version(name)]
    wheels = [name for name in wheels if not name.startswith("onnxruntime-ep-")]
    if len(wheels) < 2:
        return None
    return (
        f"{' and '.join(wheels)} overwrite each other: pip uninstall {' '.join(wheels)}, and then"
        " install the one that you want"
    )


assert set(MODULES) == set(ENGINES)
