"""Pictures x paintings x methods: painted, saved, read back, scored; resumable, since every figure
is written down at once.

A line of `scores.jsonl` is what one measure says of one picture, under its conditions: all that the
figures depend on. What stands there under the same conditions is not computed again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.errors import ImpastoError, PictureError
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.evaluation import metrics, scorer
from impasto.learning.evaluation.inception import Inception
from impasto.learning.evaluation.lpips import SqueezeNet
from impasto.learning.evaluation.methods import LBFGSMethod, Method, Optimizer, Pair, file_hash
from impasto.learning.evaluation.metrics import ADAIN_CONTENT_LAYER, ADAIN_LAYERS, CFSD_LAYER
from impasto.learning.evaluation.scorer import ObjectiveScorer
from impasto.learning.networks.perceptual import tensors_hash
from impasto.learning.optimization.baseline import equivalent_iterations
from impasto.learning.tensors import to_tensor

Measure = Literal["canonical", "adain", "cfsd", "ssim", "lpips"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
Values = dict[str, Any]

SCORES = "scores.jsonl"
PAINTED, CURVE = (
    "painted",
    "curve",
)  # lines that are no measures: a picture, and the optimizer's J by iteration


class Records:
    """Figures in a file of JSON lines, each under what it depends on.

    Args:
        path: read if it is there; a last line that a killed run left unfinished does not count.

    Raises:
        ImpastoError: the file cannot be read, or is of something else.
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
                f"{path} is no record of scores ({type(error).__name__}: {error}); delete it or give another -o"
            ) from error
        if unfinished:
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _add(self, line: Mapping[str, Any]) -> None:
        key = tuple(
            str(line[name]) for name in ("photo", "painting", "method", "measure", "conditions")
        )
        self._values[key] = dict(line["values"])

    def get(self, pair: Pair, method: str, measure: str, conditions: str) -> Values | None:
        return self._values.get((pair.photo.stem, pair.painting.stem, method, measure, conditions))

    def put(self, pair: Pair, method: str, measure: str, conditions: str, values: Values) -> Values:
        """Keep figures, in the file too before this returns. Raises OSError."""
        line = {
            "photo": pair.photo.stem,
            "painting": pair.painting.stem,
            "method": method,
            "measure": measure,
            "conditions": conditions,
            "values": values,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._add(line)
        return values


class MeasureScorer:
    """Measures of pictures. What a photograph and a painting give is computed once, and so are a
    picture's features.

    Args:
        judge: the canonical objective; its perceptual network is that of AdaIN's measures and CFSD
            too.
        wanted: measures to take.
        squeeze: network of LPIPS, where that is wanted.
        heads: of LPIPS; see `measures.lpips`.
    """

    def __init__(
        self,
        judge: ObjectiveScorer,
        wanted: Sequence[Measure],
        squeeze: SqueezeNet | None = None,
        heads: Sequence[torch.Tensor] | None = None,
    ) -> None:
        self.judge, self.wanted, self.squeeze, self.heads = judge, wanted, squeeze, heads
        self.perceptual = judge.objective.perceptual
        self._photo: tuple[Path | None, dict[str, torch.Tensor]] = (None, {})
        self._squeezed: tuple[Path | None, list[torch.Tensor]] = (None, [])
        self._moments: dict[Path, dict[str, torch.Tensor]] = {}

    def by(self, measure: Measure) -> str:
        """The network that a measure looks through, and how: figures by another do not compare."""
        if measure == "ssim":
            return "pixels"
        if measure == "lpips":
            assert self.squeeze is not None
            if self.heads is None:
                return f"{self.squeeze.identity}, no heads"
            named = {f"lin{layer}": head for layer, head in enumerate(self.heads)}
            return f"{self.squeeze.identity}, heads {tensors_hash(named)}"
        return f"{self.perceptual.identity} {str(self.perceptual.dtype).removeprefix('torch.')}"

    @torch.no_grad()
    def score(self, picture: UInt8, pair: Pair, wanted: Sequence[Measure]) -> dict[Measure, Values]:
        """What these measures say of a picture (H, W, 3) as large as the photograph. Raises
        PictureError if it is not."""
        if picture.shape != pair.pixels.shape:
            raise PictureError(
                f"a picture of {picture.shape[1]}x{picture.shape[0]} pixels is not as large as the photograph"
            )
        found: dict[Measure, Values] = {}
        if "canonical" in wanted:
            found["canonical"] = asdict(self.judge.score(picture, pair.photo, pair.painting))
        if "adain" in wanted or "cfsd" in wanted:
            features, photo = (
                self.perceptual(self.judge.tensor(picture), ADAIN_LAYERS),
                self._photo_features(pair),
            )
            if "adain" in wanted:
                content = metrics.adain_content(
                    features[ADAIN_CONTENT_LAYER], photo[ADAIN_CONTENT_LAYER]
                )
                style = metrics.adain_style(features, self._painting_moments(pair))
                found["adain"] = {"AdaIN content": content, "AdaIN style": style}
            if "cfsd" in wanted:
                found["cfsd"] = {"CFSD": metrics.cfsd(features[CFSD_LAYER], photo[CFSD_LAYER])}
        if "ssim" in wanted:
            found["ssim"] = {"SSIM": metrics.ssim(picture, pair.pixels)}
        if "lpips" in wanted:
            assert self.squeeze is not None
            distance = metrics.lpips(
                self.squeeze(to_tensor([picture])), self._photo_squeezed(pair), self.heads
            )
            found["lpips"] = {self.lpips_name: distance}
        return found

    @property
    def lpips_name(self) -> str:
        """LPIPS only with its heads."""
        return "LPIPS-style (no heads)" if self.heads is None else "LPIPS"

    def _photo_features(self, pair: Pair) -> dict[str, torch.Tensor]:
        if self._photo[0] != pair.photo:
            self._photo = (
                pair.photo,
                self.perceptual(self.judge.tensor(pair.pixels), [CFSD_LAYER, ADAIN_CONTENT_LAYER]),
            )
        return self._photo[1]

    def _photo_squeezed(self, pair: Pair) -> list[torch.Tensor]:
        assert self.squeeze is not None
        if self._squeezed[0] != pair.photo:
            self._squeezed = pair.photo, self.squeeze(to_tensor([pair.pixels]))
        return self._squeezed[1]

    def _painting_moments(self, pair: Pair) -> dict[str, torch.Tensor]:
        if pair.painting not in self._moments:
            features = self.perceptual(
                self.judge.tensor(scorer.load(pair.painting, pair.short)), ADAIN_LAYERS
            )
            self._moments[pair.painting] = {
                layer: metrics.mean_and_deviation(f) for layer, f in features.items()
            }
        return self._moments[pair.painting]


@dataclass(frozen=True)
class ScoreRow:
    """All that is known of one method on one pair."""

    pair: Pair
    method: str
    picture: Path
    values: Values  # by column: C, S, J, worth, milliseconds, AdaIN content, ...
    minutes: float | None  # of training


class Experiment:
    """A run over pairs and methods.

    Args:
        photos: photographs; file stems must differ, as they name pictures.
        paintings: whose manner is wanted; likewise.
        methods: what paints.
        scorer: what measures.
        folder: where pictures and figures go, and where those of an earlier run are found.

    Raises:
        ImpastoError: two files have one stem, or the folder holds something else.
    """

    def __init__(
        self,
        photos: Sequence[Path],
        paintings: Sequence[Path],
        methods: Sequence[Method],
        scorer: MeasureScorer,
        folder: Path,
    ) -> None:
        for paths in (photos, paintings):
            stems = [path.stem for path in paths]
            if twice := next((path for path in paths if stems.count(path.stem) > 1), None):
                raise ImpastoError(
                    f"two pictures are called {twice.stem}, which names what is painted of them; rename one"
                )
        self.photos, self.paintings, self.methods, self.scorer, self.folder = (
            photos,
            paintings,
            methods,
            scorer,
            folder,
        )
        self.records = Records(folder / SCORES)
        self._hashes: dict[Path, str] = {}

    def __len__(self) -> int:
        return len(self.photos) * len(self.paintings) * len(self.methods)

    def run(self) -> Iterator[ScoreRow | ImpastoError]:
        """Rows, photograph by photograph, as they are done; where a pair failed, why."""
        for photo in self.photos:
            for painting in self.paintings:
                pair = Pair(photo, painting, self.scorer.judge.short)
                for method in self.methods:
                    try:
                        yield self._row(pair, method)
                    except ImpastoError as error:
                        yield error

    def _row(self, pair: Pair, method: Method) -> ScoreRow:
        conditions = f"{pair.short} pixels, photo {self._hash(pair.photo)}, painting {self._hash(pair.painting)}"
        identity = f"{conditions}, {method.identity(pair)}"
        path = self.folder / "pictures" / f"{pair.short}" / method.label / f"{pair.name}.png"
        painted = self.records.get(pair, method.label, PAINTED, f"{pair.short} pixels")
        if (
            painted is None or painted["identity"] != identity or not path.is_file()
        ):  # the file holds what was painted last
            done = method.paint(pair)
            write(path, Picture(done.picture))
            seen = {"identity": identity, "milliseconds": done.seconds and 1000 * done.seconds}
            painted = self.records.put(pair, method.label, PAINTED, f"{pair.short} pixels", seen)
        values: Values = {"milliseconds": painted["milliseconds"]}
        by = {
            measure: f"{identity}; by {self.scorer.by(measure)}" for measure in self.scorer.wanted
        }
        known = {
            measure: self.records.get(pair, method.label, measure, by[measure]) for measure in by
        }
        if missing := [measure for measure, found in known.items() if found is None]:
            for measure, scored in self.scorer.score(read(path).rgb, pair, missing).items():
                known[measure] = self.records.put(pair, method.label, measure, by[measure], scored)
        for found in known.values():
            values |= found or {}
        if self._optimizer and "J" in values:
            values["worth"] = equivalent_iterations(
                values["J"], self._curve(pair, conditions, self._optimizer)
            )
        return ScoreRow(pair, method.label, path, values, method.minutes(pair.painting))

    @cached_property
    def _optimizer(self) -> Optimizer | None:
        """The L-BFGS that pictures are worth iterations of, if any is among the methods."""
        return next(
            (method.optimizer for method in self.methods if isinstance(method, LBFGSMethod)), None
        )

    @property
    def iterations(self) -> int:
        """How far the optimizer goes: what is worth more is not told from what is worth much
        more."""
        return self._optimizer.counts[-1] if self._optimizer else 0

    def _curve(self, pair: Pair, conditions: str, optimizer: Optimizer) -> list[float]:
        """J after 0, 1, 2, ... iterations, from the record if it goes far enough there."""
        conditions = f"{conditions}, {optimizer.identity}"
        known = self.records.get(pair, "lbfgs", CURVE, conditions)
        if known is None or len(known["J"]) <= self.iterations:
            known = self.records.put(pair, "lbfgs", CURVE, conditions, {"J": optimizer.curve(pair)})
        return list(known["J"][: self.iterations + 1])

    def _hash(self, path: Path) -> str:
        if path not in self._hashes:
            try:
                self._hashes[path] = file_hash(path)
            except OSError as error:
                raise PictureError(f"cannot read {path}: {error.strerror or error}") from error
        return self._hashes[path]


def frechet(
    rows: Sequence[ScoreRow], inception: Inception, kept: dict[Path, NDArray[np.floating]]
) -> float | None:
    """Frechet distance of the pictures in `rows` to their paintings, one for each; None where they
    are too few.

    Args:
        rows: of one method.
        inception: the network; its identity says whether this is FID or ArtFID's own.
        kept: features by file, which calls share.
    """
    if len({row.pair.painting for row in rows}) < 2:
        return None
    for row in rows:
        if row.picture not in kept:
            kept[row.picture] = inception(to_tensor([read(row.picture).rgb]))[0].numpy()
        if row.pair.painting not in kept:
            kept[row.pair.painting] = inception(
                to_tensor([scorer.load(row.pair.painting, row.pair.short)])
            )[0].numpy()
    pictures, paintings = (
        np.stack([kept[path] for path in paths]) for paths in zip(*_files(rows), strict=True)
    )
    return metrics.frechet_distance(pictures, paintings)


def _files(rows: Sequence[ScoreRow]) -> list[tuple[Path, Path]]:
    return [(row.picture, row.pair.painting) for row in rows]
