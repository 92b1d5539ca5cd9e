"""Scores on disk: a file of JSON lines that a stopped experiment continues from.

A line holds the values of one measure of one picture, and its conditions: a text that describes
all that the values depend on. Values under the same conditions are not computed again.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError
from impasto.learning.evaluation.scorer import Pair, Values

SCORES_FILE = "scores.jsonl"


class ScoreRecords:
    """Values by photograph, style picture, method, measure and conditions.

    Args:
        path: File of JSON lines, which is read if it exists. A last line that a killed run left
            unfinished is removed.

    Raises:
        ImpastoError: The file cannot be read, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values: dict[tuple[str, ...], Values] = {}
        if not path.exists():
            return
        try:
            *lines, unfinished = path.read_text(encoding="utf-8").split("\n")
            for line in lines:
                self._add(json.loads(line))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ImpastoError(
                f"cannot continue from {path}: it is no record of scores "
                f"({type(error).__name__}: {error}); delete it, or give another folder with -o"
            ) from error
        if unfinished:
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def __repr__(self) -> str:
        return f"ScoreRecords({str(self.path)!r}, {len(self._values)} records)"

    def _add(self, record: Mapping[str, Any]) -> None:
        fields = ("photo", "painting", "method", "measure", "conditions")
        self._values[tuple(str(record[field]) for field in fields)] = dict(record["values"])

    def get(self, pair: Pair, method: str, measure: str, conditions: str) -> Values | None:
        """Return the values of a measure under these conditions; None where there are none."""
        return self._values.get((pair.photo.stem, pair.painting.stem, method, measure, conditions))

    def put(self, pair: Pair, method: str, measure: str, conditions: str, values: Values) -> Values:
        """Keep values, append them to the file before returning, and return them.

        Raises:
            OSError: The file cannot be written.
        """
        record = {
            "photo": pair.photo.stem,
            "painting": pair.painting.stem,
            "method": method,
            "measure": measure,
            "conditions": conditions,
            "values": values,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._add(record)
        return values
