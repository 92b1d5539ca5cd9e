"""Pictures in and out, as a user sees them: the same picture from every format, or one line that
says what to do."""

import errno
import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pictures import (
    ADOBE_GAMMA,
    ADOBE_RGB_TO_XYZ,
    UInt8,
    encoded_srgb,
    grey_profile,
    photo,
    ramp,
    rgb_profile,
    to_srgb,
    truncations,
)
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from impasto.errors import PictureError
from impasto.images.formats import EXTENSIONS, WRITABLE
from impasto.images.image import Picture
from impasto.images.reading import decode, from_pil, look, read, suffix_of
from impasto.images.resize import resized
from impasto.images.writing import write

LOSSLESS = (".png", ".tif", ".tiff", ".bmp")
WITH_ALPHA = (".png", ".tif", ".webp", ".avif")
WITH_EXIF = (".jpg", ".png", ".webp", ".tif", ".avif")


def differs(one: UInt8, other: UInt8) -> float:
    """The mean difference of two pictures of one size, in levels of 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def file_bytes(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def stored(folder: Path, data: bytes, name: str = "picture") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def reopened(image: Image.Image, form: str, **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(file_bytes(image, form, **options)))


def exif_of(data: bytes | None) -> Image.Exif:
    assert data is not None
    exif = Image.Exif()
    exif.load(data)
    return exif


def camera_exif(orientation: int = 1) -> bytes:
    """What a camera writes of a picture of 64 x 48 pixels, and what an editor in Adobe RGB adds."""
    exif = Image.Exif()
    exif[Base.Make] = "Leitz"
    exif[Base.Copyright] = "Ada Lovelace"
    exif[Base.DateTime] = "2024:05:06 07:08:09"
    exif[Base.Orientation] = orientation
    exif[IFD.Exif] = {
        Base.DateTimeOriginal: "2024:05:06 07:08:09",
        Base.FocalLength: 35.0,
        Base.ExifImageWidth: 64,
        Base.ExifImageHeight: 48,
        Base.ColorSpace: 0xFFFF,
        Base.MakerNote: b"private" * 20,
    }
    exif[IFD.GPSInfo] = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (59.0, 20.0, 30.0)}
    return exif.tobytes()


def fails(path: Path, *words: str) -> None:
    """Reading fails with one line that names the file and these words."""
    with pytest.raises(PictureError) as raised:
        read(path)
    message = str(raised.value)
    assert "\n" not in message
    assert all(word in message for word in (str(path), *words)), message


# Formats


@pytest.mark.parametrize("suffix", sorted(WRITABLE))
def test_every_format_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    picture = Picture(photo(48, 64))
    path = tmp_path / f"picture{suffix}"
    write(path, picture, quality=95)
    found = read(path)
    assert differs(found.rgb, picture.rgb) <= (0 if suffix in LOSSLESS else 2)
    assert (found.width, found.height, found.alpha, found.exif) == (64, 48, None, None)


@pytest.mark.parametrize("suffix", WITH_ALPHA)
def test_alpha_is_kept_where_the_format_has_it(tmp_path: Path, suffix: str) -> None:
    picture = Picture(photo(48, 64), ramp(48, 64))
    write(tmp_path / f"a{suffix}", picture)
    found = read(tmp_path / f"a{suffix}")
    assert found.alpha is not None
    assert differs(found.alpha, ramp(48, 64)) <= (0 if suffix in LOSSLESS else 1)
    if suffix in LOSSLESS:
        assert np.array_equal(found.rgb, picture.rgb)  # under clear pixels too


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_clear_parts_turn_white_where_the_format_has_no_alpha(tmp_path: Path, suffix: str) -> None:
    rgb, alpha = photo(48, 64), ramp(48, 64)
    write(tmp_path / f"a{suffix}", Picture(rgb, alpha))
    share = alpha[..., None] / 255
    on_white = (rgb * share + 255 * (1 - share)).round().astype(np.uint8)
    assert differs(read(tmp_path / f"a{suffix}").rgb, on_white) < 2


def test_a_gif_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert (read(tmp_path / "two.gif").rgb == [255, 0, 0]).all()


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    rgb = photo(5, 7)
    path = stored(tmp_path, file_bytes(Image.fromarray(rgb), "PNG"), "really-a-png.jpg")
    assert np.array_equal(read(path).rgb, rgb)


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    suffix=st.sampled_from(sorted(WRITABLE)),
    alpha=st.booleans(),
)
def test_any_size_from_one_pixel_up_is_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, suffix: str, alpha: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    write(
        path,
        Picture(photo(height, width), np.full((height, width), 9, np.uint8) if alpha else None),
    )
    assert read(path).rgb.shape == (height, width, 3)


def test_jpeg_keeps_full_colour_from_quality_90(tmp_path: Path) -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (
        (255, 0, 0),
        (0, 0, 255),
    )  # halving the colour resolution would make it all purple
    for quality, faithful in ((90, True), (89, False)):
        write(tmp_path / "a.jpg", Picture(stripes), quality)
        assert (differs(read(tmp_path / "a.jpg").rgb, stripes) < 10) is faithful


def test_bytes_are_read_as_a_file_is_and_name_their_suffix(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp", ".tif", ".avif", ".bmp"):
        write(tmp_path / f"a{suffix}", Picture(photo(8, 9)))
        data = (tmp_path / f"a{suffix}").read_bytes()
        assert suffix_of(data) == suffix
        assert np.array_equal(decode(data).rgb, read(tmp_path / f"a{suffix}").rgb)
    assert suffix_of(file_bytes(Image.fromarray(photo(8, 9)), "GIF")) == ".jpg"
    for of in (suffix_of, decode):
        with pytest.raises(PictureError, match="cannot read the picture: it is no picture"):
            of(b"none")


@pytest.mark.parametrize("form", ["PPM", "TGA", "ICNS"])
def test_formats_that_are_not_named_are_not_read(tmp_path: Path, form: str) -> None:
    """Pillow would: by decoders that nobody needs here, and some of which start other programs."""
    fails(
        stored(tmp_path, file_bytes(Image.fromarray(photo(16, 16)), form)),
        "no picture in a format that impasto reads",
    )


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_a_lower_quality_makes_a_smaller_file(tmp_path: Path, suffix: str) -> None:
    sizes = []
    for quality in (20, 95):
        write(tmp_path / f"a{suffix}", Picture(photo(96, 96)), quality)
        sizes.append((tmp_path / f"a{suffix}").stat().st_size)
    assert sizes[0] < sizes[1]


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


def test_suffixes() -> None:
    assert WRITABLE < EXTENSIONS
    assert {
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".avif",
        ".gif",
        ".heic",
        ".heif",
        ".bmp",
    } == EXTENSIONS


# Orientation and metadata

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


def test_alpha_and_deep_grey_are_turned_too() -> None:
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


# Colour


def test_an_embedded_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    rgb = photo(48, 64)
    expected = to_srgb(rgb, ADOBE_RGB_TO_XYZ, ADOBE_GAMMA)
    assert differs(expected, rgb) > 4
    profile = rgb_profile(ADOBE_RGB_TO_XYZ, ADOBE_GAMMA)
    path = stored(tmp_path, file_bytes(Image.fromarray(rgb), "PNG", icc_profile=profile))
    found = read(path).rgb
    assert np.abs(found.astype(int) - expected).max() <= 3  # lcms computes in 8 and 16 bits
    assert differs(found, expected) < 0.5


def test_a_profile_leaves_alpha_alone() -> None:
    image = Picture(photo(48, 64), ramp(48, 64)).to_pil()
    image.info["icc_profile"] = rgb_profile(ADOBE_RGB_TO_XYZ, ADOBE_GAMMA)
    found = from_pil(image)
    assert found.alpha is not None
    assert np.array_equal(found.alpha, ramp(48, 64))
    assert differs(found.rgb, to_srgb(photo(48, 64), ADOBE_RGB_TO_XYZ, ADOBE_GAMMA)) < 0.5


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_profile_applies_to_grey(mode: str) -> None:
    grey = ramp(8, 256)
    image = (
        Image.fromarray(grey.astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(grey).convert(mode)
    )
    image.info["icc_profile"] = grey_profile(1.0)
    expected = encoded_srgb(grey / 255)  # linear light
    assert np.abs(from_pil(image).rgb.astype(int) - expected[..., None]).max() <= 2


def test_a_profile_of_colours_applies_to_grey_too() -> None:
    image = Image.fromarray(ramp(8, 64))
    image.info["icc_profile"] = rgb_profile(ADOBE_RGB_TO_XYZ, 1.0)
    assert differs(from_pil(image).rgb[..., 1], encoded_srgb(ramp(8, 64) / 255)) < 1


@pytest.mark.parametrize(
    "profile",
    [b"junk", bytes(128), rgb_profile(ADOBE_RGB_TO_XYZ, 2.2)[:200], grey_profile(1.0)],
    ids=["junk", "zeros", "cut", "for grey"],
)
def test_a_profile_that_is_broken_or_for_other_pixels_is_ignored(
    tmp_path: Path, profile: bytes
) -> None:
    path = stored(tmp_path, file_bytes(Image.fromarray(photo(8, 8)), "PNG", icc_profile=profile))
    assert np.array_equal(read(path).rgb, photo(8, 8))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled(tmp_path: Path, form: str) -> None:
    deep = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    found = read(stored(tmp_path, file_bytes(Image.fromarray(deep), form))).rgb
    assert np.array_equal(
        found, np.repeat((deep / 257).round().astype(np.uint8)[..., None], 3, axis=2)
    )


def test_16_bit_grey_in_the_other_byte_order() -> None:
    deep = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    image = Image.frombytes("I;16B", (4, 1), deep.astype(">u2").tobytes())
    assert from_pil(image).rgb[0, :, 0].tolist() == [0, 1, 128, 255]


def test_16_bit_colour_is_scaled(tmp_path: Path) -> None:
    path = stored(
        tmp_path, png_of(2, 1, 16, 2, struct.pack(">6H", 65_535, 32_896, 0, 257, 514, 65_535))
    )
    assert read(path).rgb.tolist() == [[[255, 128, 0], [1, 2, 255]]]


def png_of(width: int, height: int, bits: int, colour: int, row: bytes) -> bytes:
    """A PNG of one kind of row, with the header that says so (PNG specification, 11.2)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * (height if row else 0))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 255.0]], np.float32), [0, 100, 255]),
        (np.array([[0.0, 32_896.0, 65_535.0]], np.float32), [0, 128, 255]),
        (np.array([[-1.0, np.nan, 1.0]], np.float32), [0, 0, 255]),
        (np.array([[0, 32_896, 65_535]], np.int32), [0, 128, 255]),
        (np.array([[-5, 0, 2**31 - 1]], np.int32), [0, 0, 255]),
        (np.array([[0, 2**31, 2**32 - 1]], np.uint32).view(np.int32), [0, 128, 255]),
    ],
)
def test_floats_and_long_integers_are_scaled_to_what_white_is(
    values: Any, expected: list[int]
) -> None:
    assert from_pil(reopened(Image.fromarray(values), "TIFF")).rgb[0].tolist() == [
        [level] * 3 for level in expected
    ]


def test_one_bit() -> None:
    image = Image.fromarray(np.array([[True, False, True]]))
    assert from_pil(reopened(image, "PNG")).rgb[0, :, 0].tolist() == [255, 0, 255]


@pytest.mark.parametrize(("form", "most"), [("TIFF", 0.0), ("JPEG", 3.0)])
def test_cmyk_is_shown_in_its_colours(tmp_path: Path, form: str, most: float) -> None:
    rgb = photo(48, 64)
    path = stored(tmp_path, file_bytes(Image.fromarray(rgb).convert("CMYK"), form))
    assert differs(read(path).rgb, rgb) <= most


def test_a_palette_with_a_clear_colour(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    for transparency, alpha in ((1, [255, 0, 255]), (bytes([255, 128, 0]), [255, 128, 0])):
        found = read(stored(tmp_path, file_bytes(image, "PNG", transparency=transparency)))
        assert found.rgb[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
        assert found.alpha is not None
        assert found.alpha[0].tolist() == alpha


def test_a_clear_value_in_16_bit_grey() -> None:
    image = reopened(
        Image.fromarray(np.array([[0, 500, 65_535]], np.uint16)), "PNG", transparency=500
    )
    found = from_pil(image)
    assert found.alpha is not None
    assert found.alpha[0].tolist() == [255, 0, 255]


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "P", "LA", "PA", "La", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F"],
)
def test_white_is_white_in_every_pillow_mode(mode: str) -> None:
    white = Image.new("RGB", (2, 1), "white")
    for step in {"PA": ("P", "PA"), "La": ("LA", "La"), "RGBa": ("RGBA", "RGBa")}.get(
        mode, (mode,)
    ):
        white = white.convert(step)
    assert white.mode == mode
    assert (from_pil(white).rgb == 255).all()


def test_lab() -> None:
    lab = [0, 0, 0, 255, 0, 0, 138, 81, 70]  # black, white, red: L* of 255, then a* and b*
    found = from_pil(Image.frombytes("LAB", (3, 1), bytes(lab))).rgb[0].astype(int)
    assert np.abs(found - [[0, 0, 0], [255, 255, 255], [255, 0, 0]]).max() <= 6


def test_opaque_alpha_is_no_alpha() -> None:
    assert from_pil(Image.new("RGBA", (3, 2), (1, 2, 3, 255))).alpha is None
    assert from_pil(Image.new("LA", (3, 2), (7, 254))).alpha is not None


def test_to_pil_and_back() -> None:
    picture = Picture(photo(5, 7), ramp(5, 7))
    found = from_pil(picture.to_pil())
    assert np.array_equal(found.rgb, picture.rgb)
    assert found.alpha is not None
    assert np.array_equal(found.alpha, ramp(5, 7))
    assert picture.to_pil().mode == "RGBA"
    assert Picture(photo(5, 7)).to_pil().mode == "RGB"


@pytest.mark.parametrize(
    "rgb", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_no_picture_are_refused(rgb: Any) -> None:
    with pytest.raises(PictureError, match=r"\(H, W, 3\)"):
        Picture(rgb)


def test_alpha_of_another_size_is_refused() -> None:
    with pytest.raises(PictureError, match="alpha"):
        Picture(photo(4, 5), ramp(5, 4))


# Files that cannot be read


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
        found = look(
            stored(tmp_path, png_of(width, height, 8, 0, b""))
        )  # Pillow would make room for the pixels
        assert (found.width, found.height) == (width, height)


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
            look(path)


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


# Writing


def refusing(number: int) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse


def interrupted(*args: Any, **kwargs: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "failure", "expected"),
    [
        ((Image.Image, "save"), refusing(errno.EIO), "encoding PNG failed"),
        ((os, "replace"), refusing(errno.ENOSPC), "No space left on device; free some space"),
        ((os, "replace"), refusing(errno.EROFS), "Read-only file system; choose another folder"),
        ((Path, "open"), refusing(errno.EACCES), "Permission denied; change its permissions"),
    ],
)
def test_a_failed_write_leaves_all_as_it_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[Any, str],
    failure: Callable[..., Any],
    expected: str,
) -> None:
    path = stored(tmp_path, b"the old one", "a.png")
    with monkeypatch.context() as broken, pytest.raises(PictureError, match=expected) as raised:
        broken.setattr(*place, failure)
        write(path, Picture(photo(8, 8)))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == ["a.png"]
    assert path.read_bytes() == b"the old one"


def test_an_interrupted_write_leaves_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.png", Picture(photo(8, 8)))
    assert names(tmp_path) == []


def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(PictureError, match="Permission denied"):
        write(tmp_path / "a.png", Picture(photo(8, 8)))


def test_targets_that_cannot_be_files(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    stored(tmp_path, b"x", "file")
    with pytest.raises(PictureError, match="choose another name"):
        write(tmp_path / "folder.png", Picture(photo(8, 8)))
    with pytest.raises(PictureError, match="choose another folder"):
        write(tmp_path / "file" / "a.png", Picture(photo(8, 8)))
    with pytest.raises(PictureError, match="choose another folder"):
        write(tmp_path / "file" / "deeper" / "a.png", Picture(photo(8, 8)))
    assert names(tmp_path) == ["file", "folder.png"]


def test_a_missing_folder_is_made_and_a_long_name_fits(tmp_path: Path) -> None:
    path = tmp_path / "new" / "er" / ("n" * 250 + ".png")
    write(path, Picture(photo(8, 8)))
    assert names(path.parent) == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes and links")
def test_the_file_has_the_mode_of_any_new_file_and_a_link_stays_a_link(tmp_path: Path) -> None:
    plain = stored(tmp_path, b"", "plain.png")
    (tmp_path / "link.png").symlink_to(plain)
    mode = plain.stat().st_mode
    write(tmp_path / "link.png", Picture(photo(8, 8)))
    assert (tmp_path / "link.png").is_symlink()
    assert plain.stat().st_mode == mode
    assert np.array_equal(read(plain).rgb, photo(8, 8))


@pytest.mark.parametrize("name", ["a.gif", "a.heic", "a.txt", "a"])
def test_unknown_suffixes_name_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError) as raised:
        write(tmp_path / name, Picture(photo(8, 8)))
    assert all(suffix in str(raised.value) for suffix in (*WRITABLE, Path(name).suffix))
    assert names(tmp_path) == []


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    write(tmp_path / "A.PNG", Picture(photo(8, 8)))
    assert np.array_equal(read(tmp_path / "A.PNG").rgb, photo(8, 8))


@pytest.mark.parametrize(
    ("suffix", "most"), [(".jpg", 65_500), (".webp", 16_383), (".avif", 32_768)]
)
def test_sides_beyond_the_format_name_another(tmp_path: Path, suffix: str, most: int) -> None:
    longest, longer = (Picture(np.zeros((side, 1, 3), np.uint8)) for side in (most, most + 1))
    write(tmp_path / f"a{suffix}", longest)
    assert read(tmp_path / f"a{suffix}").height == most
    with pytest.raises(PictureError, match=rf"1 x {most + 1} pixels.* at most {most}; use .*\.png"):
        write(tmp_path / f"b{suffix}", longer)


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_out_of_range(tmp_path: Path, quality: int) -> None:
    with pytest.raises(PictureError, match=f"quality is {quality}; choose 1"):
        write(tmp_path / "a.jpg", Picture(photo(8, 8)), quality)


# Sizes


@given(height=st.integers(1, 60), width=st.integers(1, 60), short=st.integers(1, 60))
@example(height=20, width=60, short=1)
@example(height=60, width=20, short=1)
def test_resized_gives_the_short_side_and_keeps_the_aspect(
    height: int, width: int, short: int
) -> None:
    found = resized(photo(height, width), short)
    sides = found.shape[:2]
    assert min(sides) == short
    assert abs(max(sides) - max(height, width) * short / min(height, width)) <= 0.5
    assert (found.shape[0] >= found.shape[1]) == (height >= width) or min(sides) == max(sides)


def test_resized_shrinks_without_aliasing_and_takes_alpha() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    assert np.abs(resized(board, 8).astype(int) - 127).max() <= 2  # the mean, not a pattern
    assert resized(board, 64) is board
    with pytest.raises(PictureError, match="choose 1 or more"):
        resized(board, 0)


@pytest.mark.process
def test_import_is_light() -> None:
    code = "import sys, impasto.images.reading; print(*({'torch', 'pillow_heif', 'openvino', 'scipy'} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == ""
    )
