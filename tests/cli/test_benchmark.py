"""impasto benchmark: networks, engines and sizes, and a baseline in PyTorch."""

import sys
from typing import Any

import pytest
from commands import Run
from conftest import SHIPPED
from stub_devices import StubDevices

import impasto as package
from impasto.engines import base
from impasto.engines.devices import Device


@pytest.mark.slow
def test_benchmark(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", tuple(SHIPPED))
    quick = ("--runs", "1", "--threads", "1", "--engine", base.available_engines()[0])
    done = impasto(
        "benchmark", "--size", "64x80", "--size", "64x64", "--against", "none", "--json", *quick
    )
    assert (done.code, done.err) == (0, "")
    assert [(record["network"], record["width"], record["height"]) for record in done.records] == [
        (n, 64, h) for h in (80, 64) for n in SHIPPED
    ]
    for record in done.records:
        assert record["fps"] == pytest.approx(1000 / record["ms"], rel=0.02)
        assert "times_faster_than_johnson" not in record
        if sys.platform != "win32":
            assert 20 < record["peak_mb"] < 2000


@pytest.mark.slow
def test_benchmark_by_itself_times_all_engines_and_int8(
    impasto: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", ("small",))
    done = impasto(
        "benchmark", "--size", "64x64", "--against", "none", "--runs", "1", "--no-memory", "--json"
    )
    ways = [record["engine"].split() for record in done.records]
    # not PyTorch, by which impasto paints on GPUs alone
    installed = [name for name in base.available_engines() if name != "torch"]
    assert [engine for engine, _ in ways] == [*installed, "openvino"]
    assert {record["device"] for record in done.records} == {"cpu"}
    assert ways[-1] == ["openvino", "int8"]


@pytest.mark.slow
def test_benchmark_against_johnson(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", tuple(SHIPPED[:1]))
    arguments = (
        "benchmark",
        "--size",
        "64x64",
        "--runs",
        "1",
        "--no-memory",
        "--engine",
        base.available_engines()[0],
    )
    ours, theirs = impasto(*arguments, "--json").records
    assert (theirs["network"], theirs["times_faster_than_johnson"]) == ("johnson", 1)
    assert ours["times_faster_than_johnson"] == pytest.approx(theirs["ms"] / ours["ms"], rel=0.1)
    assert "peak_mb" not in ours
    assert "times the speed of johnson" in impasto(*arguments).out


@pytest.mark.slow
def test_a_table_for_an_issue(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", ("small",))
    monkeypatch.setattr("impasto.hardware.cpu_name", lambda: "A CPU of 3 GHz")
    done = impasto(
        *("benchmark", "--size", "64x64", "--against", "none", "--runs", "1", "--no-memory"),
        *("--engine", "onnxruntime", "--threads", "3", "--markdown"),
    )
    facts, table = done.out.split("\n\n")
    assert f"impasto {package.__version__}, Python " in facts and "onnxruntime 1." in facts
    assert "- A CPU of 3 GHz, 3 threads" in facts
    head, line, row = (text.strip("|").split("|") for text in table.strip().splitlines())
    assert len(head) == len(line) == len(row)
    named = dict(zip(map(str.strip, head), map(str.strip, row), strict=True))
    assert (named["network"], named["engine"]) == ("small", "onnxruntime")
    assert (named["device"], named["precision"], named["size"]) == ("cpu", "f32", "64x64")
    assert float(named["a second"]) == pytest.approx(1000 / float(named["ms"]), rel=0.02)


@pytest.mark.slow
def test_devices_are_timed_in_all_precisions_and_those_that_fail_are_left_out(
    impasto: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = StubDevices(monkeypatch)
    devices = [
        Device("onnxruntime", "cuda", "gpu", "CUDAExecutionProvider"),
        Device("openvino", "npu", "npu"),
        Device("torch", "xpu", "gpu"),
    ]
    for device in devices:
        stubs.add(device, _crash if device.name == "xpu" else lambda painted: painted)
    monkeypatch.setattr("impasto.cli.benchmark.find_devices", lambda *_: devices)
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", ("small",))
    quick = ("--size", "64x64", "--against", "none", "--runs", "1", "--no-memory", "--json")
    done = impasto("benchmark", *quick)
    ways = [(record["device"], record["engine"].split()[1]) for record in done.records]
    assert [way for way in ways if way[0] != "cpu"] == [
        *(("cuda", precision) for precision in ("f16", "f32")),
        ("npu", "f16"),
    ]
    assert done.errors == ["xpu by torch is left out: out of order"]
    done = impasto("benchmark", "--device", "cuda", "--precision", "f32", *quick)
    assert [(one["device"], one["engine"]) for one in done.records] == [("cuda", "onnxruntime f32")]


def _crash(_: Any) -> Any:
    raise RuntimeError("out of order")


@pytest.mark.parametrize(
    "size", ["512", "512x", "63x64", "64x72", "16x16", "-64x64", "axb", "1x2x3"]
)
def test_sizes_that_are_none(impasto: Run, size: str) -> None:
    assert "multiples of 16" in impasto("benchmark", f"--size={size}").usage()
