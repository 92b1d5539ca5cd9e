"""impasto train from the command to the style file; its errors are among those of the other verbs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Outcome, Run

from impasto.styles import read_style

Train = Callable[..., Outcome]


@pytest.fixture
def train(impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """`impasto train ...` of one quick step, in the folder of the photograph; it comes to a good end."""
    pytest.importorskip("torch")
    from impasto.learning import runs

    monkeypatch.chdir(photo_file.parent)
    monkeypatch.setattr(runs, "nearest", lambda *_: "starry-night")  # not looked for: it takes longer than the rest

    def run(*arguments: object) -> Outcome:
        quick = ("--steps", 1, "--batch", 1, "--crop", 64, "--style-size", 64, "--preview-every", 0, "--threads", 1)
        done = impasto("train", *arguments, *quick)
        assert done.code == 0, done.err
        return done

    return run


@pytest.mark.parametrize(
    ("arguments", "file", "name"),
    [
        ([], "photo.safetensors", "photo"),
        (["-o", "My_Bold.safetensors"], "My_Bold.safetensors", "my-bold"),
        (["-o", "bold.safetensors", "--name", "given"], "bold.safetensors", "given"),
    ],
)
def test_the_name_of_a_style(train: Train, photo_file: Path, arguments: list[str], file: str, name: str) -> None:
    train(photo_file, *arguments)
    assert read_style(Path(file)).name == name


def test_two_styles_of_one_picture_paint_side_by_side(train: Train, impasto: Run, photo_file: Path) -> None:
    for style in ("one.safetensors", "other.safetensors"):
        train(photo_file, "-o", style)
        assert "kept" not in impasto("stylize", photo_file, "-s", style).out
    assert {path.name for path in photo_file.parent.glob("photo.*.jpg")} == {"photo.one.jpg", "photo.other.jpg"}
