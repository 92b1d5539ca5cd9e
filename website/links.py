"""Check the links within a folder of HTML files: files and anchors that do not exist are errors."""

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


class _Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {value for key in ("id", "name") if (value := values.get(key))}
        if (address := values.get(ADDRESSES.get(tag, ""))) is not None:
            self.links.append(address)


@cache
def _load(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


def broken_links(folder: Path) -> Iterator[str]:
    """Yield a line for each link of the pages of a folder that leads nowhere.

    Links to other hosts are not followed. A link to the root of the host is broken, as it fails
    where the folder is served below another one.
    """
    folder = folder.resolve()
    for path in sorted(folder.rglob("*.html")):
        for link in dict.fromkeys(_load(path).links):
            if reason := _fault(link, path, folder):
                yield f"{path.relative_to(folder)}: {link}: {reason}"


def _fault(link: str, page: Path, folder: Path) -> str | None:
    """Say what is wrong with a link, if anything is."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    if parts.path.startswith("/"):
        return "it begins at the root of the host"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(folder):
        return "it leads out of the site"
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "there is no such file"
    if target.suffix == ".html" and not re.match(r"__", parts.fragment):
        return None if unquote(parts.fragment) in _load(target).anchors else "no such anchor"
    return None
