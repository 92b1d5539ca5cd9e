"""Writing: files appear whole or not at all, and errors name the remedy."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_files import names, refusing, stored
from pictures import (
    photo,
)
from PIL import Image

from impasto.errors import PictureError
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write


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


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_out_of_range(tmp_path: Path, quality: int) -> None:
    with pytest.raises(PictureError, match=f"quality is {quality}; choose 1"):
        write(tmp_path / "a.jpg", Picture(photo(8, 8)), quality)
