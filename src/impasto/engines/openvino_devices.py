"""Intel's GPUs and NPUs through OpenVINO's plugins."""

from typing import Any

import openvino

from impasto.errors import NetworkError

GPU, NPU = "gpu", "npu"
INTEGRATED = "it is part of the CPU, shares its memory, and is often slower"
SLOW_COMPILER = "it compiles the network for each size of picture, which takes seconds"


def find_devices() -> list[tuple[str, str, str, str]]:
    """List Intel's GPUs and NPUs.

    Returns:
        Name, kind, label and objection of each, as `impasto.engines.devices.Device` has them.
    """
    core = openvino.Core()
    devices = []
    if gpus := _list_gpus(core):
        objection = "" if _is_discrete(core, gpus[0]) else INTEGRATED
        devices.append((GPU, GPU, _label(core, gpus[0]), objection))
    if "NPU" in core.available_devices:
        devices.append((NPU, NPU, _label(core, "NPU"), SLOW_COMPILER))
    return devices


def choose_target(core: Any, device: str, precision: str) -> tuple[str, str, dict[str, Any]]:
    """Choose the device of OpenVINO, the precision and the options of its plugin.

    Args:
        core: `openvino.Core`.
        device: "gpu" or "npu".
        precision: "auto" (f16), "f16" or "f32".

    Returns:
        The name in OpenVINO, such as "GPU.1", the precision, and the options.

    Raises:
        NetworkError: there is no such device, or it does not compute in this precision.
    """
    targets = ["NPU"] if device == NPU else _list_gpus(core)
    if device not in (GPU, NPU) or not targets or targets[0] not in core.available_devices:
        raise NetworkError(f"OpenVINO finds no {device}: there is {_list_available(core)}")
    allowed = ("f16",) if device == NPU else ("f16", "f32")
    chosen = "f16" if precision == "auto" else precision
    if chosen not in allowed:
        raise NetworkError(
            f"OpenVINO computes in {' or '.join(allowed)} on {device}; use --precision auto"
        )
    return targets[0], chosen, {"INFERENCE_PRECISION_HINT": chosen, "PERFORMANCE_HINT": "LATENCY"}


def _list_available(core: Any) -> str:
    return ", ".join(core.available_devices)


def _list_gpus(core: Any) -> list[str]:
    """List Intel's GPUs by their names in OpenVINO, graphics cards before integrated ones.

    OpenVINO also lists the cards of others that have OpenCL, and fails on them.
    """
    gpus = [name for name in core.available_devices if name.startswith("GPU")]
    gpus = [name for name in gpus if "Intel" in _label(core, name)]
    return sorted(gpus, key=lambda name: not _is_discrete(core, name))


def _is_discrete(core: Any, name: str) -> bool:
    return "DISCRETE" in str(core.get_property(name, "DEVICE_TYPE")).upper()


def _label(core: Any, name: str) -> str:
    return str(core.get_property(name, "FULL_DEVICE_NAME"))
