"""impasto optimize from the command to the painting: what it keeps, what it says, and how it stops
and goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Outcome, Run
from pictures import photo
from PIL import Image

from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.inference.color import LUMA
from impasto.models.gallery import gallery_style
from impasto.models.style import Style, encode_picture

pytest.importorskip("torch")

Optimize = Callable[..., Outcome]


@pytest.fixture
def optimize(impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> Optimize:
    """`impasto optimize photo.jpg ...` of few quick iterations, in the folder of the photograph,
    where style.png is a style."""
    monkeypatch.chdir(photo_file.parent)
    noise = np.random.default_rng(0).integers(0, 256, (70, 80, 3), np.uint8)
    Image.fromarray(photo(70, 80)[::-1] // 2 + noise // 2).save("style.png")

    def run(*arguments: object) -> Outcome:
        return impasto(
            "optimize",
            "photo.jpg",
            *arguments,
            "--start",
            "photo",
            "--iterations",
            3,
            "--threads",
            1,
        )

    return run


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ctrl-C comes after so many iterations; never again with None."""
    from impasto.learning.optimization.run import Optimization

    step = Optimization.train_step

    def after(count: int) -> None:
        def train_step(run: Optimization) -> None:
            if run.step == count:
                raise KeyboardInterrupt
            step(run)

        monkeypatch.setattr(Optimization, "train_step", train_step)

    return after


def test_a_painting_beside_its_photograph(optimize: Optimize) -> None:
    done = optimize("style.png", "--json")
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert (record["output"], record["width"], record["height"], record["iterations"]) == (
        "photo.style-optimized.jpg",
        64,
        48,
        3,
    )
    assert record["total"] == pytest.approx(record["C"] + 5 * record["S"], abs=1e-3)
    painted = read("photo.style-optimized.jpg").rgb
    assert painted.shape == (48, 64, 3)
    assert np.abs(painted.astype(int) - read("photo.jpg").rgb).mean() > 5
    assert {path.name for path in Path().iterdir()} == {
        "photo.jpg",
        "style.png",
        "photo.style-optimized.jpg",
    }


@pytest.mark.slow
def test_it_starts_from_what_stylize_paints(impasto: Run, optimize: Optimize) -> None:
    assert optimize("style.png", "-o", "one.png").code == 0
    done = impasto(
        "optimize", "photo.jpg", "style.png", "-o", "other.png", "--iterations", 3, "--threads", 1
    )
    assert (done.code, done.err) == (0, "")
    assert np.abs(read("one.png").rgb.astype(int) - read("other.png").rgb).mean() > 3


@pytest.mark.parametrize(
    "options",
    [
        ("--solver", "adam", "--ema", 0.9),
        ("--style-loss", "wasserstein"),
        ("--style-loss", "sliced", "--histogram-weight", 1),
        ("--layer-weights", "relu1_1=2,relu4_1=0", "--tv-weight", 0.5),
        ("--scales", "32,16", "--tile", 24),
    ],
)
def test_options(optimize: Optimize, options: tuple[object, ...]) -> None:
    done = optimize("style.png", *options)
    assert (done.code, done.err) == (0, "")


def test_an_output_that_exists_is_kept(optimize: Optimize) -> None:
    Path("photo.style-optimized.jpg").write_bytes(b"dear")
    assert "--overwrite replaces it" in optimize("style.png").usage()
    assert Path("photo.style-optimized.jpg").read_bytes() == b"dear"
    assert optimize("style.png", "--overwrite").code == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["style.png", "-o", "out.xyz"], "cannot write out.xyz: it ends in none of"),
        (["style.png", "-o", "photo.jpg"], "photograph itself"),
        (["style.png", "-o", "style.png/out.png"], "cannot write style.png/out.png"),
        (["missing.png"], "no such file"),
        (["starry-night"], "starry-night is of the gallery, without its picture"),
        (["style.png:-1"], "positive"),
        (["style.png", "--layer-weights", "relu9_1=2"], "relu9_1=2: give a layer"),
        (["style.png", "--layer-weights", "relu1_1=-2"], "relu1_1=-2: give a layer"),
        (["style.png", "--scales", "fine"], "--scales fine"),
        (["style.png", "--minutes", 1], "not both"),
        (["style.png", "--ema", 0.5], "--solver adam"),
        (["style.png", "--color", "blue"], "cannot use color mode 'blue'"),
        (["style.png", "--mask", "missing.png"], "missing.png"),
    ],
)
def test_what_cannot_be(optimize: Optimize, arguments: list[Any], reason: str) -> None:
    done = optimize(*arguments)
    assert done.code in (1, 2)
    assert reason in done.only_error()
    assert {path.name for path in Path().iterdir()} == {"photo.jpg", "style.png"}


def test_small_pictures(optimize: Optimize) -> None:
    Image.fromarray(photo(40, 30)).save("small.png")
    done = optimize("small.png")
    assert done.code == 0
    assert "small.png has 30x40 pixels" in done.err
    Image.fromarray(photo(10, 30)).save("tiny.png")
    assert "tiny.png has 30x10 pixels" in optimize("tiny.png").errors[-1]
    Image.fromarray(photo(10, 30)).save("photo.jpg")
    assert (
        "cannot optimize photo.jpg: it has 30x10 pixels, too few"
        in optimize("style.png").only_error()
    )


def test_several_styles(optimize: Optimize) -> None:
    Image.fromarray(photo(80, 70)).save("other.png")
    done = optimize("style.png:2", "other.png:1", "-o", "mixed.png")
    assert done.code == 0
    assert "weights sum to 3, not to 1, and count as style 0.67, other 0.33" in done.err
    done = optimize("style.png,other.png", "-o", "even.png")
    assert (done.code, done.err) == (0, "")


def test_a_style_file_that_remembers_its_picture(optimize: Optimize) -> None:
    gallery = gallery_style("starry-night")
    Style(
        "house",
        gallery.embeddings,
        gallery.hashes,
        remembered=encode_picture(read("style.png").rgb),
    ).save(Path("a.safetensors"))
    assert optimize("a.safetensors").code == 0
    assert Path("photo.house-optimized.jpg").exists()
    gallery.save(Path("b.safetensors"))
    assert "b.safetensors does not remember its picture" in optimize("b.safetensors").only_error()


def test_ctrl_c_keeps_the_painting_and_resume_goes_on(
    optimize: Optimize, interrupted: Callable[[int], None]
) -> None:
    assert optimize("style.png", "-o", "whole.png").code == 0
    interrupted(2)
    done = optimize("style.png", "-o", "out.png")
    assert done.code == 130
    assert (
        "interrupted; the painting so far is out.png, and --resume goes on from out.png.checkpoint"
        in done.only_error()
    )
    assert read("out.png").rgb.shape == (48, 64, 3)
    for is_there in (True, False):  # the painting so far
        said = optimize("style.png", "-o", "out.png").usage()
        assert "out.png.checkpoint is an unfinished run; --resume goes on with it" in said
        Path("out.png").unlink(missing_ok=not is_there)
    assert Path("out.png.checkpoint").exists()
    interrupted(-1)
    done = optimize("style.png", "-o", "out.png", "--resume")
    assert done.code == 0
    assert "going on from iteration 2" in done.err
    np.testing.assert_array_equal(read("out.png").rgb, read("whole.png").rgb)
    assert not Path("out.png.checkpoint").exists()


def test_nothing_to_go_on_with(optimize: Optimize) -> None:
    """What is there stays; where nothing is, a run begins, in folders that it makes."""
    Path("precious.png").write_bytes(b"mine")
    done = optimize("style.png", "-o", "precious.png", "--resume")
    assert done.code == 0 and "no unfinished run of it to resume; --overwrite" in done.err
    assert Path("precious.png").read_bytes() == b"mine"
    assert optimize("style.png", "-o", "new/folder/out.png", "--resume").code == 0
    assert read("new/folder/out.png").width == 64


def test_ctrl_c_in_a_folder_that_is_not_there_yet(
    optimize: Optimize, interrupted: Callable[[int], None]
) -> None:
    interrupted(1)
    done = optimize("style.png", "-o", "new/out.png")
    assert done.code == 130 and Path("new/out.png.checkpoint").exists()


def test_ctrl_c_before_the_first_iteration(
    optimize: Optimize, interrupted: Callable[[int], None]
) -> None:
    interrupted(0)
    done = optimize("style.png")
    assert done.code == 130
    assert "there is no painting yet" in done.only_error()
    assert {path.name for path in Path().iterdir()} == {"photo.jpg", "style.png"}


def test_a_checkpoint_of_another_run(
    optimize: Optimize, interrupted: Callable[[int], None]
) -> None:
    interrupted(1)
    optimize("style.png", "-o", "out.png")
    done = optimize("style.png", "-o", "out.png", "--resume", "--style-weight", 7)
    assert done.code == 1
    assert "it was started with terms" in done.only_error()


def test_previews(optimize: Optimize, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run shows what it has, and leaves no preview beside its painting."""
    from impasto.learning.training import loop

    previews: list[tuple[str, tuple[int, ...]]] = []
    real: Any = loop.__dict__["write"]

    def write(path: Path, picture: Picture, *arguments: Any) -> None:
        real(path, picture, *arguments)
        previews.append((Path(path).name, read(path).rgb.shape))

    monkeypatch.setattr(loop, "write", write)
    assert optimize("style.png", "--preview-every", 1e-6).code == 0
    preview = "photo.style-optimized.jpg.preview.jpg"
    assert (preview, (48, 64, 3)) in previews and not Path(preview).exists()


def test_colors_of_the_photograph(optimize: Optimize) -> None:
    assert optimize("style.png", "--color", "luminance", "-o", "out.png").code == 0
    painted, own = (read(name).rgb.astype(float) for name in ("out.png", "photo.jpg"))
    chrominance = [picture - (picture @ LUMA)[..., None] for picture in (painted, own)]
    assert np.median(np.abs(chrominance[0] - chrominance[1])) <= 1
    done = optimize(
        "style.png", "--color", "linear-mkl", "--color-when", "before", "-o", "before.png"
    )
    assert (done.code, done.err) == (0, "")
    assert np.abs(read("before.png").rgb.mean((0, 1)) - own.mean((0, 1))).max() < 20


def test_masks_and_regions(optimize: Optimize) -> None:
    Image.fromarray(np.array([[0, 255]], np.uint8).repeat(20, 1).repeat(30, 0)).save("mask.png")
    Image.fromarray(photo(80, 70)).save("other.png")
    done = optimize(
        "style.png",
        "--mask",
        "mask.png",
        "--region",
        "not:mask.png=other.png",
        "--region",
        "left-right=other.png",
    )
    assert done.code == 0
    assert "the mask mask.png has 40x30 pixels and is resized to 64x48" in done.err
    painted, own = (
        read(name).rgb.astype(int) for name in ("photo.style-optimized.jpg", "photo.jpg")
    )
    assert np.abs(painted - own)[:, :24].mean() < 3  # but for what JPEG does
    assert np.abs(painted - own)[:, 40:].mean() > 5
