"""The command that repeats a painting, from the settings in its file.

A file may hold anything. So values of a wrong type or range count as missing, names of files lose
their folders, and the shell gets every argument quoted.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from impasto.choices import GRADIENTS, MAX_STROKE, MIN_STROKE, MODES, NETWORKS, TIMES, Wrap
from impasto.engines.base import PRECISIONS, available_engines
from impasto.engines.devices import CPU, DEVICES
from impasto.errors import ImpastoError
from impasto.files import file_digest
from impasto.images.formats import WRITABLE
from impasto.inference.masks import ALPHA, INVERT_PREFIX
from impasto.inference.record import GALLERY_PREFIX, PROGRAM, is_mix, package_version, style_digest
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import load_shipped

MAX_NAME = 255  # characters of the name of a file
MAX_DIGITS = 64  # of a hash
MAX_NUMBER = 1e9  # of any setting
AUTO_STROKE_SIDE, AUTO_STROKE_STEP = 1400, 4  # as `strokeOf` of the page (studio.js)


class Repetition:
    """A command, and what may keep it from painting the same pixels.

    Args:
        record: the settings in a painting, from `read_record`.
        painting: the file of the painting.
        size: its width and height, pixels.

    Attributes:
        command: arguments of `impasto`. A word in capitals stands for a file that has no name.
        notes: one sentence for each difference, and for each word in capitals.
    """

    def __init__(self, record: Mapping[str, Any], painting: Path, size: tuple[int, int]) -> None:
        self._record, self._painting, self._size = record, painting, size
        self.command: list[str] = []
        self.notes: list[str] = []
        self._build()
        self._compare()

    def __repr__(self) -> str:
        return f"Repetition({self.command})"

    @property
    def _is_of_page(self) -> bool:
        return "engine" not in self._record

    def _build(self) -> None:
        record = self._record
        photo = self._file(record.get("name"), record.get("photo_sha256"), "PHOTO")
        self.command += ["stylize", photo, "--style", self._mix(record["styles"])]
        for option, key, low, high in (
            ("--strength", "strength", 0, 1),
            ("--stroke", "stroke", MIN_STROKE, MAX_STROKE),
        ):
            if (number := _number(record.get(key), low, high)) is not None:
                self.command += [option, number]
        if record.get("stroke") == "auto":
            self.command += ["--stroke", f"{_auto_stroke(max(self._size)):g}"]
        self._add_colors()
        if isinstance(mask := record.get("mask"), dict):
            self.command += ["--mask", self._mask(mask)]
        regions = record.get("regions")
        for region in regions if isinstance(regions, list) else []:
            if isinstance(region, dict) and is_mix(region.get("styles")):
                mask = region.get("mask")
                text = self._mask(mask if isinstance(mask, dict) else {})
                self.command += ["--region", f"{text}={self._mix(region['styles'])}"]
        # the page writes the longer side; both give a painting of this size
        if record.get("size") is not None:
            self.command += ["--size", str(min(self._size))]
        if record.get("wrap") in get_args(Wrap):
            self.command += ["--wrap", record["wrap"]]
        self._add_engine()
        if (quality := _number(record.get("quality"), 1, 100, whole=True)) is not None:
            self.command += ["--quality", quality]
        suffix = self._painting.suffix if self._painting.suffix.lower() in WRITABLE else ".png"
        target = self._painting.with_name(f"{self._painting.stem}.again{suffix}")
        self.command += ["--output", _plain(str(target))]

    def _add_colors(self) -> None:
        record = self._record
        if record.get("color") in MODES:
            amount = _number(record.get("color_amount"), 0, 1)
            color = record["color"]
            self.command += ["--color", color if amount is None else f"{color}:{amount}"]
            if record.get("color_when") in TIMES:
                self.command += ["--color-when", record["color_when"]]

    def _add_engine(self) -> None:
        record = self._record
        if "own_network" in record:
            self.command += ["--network", "NETWORK"]
            code, gallery = (_text(record.get(key)) for key in ("network_hash", "gallery"))
            self.notes.append(
                f"NETWORK is a network file of gallery {gallery}, with the hash {code}"
            )
        elif record.get("network") in NETWORKS:
            self.command += ["--network", record["network"]]
        if record.get("engine") in available_engines():
            self.command += ["--engine", record["engine"]]
            # paintings of earlier versions do not name it, and were made on CPUs
            if (device := record.get("device", CPU)) in DEVICES:
                self.command += ["--device", device]
        if record.get("precision") in PRECISIONS:
            self.command += ["--precision", record["precision"]]
        if (threads := _number(record.get("threads"), 1, 4096, whole=True)) is not None:
            self.command += ["--threads", threads]

    def _mix(self, styles: Sequence[Mapping[str, Any]]) -> str:
        """Write styles as `--style` takes them."""
        if len(styles) == 1:
            return self._style(styles[0])
        return ",".join(
            f"{self._style(style)}:{_number(style['weight'], 0) or 1}" for style in styles
        )

    def _style(self, style: Mapping[str, Any]) -> str:
        name = style["id"].removeprefix(GALLERY_PREFIX)
        if not style["id"].startswith(GALLERY_PREFIX):
            return self._file(style.get("file"), style.get("sha256"), "STYLE", style.get("title"))
        if name not in gallery_names():
            self.notes.append(f"this gallery has no style {_text(name)}; give it for STYLE")
            return "STYLE"
        digest = style_digest(gallery_style(name))
        if style.get("sha256", digest) != digest:
            self.notes.append(f"the style {name} of this gallery is another one than it was")
        return name

    def _mask(self, mask: Mapping[str, Any]) -> str:
        name = mask.get("name")
        if name not in (ALPHA, *GRADIENTS):
            name = self._file(mask.get("file"), mask.get("sha256"), "MASK", name)
        return f"{INVERT_PREFIX if mask.get('inverted') is True else ''}{name}"

    def _file(self, name: object, digest: object, word: str, title: object = None) -> str:
        """Find a file of a painting near it; without a name, `word` stands for it."""
        base = (name if isinstance(name, str) else "").replace("\\", "/").rpartition("/")[2]
        base = base[:MAX_NAME]
        if base in ("", ".", ".."):
            kept = f" ({_text(title)})" if isinstance(title, str) and title else ""
            self.notes.append(f"the painting does not name the file {word}{kept}; put it there")
            return word
        found = [folder / base for folder in self._folders() if (folder / base).is_file()]
        known = digest if isinstance(digest, str) else None
        same = next((path for path in found if known in (None, file_digest(path))), None)
        if found and not same:
            self.notes.append(f"{found[0]} is another file than {base} of the painting was")
        if not found:
            self.notes.append(
                f"{base} was not found: it is not in this folder, nor in that of the painting or"
                " the one above; put it there"
            )
        return _plain(str(same or base))

    def _folders(self) -> tuple[Path, Path, Path]:
        """Return the folders in which to look: this one, that of the painting, and its parent."""
        folder = self._painting.parent
        above = folder.parent if folder.is_absolute() else _relative(folder.resolve().parent)
        return Path(), folder, above

    def _compare(self) -> None:
        """Note what is not as it was when the painting was made."""
        record, compare = self._record, self._note_change
        if self._is_of_page:
            self.notes.append(
                "the page painted this; the command line paints it alike, but not bit for bit"
            )
            return
        compare("impasto", record.get("version"), package_version(PROGRAM))
        name, engine = record.get("network"), record.get("engine")
        if name in NETWORKS:
            compare(f"the network {name}", record.get("network_hash"), _network_hash(name))
        if engine in available_engines():
            compare(engine, record.get("engine_version"), package_version(engine))
        else:
            self.notes.append(f"it was painted by the engine {_text(engine)}, which is missing")
        if "tile" in record:
            self.notes.append(
                f"memory was short, so it was painted in tiles of {_text(record['tile'])} pixels;"
                " with more memory, single pixels differ by a level"
            )

    def _note_change(self, subject: str, before: object, now: object) -> None:
        if before != now:
            self.notes.append(f"it was painted by {subject} {_text(before)}, and this is {now}")


def _relative(folder: Path) -> Path:
    """Write a folder as seen from this one, so that the command stays short."""
    try:
        return Path(os.path.relpath(folder))
    except ValueError:  # on another drive of Windows
        return folder


def _network_hash(name: Any) -> str | None:
    try:
        return load_shipped(name).hash
    except ImpastoError:  # a gallery that a user trained may lack it
        return None


def _auto_stroke(longest: int) -> float:
    """Return the stroke size that the page chooses for a painting."""
    steps = math.floor(longest / AUTO_STROKE_SIDE * AUTO_STROKE_STEP + 0.5)
    return min(MAX_STROKE, max(1.0, steps / AUTO_STROKE_STEP))


def _number(
    value: object, low: float = 0, high: float = math.inf, whole: bool = False
) -> str | None:
    """Write a number in full; None for anything else, and out of range."""
    kinds = int if whole else int | float
    if (
        not isinstance(value, kinds)
        or isinstance(value, bool)
        or not low <= value <= min(high, MAX_NUMBER)
    ):
        return None
    return repr(int(value)) if value == int(value) else repr(value)


def _text(value: object) -> str:
    """Return text of a record, cut to the length of a name; other values as they print."""
    return value[:MAX_NAME] if isinstance(value, str) else str(value)[:MAX_DIGITS]


def _plain(path: str) -> str:
    """Keep the name of a file from being read as an option, or as standard input."""
    return f"./{path}" if path.startswith("-") else path
