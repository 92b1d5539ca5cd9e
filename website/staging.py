"""The Markdown files of the repository as pages of the site, with links between them.

On a code host, links lead from file to file, also out of `docs/`. Here each file that a link leads
to is a page of the site, or is copied to it.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
INDEX = "docs/README.md"  # lists all pages of docs/ by section
# pages outside docs/, by their path in the repository
PAGES = {
    "README.md": "overview.md",
    INDEX: "contents.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "examples/README.md": "examples.md",
    "integrations/comfyui/README.md": "how-to/comfyui.md",
    "src/impasto/gallery/README.md": "reference/model-card.md",
}
PART = "-notes.md"  # ends the names of files that are parts of other pages
FILES = "files"  # where files that are no pages are copied to
# the target of a link or picture, in Markdown and in HTML
LINK = re.compile(
    r'(?P<text>!?\[[^\]]*\])\((?P<target>[^)\s]+)\)|(?P<name>src|href)="(?P<html>[^"]+)"'
)
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#]+\.md)\)", re.MULTILINE)


class SiteError(Exception):
    """The documentation cannot be built."""


@dataclass(frozen=True)
class Stage:
    """Pages to build a site of.

    Args:
        folder: where they are written to.
        pages: path of each page below that folder, by the path of its file in the repository.
    """

    folder: Path
    pages: dict[str, str]

    def write_all(self) -> None:
        """Write all pages."""
        for source, page in self.pages.items():
            path = self.folder / page
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (ROOT / source).read_text(encoding="utf-8")
            path.write_text(self.page(text, source), encoding="utf-8")

    def page(self, text: str, source: str) -> str:
        """Return the text of a file as a page, with its links changed."""
        parts = FENCE.split(text)  # code is at odd places
        parts[::2] = [LINK.sub(lambda link: self._link(link, source), part) for part in parts[::2]]
        # Markdown within HTML has to be asked for
        return mark_commands("".join(parts)).replace("<details>", '<details markdown="1">')

    def _link(self, link: re.Match[str], source: str) -> str:
        target = link["target"] or link["html"]
        path, mark, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return link[0]
        found = os.path.normpath(Path(source).parent / path)
        if (ROOT / found).is_dir():
            return link["text"].strip("[]")
        new = self._place(found, source) + mark + anchor
        return f"{link['text']}({new})" if link["text"] else f'{link["name"]}="{new}"'

    def _place(self, found: str, source: str) -> str:
        """Return the address of a file of the repository, as seen from a page."""
        place = self.pages.get(found)
        if place is None:
            place = found.removeprefix("docs/") if found.startswith("docs/") else f"{FILES}/{found}"
            copy = self.folder / place
            if not (ROOT / found).is_file():
                raise SiteError(f"{source}: a link leads to {found}, which does not exist")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / found, copy)
        return os.path.relpath(place, Path(self.pages[source]).parent)


def mark_commands(text: str) -> str:
    """Name the language of blocks that name none: they hold commands of a shell."""
    return FENCE.sub(lambda block: re.sub(r"\A```\n", "```sh\n", block[0]), text)


def find_pages() -> dict[str, str]:
    """Return the path of each page in the site, by the path of its file in the repository."""
    docs = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))
    pages = {name: name.removeprefix("docs/") for name in docs if not name.endswith(PART)}
    return pages | PAGES


def sections() -> dict[str, list[tuple[str, str]]]:
    """Return the sections of the documentation: titles and pages, in the order of the index.

    Raises:
        SiteError: a page of `docs/` is not in the index.
    """
    text = (ROOT / INDEX).read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    outside = {os.path.relpath(name, "docs"): page for name, page in PAGES.items()}
    listed = {
        title: [(name, outside.get(page, page)) for name, page in ENTRY.findall(part)]
        for title, part in zip(parts[::2], parts[1::2], strict=True)
    }
    known = {page for entries in listed.values() for _, page in entries}
    pages = {name.removeprefix("docs/") for name in find_pages() if name.startswith("docs/")}
    if missing := pages - known - {"README.md"}:
        raise SiteError(f"{INDEX} lists no {', '.join(sorted(missing))}")
    return listed
