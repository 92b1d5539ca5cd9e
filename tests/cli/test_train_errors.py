"""impasto train: wrong usage, pictures that cannot be learned, and files that exist."""

from pathlib import Path

import pytest
from commands import Run
from pictures import photo
from PIL import Image


@pytest.fixture
def second(photo_file: Path) -> Path:
    path = photo_file.with_name("second.jpg")
    Image.fromarray(photo(64, 64)).save(path)
    return path


def test_two_pictures_are_a_gallery(impasto: Run, photo_file: Path, second: Path) -> None:
    assert "need --gallery FOLDER" in impasto("train", photo_file, second).usage()


def test_steps_and_minutes(impasto: Run, photo_file: Path) -> None:
    assert (
        "--steps or --minutes, not both"
        in impasto("train", photo_file, "--steps", "3", "--minutes", "1").usage()
    )


def test_several_processes_do_not_learn_one_style(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "several processes train a gallery together" in impasto("train", photo_file).usage()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--steps", "0"], ["--minutes", "0"], ["--crop", "1"], ["--perceptual", "vgg"]],
)
def test_wrong_usage_of_train(impasto: Run, photo_file: Path, arguments: list[str]) -> None:
    said = impasto("train", *([photo_file, *arguments] if arguments else [])).usage()
    assert (arguments[0] if arguments else "PICTURE") in said


def test_pictures_that_cannot_be_learned(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(photo_file.parent)
    photo_file.with_name("letter.jpg").write_text("Dear Sir or Madam,")
    for name, reason in (
        ("absent.jpg", "no such file"),
        ("letter.jpg", "no picture"),
        (".", "folder"),
    ):
        done = impasto("train", name, "--steps", "1", "-o", "out.safetensors")
        assert (done.code, done.out) == (1, "")
        assert reason in done.only_error()
    assert sorted(path.name for path in photo_file.parent.iterdir()) == ["letter.jpg", "photo.jpg"]


def test_what_is_there_is_kept(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo_file.parent)
    Path("photo.safetensors").write_bytes(b"mine")
    expected = "cannot write photo.safetensors: it exists; --overwrite replaces it"
    assert expected in impasto("train", photo_file).usage()
    Path("mine/networks").mkdir(parents=True)
    Path("mine/networks/base.safetensors").write_bytes(b"a network")
    assert (
        "cannot write mine: it has a network base already"
        in impasto("train", photo_file, "--gallery", "mine").usage()
    )
    assert Path("photo.safetensors").read_bytes() == b"mine"


@pytest.mark.parametrize("options", [("-o", "other.safetensors"), ("--gallery", "mine")])
def test_an_unfinished_run_is_told_before_its_output(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, str]
) -> None:
    """Ctrl-C leaves both; --overwrite, the remedy for the output, would lose the run."""
    monkeypatch.chdir(photo_file.parent)
    output = Path(options[1])
    checkpoint = Path(f"{output}.base.checkpoint.before")
    checkpoint.write_bytes(b"a run")
    expected = f"{output}.base.checkpoint is an unfinished run; --resume goes on with it"
    assert expected in impasto("train", photo_file, *options).usage()
    if output.suffix:
        output.write_bytes(b"the style so far")
    else:
        (output / "networks").mkdir(parents=True)
        (output / "networks/base.safetensors").write_bytes(b"the network so far")
    assert expected in impasto("train", photo_file, *options).usage()
    assert checkpoint.read_bytes() == b"a run"


@pytest.mark.parametrize("options", [("-o", "file/one.safetensors"), ("--gallery", "file/mine")])
def test_an_output_that_cannot_be_written_is_told_at_once(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, str]
) -> None:
    monkeypatch.chdir(photo_file.parent)
    Path("file").touch()
    monkeypatch.setattr(
        "impasto.cli.train.require_learning", lambda _: pytest.fail("training starts")
    )
    done = impasto("train", photo_file, *options)
    assert done.code == 2
    assert f"cannot write {options[1]}" in done.only_error()
    assert "a part of its path is a file; choose another folder" in done.only_error()
