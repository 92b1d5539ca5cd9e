"""Camera raw files are read as their largest preview, or refused in one line."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from pictures import photo
from PIL import Image
from raw_files import HEIGHT, WIDTH, preview, raw_file, tiff_raw

from impasto.errors import PictureError
from impasto.images.reading import read, read_header
from impasto.inference.file_pipeline import stylize_file
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer

SUFFIXES = [".nef", ".arw", ".dng", ".pef", ".raf", ".orf", ".rw2", ".cr2", ".cr3", ".x3f", ".mrw"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_largest_preview_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"raw{suffix}"
    path.write_bytes(raw_file(suffix, preview()))
    header, picture = read_header(path), read(path)
    assert header.is_preview and (header.width, header.height) == (WIDTH, HEIGHT)
    assert np.abs(picture.rgb.astype(int) - photo(HEIGHT, WIDTH)).mean() < 3


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("jpeg", [b"", preview((100, 67))])
def test_without_a_large_preview_it_is_refused(tmp_path: Path, suffix: str, jpeg: bytes) -> None:
    path = tmp_path / f"raw{suffix}"
    path.write_bytes(raw_file(suffix, jpeg))
    with pytest.raises(PictureError, match=r"camera raw file.*develop it") as refused:
        read(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("stored", "shape"), [(1, (HEIGHT, WIDTH)), (6, (WIDTH, HEIGHT))])
def test_a_preview_is_turned_as_the_raw_file_says(
    tmp_path: Path, stored: int, shape: tuple[int, int]
) -> None:
    path = tmp_path / "raw.nef"
    path.write_bytes(tiff_raw(preview(), orientation=stored))
    assert read(path).rgb.shape[:2] == shape
    exif = Image.Exif()
    exif[274] = 8  # the preview says so itself
    path.write_bytes(tiff_raw(preview(exif=exif.tobytes()), orientation=stored))
    assert np.abs(read(path).rgb.astype(int) - np.rot90(photo(HEIGHT, WIDTH))).mean() < 3


def test_a_line_says_that_the_preview_is_painted(tmp_path: Path) -> None:
    path = tmp_path / "raw.nef"
    path.write_bytes(tiff_raw(preview()))
    done = stylize_file(path, tmp_path / "a.jpg", Stylizer("small"), parse_settings("udnie"))
    assert (done.width, done.height) == (WIDTH, HEIGHT)
    (note,) = done.notes
    assert "camera raw file: its preview of 320x214 pixels is painted" in note


def test_pages_and_lost_transparency_are_told_of(tmp_path: Path) -> None:
    pages = [Image.fromarray(photo(40, 60)) for _ in range(3)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    clear = np.dstack([photo(40, 60), np.full((40, 60), 100, np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    stylizer, settings = Stylizer("small"), parse_settings("udnie")
    (pages_note,) = stylize_file(
        tmp_path / "scan.tif", tmp_path / "a.jpg", stylizer, settings
    ).notes
    assert "holds 3 pictures; the first is painted" in pages_note
    (alpha_note,) = stylize_file(
        tmp_path / "clear.png", tmp_path / "b.jpg", stylizer, settings
    ).notes
    assert "clear parts become white, as .jpg has no transparency" in alpha_note
    assert not stylize_file(tmp_path / "clear.png", tmp_path / "b.png", stylizer, settings).notes


def test_damaged_raw_files_are_errors_of_the_picture(tmp_path: Path) -> None:
    data = tiff_raw(preview())
    rng = np.random.default_rng(0)
    for number in range(60):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 40):
            broken[at] = int(rng.integers(256))
        path = tmp_path / f"{number}.nef"
        path.write_bytes(bytes(broken[: int(rng.integers(10, len(data)))]))
        with contextlib.suppress(PictureError):
            read(path)
    Image.open(io.BytesIO(preview())).verify()
