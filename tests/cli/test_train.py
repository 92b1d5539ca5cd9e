"""impasto train from the command to the style file; its errors are among those of the other
verbs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, Run, python
from pictures import UInt8
from PIL import Image

from impasto.images.reading import read
from impasto.models.gallery import gallery_style
from impasto.models.network import load_shipped
from impasto.models.style import Style, read_style

Train = Callable[..., Outcome]


@pytest.fixture
def train(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, kept_graphs: None
) -> Train:
    """`impasto train ...` of one quick step, in the folder of the photograph; it comes to a good
    end."""
    pytest.importorskip("torch")
    from impasto.learning.training import style as style_training

    monkeypatch.chdir(photo_file.parent)
    monkeypatch.setattr(
        style_training, "find_nearest_style", lambda *_: "starry-night"
    )  # not looked for: it takes longer than the rest

    def run(*arguments: object) -> Outcome:
        quick = (
            "--steps",
            1,
            "--batch",
            1,
            "--crop",
            64,
            "--style-size",
            64,
            "--preview-every",
            0,
            "--threads",
            1,
        )
        done = impasto("train", *arguments, *quick)
        assert done.code == 0, done.err
        return done

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "file", "name"),
    [
        ([], "photo.safetensors", "photo"),
        (["-o", "My_Bold.safetensors"], "My_Bold.safetensors", "my-bold"),
        (["-o", "bold.safetensors", "--name", "given"], "bold.safetensors", "given"),
    ],
)
def test_the_name_of_a_style(
    train: Train, photo_file: Path, arguments: list[str], file: str, name: str
) -> None:
    train(photo_file, *arguments)
    assert read_style(Path(file)).name == name


@pytest.mark.slow
def test_two_styles_of_one_picture_paint_side_by_side(
    train: Train, impasto: Run, photo_file: Path
) -> None:
    for style in ("one.safetensors", "other.safetensors"):
        train(photo_file, "-o", style)
        assert "kept" not in impasto("stylize", photo_file, "-s", style).out
    assert {path.name for path in photo_file.parent.glob("photo.*.jpg")} == {
        "photo.one.jpg",
        "photo.other.jpg",
    }


@pytest.mark.slow
def test_nothing_to_go_on_with(train: Train, photo_file: Path) -> None:
    train(photo_file, "-o", "new/one.safetensors", "--resume")
    before = Path("new/one.safetensors").read_bytes()
    done = train(photo_file, "-o", "new/one.safetensors", "--resume", "--seed", 9)
    assert "there is no unfinished run of it to resume; --overwrite" in done.err
    assert Path("new/one.safetensors").read_bytes() == before


# Colors


@pytest.mark.slow
def test_a_style_remembers_the_colors_it_is_for(
    train: Train, impasto: Run, photo_file: Path
) -> None:
    train(photo_file, "--color", "luminance:0.5")
    style = read_style(Path("photo.safetensors"))
    assert style.metadata["color"] == "luminance:0.5"
    paintings = [Path(f"{name}.png") for name in ("as-learned", "said", "as-painted")]
    for path, color in zip(
        paintings, ([], ["--color", "luminance:0.5"], ["--color", "style"]), strict=True
    ):
        assert (
            impasto("stylize", photo_file, "-s", "photo.safetensors", *color, "-o", path).code == 0
        )
    one, two, other = (read(path).rgb for path in paintings)
    assert (one == two).all() and (one != other).any()


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "left"), [("linear-mkl", None), ("luminance", "luminance")])
def test_a_picture_is_learned_in_the_colors_of_a_photograph(
    train: Train, photo_file: Path, mode: str, left: str | None, scene: UInt8
) -> None:
    Image.fromarray(scene).save("scene.png")
    train(photo_file, "--color", mode, "--color-photo", "scene.png")
    style = read_style(Path("photo.safetensors"))
    assert (
        style.picture is not None
        and style.metadata.get("color") == left
        and style.metadata["recolored"] == mode
    )
    if left:
        assert np.ptp(style.picture.astype(int), axis=-1).mean() < 4  # grey
    else:
        assert np.abs(style.picture.mean((0, 1)) - scene.mean((0, 1))).max() < 8


@pytest.mark.parametrize(
    "options",
    [
        ["--color", "lab"],
        ["--color-photo", "photo.jpg"],
        ["--color", "style", "--color-photo", "photo.jpg"],
    ],
)
def test_colors_that_cannot_be(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(photo_file.parent)
    done = impasto("train", photo_file, *options)
    assert done.code == 2 and "linear-mkl" in done.err and not Path("photo.safetensors").exists()


# The picture that a style remembers


def made_for_another(path: Path) -> Style:
    """Turn a style file into one that was made for a network that is no longer here."""
    style = read_style(path)
    hashes, metadata = {"base": "o1d"}, {**style.metadata, "title": "A House", "base.gallery": "0"}
    replace(style, hashes=hashes, metadata=metadata).save(path)
    return style


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "kept"), [([], True), (["--keep-pictures"], True), (["--no-keep-pictures"], False)]
)
def test_a_style_remembers_its_picture(
    train: Train, photo_file: Path, flags: list[str], kept: bool
) -> None:
    train(photo_file, *flags)
    picture = read_style(Path("photo.safetensors")).picture
    assert (picture is not None) == kept
    if picture is not None:
        assert np.abs(picture.astype(int) - read(photo_file).rgb).mean() < 6
    assert Path("photo.safetensors").stat().st_size < 30_000


@pytest.mark.parametrize(("flags", "kept"), [([], False), (["--keep-pictures"], True)])
def test_a_gallery_does_not_unless_asked(
    train: Train, photo_file: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], kept: bool
) -> None:
    from impasto.learning.conversion import onnx_export

    monkeypatch.setattr(
        onnx_export, "parity", lambda *_: {}
    )  # a network of one step is not worth the check
    train(photo_file, "--gallery", "mine", *flags)
    assert (read_style(Path("mine/styles/photo.safetensors")).picture is not None) == kept


@pytest.mark.slow
def test_a_style_file_is_learned_anew_in_place(
    train: Train, impasto: Run, photo_file: Path
) -> None:
    path = Path("mine.safetensors")
    train(photo_file, "-o", path, "--name", "house")
    before = made_for_another(path)
    kept = path.read_bytes()
    assert f"{path}: it exists; --overwrite learns it anew" in impasto("train", path).usage()
    assert path.read_bytes() == kept
    photo_file.unlink()  # it is not needed
    train(path, "--overwrite")
    style = read_style(path)
    assert (style.name, style.metadata["title"], style.remembered) == (
        "house",
        "A House",
        before.remembered,
    )
    assert style.hashes == {"base": load_shipped("base").hash}
    assert style.metadata["base.gallery"] == load_shipped("base").gallery


@pytest.mark.slow
def test_a_style_file_is_learned_anew_into_another(train: Train, photo_file: Path) -> None:
    train(photo_file)
    made_for_another(Path("photo.safetensors"))
    train("photo.safetensors", "-o", "anew.safetensors")
    style = read_style(Path("anew.safetensors"))
    assert (style.name, style.metadata["title"]) == ("anew", "A House")
    assert read_style(Path("photo.safetensors")).hashes == {"base": "o1d"}


def test_a_style_that_remembers_nothing(impasto: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    gallery_style("starry-night").save(tmp_path / "a.safetensors")
    done = impasto("train", tmp_path / "a.safetensors", "--overwrite")
    assert done.code == 1
    assert "does not remember the picture" in done.only_error()


@pytest.mark.slow
@pytest.mark.export
@pytest.mark.process
def test_torchrun_trains_a_gallery(photo_file: Path) -> None:
    """Two processes train, and one of them writes and reports."""
    pytest.importorskip("torch")
    folder = photo_file.parent / "gallery"
    done = python(
        *("-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "impasto", "train"),
        *(str(photo_file), "--gallery", str(folder), "--network", "small", "--steps", "2"),
        *("--crop", "64", "--style-size", "64", "--batch", "2"),
    )
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    assert line.startswith(f"{folder} (small: 2 steps")
    assert read_style(folder / "styles" / "photo.safetensors").embeddings["small"].size
    assert done.err.count("2 steps are too few") == 1
    assert [path.name for path in photo_file.parent.glob("gallery*")] == ["gallery"]
