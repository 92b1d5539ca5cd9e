"""The verb `impasto import`, from the checkpoint to paintings.

`learning/conversion/test_pytorch_examples.py` tests the refused checkpoints.
"""

from pathlib import Path

import numpy as np
import pytest
from clips import EVEN, frames_of, make_clip
from commands import Run

from impasto.engines.base import available_engines
from impasto.images.reading import read
from impasto.models.style import read_style

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("kept_graphs")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of one residual block, a few channels wide, as the examples save it."""
    from learning.tiny import johnson

    path = tmp_path_factory.mktemp("checkpoint") / "Old_Candy.model"
    torch.save(johnson((8, 4, 6), 1).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def style(checkpoint: Path, kept_graphs: None) -> Path:
    """The style file of it."""
    from impasto.learning.conversion import pytorch_examples

    path = checkpoint.with_name("candy.safetensors")
    pytorch_examples.import_checkpoint(checkpoint, "candy").style.save(path)
    return path


def test_a_checkpoint_becomes_a_style(
    impasto: Run, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = impasto("import", checkpoint)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        "Old_Candy.safetensors (a network of the PyTorch examples, 8, 4, 6 channels, "
        "1 residual block;"
    )
    assert "largest difference to PyTorch, of pixels in 0..1: " in done.out
    assert read_style(Path("Old_Candy.safetensors")).name == "old-candy"
    assert "8, 4, 6 channels" in impasto("styles", "Old_Candy.safetensors").out
    message = impasto("import", checkpoint).usage()
    assert (
        "cannot write Old_Candy.safetensors: it exists; --overwrite replaces it, or give another -o"
        in message
    )


def test_the_record(impasto: Run, checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.safetensors"
    target.touch()
    (record,) = impasto(
        "import", checkpoint, "-o", target, "--name", "sweet", "--overwrite", "--json"
    ).records
    assert 0 <= record.pop("largest_difference") < 1e-4
    assert record == {"output": str(target), "name": "sweet", "widths": [8, 4, 6], "blocks": 1}
    assert read_style(target).name == "sweet"


def test_it_paints(impasto: Run, style: Path, photo_file: Path) -> None:
    done = impasto("stylize", photo_file, "--style", style)
    assert (done.code, done.err) == (0, "")
    painted = read(photo_file.with_name("photo.candy.jpg")).rgb
    assert painted.shape == (48, 64, 3)
    assert np.abs(painted.astype(int) - read(photo_file).rgb).mean() > 10


def test_it_mixes_with_others(impasto: Run, style: Path, photo_file: Path) -> None:
    done = impasto(
        "stylize",
        photo_file,
        "--style",
        f"{style}:0.5,starry-night:0.5",
        "-o",
        photo_file.with_name("mixed.png"),
    )
    assert (done.code, done.err) == (0, "")


def test_it_paints_videos(impasto: Run, style: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", EVEN[:4])
    done = impasto("stylize", clip, "--style", style, "-o", tmp_path / "painted.mp4")
    assert done.code == 0
    assert len(frames_of(tmp_path / "painted.mp4")) == 4


@pytest.mark.slow
def test_it_is_timed(impasto: Run, style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", ())
    quick = (
        "--runs",
        "1",
        "--threads",
        "1",
        "--engine",
        available_engines()[0],
        "--against",
        "none",
        "--size",
        "64x64",
    )
    (record,) = impasto("benchmark", "--style", style, "--json", *quick).records
    assert record["network"] == str(style)
    assert record["peak_mb"] > 20
    assert (
        "cannot time starry-night: it has no network of its own"
        in impasto("benchmark", "--style", "starry-night", *quick).only_error()
    )


def test_what_is_asked_wrongly(impasto: Run, checkpoint: Path, style: Path, tmp_path: Path) -> None:
    assert (
        "style files end in .safetensors"
        in impasto("import", checkpoint, "-o", tmp_path / "a.pth").usage()
    )
    assert (
        "it is the checkpoint itself"
        in impasto("import", style, "-o", style, "--overwrite").usage()
    )
    missing = impasto("import", tmp_path / "absent.pth")
    assert (missing.code, "no such file" in missing.only_error()) == (2, True)
    other = impasto(
        "import", style, "-o", tmp_path / "b.safetensors"
    )  # a style, which is no checkpoint
    assert (other.code, "it is no fast_neural_style network" in other.only_error()) == (2, True)
    assert not list(tmp_path.iterdir())
