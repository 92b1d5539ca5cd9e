"""Reading: files are read as pictures, or refused in one line with a remedy."""

import errno
import io
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import camera_exif, differs, exif_of, file_bytes, png_of, refusing, stored
from pictures import (
    photo,
    truncations,
)
from PIL import Image
from PIL.ExifTags import Base

from impasto.errors import PictureError
from impasto.images.image import Picture
from impasto.images.reading import decode, detect_suffix, from_pil, read, read_header
from impasto.images.writing import write


def fails(path: Path, *words: str) -> None:
    """Reading fails with one line that names the file and these words."""
    with pytest.raises(PictureError) as raised:
        read(path)
    message = str(raised.value)
    assert "\n" not in message
    assert all(word in message for word in (str(path), *words)), message


def test_a_gif_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), color) for color in ("red", "lime")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert (read(tmp_path / "two.gif").rgb == [255, 0, 0]).all()


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    rgb = photo(5, 7)
    path = stored(tmp_path, file_bytes(Image.fromarray(rgb), "PNG"), "really-a-png.jpg")
    assert np.array_equal(read(path).rgb, rgb)


def test_bytes_are_read_as_a_file_is_and_name_their_suffix(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp", ".tif", ".avif", ".bmp"):
        write(tmp_path / f"a{suffix}", Picture(photo(8, 9)))
        data = (tmp_path / f"a{suffix}").read_bytes()
        assert detect_suffix(data) == suffix
        assert np.array_equal(decode(data).rgb, read(tmp_path / f"a{suffix}").rgb)
    assert detect_suffix(file_bytes(Image.fromarray(photo(8, 9)), "GIF")) == ".jpg"
    for of in (detect_suffix, decode):
        with pytest.raises(PictureError, match="cannot read the picture: it is no picture"):
            of(b"none")


@pytest.mark.parametrize("form", ["PPM", "TGA", "ICNS"])
def test_formats_that_are_not_named_are_not_read(tmp_path: Path, form: str) -> None:
    """Pillow would: by decoders that nobody needs here, and some of which start other programs."""
    fails(
        stored(tmp_path, file_bytes(Image.fromarray(photo(16, 16)), form)),
        "no picture in a format that impasto reads",
    )


def test_heic(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    rgb = photo(48, 64)
    heif.from_pillow(Image.fromarray(rgb)).save(tmp_path / "a.heic", quality=95, exif=camera_exif())
    found = read(tmp_path / "a.heic")
    assert differs(found.rgb, rgb) < 3
    assert exif_of(found.exif)[Base.Make] == "Leitz"


def test_heic_without_its_package_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    header = struct.pack(">I4s4sI8s", 24, b"ftyp", b"heic", 0, b"mif1heic")
    fails(stored(tmp_path, header + bytes(99), "photo.jpg"), 'pip install "impasto[heic]"')


@pytest.mark.parametrize(
    ("form", "options"),
    [(form, {}) for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP")]
    + [("JPEG", {"progressive": True}), ("TIFF", {"compression": "tiff_adobe_deflate"})],
)
@pytest.mark.filterwarnings("ignore:.*(EXIF|Truncated):UserWarning")
def test_a_file_cut_short_is_an_error_not_half_a_picture(
    tmp_path: Path, form: str, options: dict[str, Any]
) -> None:
    data = file_bytes(Image.fromarray(photo(96, 96)), form, **options)
    read(stored(tmp_path, data))
    for part in truncations(data, 12):
        fails(stored(tmp_path, part, "cut"))


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP"]),
    damage=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), min_size=1, max_size=6),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_file_is_read_or_refused_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, form: str, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(file_bytes(Image.fromarray(photo(16, 16)), form))
    for place, value in damage:
        data[place % len(data)] = value
    path = stored(tmp_path_factory.mktemp("damaged"), bytes(data))
    try:
        assert read(path, max_pixels=10_000).rgb.dtype == np.uint8
    except PictureError as error:
        assert "\n" not in str(error)


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    fails(stored(tmp_path, b"Dear Sir or Madam,\n", "letter.jpg"), "no picture", "JPEG, PNG")
    fails(stored(tmp_path, b"", "empty.png"), "empty (0 bytes)")
    fails(tmp_path / "absent.jpg", "no such file")
    fails(tmp_path, "is a folder")
    fails(stored(tmp_path, b"x", "file") / "within.jpg", "Not a directory")


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, file_bytes(Image.fromarray(photo(8, 8)), "PNG"))
    monkeypatch.setattr(Path, "open", refusing(errno.EACCES))
    fails(path, "Permission denied", "change its permissions")


def test_a_pillow_image_of_a_broken_file() -> None:
    data = file_bytes(Image.fromarray(photo(96, 96)), "JPEG")
    with pytest.raises(PictureError, match="cut short"):
        from_pil(Image.open(io.BytesIO(data[: len(data) * 9 // 10])))


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = stored(
        tmp_path, png_of(40_000, 40_000, 8, 2, b"")
    )  # there are no pixels: to decode it would fail otherwise
    fails(path, "40000 x 40000", "1,600,000,000", "100,000,000", "--max-pixels 1600000000")


def test_what_is_said_of_a_huge_picture_takes_no_memory_for_it(tmp_path: Path) -> None:
    for width, height in ((40_000, 40_000), (2**31 - 1, 2**31 - 1)):
        found = read_header(
            stored(tmp_path, png_of(width, height, 8, 0, b""))
        )  # Pillow would make room for the pixels
        assert (found.width, found.height) == (width, height)


def test_a_header_without_an_end(tmp_path: Path) -> None:
    data = file_bytes(Image.fromarray(photo(8, 8)), "JPEG")
    fails(stored(tmp_path, data[:2] + b"\xff" * 1_000_000 + data[2:]), "its header has no end")
    assert read(stored(tmp_path, data[:2] + b"\xff" * 100_000 + data[2:])).width == 8


def test_a_file_too_large_for_its_format(tmp_path: Path) -> None:
    for form in ("WEBP", "AVIF"):
        path = stored(tmp_path, file_bytes(Image.fromarray(photo(8, 8)), form))
        with path.open("r+b") as file:
            file.truncate((1 << 30) + 1)  # takes no room
        fails(path, "it has 1,073,741,825 bytes")
        with pytest.raises(PictureError, match=f"{path}: it has 1,073,741,825 bytes"):
            read_header(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    fails(tmp_path / "pipe.jpg", "it is a pipe or a device")


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "GIF"])
@pytest.mark.filterwarnings("error")
def test_the_limit_is_ours_and_pillows_own_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow would refuse twice that
    path = stored(tmp_path, file_bytes(Image.fromarray(photo(20, 30)), form))
    assert read(path, max_pixels=600).height == 20
    with pytest.raises(PictureError, match="--max-pixels 600"):
        read(path, max_pixels=599)
    with ThreadPoolExecutor(8) as pool:
        assert all(picture.width == 30 for picture in pool.map(read, [path] * 40))
    assert Image.MAX_IMAGE_PIXELS == 100


def test_import_is_light() -> None:
    code = (
        "import sys, impasto.images.reading\n"
        "print(*({'torch', 'pillow_heif', 'openvino', 'scipy'} & set(sys.modules)))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == ""
    )
