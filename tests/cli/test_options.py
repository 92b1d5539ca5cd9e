"""Options that verbs share: colors, masks and regions, and the notes on them."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import Run
from pictures import photo, ramp
from PIL import Image

from impasto.images.reading import read


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """photo.png, 80x64, clear on one side."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.dstack([photo(64, 80), ramp(64, 80)])).save(path)
    return path


def test_colors(impasto: Run, picture: Path) -> None:
    out = picture.with_name("out.png")
    done = impasto(
        "stylize", picture, "-s", "starry-night", "--color", "histogram", "-o", out, "--json"
    )
    record = json.loads(done.out)
    assert done.code == 0 and record["beyond"] == 0
    assert np.abs(read(out).rgb.mean((0, 1)) - read(picture).rgb.mean((0, 1))).max() < 6
    done = impasto(
        "stylize",
        picture,
        "-s",
        "starry-night",
        "--color",
        "luminance:0.7",
        "-o",
        out,
        "--json",
        "--overwrite",
    )
    assert 0 < json.loads(done.out)["beyond"] < 1


def test_masks_and_regions(impasto: Run, picture: Path) -> None:
    mask, out = picture.with_name("mask.png"), picture.with_name("out.png")
    Image.fromarray((ramp(30, 40) > 100).astype(np.uint8) * 255).save(mask)
    done = impasto(
        "stylize",
        picture,
        "-s",
        "starry-night",
        "--mask",
        mask,
        "--region",
        "not:alpha=great-wave",
        "-o",
        out,
    )
    assert done.code == 0
    assert (
        f"the mask {mask} has 40x30 pixels and is stretched, as its proportions differ, to 80x64"
        in done.err
    )
    stays = np.array(Image.fromarray(np.asarray(Image.open(mask))).resize((80, 64))) == 0
    inner = (
        stays
        & np.roll(stays, 4, 1)
        & np.roll(stays, -4, 1)
        & np.roll(stays, 4, 0)
        & np.roll(stays, -4, 0)
    )
    assert inner.any() and (read(out).rgb[inner] == read(picture).rgb[inner]).all()
    assert not (read(out).rgb == read(picture).rgb).all()


def test_weights_that_do_not_sum_to_one_are_told(impasto: Run, picture: Path) -> None:
    done = impasto(
        "stylize", picture, "-s", "starry-night:0.6,udnie:0.9", "-o", picture.with_name("out.png")
    )
    assert (
        done.code == 0
        and "weights sum to 1.5, not to 1, and count as starry-night 0.4, udnie 0.6" in done.err
    )
    for spec in ("starry-night:0.6,udnie:0.4", "starry-night,udnie", "starry-night"):
        done = impasto(
            "stylize", picture, "-s", spec, "-o", picture.with_name("out.png"), "--overwrite"
        )
        assert done.code == 0 and "weights" not in done.err


@pytest.mark.parametrize(
    "options, message",
    [
        (["--color", "lab"], "luminance, histogram, linear-cholesky"),
        (["--color", "luminance:3"], "cannot use 3.0 as the amount of color mode luminance"),
        (["--color-when", "before"], "--color luminance|histogram"),
        (["--mask", "nobody"], "cannot use 'nobody' as a mask"),
        (["--mask", "black.png"], "black all over"),
        (["--region", "radial"], "it is not of the form MASK=STYLE"),
        (["--region", "radial=starry-nihgt"], "did you mean starry-night"),
    ],
)
def test_what_cannot_be(
    impasto: Run, picture: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(picture.parent)
    Image.new("L", (8, 8)).save("black.png")
    done = impasto("stylize", picture, "-s", "starry-night", *options)
    assert done.code == 2 and message in " ".join(done.err.replace("│", " ").split())
    assert not picture.with_name("photo.starry-night.png").exists()


def test_recoloring_a_gallery_style_before_says_what_to_do(impasto: Run, picture: Path) -> None:
    done = impasto(
        "stylize", picture, "-s", "starry-night", "--color", "histogram", "--color-when", "before"
    )
    assert done.code == 2 and "it has no picture that could be recolored" in done.err


@pytest.mark.slow
def test_style_pictures_that_say_little_are_told(impasto: Run, picture: Path) -> None:
    tiny, flat = picture.with_name("tiny.png"), picture.with_name("flat.png")
    Image.fromarray(photo(40, 50)).save(tiny)
    Image.new("RGB", (90, 90), "grey").save(flat)
    for style, message in (
        (tiny, "has 50x40 pixels, which show few strokes"),
        (flat, "one tone all over"),
    ):
        done = impasto(
            "stylize",
            picture,
            "-s",
            style,
            "-n",
            "small",
            "-o",
            picture.with_name("out.png"),
            "--overwrite",
        )
        assert done.code == 0 and message in done.err
