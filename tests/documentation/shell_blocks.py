"""The commands in the documentation: each line of a block of code that names no language.

Blocks of other text name a language; those that show no code are `text`.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("website/pages/*.md"),
    *ROOT.glob("*/README.md"),
    ROOT / "src/impasto/gallery/README.md",
)
BLOCK = re.compile(r"^ *```(?P<language>\w*)\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True)
class Command:
    """A command, as a page shows it.

    Attributes:
        page: path from the root.
        line: as written, without its comment.
        words: the command and its arguments, without variables, redirections and other commands of
            a pipe.
    """

    page: str
    line: str
    words: tuple[str, ...]


def commands(program: str | None = None) -> list[Command]:
    """Return the commands of all pages, or those of one program; each line of a program once."""
    found = {(one.line if program else one): one for page in PAGES for one in _of_page(page)}
    return [one for one in found.values() if program in (None, one.words[0])]


def _of_page(path: Path) -> Iterator[Command]:
    page = path.relative_to(ROOT).as_posix()
    for block in BLOCK.finditer(path.read_text(encoding="utf-8")):
        if not block["language"]:
            for line in block["code"].replace("\\\n", " ").splitlines():
                yield from _of_line(page, line)


def _of_line(page: str, line: str) -> Iterator[Command]:
    line = re.sub(r"(^|\s)#.*", "", line).strip()
    for part in line.split(" | "):
        words = shlex.split(re.sub(r"\$\(.*?\)", "made", part).partition(" < ")[0])
        while words and VARIABLE.match(words[0]):
            words.pop(0)
        if words:
            yield Command(page, line, tuple(words))
