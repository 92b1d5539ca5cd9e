"""Settings in picture files: read as they were written, beside all other metadata."""

from dataclasses import replace
from pathlib import Path

import pytest
from pictures import photo, ramp
from PIL import Image
from PIL.ExifTags import Base

from impasto.images import vips
from impasto.images.embedded import PNG_KEYWORD, read_text
from impasto.images.formats import WRITABLE
from impasto.images.image import Header, Picture
from impasto.images.reading import read, read_header
from impasto.images.rows import ArrayRows
from impasto.images.writing import write

TEXT = """{"a": "<x y='z'>&amp; \\"\\u00e9\\" é 漢 {} \\n"}"""
ASCII = """{"a": "<x y='z'>&amp; \\"\\u00e9\\" {} \\n"}"""  # as JSON of records is
CARRIERS = sorted(WRITABLE - {".bmp"})


def exif() -> bytes:
    tags = Image.Exif()
    tags[Base.Artist] = "Hokusai"
    return b"Exif\0\0" + tags.tobytes()


@pytest.mark.parametrize("suffix", CARRIERS)
def test_settings_come_back_beside_other_metadata(tmp_path: Path, suffix: str) -> None:
    picture = Picture(photo(20, 30), ramp(20, 30), exif(), (300, 300), TEXT)
    write(tmp_path / f"with{suffix}", picture)
    write(tmp_path / f"without{suffix}", replace(picture, settings=None))
    files = [tmp_path / f"{name}{suffix}" for name in ("with", "without")]
    assert [read_text(file) for file in files] == [TEXT, None]
    headers = [read_header(file) for file in files]
    assert headers[0] == headers[1]
    assert b"Hokusai" in (headers[0].exif or b"")
    pictures = [read(file) for file in files]
    assert (pictures[0].rgb == pictures[1].rgb).all()


def test_bmp_holds_none(tmp_path: Path) -> None:
    write(tmp_path / "a.bmp", Picture(photo(20, 30), settings=TEXT))
    assert read_text(tmp_path / "a.bmp") is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_files_written_row_by_row_hold_them_too(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pyvips")
    target, header = tmp_path / f"a{suffix}", Header("PNG", 30, 20, exif=exif())
    vips.write(target, ArrayRows(photo(20, 30)), None, header, 95, ASCII)
    assert read_text(target) == ASCII
    if suffix != ".tif":  # whose EXIF libvips does not write
        assert b"Hokusai" in (read_header(target).exif or b"")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_settings_too_long_for_a_segment_of_jpeg_are_left_out(tmp_path: Path, suffix: str) -> None:
    text = "x" * 70_000
    write(tmp_path / f"a{suffix}", Picture(photo(20, 30), settings=text))
    assert read_text(tmp_path / f"a{suffix}") == (None if suffix == ".jpg" else text)


@pytest.mark.parametrize(
    "packet, text",
    [
        ("<impasto:settings>{&quot;a&quot;: 1}</impasto:settings>", '{"a": 1}'),
        ("<x impasto:settings='{&quot;a&quot;: 1}'/>", '{"a": 1}'),
        ('<x impasto:settings=""/>', ""),
        ("<x other:settings='1'/>", None),
        ("\udcff", None),
    ],
)
def test_packets_that_another_program_wrote(tmp_path: Path, packet: str, text: str | None) -> None:
    data = packet.encode(errors="surrogateescape")
    Image.fromarray(photo(20, 30)).save(tmp_path / "a.jpg", xmp=data)
    assert read_text(tmp_path / "a.jpg") == text


def test_png_has_a_text_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "a.png", Picture(photo(20, 30), settings=TEXT))
    with Image.open(tmp_path / "a.png") as image:
        assert image.info[PNG_KEYWORD] == TEXT
