"""Colors: any mode and profile becomes 8-bit sRGB."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_files import differs, file_bytes, png_of, reopened, stored
from pictures import (
    ADOBE_GAMMA,
    ADOBE_RGB_TO_XYZ,
    encoded_srgb,
    gray_profile,
    photo,
    ramp,
    rgb_profile,
    to_srgb,
)
from PIL import Image

from impasto.images.image import Picture
from impasto.images.reading import from_pil, read


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
def test_a_gray_profile_applies_to_gray(mode: str) -> None:
    gray = ramp(8, 256)
    image = (
        Image.fromarray(gray.astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(gray).convert(mode)
    )
    image.info["icc_profile"] = gray_profile(1.0)
    expected = encoded_srgb(gray / 255)  # linear light
    assert np.abs(from_pil(image).rgb.astype(int) - expected[..., None]).max() <= 2


def test_a_profile_of_colors_applies_to_gray_too() -> None:
    image = Image.fromarray(ramp(8, 64))
    image.info["icc_profile"] = rgb_profile(ADOBE_RGB_TO_XYZ, 1.0)
    assert differs(from_pil(image).rgb[..., 1], encoded_srgb(ramp(8, 64) / 255)) < 1


@pytest.mark.parametrize(
    "profile",
    [b"junk", bytes(128), rgb_profile(ADOBE_RGB_TO_XYZ, 2.2)[:200], gray_profile(1.0)],
    ids=["junk", "zeros", "cut", "for gray"],
)
def test_a_profile_that_is_broken_or_for_other_pixels_is_ignored(
    tmp_path: Path, profile: bytes
) -> None:
    path = stored(tmp_path, file_bytes(Image.fromarray(photo(8, 8)), "PNG", icc_profile=profile))
    assert np.array_equal(read(path).rgb, photo(8, 8))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled(tmp_path: Path, form: str) -> None:
    deep = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    found = read(stored(tmp_path, file_bytes(Image.fromarray(deep), form))).rgb
    assert np.array_equal(
        found, np.repeat((deep / 257).round().astype(np.uint8)[..., None], 3, axis=2)
    )


def test_16_bit_gray_in_the_other_byte_order() -> None:
    deep = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    image = Image.frombytes("I;16B", (4, 1), deep.astype(">u2").tobytes())
    assert from_pil(image).rgb[0, :, 0].tolist() == [0, 1, 128, 255]


def test_16_bit_color_is_scaled(tmp_path: Path) -> None:
    path = stored(
        tmp_path, png_of(2, 1, 16, 2, struct.pack(">6H", 65_535, 32_896, 0, 257, 514, 65_535))
    )
    assert read(path).rgb.tolist() == [[[255, 128, 0], [1, 2, 255]]]


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
def test_cmyk_is_shown_in_its_colors(tmp_path: Path, form: str, most: float) -> None:
    rgb = photo(48, 64)
    path = stored(tmp_path, file_bytes(Image.fromarray(rgb).convert("CMYK"), form))
    assert differs(read(path).rgb, rgb) <= most


def test_a_palette_with_a_clear_color(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    for transparency, alpha in ((1, [255, 0, 255]), (bytes([255, 128, 0]), [255, 128, 0])):
        found = read(stored(tmp_path, file_bytes(image, "PNG", transparency=transparency)))
        visible = np.array(alpha) > 0  # hidden colors have no effect
        expected = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
        assert np.array_equal(found.rgb[0][visible], expected[visible])
        assert found.alpha is not None
        assert found.alpha[0].tolist() == alpha


def test_a_clear_value_in_16_bit_gray() -> None:
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
