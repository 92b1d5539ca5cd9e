"""A picture file painted into another: the same through memory and from file to file, and limits of
size."""

import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import UInt8, photo, ramp
from PIL import Image

from impasto.choices import MAX_PIXELS
from impasto.errors import PictureError
from impasto.images import reading, vips
from impasto.images.image import Header
from impasto.inference import file_pipeline
from impasto.inference.file_pipeline import FileOptions, PaintedFile, stylize_file
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.stylizer import Stylizer

SETTINGS = parse_settings("starry-night")


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


@pytest.fixture
def clear_file(tmp_path: Path) -> Path:
    path = tmp_path / "clear.png"
    Image.fromarray(np.dstack([photo(70, 90), ramp(70, 90)])).save(path, dpi=(300, 300))
    return path


@pytest.mark.parametrize(
    "settings, options",
    [
        (SETTINGS, FileOptions()),
        (parse_settings("starry-night", stroke=2), FileOptions(size=40)),
        (parse_settings("starry-night", stroke=0.5), FileOptions(size=500)),
        (
            parse_settings(
                "starry-night", color="luminance", mask="alpha", regions=["left-right=great-wave"]
            ),
            FileOptions(),
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_from_file_to_file_as_through_memory(
    exact: Stylizer,
    clear_file: Path,
    settings: StylizeSettings,
    options: FileOptions,
    suffix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pyvips")
    targets = [clear_file.with_name(f"{name}{suffix}") for name in ("memory", "stream")]
    sizes = {stylize_file(clear_file, targets[0], exact, settings, options)}
    monkeypatch.setattr(file_pipeline, "MIN_STREAMED_PIXELS", 0)
    monkeypatch.setattr(reading, "read", None)
    shares: list[float] = []
    sizes.add(stylize_file(clear_file, targets[1], exact, settings, options, shares.append))
    monkeypatch.undo()
    one, other = map(reading.read, targets)
    assert (
        {(done.width, done.height) for done in sizes}
        == {(one.width, one.height)}
        == {(51, 40) if options.size == 40 else (90, 70)}
    )
    assert np.array_equal(one.rgb, other.rgb)
    assert one.alpha is not None and np.array_equal(one.alpha, np.asarray(other.alpha))
    assert sum(shares) == pytest.approx(1)


def test_alpha_is_resized_too(exact: Stylizer, clear_file: Path) -> None:
    stylize_file(clear_file, clear_file.with_name("out.png"), exact, SETTINGS, FileOptions(size=35))
    painted = reading.read(clear_file.with_name("out.png"))
    assert painted.alpha is not None
    assert np.abs(painted.alpha.astype(int) - ramp(35, 45)).max() <= 4


# Limits


def claimed(
    path: Path,
    width: int,
    height: int,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
    form: str = "PNG",
) -> Path:
    """Make a file of `size` bytes that claims as many pixels, which no test may read."""
    with path.open("wb") as file:
        file.truncate(size)
    monkeypatch.setattr(reading, "read_header", lambda _: Header(form, width, height))
    monkeypatch.setattr(reading, "read", None)
    monkeypatch.setattr(vips, "VipsRows", None)
    return path


@pytest.mark.parametrize("megapixels", [101, 999])
def test_a_decompression_bomb_is_refused(
    exact: Stylizer, tmp_path: Path, megapixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claimed(tmp_path / "bomb.png", 1000, 1000 * megapixels, 40_000, monkeypatch)
    with pytest.raises(
        PictureError,
        match=rf"40,000 bytes claim .*decompression bomb.*--max-pixels {megapixels}000000",
    ):
        stylize_file(path, tmp_path / "out.png", exact, SETTINGS)


def test_more_pixels_than_there_are_pictures_of(
    exact: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claimed(tmp_path / "vast.tif", 40_000, 40_000, 100_000_000, monkeypatch, "TIFF")
    with pytest.raises(PictureError, match="1,600,000,000 and the limit is 1,000,000,000"):
        stylize_file(path, tmp_path / "out.tif", exact, SETTINGS)


@pytest.mark.parametrize(("form", "target"), [("AVIF", "out.png"), ("PNG", "out.webp")])
def test_large_pictures_in_other_formats(
    exact: Stylizer, tmp_path: Path, form: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claimed(tmp_path / "large", 20_000, 10_000, 100_000_000, monkeypatch, form)
    with pytest.raises(PictureError, match=r"TIFF.* into .*\.png.*--max-pixels 200000000"):
        stylize_file(path, tmp_path / target, exact, SETTINGS)


def test_without_libvips_large_pictures_are_read_into_memory(
    exact: Stylizer, clear_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_pipeline, "MIN_STREAMED_PIXELS", 0)
    monkeypatch.setitem(sys.modules, "pyvips", None)
    assert stylize_file(
        clear_file, clear_file.with_name("out.png"), exact, SETTINGS
    ) == PaintedFile(90, 70, 0.0)


def test_without_libvips_huge_pictures_say_what_to_install(
    exact: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    path = claimed(tmp_path / "huge.tif", 20_000, 20_000, 100_000_000, monkeypatch, "TIFF")
    with pytest.raises(PictureError, match=r'pip install "impasto\[huge\]"'):
        stylize_file(path, tmp_path / "out.tif", exact, SETTINGS)


def test_a_limit_that_is_given_is_the_limit(exact: Stylizer, clear_file: Path) -> None:
    target = clear_file.with_name("out.png")
    with pytest.raises(PictureError, match="--max-pixels 6300"):
        stylize_file(clear_file, target, exact, SETTINGS, FileOptions(max_pixels=6299))
    stylize_file(clear_file, target, exact, SETTINGS, FileOptions(max_pixels=6300))
    assert MAX_PIXELS == 100_000_000  # which the help names


# Memory


@pytest.mark.slow
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("std::bad_alloc")])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_where_memory_is_short_tiles_get_smaller(
    exact: Stylizer, tmp_path: Path, error: Exception, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the painting is the same, and a note says so; where nothing helps, it is one error."""
    if suffix == ".tif":
        pytest.importorskip("pyvips")
        monkeypatch.setattr(file_pipeline, "MIN_STREAMED_PIXELS", 0)
    source, target = tmp_path / "photo.png", tmp_path / f"out{suffix}"
    Image.fromarray(photo(560, 640)).save(source)
    stylize_file(source, tmp_path / "expected.png", exact, SETTINGS)
    paint, most = PreparedStyle.paint, 340_000

    def greedy(self: PreparedStyle, picture: UInt8, top: int = 0, left: int = 0) -> UInt8:
        if picture.shape[0] * picture.shape[1] > most:
            raise error
        return paint(self, picture, top, left)

    monkeypatch.setattr(PreparedStyle, "paint", greedy)
    done = stylize_file(source, target, exact, SETTINGS)
    assert "memory was short, so it was painted in tiles of 512 pixels" in done.notes[0]
    off = np.abs(reading.read(target).rgb.astype(int) - reading.read(tmp_path / "expected.png").rgb)
    assert off.mean() < 1
    most = 0
    with pytest.raises(type(error)):
        stylize_file(source, target, exact, SETTINGS)


def test_other_failures_are_not_tried_again(
    exact: Stylizer, clear_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def failing(*_: object) -> UInt8:
        tries.append(1)
        raise RuntimeError("no such operation")

    monkeypatch.setattr(PreparedStyle, "paint", failing)
    with pytest.raises(RuntimeError, match="no such operation"):
        stylize_file(clear_file, clear_file.with_name("out.png"), exact, SETTINGS)
    assert len(tries) == 1
