"""impasto info: the settings that a painting was made with, and the command that repeats it."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli import EXIT_SOME_FAILED, console, options
from impasto.cli.repeat import Repetition
from impasto.errors import ImpastoError, PictureError
from impasto.images.reading import read_header
from impasto.inference.record import is_mix, read_record

SHOWN_DIGITS = 12  # of a hash, for people
MAX_SHOWN = 1000  # characters of one setting, for people
# keys that are not shown for people, or in the lines of others
_HIDDEN = frozenset(
    {
        *("program", "version", "size", "title", "photo", "photo_sha256", "network_hash"),
        *("gallery", "engine_version", "device", "precision", "threads"),
        *("color_amount", "color_when"),
    }
)
_NAMES = {
    "styles": "style",
    "name": "photo",
    "short_side": "size",
    "own_network": "network",
    "tile": "tiles",
}


def info(
    paintings: Annotated[
        list[Path], typer.Argument(metavar="PAINTING", help="Pictures that impasto painted.")
    ],
    json: options.Json = False,
) -> None:
    """Show the settings in a painting, and the command that repeats it bit for bit.

    Settings hold names of files, and never their folders. Files that lie near the painting, and
    have not changed, are named with their paths. `stylize --no-settings` writes none.

    For example:

      impasto info photo.starry-night.jpg

      impasto info --json painted/*.jpg
    """
    failures = 0
    for painting in paintings:
        try:
            _show(painting, json)
        except ImpastoError as error:
            failures += 1
            console.failed(console.failure(str(painting), error), json)
    if failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _show(painting: Path, json: bool) -> None:
    header, record = read_header(painting), read_record(painting)
    if record is None:
        raise PictureError(
            f"cannot show the settings of {painting}: it has none; paintings of impasto have them,"
            " unless another program or --no-settings left them out"
        )
    size = header.width, header.height
    repetition = Repetition(record, painting, size)
    command = join_command(["impasto", *repetition.command])
    facts = {"input": str(painting), "settings": record, "command": command}
    lines = [f"{painting} ({size[0]}x{size[1]})"]
    lines += [f"  {name:10} {value}" for name, value in describe(record)]
    for line in [""] if json else [*lines, command]:
        console.result(line, {**facts, "notes": repetition.notes}, json)
    for note in repetition.notes:
        console.note(note)


def describe(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the settings of a record for people, as pairs of a name and a value."""
    lines = []
    for key, value in record.items():
        if key in _HIDDEN:
            continue
        lines.append((_NAMES.get(key, key), _describe_value(key, value, record)))
    program = f"{record.get('program', 'unknown')} {record.get('version', '(its page)')}"
    return [(name[:MAX_SHOWN], value[:MAX_SHOWN]) for name, value in (*lines, ("program", program))]


def _describe_value(key: str, value: object, record: Mapping[str, Any]) -> str:
    if key in ("styles", "regions", "mask"):
        return _describe_part(value)
    details = {
        "name": [_digest(record.get("photo_sha256"))],
        "color": [record.get("color_amount"), record.get("color_when")],
        "network": [_labeled("gallery", record), _digest(record.get("network_hash"))],
        "engine": [
            *map(record.get, ("engine_version", "device", "precision")),
            _labeled("threads", record),
        ],
    }
    details["own_network"] = details["network"]
    return _join(value, details.get(key, []))


def _describe_part(value: object) -> str:
    """Describe a mix, a mask, or regions: parts that hold others."""
    if is_mix(value):
        assert isinstance(value, list)
        weights = [f"{100 * style['weight']:.3g} %" if len(value) > 1 else None for style in value]
        return ", ".join(
            _join(style.get("title") or style["id"], [weight, *_file_facts(style)])
            for style, weight in zip(value, weights, strict=True)
        )
    if isinstance(value, list):
        return "; ".join(
            f"{_describe_part(region.get('mask'))}: {_describe_part(region.get('styles'))}"
            for region in value
            if isinstance(region, dict)
        )
    if isinstance(value, dict):
        name = value.get("name") or value.get("file")
        prefix = "not " if value.get("inverted") else ""
        return f"{prefix}{_join(name, [_digest(value.get('sha256'))])}"
    return str(value)


def _file_facts(style: Mapping[str, Any]) -> Sequence[object]:
    return [style.get("file"), _digest(style.get("sha256"))]


def _digest(code: object) -> str | None:
    return f"hash {code[:SHOWN_DIGITS]}" if isinstance(code, str) else None


def _labeled(key: str, record: Mapping[str, Any]) -> str | None:
    return f"{key} {record[key]}" if key in record else None


def _join(value: object, details: Sequence[object]) -> str:
    """Write a value with details in brackets, less those that are missing."""
    present = ", ".join(str(detail) for detail in details if detail is not None)
    return f"{value} ({present})" if present else str(value)


def join_command(arguments: Sequence[str]) -> str:
    """Write a command with each argument quoted for the shell of this system."""
    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)
