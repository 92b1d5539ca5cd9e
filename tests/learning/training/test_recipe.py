"""Training by one call: the recipe that the API and the command line share."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import impasto
from impasto.choices import NETWORKS
from impasto.images.reading import read
from impasto.learning.training.recipe import RunOptions, TrainingResult
from impasto.learning.training.style import train_style
from impasto.models.style import Style, read_style
from impasto.progress import Progress
from learning.tiny import texture

QUICK: dict[str, Any] = {"steps": 2, "batch": 1, "crop": 64, "style_size": 64, "threads": 1}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_one_call_learns_a_style(folder: Path) -> None:
    reports: list[Progress] = []
    style = impasto.train_style(texture(1, 80, 72), steps=2, on_progress=reports.append)
    assert isinstance(style, Style) and set(style.embeddings) == {"base"}
    assert [progress.step for progress in reports] == [1, 2]
    assert reports[-1].fraction == 1 and reports[-1].name == "base"
    assert {"content", "style", "local"} == set(reports[-1].losses)
    assert style.picture is not None
    assert not list(folder.iterdir()), "nothing is written unless an output is given"


@pytest.mark.slow
def test_an_exception_in_on_progress_stops_and_leaves_nothing(folder: Path) -> None:
    steps: list[int] = []

    def stop(progress: Progress) -> None:
        steps.append(progress.step)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        impasto.train_style(texture(1, 80, 72), steps=50, on_progress=stop)
    assert steps == [1]
    assert not list(folder.iterdir())


def test_a_name_and_an_output(folder: Path) -> None:
    style = train_style(texture(1, 80, 72), output="My_Tulip.safetensors", **QUICK)
    assert style.name == read_style(folder / "My_Tulip.safetensors").name == "my-tulip"
    assert [path.name for path in folder.iterdir()] == ["My_Tulip.safetensors"]
    assert train_style(texture(1, 80, 72), **QUICK).name == "untitled"
    assert train_style(texture(1, 80, 72), name="tulip", **QUICK).name == "tulip"


def test_both_networks_share_a_style(folder: Path) -> None:
    results: list[TrainingResult] = []
    style = train_style(texture(1, 80, 72), network="both", on_result=results.append, **QUICK)
    assert set(style.embeddings) == {"base", "small"}
    assert [(result.network, result.stop) for result in results] == [
        ("base", None),
        ("small", None),
    ]


@pytest.mark.slow
def test_all_networks_share_a_style(folder: Path) -> None:
    style = train_style(texture(1, 80, 72), network="all", **QUICK)
    assert set(style.embeddings) == set(NETWORKS)


def test_an_interrupted_run_goes_on_to_the_same_style(folder: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 1:
            raise KeyboardInterrupt

    results: list[TrainingResult] = []
    common = {**QUICK, "output": "tulip.safetensors", "on_result": results.append}
    with pytest.raises(KeyboardInterrupt):
        train_style(texture(1, 80, 72), on_progress=interrupt, **common)
    assert (folder / "tulip.safetensors").exists(), "the style so far"
    (result,) = results
    assert isinstance(result.stop, KeyboardInterrupt)
    assert result.checkpoint and result.checkpoint.exists()
    steps: list[int] = []
    resumed = train_style(
        texture(1, 80, 72), resume=True, on_progress=lambda p: steps.append(p.step), **common
    )
    assert steps == [1, 2], "a resumed run first reports where it goes on"
    straight = train_style(texture(1, 80, 72), **QUICK)
    np.testing.assert_array_equal(resumed.embeddings["base"], straight.embeddings["base"])
    assert [path.name for path in folder.iterdir()] == ["tulip.safetensors"]


def test_a_preview_stays_until_the_run_is_done(folder: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    preview = folder / "tulip.preview.jpg"
    common = {**QUICK, "output": "tulip.safetensors", "preview_every": 1e-9}
    preview.write_bytes(b"a picture of the user")
    train_style(texture(1, 80, 72), **{**common, "preview_every": 1000})
    assert preview.read_bytes() == b"a picture of the user"
    with pytest.raises(KeyboardInterrupt):
        train_style(texture(1, 80, 72), on_progress=interrupt, **{**common, "steps": 3})
    assert read(preview).width == 1024
    train_style(texture(1, 80, 72), resume=True, **{**common, "steps": 3, "preview_every": 0})
    assert not preview.exists()


def test_options_of_runs_write_nothing_by_default() -> None:
    assert RunOptions().target is None
