"""Pictures from whatever a caller has: paths, bytes, files, PIL images and arrays."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import photo, ramp
from PIL import Image

from impasto.errors import PictureError
from impasto.images.image import Picture
from impasto.images.reading import to_picture


def png_bytes(height: int = 8, width: int = 9) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo(height, width)).save(buffer, "PNG")
    return buffer.getvalue()


def refused(source: object) -> str:
    """The message of the error, in one line."""
    with pytest.raises(PictureError) as raised:
        to_picture(source)  # type: ignore[arg-type]
    message = str(raised.value)
    assert "\n" not in message and message.startswith("cannot read the picture"), message
    return message


def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes())
    sources: list[Any] = [str(path), path, png_bytes(), bytearray(png_bytes())]
    sources += [io.BytesIO(png_bytes()), Image.fromarray(photo(8, 9)), photo(8, 9)]
    for source in sources:
        assert np.array_equal(to_picture(source).rgb, photo(8, 9)), type(source)
    with path.open("rb") as file:
        assert np.array_equal(to_picture(file).rgb, photo(8, 9))
        assert not file.closed, "the caller's file stays open"


def test_a_picture_passes_through() -> None:
    picture = Picture(photo(8, 9))
    assert to_picture(picture) is picture


@given(skipped=st.integers(0, 50))
def test_a_file_is_read_from_where_it_stands(skipped: int) -> None:
    file = io.BytesIO(b"x" * skipped + png_bytes())
    file.seek(skipped)
    assert np.array_equal(to_picture(file).rgb, photo(8, 9))


@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    channels=st.sampled_from([None, 1, 3, 4]),
    clear=st.booleans(),
)
def test_arrays_of_gray_rgb_and_rgba(
    height: int, width: int, channels: int | None, clear: bool
) -> None:
    rgb = photo(height, width)
    alpha = ramp(height, width) if clear else np.full((height, width), 255, np.uint8)
    array = np.dstack([rgb, alpha])[..., : channels or 1]
    picture = to_picture(array[..., 0] if channels is None else array)
    expected = rgb if channels in (3, 4) else np.repeat(rgb[..., :1], 3, axis=2)
    visible = alpha > 0 if channels == 4 else ...  # what is hidden has no meaning
    assert np.array_equal(picture.rgb[visible], expected[visible])
    if channels == 4 and alpha.min() < 255:
        assert picture.alpha is not None and np.array_equal(picture.alpha, alpha)
    else:
        assert picture.alpha is None


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 5, 3)), "float64 (4, 5, 3): pictures have 8 bits; convert it to uint8"),
        (np.zeros((4, 5, 3), np.float32), "(array * 255).round().astype(np.uint8)"),
        (np.zeros((4, 5), bool), "bool (4, 5): pictures have 8 bits; convert it to uint8"),
        (np.zeros((4, 5, 3), np.int64), "int64 (4, 5, 3): pictures have 8 bits"),
        (np.zeros((4, 5, 2), np.uint8), "uint8 (4, 5, 2): its shape is no picture's; give (H, W)"),
        (np.zeros((3, 4, 5), np.uint8), "uint8 (3, 4, 5): its shape is no picture's"),
        (np.zeros((1, 4, 5, 3), np.uint8), "uint8 (1, 4, 5, 3): its shape is no picture's"),
        (np.zeros((0, 5, 3), np.uint8), "at least one pixel"),
        (np.zeros(7, np.uint8), "uint8 (7,): its shape is no picture's"),
    ],
)
def test_arrays_that_are_no_pictures_name_the_remedy(array: Any, reason: str) -> None:
    assert reason in refused(array)


def test_sources_of_other_kinds_are_refused() -> None:
    for source in (None, 7, {"a": 1}, [photo(4, 5)], object()):
        message = refused(source)
        assert type(source).__name__ in message
        assert "give a path, bytes, a binary file, a PIL image or a uint8 array" in message


def test_files_that_cannot_be_read() -> None:
    closed = io.BytesIO(png_bytes())
    closed.close()
    assert "open it anew for reading" in refused(closed)
    assert "open it in binary mode" in refused(io.StringIO("text"))
    ended = io.BytesIO(png_bytes())
    ended.read()
    assert "file.seek(0)" in refused(ended)
    assert "it is no picture" in refused(b"none")
    assert "it is no picture" in refused(io.BytesIO(b"none"))


def test_names_and_limits_apply_to_files_in_memory() -> None:
    with pytest.raises(PictureError, match="cannot read the mask: it is no picture"):
        to_picture(b"none", "the mask")
    with pytest.raises(PictureError, match="cannot read the picture: 9 x 8 pixels are 72"):
        to_picture(png_bytes(), max_pixels=71)


def test_non_contiguous_arrays_are_taken() -> None:
    assert np.array_equal(to_picture(photo(8, 9)[::-1, ::2]).rgb, photo(8, 9)[::-1, ::2])
