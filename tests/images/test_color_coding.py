"""Colors told by CICP, gAMA, cHRM and EXIF: files of known colors are read as these colors."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import UInt8
from PIL import Image
from stored_pictures import chunk, tiled_png

from impasto.images.color_coding import ColorCoding, decode, from_cicp
from impasto.images.reading import read

# four colors in sRGB, and white and black
COLORS = [(200, 30, 30), (30, 160, 60), (40, 60, 200), (128, 128, 128), (255,) * 3, (0,) * 3]
# linear RGB to XYZ, as the standards print them
TO_XYZ = {
    1: [
        [0.4123908, 0.3575843, 0.1804808],
        [0.2126390, 0.7151687, 0.0721923],
        [0.0193308, 0.1191948, 0.9505322],
    ],
    9: [
        [0.6369580, 0.1446169, 0.1688810],
        [0.2627002, 0.6779981, 0.0593017],
        [0.0, 0.0280727, 1.0609851],
    ],
    12: [
        [0.4865709, 0.2656677, 0.1982173],
        [0.2289746, 0.6917385, 0.0792869],
        [0.0, 0.0451134, 1.0439444],
    ],
}


def linear() -> NDArray[np.float64]:
    srgb = np.array(COLORS) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def srgb_curve(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def in_primaries(primaries: int) -> NDArray[np.float64]:
    """The light of the colors, in other primaries."""
    matrix = np.linalg.inv(np.array(TO_XYZ[primaries])) @ np.array(TO_XYZ[1])
    return linear() @ matrix.T


def stripes(values: NDArray[Any]) -> UInt8:
    """Stripes of 8 pixels of values in 0..1, uint8 (8, W, 3)."""
    return np.repeat(np.rint(255 * values).astype(np.uint8)[None].repeat(8, 0), 8, axis=1)


def read_stripes(path: Path) -> NDArray[np.int64]:
    return read(path).rgb[4, 4::8].astype(int)


def saved(path: Path, values: NDArray[Any], extra: bytes) -> Path:
    path.write_bytes(tiled_png(stripes(values), extra))
    return path


@pytest.mark.parametrize("primaries", [1, 9, 12])
@pytest.mark.parametrize("transfer", [8, 13, 4])
def test_cicp_in_png(tmp_path: Path, primaries: int, transfer: int) -> None:
    light = in_primaries(primaries).clip(0, 1)
    values = srgb_curve(light) if transfer == 13 else light ** {8: 1.0, 4: 1 / 2.2}[transfer]
    codes = chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
    found = read_stripes(saved(tmp_path / "a.png", values, codes))
    allowed = 8 if transfer == 8 else 3  # 8 bits of linear light are coarse in the dark
    assert np.abs(found - COLORS).max() <= allowed


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_nclx_in_avif_and_heic(tmp_path: Path, suffix: str) -> None:
    pixels = np.repeat(np.repeat(stripes(srgb_curve(in_primaries(12))), 4, 0), 4, 1)
    path = tmp_path / f"a{suffix}"
    if suffix == ".heic":
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(Image.fromarray(pixels)).save(
            path, quality=-1, chroma=444, color_primaries=12, transfer_characteristic=13,
            matrix_coefficients=6, full_range_flag=1,
        )  # fmt: skip
    else:
        Image.fromarray(pixels).save(path, quality=100, subsampling="4:4:4")
        data = path.read_bytes()
        at = data.index(b"colrnclx") + 8
        path.write_bytes(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])
    found = read(path).rgb[16, 16::32].astype(int)
    assert np.abs(found - COLORS).max() <= 9  # one step of 8-bit YCbCr of a saturated color


@pytest.mark.parametrize("gamma", [1.0, 0.55, 0.45455])
@pytest.mark.parametrize("has_primaries", [False, True])
def test_gamma_and_chromaticities_in_png(tmp_path: Path, gamma: float, has_primaries: bool) -> None:
    extra, light = chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000))), linear()
    if has_primaries:
        light = in_primaries(12).clip(0, 1)
        places = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
        extra += chunk(b"cHRM", struct.pack(">8I", *places))
    is_srgb = gamma == 0.45455 and not has_primaries
    values = srgb_curve(light) if is_srgb else light**gamma
    found = read_stripes(saved(tmp_path / "a.png", values, extra))
    assert np.abs(found - COLORS).max() <= (8 if gamma == 1 else 3)


def test_the_first_of_several_tellings_counts(tmp_path: Path) -> None:
    """In PNG: cICP, sRGB, and then gAMA."""
    gamma, srgb = chunk(b"gAMA", struct.pack(">I", 100_000)), chunk(b"sRGB", b"\0")
    plain = np.array(COLORS) / 255
    assert np.array_equal(read_stripes(saved(tmp_path / "a.png", plain, srgb + gamma)), COLORS)
    cicp = chunk(b"cICP", bytes([1, 13, 0, 1]))
    assert np.array_equal(read_stripes(saved(tmp_path / "b.png", plain, cicp + gamma)), COLORS)


@pytest.mark.parametrize("details", [{0xA001: 2}, {0xA001: 65535, 0xA005: {1: "R03"}}])
def test_adobe_rgb_in_exif(tmp_path: Path, details: dict[int, Any]) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(details)
    matrix = np.array([[0.5767309, 0.1855540, 0.1881852], [0.2973769, 0.6273491, 0.0752741],
                       [0.0270343, 0.0706872, 0.9911085]])  # fmt: skip
    light = linear() @ (np.linalg.inv(matrix) @ np.array(TO_XYZ[1])).T
    pixels = stripes(light.clip(0, 1) ** (256 / 563))
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    assert np.abs(read_stripes(tmp_path / "a.jpg") - COLORS).max() <= 4


@pytest.mark.parametrize(("transfer", "signal"), [("pq", 0.5807), ("hlg", 0.75)])
def test_white_paper_of_hdr_has_203_candelas(transfer: Any, signal: float) -> None:
    """BT.2408, table 1: the signal levels of HDR reference white."""
    light = decode(np.array([0.0, signal]), transfer)
    if transfer == "hlg":
        light = light * light**0.2 * 1000 / 203
    assert light[0] == 0 and abs(light[1] - 1) < 0.02


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_shown_in_order_and_neutral(transfer: int) -> None:
    coding = from_cicp(9, transfer)
    assert coding is not None
    grays = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    shown = coding.to_srgb(grays)[0].astype(int)
    assert np.ptp(shown, axis=1).max() <= 1 and (np.diff(shown[:, 1]) >= 0).all()
    assert shown[0, 1] == 0 and shown[-1, 1] == 255
    # as Chromium 150 shows them
    levels = np.array([32, 64, 96, 128, 160, 192, 224])
    expected = {16: [5, 30, 70, 132, 213, 255, 255], 18: [14, 43, 71, 99, 135, 189, 228]}[transfer]
    assert np.abs(shown[levels, 1] - expected).max() <= 1


@pytest.mark.parametrize(
    ("primaries", "expected"),
    [
        (1, [[132, 30, 5], [255, 52, 9]]),
        (9, [[165, 0, 0], [255, 0, 0]]),
        (12, [[145, 12, 0], [255, 0, 0]]),
    ],
)
def test_hdr_colors_are_those_of_chromium(primaries: int, expected: list[list[int]]) -> None:
    coding = from_cicp(primaries, 16)
    assert coding is not None
    shown = coding.to_srgb(np.array([[(128, 64, 32), (192, 96, 48)]], np.uint8))[0]
    assert np.abs(shown.astype(int) - expected).max() <= 2


def test_television_is_as_on_a_screen_in_png_and_srgb_elsewhere() -> None:
    """As Chromium 150 shows PNG and AVIF files that say BT.709."""
    in_png = from_cicp(1, 1, is_png=True)
    assert in_png is not None and from_cicp(1, 1) is None
    grays = np.array([32, 64, 96, 128, 160, 192, 224], np.uint8)
    shown = in_png.to_srgb(np.repeat(grays[None, :, None], 3, 2))[0, :, 1].astype(int)
    assert np.abs(shown - [20, 54, 87, 121, 155, 189, 222]).max() <= 1


def test_broken_tellings_do_not_matter(tmp_path: Path) -> None:
    plain = np.array(COLORS) / 255
    for number, extra in enumerate(
        (
            chunk(b"cICP", bytes([12, 13])),
            chunk(b"gAMA", struct.pack(">I", 0)),
            chunk(b"cHRM", struct.pack(">8I", *[0] * 8)),
            chunk(b"cICP", bytes([2, 2, 0, 1])),
        )
    ):
        path = saved(tmp_path / f"{number}.png", plain, extra)
        assert np.array_equal(read_stripes(path), COLORS)
    assert ColorCoding().to_srgb(stripes(plain))[4, 4::8].tolist() == [list(c) for c in COLORS]
