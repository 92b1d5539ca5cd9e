"""Model cards: the README.md of a repository of styles on the Hugging Face Hub."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from impasto.choices import NETWORKS
from impasto.errors import ArgumentError, HubError
from impasto.hub import NETWORKS_FOLDER, Reference

FILE = "README.md"
LIBRARY, PIPELINE = "impasto", "image-to-image"
TAGS = ("style-transfer", "neural-style-transfer", "art")
MEASURES = ("C", "S", "J")
# identifiers of the Hub that suit pictures and what is made of them
LICENSES = ("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "mit", "apache-2.0", "other")

# the card between these lines is written anew by each push
BEGIN = "<!-- impasto: `impasto styles push` writes this part; text outside of it is kept -->"
END = "<!-- impasto: end -->"
_PART = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


@dataclass(frozen=True)
class CardEntry:
    """A style or network file, as a card describes it.

    Attributes:
        path: of the file in the repository, without its suffix.
        facts: metadata of the file.
        keeps_picture: whether the file holds the picture that the style was learned from.
        preview: path of a picture in the repository that shows the style; empty if there is none.
    """

    path: str
    facts: Mapping[str, str]
    keeps_picture: bool = False
    preview: str = ""

    @property
    def is_network(self) -> bool:
        """Whether the file is a network."""
        return self.path.startswith(f"{NETWORKS_FOLDER}/")


def check_license(license: str | None) -> str:
    """Return the identifier of a license; the Hub itself knows which there are.

    Raises:
        ArgumentError: there is none, or the text is no identifier.
    """
    if license and re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", license):
        return license
    reason = f"{license!r:.60} is no license" if license else "a license is missing"
    raise ArgumentError(
        f"cannot push: {reason}; give --license and one of {', '.join(LICENSES)}, or another that"
        " the Hub knows: it is what others may do with the styles"
    )


def write_card(
    repository: str, license: str, entries: Sequence[CardEntry], old: str | None = None
) -> str:
    """Write the card of a repository, or write the own part of an older one anew.

    Args:
        repository: "user/repo".
        license: identifier of the license of all files.
        entries: all styles and networks of the repository.
        old: the card that the repository has.

    Raises:
        HubError: the older card is broken, or states another license.
    """
    from huggingface_hub import ModelCard

    try:
        card = ModelCard(old or "---\n{}\n---\n", ignore_metadata_errors=True)
    except Exception as error:  # of YAML
        raise HubError(
            f"cannot push: the card of {repository} has no valid YAML block; mend {FILE} there"
        ) from error
    facts: Any = card.data
    if old and facts.license not in (None, license):
        raise HubError(
            f"cannot push: the card of {repository} states the license {facts.license};"
            f" give --license {facts.license}, or push to another repository"
        )
    facts.license = license
    facts.library_name = facts.library_name or LIBRARY
    facts.pipeline_tag = facts.pipeline_tag or PIPELINE
    facts.tags = list(dict.fromkeys([*(facts.tags or []), *TAGS]))
    part = f"{BEGIN}\n\n{_describe(repository, entries)}\n\n{END}"
    if _PART.search(card.text):
        card.text = _PART.sub(lambda _: part, card.text)
    else:
        card.text = f"{card.text.rstrip()}\n\n{part}\n"
    return str(card)


def _describe(repository: str, entries: Sequence[CardEntry]) -> str:
    """Write the own part of a card: how to use the files, and what they are."""
    styles = [entry for entry in entries if not entry.is_network]
    networks = [entry for entry in entries if entry.is_network]
    paragraphs = [f"# {repository.partition('/')[2]}", *_usage(repository, styles, networks)]
    if styles:
        paragraphs += ["## Styles", _style_table(styles), *_scores_note(styles)]
    if keepers := [_code(entry.path) for entry in styles if entry.keeps_picture]:
        paragraphs.append(
            "These files keep the picture that the style was learned from, with a short side of 512"
            f" pixels at most: {', '.join(keepers)}."
        )
    if networks:
        rows = [
            (_code(entry.path), entry.facts.get("gallery", "1"), _code(entry.facts.get("hash", "")))
            for entry in networks
        ]
        paragraphs += ["## Networks", _table(("network", "gallery", "hash"), rows)]
    return "\n\n".join(paragraphs)


def _usage(
    repository: str, styles: Sequence[CardEntry], networks: Sequence[CardEntry]
) -> list[str]:
    """Show how to paint: the command line, then Python."""
    whole = Reference(repository)
    style = replace(whole, path=styles[0].path) if styles else "starry-night"
    option = f" --network {replace(whole, path=networks[0].path)}" if networks else ""
    argument = f', network="{replace(whole, path=networks[0].path)}"' if networks else ""
    return [
        "Neural style transfer on an ordinary CPU, by impasto. It paints photographs and videos in"
        " these styles, and mixes them.",
        "```\npip install 'impasto[hub]'\n"
        f"impasto styles {whole}\nimpasto stylize photo.jpg --style {style}{option}\n```",
        '```python\nimport impasto\n\nimpasto.stylize("photo.jpg", '
        f'"{style}"{argument}).save("painting.jpg")\n```',
    ]


def _style_table(styles: Sequence[CardEntry]) -> str:
    """Make a row for each style, with a column for each network: C, S and J."""
    keys = {key for entry in styles for key in entry.facts if key.endswith(".hash")}
    names = sorted(key.removesuffix(".hash") for key in keys)
    names.sort(key=lambda name: (*NETWORKS, name).index(name))
    rows = [
        (
            f"![{entry.path}]({entry.preview})" if entry.preview else "",
            _code(entry.path),
            ", ".join(
                _escape(entry.facts[key])
                for key in ("title", "artist", "year")
                if entry.facts.get(key)
            ),
            _escape(entry.facts.get("license") or entry.facts.get("licence") or ""),
            *(_scores(entry, name) for name in names),
        )
        for entry in styles
    ]
    heads = ("", "style", "learned from", "its rights", *(f"{name}: C, S, J" for name in names))
    return _table(heads, rows)


def _scores(entry: CardEntry, network: str) -> str:
    """Give C, S and J of a style for a network, or "not measured"; nothing if it has none."""
    if f"{network}.hash" not in entry.facts:
        return ""
    values = [entry.facts.get(f"{network}.{measure}", "") for measure in MEASURES]
    return _escape(", ".join(values)) if all(values) else "not measured"


def _scores_note(styles: Sequence[CardEntry]) -> list[str]:
    """Explain the scores, if there are any, and how they were measured."""
    measured = {
        value
        for entry in styles
        for key, value in entry.facts.items()
        if key.rpartition(".")[2] == "measured"
    }
    if not any(key.endswith(".J") for entry in styles for key in entry.facts):
        return []
    how = f" Measured on {_escape('; '.join(sorted(measured)))}." if measured else ""
    return [
        "C is the content error: how much of the photo is lost. S is the style error: how far the"
        f" painting is from the style. J = C + 5 S. Lower is better.{how}"
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """Keep text of files from being markup, or from ending a cell."""
    return re.sub(r"([\\`*_{}\[\]<>|#!])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`".replace("|", "")
