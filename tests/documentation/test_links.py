"""Broken links are found, and good ones are not."""

from pathlib import Path

import pytest

from website.links import broken_links


def pages(folder: Path, link: str) -> Path:
    (folder / "below").mkdir()
    (folder / "index.html").write_text('<h1 id="top-of-all">All</h1><a href="below/one.html">1</a>')
    (folder / "below" / "one.html").write_text(f'<a name="old"></a><a href="{link}">link</a>')
    (folder / "a b.txt").touch()
    return folder


@pytest.mark.parametrize(
    "link",
    [
        "../index.html",
        "../index.html#top-of-all",
        "../",
        "#old",
        "../a%20b.txt",
        "https://example.org/nothing#at-all",
        "mailto:someone@example.org",
    ],
)
def test_good_links(tmp_path: Path, link: str) -> None:
    assert list(broken_links(pages(tmp_path, link))) == []


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("two.html", "there is no such file"),
        ("../index.html#none", "no such anchor"),
        ("#none", "no such anchor"),
        ("/index.html", "it begins at the root of the host"),
        ("../../index.html", "it leads out of the site"),
    ],
)
def test_broken_links(tmp_path: Path, link: str, reason: str) -> None:
    assert list(broken_links(pages(tmp_path, link))) == [f"below/one.html: {link}: {reason}"]


def test_pictures_and_scripts_are_links_too(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<img src="no.png"><script src="no.js"></script>')
    assert len(list(broken_links(tmp_path))) == 2
