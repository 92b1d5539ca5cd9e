"""impasto benchmark: networks, engines and sizes, and a baseline in PyTorch."""

import sys

import pytest
from commands import Run
from conftest import SHIPPED

from impasto.engines import base


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
    assert [engine for engine, _ in ways] == [*base.available_engines(), "openvino"]
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


@pytest.mark.parametrize(
    "size", ["512", "512x", "63x64", "64x72", "16x16", "-64x64", "axb", "1x2x3"]
)
def test_sizes_that_are_none(impasto: Run, size: str) -> None:
    assert "multiples of 16" in impasto("benchmark", f"--size={size}").usage()
