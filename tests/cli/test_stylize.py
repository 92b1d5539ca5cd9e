"""impasto stylize: what it paints, where the paintings go, and which notes it gives."""

from pathlib import Path

import numpy as np
import pytest
from commands import RECORD_FIELDS, Paint, Run
from pictures import UInt8, copies, names, photo, ramp
from PIL import Image
from PIL.ExifTags import Base
from tiny_models import older

from impasto.images.reading import read
from impasto.inference import file_pipeline, predictor, tile_grid
from impasto.models.gallery import gallery_style
from impasto.models.network import load_shipped
from impasto.models.style import Style, encode_picture

# One photograph


def test_the_painting_stands_beside_the_photograph(paint: Paint, photo_file: Path) -> None:
    before = photo_file.read_bytes()
    done = paint(photo_file)
    target = photo_file.with_name("photo.starry-night.jpg")
    assert done.out.startswith(f"{target} (64x48, ")
    assert names(photo_file.parent) == ["photo.jpg", "photo.starry-night.jpg"]
    assert photo_file.read_bytes() == before
    painted = read(target).rgb
    assert painted.shape == (48, 64, 3)
    assert np.abs(painted.astype(int) - read(photo_file).rgb).mean() > 10


def test_json(paint: Paint, photo_file: Path) -> None:
    (record,) = paint(photo_file, "--json", "--engine", "auto").records
    assert list(record) == RECORD_FIELDS
    seconds = record.pop("seconds")
    assert 0 < seconds < 60
    assert record.pop("engine") in ("openvino", "onnxruntime")
    assert record.pop("precision") in ("f32", "bf16")
    assert record == {
        "input": str(photo_file),
        "output": str(photo_file.with_name("photo.starry-night.jpg")),
        "style": "starry-night",
        "network": "large",
        "width": 64,
        "height": 48,
    }


def test_the_network_is_one_that_the_style_has(paint: Paint, photo_file: Path) -> None:
    style, large = gallery_style("udnie"), load_shipped("large")
    path = photo_file.with_name("mine.safetensors")
    Style("mine", {"large": style.embedding(large)}, {"large": large.hash}).save(path)
    (record,) = paint(photo_file, "--json", style=str(path)).records
    assert record["network"] == "large"
    (record,) = paint(photo_file, "--json", "--overwrite", style=f"{path}:0.5,udnie:0.5").records
    assert record["network"] == "large"


def test_a_network_that_the_style_lacks(impasto: Run, photo_file: Path) -> None:
    style, base = gallery_style("udnie"), load_shipped("base")
    path = photo_file.with_name("mine.safetensors")
    Style("mine", {"base": style.embedding(base)}, {"base": base.hash}).save(path)
    message = impasto("stylize", photo_file, "-s", path, "--network", "large").usage()
    assert "has no embedding for the network large, only for base" in message


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_the_engine_is_the_one_asked_for(paint: Paint, photo_file: Path, engine: str) -> None:
    pytest.importorskip(engine)
    (record,) = paint(
        photo_file, "--engine", engine, "--precision", "f32", "--threads", "1", "--json"
    ).records
    assert record["engine"] == engine


def test_strength_zero_is_the_photograph(paint: Paint, photo_file: Path) -> None:
    target = photo_file.with_name("out.png")
    paint(photo_file, "-o", target, "--strength", "0")
    assert np.array_equal(read(target).rgb, read(photo_file).rgb)


def test_quality(paint: Paint, photo_file: Path) -> None:
    coarse, fine = photo_file.with_name("coarse.jpg"), photo_file.with_name("fine.jpg")
    paint(photo_file, "-o", coarse, "--quality", "10")
    paint(photo_file, "-o", fine, "--quality", "98")
    assert 2 * coarse.stat().st_size < fine.stat().st_size


def test_a_mix_and_a_style_file(paint: Paint, photo_file: Path) -> None:
    gallery_style("the-scream").save(photo_file.with_name("mine.safetensors"))
    paint(photo_file, style="starry-night:0.7,great-wave:0.3")
    paint(photo_file, style=str(photo_file.with_name("mine.safetensors")))
    assert names(photo_file.parent)[1:] == [
        "photo.jpg",
        "photo.starry-night-70-great-wave-30.jpg",
        "photo.the-scream.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "painted"),
    [
        ("photo.PNG", "photo.starry-night.PNG"),
        ("photo.webp", "photo.starry-night.webp"),
        ("two.dots.tif", "two.dots.starry-night.tif"),
        ("photo.gif", "photo.starry-night.jpg"),  # 256 colors would undo a painting
        ("photo", "photo.starry-night.jpg"),
        (".jpg", ".jpg.starry-night.jpg"),
        ("ö ü[1].png", "ö ü[1].starry-night.png"),
    ],
)
def test_the_name_of_a_painting(paint: Paint, tmp_path: Path, name: str, painted: str) -> None:
    form = {".gif": "GIF", ".tif": "TIFF", ".webp": "WEBP"}.get(Path(name).suffix, "PNG")
    Image.fromarray(photo(9, 8)).save(tmp_path / name, form)
    paint(tmp_path / name)
    assert read(tmp_path / painted).rgb.shape == (9, 8, 3)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (1, 300)])
def test_tiny_pictures_are_painted(paint: Paint, tmp_path: Path, height: int, width: int) -> None:
    Image.fromarray(photo(height, width)).save(tmp_path / "tiny.png")
    (record,) = paint(tmp_path / "tiny.png", "--json").records
    assert (record["width"], record["height"]) == (width, height)
    assert read(tmp_path / "tiny.starry-night.png").rgb.shape == (height, width, 3)


def test_small_pictures_are_told_of_once(impasto: Run, tmp_path: Path) -> None:
    for number, side in enumerate([64, 63, 20, 10]):
        Image.fromarray(photo(side, 40)).save(tmp_path / f"{number}.png")
    done = impasto("stylize", tmp_path, "-s", "udnie")
    assert done.code == 0
    (line,) = done.errors
    assert (
        line
        == f"{tmp_path / '1.png'} is painted at 40x63 pixels: less than 64x64 shows little of a"
        " style"
    )
    assert impasto("stylize", tmp_path, "-s", "udnie").err == "", "what is kept was not painted"
    assert impasto("stylize", tmp_path / "0.png", "-s", "udnie", "--overwrite").err == ""


def test_size_and_strokes_count_for_what_is_small(impasto: Run, tmp_path: Path) -> None:
    Image.fromarray(photo(120, 90)).save(tmp_path / "photo.png")
    for more, sides in ((("--size", "20"), "20x27"), (("--stroke", "2"), "45x60")):
        (line,) = impasto(
            "stylize", tmp_path / "photo.png", "-s", "udnie", "--overwrite", *more
        ).errors
        assert f"photo.png is painted at {sides} pixels" in line


def test_options_of_videos_have_no_say_with_a_picture(impasto: Run, photo_file: Path) -> None:
    done = impasto("stylize", photo_file, "-s", "udnie", "--start", "5", "--no-steady")
    assert done.code == 0
    assert done.errors[0] == (
        f"--start and --no-steady apply to videos only; ignored for {photo_file}"
    )


def test_alpha_stays(paint: Paint, tmp_path: Path) -> None:
    Image.fromarray(np.dstack([photo(40, 50), ramp(40, 50)])).save(tmp_path / "logo.png")
    paint(tmp_path / "logo.png")
    with Image.open(tmp_path / "logo.starry-night.png") as painted:
        assert painted.mode == "RGBA"
        assert np.array_equal(np.asarray(painted)[..., 3], ramp(40, 50))
        assert np.abs(np.asarray(painted)[..., :3].astype(int) - photo(40, 50)).mean() > 10


def test_a_turned_photograph_comes_out_upright(paint: Paint, tmp_path: Path) -> None:
    upright = np.zeros((48, 80, 3), np.uint8)
    upright[:, 40:] = 255  # light on the right
    exif = Image.Exif()
    exif[Base.Orientation] = 6  # stored turned: a quarter clockwise makes it upright
    exif[Base.Make] = "Camera"
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.jpg", exif=exif)
    (record,) = paint(tmp_path / "turned.jpg", "--json", style="photo").records
    assert (record["width"], record["height"]) == (80, 48)
    with Image.open(tmp_path / "turned.photo.jpg") as painted:
        assert painted.size == (80, 48)
        assert painted.getexif().get(Base.Orientation, 1) == 1
        assert painted.getexif()[Base.Make] == "Camera"
        light: UInt8 = np.asarray(painted.convert("L"))
    assert light[:, 45:].mean() > 200
    assert light[:, :35].mean() < 55


# Styles and networks of older galleries


EXACT = "--precision", "f32"


def test_a_style_that_is_remade_is_told_of(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line beside the paintings; they are those of the prediction."""
    path = photo_file.with_name("tulip.safetensors")
    Style(
        "tulip",
        {"base": np.ones(3, np.float32)},
        {"base": "o1d"},
        remembered=encode_picture(photo(40, 50)),
    ).save(path)
    monkeypatch.setattr(
        predictor,
        "predict",
        lambda picture, network: gallery_style("great-wave").embedding(network),
    )
    copies(photo_file, "second.jpg")
    for _ in range(2):
        done = impasto("stylize", photo_file.parent, "-s", path, "--overwrite", *EXACT)
        assert done.code == 0
        (line,) = done.errors
        assert line.startswith("tulip was made for another base network (o1d of gallery 1, ")
        assert f"`impasto train {path} --overwrite --network base` learns it anew" in line
    impasto("stylize", photo_file, "-s", "great-wave", "--network", "base", *EXACT)
    painted, expected = (
        read(photo_file.with_name(f"photo.{name}.jpg")).rgb for name in ("tulip", "great-wave")
    )
    # other numbers of threads round otherwise on some CPUs
    assert np.abs(painted.astype(int) - expected).mean() < 0.5


def test_an_old_style_with_its_old_network(impasto: Run, paint: Paint, photo_file: Path) -> None:
    network, style = (
        photo_file.with_name("old.safetensors"),
        photo_file.with_name("tulip.safetensors"),
    )
    old = older(load_shipped("base"))
    old.save(network)
    Style(
        "tulip",
        {"base": gallery_style("udnie").embedding(load_shipped("base"))},
        {"base": old.hash},
    ).save(style)
    message = impasto("stylize", photo_file, "-s", style).usage()
    assert all(
        part in message
        for part in (
            "tulip",
            old.hash,
            load_shipped("base").hash,
            "impasto train PICTURE",
            "--network FILE",
        )
    )
    (record,) = paint(photo_file, "--network", network, "--json", style=str(style)).records
    assert record["network"] == "base"
    paint(photo_file, "--network", "base", style="udnie")
    painted, expected = (
        read(photo_file.with_name(f"photo.{name}.jpg")).rgb for name in ("tulip", "udnie")
    )
    assert np.array_equal(painted, expected)


# Sizes and strokes


def test_size_is_the_shorter_side_and_never_enlarges(paint: Paint, photo_file: Path) -> None:
    out = photo_file.with_name("out.png")
    for size, expected in ((24, (32, 24)), (48, (64, 48)), (480, (64, 48))):
        (record,) = paint(photo_file, "-o", out, "--size", size, "--overwrite", "--json").records
        assert list(record) == RECORD_FIELDS
        assert (record["width"], record["height"]) == expected
        assert read(out).rgb.shape[1::-1] == expected


def test_stroke(paint: Paint, photo_file: Path) -> None:
    painted = []
    for stroke in (0.5, 1, 3):
        paint(photo_file, "-o", photo_file.with_name("out.png"), "--stroke", stroke, "--overwrite")
        painted.append(read(photo_file.with_name("out.png")).rgb.astype(int))
    assert np.abs(painted[0] - painted[1]).mean() > 2
    assert np.abs(painted[2] - painted[1]).mean() > 2


@pytest.mark.slow
def test_a_huge_file_is_painted_in_tiles(
    paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row by row, with the same fields."""
    pytest.importorskip("pyvips")
    Image.fromarray(photo(300, 400)).save(tmp_path / "huge.tif")
    paint(tmp_path / "huge.tif", "-o", tmp_path / "whole.tif", "--precision", "f32")
    monkeypatch.setattr(file_pipeline, "MIN_STREAMED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 256)
    (record,) = paint(
        tmp_path / "huge.tif", "-o", tmp_path / "tiles.tif", "--precision", "f32", "--json"
    ).records
    assert list(record) == RECORD_FIELDS
    one, other = (read(tmp_path / f"{name}.tif").rgb.astype(int) for name in ("whole", "tiles"))
    assert np.abs(one - other).max() <= 1
