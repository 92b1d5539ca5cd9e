"""Files of the repository become pages, and their links stay whole."""

from pathlib import Path

import pytest

from website import staging
from website.staging import SiteError, Stage, find_pages, sections


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    root = tmp_path / "repository"
    for name in ("docs/how-to/video.md", "docs/README.md", "README.md", "src/note.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    monkeypatch.setattr(staging, "ROOT", root)
    pages = {"docs/how-to/video.md": "how-to/video.md", "README.md": "overview.md"}
    return Stage(tmp_path / "pages", pages)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[a](../../README.md)", "[a](../overview.md)"),
        ("[a](../../README.md#part)", "[a](../overview.md#part)"),
        ("[a](#part)", "[a](#part)"),
        ("[a](https://example.org/README.md)", "[a](https://example.org/README.md)"),
        ("![a](../../src/note.txt)", "![a](../files/src/note.txt)"),
        ('<img src="../../src/note.txt" width="3">', '<img src="../files/src/note.txt" width="3">'),
        ("[the sources](../../src)", "the sources"),
        ("```py\n[a](../../README.md)\n```", "```py\n[a](../../README.md)\n```"),
        ("```\n[a](../../README.md)\n```", "```sh\n[a](../../README.md)\n```"),
        ("```py\n1\n```\n\n```\nls\n```", "```py\n1\n```\n\n```sh\nls\n```"),
        ("<details>\n[a](video.md)", '<details markdown="1">\n[a](video.md)'),
    ],
)
def test_links(stage: Stage, written: str, expected: str) -> None:
    assert stage.page(written, "docs/how-to/video.md") == expected


def test_files_that_are_linked_are_copied(stage: Stage) -> None:
    stage.page("[a](src/note.txt)", "README.md")
    assert (stage.folder / "files/src/note.txt").read_text() == "src/note.txt"


def test_a_link_to_nothing_is_an_error(stage: Stage) -> None:
    with pytest.raises(SiteError, match=r"README.md: a link leads to none.md"):
        stage.page("[a](none.md)", "README.md")


def test_a_page_that_the_index_does_not_list_is_an_error(stage: Stage) -> None:
    index = staging.ROOT / "docs/README.md"
    index.write_text("# All\n\n## Tutorials\n\n- [Other](other.md)\n")
    with pytest.raises(SiteError, match=r"lists no how-to/video.md"):
        sections()
    index.write_text("# All\n\n## How-to\n\n- [Paint a video](how-to/video.md): moving pictures\n")
    assert sections() == {"How-to": [("Paint a video", "how-to/video.md")]}


def test_all_pages_of_the_repository_can_be_staged(tmp_path: Path) -> None:
    pages = find_pages()
    Stage(tmp_path, pages).write_all()
    assert all((tmp_path / page).stat().st_size for page in pages.values())
    listed = {page for entries in sections().values() for _, page in entries}
    assert listed <= set(pages.values())
