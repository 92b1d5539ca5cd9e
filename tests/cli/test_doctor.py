"""impasto doctor: its facts, its advice, and its report without paths."""

from pathlib import Path

import numpy as np
import pytest
from commands import Run
from conftest import SHIPPED

import impasto as package
from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.models.gallery import gallery_names
from impasto.models.network import load_shipped
from impasto.stylizer import Stylizer


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
