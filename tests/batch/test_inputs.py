"""The files that inputs name."""

import os
from pathlib import Path
from typing import Any

import pytest
from pictures import save

from impasto.batch.inputs import find_files, find_paths


def test_each_file_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(
        tmp_path,
        "photo.jpg",
        "b.jpg",
        "[x].jpg",
        "deep/er/c.png",
        ".hidden/d.png",
        ".e.png",
        "out/p.png",
    )
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "deep" / "again").symlink_to(tmp_path)  # a circle
    monkeypatch.chdir(tmp_path)
    files, failures = find_files(
        ["b.jpg", "*.jpg", ".", "[x].jpg", "absent.jpg"], exclude=Path("out")
    )
    assert [str(file.path) for file in files] == [
        "b.jpg",
        "[x].jpg",
        "photo.jpg",
        "deep/er/c.png",
        "absent.jpg",
    ]
    assert [str(file.below) for file in files] == [".", ".", ".", "deep/er", "."]
    assert failures == []
    shallow, _ = find_paths(["."])
    assert sorted(map(str, shallow)) == ["[x].jpg", "b.jpg", "photo.jpg"]
    (empty,) = [tmp_path / "empty"]
    empty.mkdir()
    _, ((text, error),) = find_files([str(empty)])
    assert text == str(empty) and "holds no pictures" in str(error)


def test_a_link_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    save(tmp_path, "in/a.png")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert [file.path.name for file in find_files([str(tmp_path / "in")])[0]] == ["a.png"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read anything"
)
def test_a_folder_that_cannot_be_read_in_earnest(tmp_path: Path) -> None:
    save(tmp_path, "in/locked/a.png", "in/b.png")
    (tmp_path / "in" / "locked").chmod(0)
    try:
        files, ((text, error),) = find_files([str(tmp_path / "in")])
    finally:
        (tmp_path / "in" / "locked").chmod(0o700)
    assert (
        [file.path.name for file in files] == ["b.png"]
        and text.endswith("locked")
        and "cannot read the folder" in str(error)
    )


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, "in/locked/a.png", "in/b.png")
    scandir = os.scandir

    def locked(path: str) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", locked)
    files, ((text, error),) = find_files([str(tmp_path / "in")])
    assert (
        [file.path.name for file in files] == ["b.png"]
        and text.endswith("locked")
        and "cannot read the folder" in str(error)
    )


def test_an_address_is_not_downloaded() -> None:
    """`Path` makes one slash of two, and the "?" is no glob."""
    address = "https://example.org/photo.jpg?width=800"
    files, ((text, error),) = find_files([address])
    assert (files, text) == ([], address)
    assert str(error) == (
        f"cannot read {address}: impasto does not download; download it first, then name the file"
    )


@pytest.mark.parametrize("is_installed", [True, False])
def test_heic_is_named_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    monkeypatch.setattr("impasto.batch.inputs.reads_heic", lambda: is_installed)
    (tmp_path / "notes.txt").write_text("no picture")
    _, ((_, error),) = find_files([str(tmp_path)])
    assert (".heic, camera raw" in str(error)) is is_installed
    assert ("pip install 'impasto[heic]'" in str(error)) is not is_installed
