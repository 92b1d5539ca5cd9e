"""Orientation and metadata: pictures stand upright, and keep the tags that are still true."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import WITH_EXIF, camera_exif, differs, exif_of, file_bytes, reopened, stored
from pictures import (
    ADOBE_GAMMA,
    ADOBE_RGB_TO_XYZ,
    UInt8,
    photo,
    ramp,
    rgb_profile,
)
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from impasto.images.image import Picture
from impasto.images.reading import from_pil, read
from impasto.images.writing import write

STORED_FROM_UPRIGHT: dict[
    int, Callable[[UInt8], UInt8]
] = {  # EXIF 3.0, 4.6.5.1.6: which side the first row and column are
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[:, ::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF"])
def test_every_orientation_is_shown_upright(tmp_path: Path, form: str, orientation: int) -> None:
    upright = photo(48, 64)
    image = Image.fromarray(np.ascontiguousarray(STORED_FROM_UPRIGHT[orientation](upright)))
    path = stored(tmp_path, file_bytes(image, form, exif=camera_exif(orientation)))
    found = read(path)
    assert differs(found.rgb, upright) < 4
    assert Base.Orientation not in exif_of(found.exif)


def test_alpha_and_deep_gray_are_turned_too() -> None:
    rgba = Picture(photo(4, 6), ramp(4, 6)).to_pil()
    turned = from_pil(reopened(rgba, "PNG", exif=camera_exif(6)))
    assert turned.alpha is not None
    assert np.array_equal(turned.alpha, np.rot90(ramp(4, 6), -1))
    deep = Image.fromarray(ramp(4, 6).astype(np.uint16) * 257)
    assert np.array_equal(
        from_pil(reopened(deep, "PNG", exif=camera_exif(8))).rgb[..., 0], np.rot90(ramp(4, 6))
    )


@pytest.mark.parametrize("suffix", WITH_EXIF)
def test_metadata_that_is_still_true_is_kept(tmp_path: Path, suffix: str) -> None:
    source = reopened(Image.fromarray(photo(48, 64)), "JPEG", exif=camera_exif(6), dpi=(300, 300))
    picture = replace(from_pil(source), rgb=photo(30, 20))  # painted, at another size
    write(tmp_path / f"a{suffix}", picture)
    with Image.open(tmp_path / f"a{suffix}") as image:
        exif = image.getexif()
        details, place = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
        assert (exif[Base.Make], exif[Base.Copyright], exif[Base.DateTime]) == (
            "Leitz",
            "Ada Lovelace",
            "2024:05:06 07:08:09",
        )
        assert (details[Base.DateTimeOriginal], details[Base.FocalLength]) == (
            "2024:05:06 07:08:09",
            35,
        )
        assert place[GPS.GPSLatitude] == (59, 20, 30)
        assert exif.get(Base.Orientation, 1) == 1
        assert (details[Base.ExifImageWidth], details[Base.ExifImageHeight]) == (20, 30)
        assert details[Base.ColorSpace] == 1  # sRGB
        assert Base.MakerNote not in details
    assert read(tmp_path / f"a{suffix}").dpi == pytest.approx((300, 300), abs=0.01)


def test_the_thumbnail_of_the_photograph_is_dropped() -> None:
    # IFD0 with the camera's make, then IFD1: a thumbnail of 600 bytes
    make = struct.pack("<HHHI4sI", 1, 0x010F, 2, 4, b"Ada\0", 26)
    thumb = struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, 600, 0)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + make + thumb + b"\xff\xd8" + bytes(598)
    image = reopened(Image.fromarray(photo(8, 8)), "JPEG", exif=block)
    assert image.getexif().get_ifd(IFD.IFD1)
    exif = exif_of(from_pil(image).exif)
    assert exif[Base.Make] == "Ada"
    assert not exif.get_ifd(IFD.IFD1)


def test_tags_of_a_tiff_file_itself_do_not_travel(tmp_path: Path) -> None:
    data = file_bytes(
        Image.fromarray(photo(48, 64)),
        "TIFF",
        compression="tiff_lzw",
        dpi=(150, 150),
        software="Scanner",
    )
    picture = read(stored(tmp_path, data))
    assert dict(exif_of(picture.exif)) == {Base.Software: "Scanner"}
    assert picture.dpi == (150, 150)


def test_metric_resolution_becomes_dpi() -> None:
    exif = Image.Exif()
    exif[Base.XResolution] = exif[Base.YResolution] = 100.0
    exif[Base.ResolutionUnit] = 3  # per centimetre
    assert from_pil(reopened(Image.fromarray(photo(8, 8)), "WEBP", exif=exif)).dpi == (254, 254)


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(6, len(camera_exif())),
    damage=st.lists(st.tuples(st.integers(6, 299), st.integers(0, 255)), max_size=4),
    suffix=st.sampled_from(WITH_EXIF),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_metadata_does_not_cost_the_picture(
    tmp_path_factory: pytest.TempPathFactory,
    length: int,
    damage: list[tuple[int, int]],
    suffix: str,
) -> None:
    block = bytearray(camera_exif())
    for place, value in damage:
        block[place] = value
    folder = tmp_path_factory.mktemp("exif")
    picture = read(
        stored(folder, file_bytes(Image.fromarray(photo(8, 8)), "PNG", exif=bytes(block[:length])))
    )
    assert sorted(picture.rgb.ravel()) == sorted(
        photo(8, 8).ravel()
    )  # however the damaged orientation turns it
    write(folder / f"again{suffix}", picture)
    assert read(folder / f"again{suffix}").rgb.shape == (8, 8, 3)


def test_metadata_too_long_for_jpeg_is_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.ImageDescription] = "long " * 20_000
    picture = Picture(photo(8, 8), exif=exif.tobytes())
    write(tmp_path / "a.jpg", picture)
    assert read(tmp_path / "a.jpg").exif is None
    write(tmp_path / "a.png", picture)
    assert read(tmp_path / "a.png").exif == picture.exif


def test_metadata_beyond_all_measure_are_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Orientation] = "Leitz", 6
    exif[IFD.Exif] = dict.fromkeys(range(0x9300, 0x9300 + 5000), 7)
    profile = rgb_profile(ADOBE_RGB_TO_XYZ, ADOBE_GAMMA)
    image = Image.fromarray(photo(8, 8))
    about = {"exif": exif.tobytes(), "icc_profile": profile + bytes(17 << 20)}
    found = read(stored(tmp_path, file_bytes(image, "WEBP", lossless=True, **about)))
    assert np.array_equal(found.rgb, np.rot90(photo(8, 8), -1)), "upright, and in sRGB"
    assert dict(exif_of(found.exif)) == {Base.Make: "Leitz"}
    exif[Base.ImageDescription] = "long " * 300_000
    assert read(stored(tmp_path, file_bytes(image, "PNG", exif=exif.tobytes()))).exif is None
