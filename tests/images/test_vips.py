"""Huge files: read as `images.read` reads them and written as `images.write` does, row by row,
whole or not at all."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pictures import UInt8, photo, ramp
from PIL import Image
from PIL.ExifTags import Base
from stored_pictures import stored_pictures

from impasto.errors import PictureError
from impasto.images import image, reading, vips, writing
from impasto.images.rows import ArrayRows, CoveredRows, RowSource
from impasto.images.vips import VipsRows

pytest.importorskip("pyvips")


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[Base.Orientation] = orientation
    block[Base.Make] = "Camera"
    return block


FILES = stored_pictures()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_in_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    FILES[name](path)
    expected, header = reading.read(path), reading.read_header(path)
    assert header.format in vips.READS
    assert (header.height, header.width) == expected.rgb.shape[:2]
    assert (header.exif, header.dpi) == (expected.exif, expected.dpi)
    assert header.alpha or expected.alpha is None
    if header.mode not in vips.MODES:
        assert name == "lab.tif"
        return
    file: RowSource = VipsRows(path, header)
    if expected.alpha is not None:
        alpha = VipsRows(path, header, alpha=True)
        assert np.array_equal(alpha.to_array()[..., 0], expected.alpha)
        file = CoveredRows(file, alpha.reopen())
    assert np.abs(file.to_array().astype(int) - expected.rgb).max() <= 1
    assert np.array_equal(file.reopen().rows(3, 9), file.to_array()[3:9])


@pytest.mark.parametrize("suffix", sorted(vips.WRITES))
@pytest.mark.parametrize("clear", [False, True])
def test_a_file_is_written_as_from_memory(tmp_path: Path, suffix: str, clear: bool) -> None:
    rgb, alpha = photo(300, 41), ramp(300, 41) if clear else None
    Image.fromarray(photo(2, 2)).save(tmp_path / "a.jpg", exif=exif(), dpi=(300, 300))
    header = reading.read_header(tmp_path / "a.jpg")
    picture = image.Picture(rgb, alpha, header.exif, header.dpi)
    writing.write(tmp_path / f"memory{suffix}", picture, 95)
    opaque = None if alpha is None else ArrayRows(np.stack([alpha] * 3, axis=-1))
    vips.write(tmp_path / f"stream{suffix}", ArrayRows(rgb), opaque, header, 95)
    one, other = (reading.read(tmp_path / f"{name}{suffix}") for name in ("memory", "stream"))
    assert np.abs(one.rgb.astype(int) - other.rgb).max() <= (
        4 if suffix in (".jpg", ".jpeg") else 0
    )
    assert np.array_equal(np.asarray(one.alpha), np.asarray(other.alpha))
    assert other.dpi == pytest.approx((300, 300), abs=0.1)
    with Image.open(tmp_path / f"stream{suffix}") as written:
        if suffix not in (".tif", ".tiff"):
            assert written.getexif()[Base.Make] == "Camera"
            assert written.getexif().get(Base.Orientation, 1) == 1
    assert len(list(tmp_path.iterdir())) == 3


def test_chroma_follows_the_quality(tmp_path: Path) -> None:
    header = image.Header("PNG", 64, 64)
    for quality in (50, 95):
        vips.write(tmp_path / f"{quality}.jpg", ArrayRows(photo(64, 64)), None, header, quality)
    with Image.open(tmp_path / "50.jpg") as coarse, Image.open(tmp_path / "95.jpg") as fine:
        assert (coarse.layer[0][1:3], fine.layer[0][1:3]) == ((2, 2), (1, 1))  # type: ignore[attr-defined]


def test_large_tiff_is_big_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = image.Header("PNG", 64, 64)
    vips.write(tmp_path / "small.tif", ArrayRows(photo(64, 64)), None, header, 95)
    monkeypatch.setattr(vips, "BIG_TIFF_BYTES", 1000)
    vips.write(tmp_path / "large.tif", ArrayRows(photo(64, 64)), None, header, 95)
    assert [(tmp_path / f"{name}.tif").read_bytes()[2] for name in ("small", "large")] == [42, 43]
    assert np.array_equal(reading.read(tmp_path / "large.tif").rgb, photo(64, 64))


# What goes wrong


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "packed.tif"])
def test_a_file_that_is_cut_short(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 300, 3), np.uint8)
    path = tmp_path / name
    Image.fromarray(noise).save(
        path, **({"compression": "tiff_lzw"} if name == "packed.tif" else {})
    )
    data, header = path.read_bytes(), reading.read_header(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match=r"is broken or cut short \(.+\); get a fresh copy"):
        VipsRows(path, header).to_array()


class Failing(RowSource):
    """A picture of which only some rows can be had."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(4000, 100)
        self._error = error

    def reopen(self) -> "Failing":
        return self

    def bands(self) -> Iterator[UInt8]:
        for _ in range(10):
            yield np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
        raise self._error


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), PictureError("broken"), MemoryError()])
def test_nothing_half_written(tmp_path: Path, suffix: str, error: BaseException) -> None:
    target = tmp_path / f"out{suffix}"
    target.write_bytes(b"the old one")
    with pytest.raises(type(error)):
        vips.write(target, Failing(error), None, image.Header("PNG", 100, 4000), 90)
    assert target.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_disk_that_is_full(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    target = tmp_path / f"out{suffix}"
    target.write_bytes(b"the old one")
    noise = np.random.default_rng(0).integers(0, 255, (900, 700, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(PictureError, match="cannot write"):
            vips.write(target, ArrayRows(noise), None, image.Header("PNG", 700, 900), 95)
        full = type("Usage", (), {"free": 0})
        monkeypatch.setattr("impasto.images.vips.shutil.disk_usage", lambda _: full)
        with pytest.raises(PictureError, match="No space left on device; free some space"):
            vips.write(target, ArrayRows(noise), None, image.Header("PNG", 700, 900), 95)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match="a part of its path is a file"):
        vips.write(
            tmp_path / "file" / "out.png",
            ArrayRows(photo(9, 9)),
            None,
            image.Header("PNG", 9, 9),
            90,
        )


def test_a_side_that_jpeg_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="a side of JPEG has at most 65500"):
        vips.write(
            tmp_path / "out.jpg",
            ArrayRows(photo(1, 65_501)),
            None,
            image.Header("PNG", 65_501, 1),
            90,
        )


def test_without_libvips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(PictureError, match=r'pip install "impasto\[huge\]"'):
        VipsRows(tmp_path / "a.png", image.Header("PNG", 9, 9))
