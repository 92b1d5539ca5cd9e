"""impasto doctor: its facts, its advice, and its report without paths."""

from pathlib import Path

import numpy as np
import pytest
from commands import Run
from conftest import SHIPPED
from stub_devices import StubDevices

import impasto as package
from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.engines.devices import Device
from impasto.models.gallery import gallery_names
from impasto.models.network import load_shipped
from impasto.stylizer import Stylizer

CUDA = Device("onnxruntime", "cuda", "gpu", "CUDAExecutionProvider")
UHD = Device("openvino", "gpu", "gpu", "Intel UHD", "it shares the memory of the CPU")


def test_devices_that_are_found_used_and_why(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stubs = StubDevices(monkeypatch)
    monkeypatch.setattr("impasto.cli.doctor.find_devices", lambda: [UHD, CUDA])
    stubs.add(UHD)
    monkeypatch.setattr("impasto.cli.doctor.choose_precision", lambda graph: "auto")
    (facts,) = impasto("doctor", "--json").records
    assert facts["devices"] == [
        *("gpu by openvino (Intel UHD)", "cuda by onnxruntime (CUDAExecutionProvider)", "cpu"),
    ]
    assert facts["paints_on"] == "cpu; no graphics card was found that is worth it"
    advice = "gpu by openvino is not used by itself: it shares the memory of the CPU; --device gpu"
    assert any(line.startswith(advice) for line in facts["advice"])
    monkeypatch.setattr("impasto.cli.doctor.choose_precision", lambda graph: "int8")
    (facts,) = impasto("doctor", "--json").records
    assert facts["paints_on"].endswith("worth it; videos and many pictures in int8")
    stubs.add(CUDA)
    (facts,) = impasto("doctor", "--json").records
    assert facts["paints_on"] == "cuda by onnxruntime, in f16: it paints as the CPU does"
    stubs.add(CUDA, lambda painted: 255 - painted)
    done = impasto("doctor", "--json")
    assert done.records[0]["paints_on"].startswith("cpu; cuda by onnxruntime cannot paint: in f32")
    assert done.err == ""


def test_a_card_that_no_engine_uses(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.cli.doctor.find_devices", list)
    monkeypatch.setattr("impasto.cli.doctor.graphics_vendors", lambda: {"nvidia"})
    monkeypatch.setattr("impasto.cli.doctor.find_clash", lambda: "two wheels clash")
    (facts,) = impasto("doctor", "--json").records
    assert "two wheels clash" in facts["advice"]
    assert any("no engine uses it: pip install 'impasto[cuda]'" in one for one in facts["advice"])


@pytest.mark.slow
def test_a_report_has_what_is_needed_and_no_paths(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "somebody" / "weights"
    weights.mkdir(parents=True)
    (weights / "vgg19.safetensors").write_bytes(b"")
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(weights))
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "somebody" / "cache"))
    done = impasto("doctor", "--report", tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert done.code == 0 and str(tmp_path / "report.md") in done.out
    assert all(
        part in text
        for part in (
            "python: ",
            "openvino",
            "vgg19.safetensors",
            load_shipped("base").hash,
            "IMPASTO_HOME set",
        )
    )
    assert "somebody" not in text and str(Path.home()) not in text
    # engines agree, and each paints
    lines = [line for line in text.splitlines() if "deviation" in line]
    assert len(lines) == len(NETWORKS) * len(base.available_engines())
    means = {line.split(", ")[1].split(":")[0]: set[float]() for line in lines}
    for line in lines:
        means[line.split(", ")[1].split(":")[0]].add(float(line.split("mean ")[1].split(",")[0]))
    assert all(max(each) - min(each) < 0.1 for each in means.values())
    monkeypatch.setattr(
        Stylizer,
        "stylize",
        lambda *_: (_ for _ in ()).throw(ValueError("lost /home/somebody/x.png")),
    )
    impasto("doctor", "--report", tmp_path / "report.md")
    assert "ValueError: lost .../x.png" in (tmp_path / "report.md").read_text()


def test_facts_as_json_and_as_lines(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "vgg19-dcbb9e9d.pth").write_bytes(b"12345")
    monkeypatch.setenv("IMPASTO_HOME", str(home))
    done = impasto("doctor", "--json")
    (facts,) = done.records
    assert (done.code, done.err) == (0, "")
    assert facts["impasto"] == package.__version__
    assert facts["engines"]
    assert facts["cores"] >= 1
    assert facts["styles"] == len(gallery_names())
    assert facts["gallery"] == {name: load_shipped(name).gallery for name in SHIPPED}
    assert facts["versions"]["numpy"] == np.__version__
    assert str(home / "weights" / "vgg19-dcbb9e9d.pth") in facts["weights"]
    assert (facts["cache"], facts["cache_bytes"]) == (str(home), 5)
    shown = impasto("doctor").out
    assert all(f"{key} " in shown for key in facts if key != "advice")
    assert all(f"- {line}" in shown for line in facts["advice"])


def test_advice_names_missing_parts_and_remedies(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "absent"))
    monkeypatch.delenv("IMPASTO_WEIGHTS", raising=False)
    monkeypatch.setattr("impasto.cli.doctor.available_engines", list)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (facts,) = impasto("doctor", "--json").records
    assert (facts["weights"], facts["cache_bytes"], facts["engines"]) == ([], 0, [])
    advice = "\n".join(facts["advice"])
    assert all(
        word in advice
        for word in (
            "no engine is installed",
            "impasto[train]",
            "impasto[heic]",
            "impasto[flow]",
            "vgg19",
        )
    )
    assert facts["versions"]["torch"] is None
    shown = dict(
        line.split(maxsplit=1) for line in impasto("doctor").out.splitlines()
    )  # no line is a key without a value
    assert shown["weights"] == shown["engines"] == "none"
