"""The choice of a device: its test against the CPU, the fall back, and what is said."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from pictures import UInt8
from stub_devices import StubDevices

from impasto.engines.devices import Device
from impasto.errors import DeviceWarning, NetworkError
from impasto.inference import devices
from impasto.inference.devices import Choice, choose_device
from impasto.inference.tile_grid import TileLimits, limit_tiles
from impasto.models.network import load_shipped
from impasto.stylizer import Stylizer

CUDA = Device("onnxruntime", "cuda", "gpu", "a card")
ARC = Device("openvino", "gpu", "gpu", "an Arc")
UHD = Device("openvino", "gpu", "gpu", "an UHD", "it is slow")
NPU = Device("openvino", "npu", "npu", "an NPU", "it is slow to start")


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> StubDevices:
    return StubDevices(monkeypatch)


def choose(device: str = "auto", precision: str = "auto", engine: str = "auto") -> Choice:
    return choose_device(load_shipped("small"), engine, device, precision)


def refused(*arguments: str) -> str:
    with pytest.raises(NetworkError) as raised:
        choose(*arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def off_by(levels: int) -> Any:
    """Change paintings by so many levels in one pixel: the worst of them counts."""

    def change(painted: UInt8) -> UInt8:
        changed = painted.astype(int)
        changed[0, 3, 4, 1] += levels if changed[0, 3, 4, 1] < 128 else -levels
        return changed.astype(np.uint8)

    return change


def crash(_: Any) -> Any:
    raise RuntimeError("CUDA error: no kernel image is available\nmore of it")


def test_without_a_gpu_it_is_the_cpu_and_nothing_is_tested(stubs: StubDevices) -> None:
    assert choose() == choose("cpu") == Choice("auto", "cpu", "auto")
    assert choose("cpu", "f32", "onnxruntime") == Choice("onnxruntime", "cpu", "f32")


def test_a_gpu_that_paints_as_the_cpu_does_is_taken_in_float16(stubs: StubDevices) -> None:
    stubs.add(CUDA, off_by(2))
    assert choose() == choose("gpu") == choose("cuda") == Choice("onnxruntime", "cuda", "f16")
    assert choose(precision="f32") == Choice("onnxruntime", "cuda", "f32")


def test_float32_is_taken_where_float16_is_off(stubs: StubDevices) -> None:
    stubs.add(CUDA, off_by(3), f32=off_by(1))
    assert choose() == Choice("onnxruntime", "cuda", "f32")
    assert "in f16 it painted a test picture 3 of 255 levels off the CPU" in refused("cuda", "f16")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (off_by(3), "in f32 it painted a test picture 3 of 255 levels off the CPU, 0.0 on average"),
        (np.zeros_like, "levels off the CPU"),
        (crash, "it failed in a test (CUDA error: no kernel image is available more of it)"),
        (lambda painted: painted[:, :-1], "it painted (1, 63, 64, 3) in a test"),
    ],
)
def test_a_gpu_that_fails_falls_back_and_says_so(
    stubs: StubDevices, change: Any, reason: str
) -> None:
    stubs.add(CUDA, change)
    with pytest.warns(DeviceWarning) as warned:
        assert choose() == Choice("auto", "cpu", "auto")
    (message,) = (str(one.message) for one in warned)
    assert message.startswith("cuda by onnxruntime cannot paint: ") and reason in message
    assert message.endswith("painting on the CPU instead (--device cpu avoids the test)")
    for named in ("cuda", "gpu"):  # who asks for it is not given another
        assert reason in refused(named) and "use --device cpu" in refused(named)


def test_the_next_gpu_is_tried_where_the_first_fails(stubs: StubDevices) -> None:
    stubs.add(ARC, crash)
    stubs.add(CUDA)
    with pytest.warns(DeviceWarning, match="gpu by openvino .* painting on cuda by onnxruntime"):
        assert choose().device == "cuda"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose("gpu").device == "cuda"


def test_devices_that_are_not_worth_it_wait_until_they_are_named(stubs: StubDevices) -> None:
    stubs.add(UHD)
    stubs.add(NPU, off_by(1))
    assert choose().device == "cpu"
    assert choose("gpu") == Choice("openvino", "gpu", "f16")
    assert choose("npu") == Choice("openvino", "npu", "f16")
    stubs.add(CUDA)
    assert choose().device == choose("gpu").device == "cuda"
    assert choose(engine="openvino").device == "cpu"


def test_an_npu_is_tried_in_float16_alone(stubs: StubDevices) -> None:
    stubs.add(NPU, off_by(5), f32=off_by(0))
    assert "in f16 it painted" in refused("npu")


def test_software_that_poses_as_a_gpu_is_not_taken_by_itself(
    stubs: StubDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs.add(CUDA)
    monkeypatch.setattr(devices, "MAX_TEST_SECONDS", 0)
    with pytest.warns(DeviceWarning, match="s for 64x64 pixels, as drivers do"):
        assert choose().device == "cpu"
    assert choose("cuda").device == "cuda"


def test_bf16_may_be_off_but_not_broken(stubs: StubDevices) -> None:
    torch = Device("torch", "cuda", "gpu")
    stubs.add(torch, off_by(9))
    assert choose("cuda", "bf16") == Choice("torch", "cuda", "bf16")
    stubs.add(torch, lambda painted: 255 - painted)
    assert "in bf16 it painted" in refused("cuda", "bf16")


def test_int8_is_for_the_cpu(stubs: StubDevices) -> None:
    stubs.add(CUDA)
    assert choose(precision="int8") == Choice("auto", "cpu", "int8")
    assert "cannot compute in int8 on cuda: only the CPU does" in refused("cuda", "int8")


def test_the_environment_names_the_default(
    stubs: StubDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs.add(CUDA)
    monkeypatch.setenv("IMPASTO_DEVICE", "cpu")
    assert choose().device == "cpu"
    assert choose("cuda").device == "cuda"
    monkeypatch.setenv("IMPASTO_DEVICE", "toaster")
    assert refused("auto").startswith("no device is called 'toaster'; there are auto, cpu, gpu")


def test_all_parts_of_a_network_run_on_its_device(stubs: StubDevices, scene: UInt8) -> None:
    stubs.add(CUDA)
    model = Stylizer("small")
    prepared = model.prepare("udnie")
    painted = prepared.paint(scene)
    assert model.engine.device == "cuda"
    on_cpu = Stylizer("small", precision="f32", device="cpu").prepare("udnie")
    assert np.abs(painted.astype(int) - on_cpu.paint(scene)).max() <= 1
    stubs.loaded.clear()
    prepared.freeze(prepared.measure(scene)).paint(scene)
    # statistics overflow in float16; the test is not repeated
    assert stubs.loaded == [("cuda", "f32", True), ("cuda", "f16", True)]


def test_tiles_of_large_pictures_are_measured_on_the_device(
    stubs: StubDevices, scene: UInt8
) -> None:
    stubs.add(CUDA)
    model = Stylizer("small")
    model.engine  # noqa: B018
    stubs.loaded.clear()
    with limit_tiles(TileLimits(1, 128)):
        model.prepare("udnie").measure(scene)
    assert {(device, precision) for device, precision, _ in stubs.loaded} == {("cuda", "f32")}


def test_a_copy_of_a_stylizer_keeps_the_device() -> None:
    model = Stylizer("small", device="webgpu")
    assert "device='webgpu'" in repr(model)
    assert repr(pickle.loads(pickle.dumps(model))) == repr(model)
    assert "device" not in repr(Stylizer("small"))
