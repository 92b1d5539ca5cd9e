"""What is compared: methods that paint a photograph in the manner of a painting, by the names that
a user gives them."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from impasto.errors import PictureError, StyleError
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.inference import predictor
from impasto.learning.evaluation import scorer
from impasto.learning.evaluation.scorer import ObjectiveScorer, to_uint8
from impasto.learning.optimization.baseline import lbfgs
from impasto.learning.optimization.run import new_optimization
from impasto.learning.optimization.settings import OptimizationSettings, scales_to
from impasto.models.network import NETWORKS, network_path, read_network
from impasto.models.style import PHOTO, SUFFIX, Style, read_style
from impasto.paths import GALLERY
from impasto.stylizer import Stylizer

BASELINES = {  # that paint nothing
    "recolored": scorer.recolored_picture,
    "double-exposure": scorer.double_exposure,
    "painting": scorer.painting_itself,
}
LBFGS = re.compile(r"lbfgs-(\d+)")
OPTIMIZED = re.compile(r"optimized-(\d+)")
STYLIZER = re.compile(rf"({'|'.join(NETWORKS)})(?:@(.+))?")
OF_OTHERS = (".png", ".jpg")  # pictures of another tool
KINDS = (
    f"{', '.join(NETWORKS)} (the painting as style), base@gallery, base@FOLDER (style files), lbfgs-N, "
    f"optimized-N, {', '.join(BASELINES)}, NAME=FOLDER (pictures of another tool, PHOTO.PAINTING.png)"
)


@dataclass(frozen=True)
class Pair:
    """A photograph to paint and the painting in whose manner, both at one short side."""

    photo: Path
    painting: Path
    short: int  # pixels

    @cached_property
    def pixels(self) -> UInt8:
        """The photograph that is painted, uint8 (H, W, 3)."""
        return scorer.load(self.photo, self.short)

    @property
    def name(self) -> str:
        """`photo.painting`, by which files are called."""
        return f"{self.photo.stem}.{self.painting.stem}"


@dataclass(frozen=True)
class MethodOutput:
    """A picture as large as the photograph, and how long the painting took, where that was seen."""

    picture: UInt8
    seconds: float | None = None


class Method(Protocol):
    """A way to paint. `label` names it in tables and files."""

    label: str

    def identity(self, pair: Pair) -> str:
        """All that the picture depends on but the pair itself: pictures of another identity are
        painted anew.

        Raises ImpastoError if the method cannot paint in this manner.
        """
        ...

    def paint(self, pair: Pair) -> MethodOutput:
        """Paint. Raises ImpastoError."""
        ...

    def minutes(self, painting: Path) -> float | None:
        """How long the training took, if it is known."""
        ...


class BaselineMethod:
    """What one gets without painting."""

    def __init__(self, label: str) -> None:
        self.label = label

    def identity(self, pair: Pair) -> str:
        return self.label

    def paint(self, pair: Pair) -> MethodOutput:
        return MethodOutput(
            BASELINES[self.label](pair.pixels, scorer.load(pair.painting, pair.short))
        )

    def minutes(self, painting: Path) -> float | None:
        return None


class ExternalImages:
    """Pictures that another tool painted, brought to the photograph's size if they have another."""

    def __init__(self, label: str, folder: Path) -> None:
        self.label, self.folder = label, folder

    def _file(self, pair: Pair) -> Path:
        places = [self.folder / f"{pair.name}{suffix}" for suffix in OF_OTHERS]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise PictureError(
                f"{self.label}: {places[0]} does not exist, nor with {' or '.join(OF_OTHERS[1:])}"
            )
        return found

    def identity(self, pair: Pair) -> str:
        return f"picture {file_hash(self._file(pair))}"

    def paint(self, pair: Pair) -> MethodOutput:
        picture = read(self._file(pair)).rgb
        height, width = pair.pixels.shape[:2]
        if picture.shape[:2] != (height, width):
            picture = np.array(
                Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
            )
        return MethodOutput(picture)

    def minutes(self, painting: Path) -> float | None:
        return None


class StylizerMethod:
    """Pictures of a stylizer, in styles found for the painting.

    Args:
        label: name in tables.
        stylizer: what paints.
        styles: style of each painting by its file's stem, or None to give the stylizer the painting
            itself.
        where: where those styles were found, in words.
    """

    def __init__(
        self, label: str, stylizer: Stylizer, styles: Mapping[str, Style] | None, where: str = ""
    ) -> None:
        self.label, self.stylizer, self.styles, self.where = label, stylizer, styles, where
        self._warm = False

    def _style(self, painting: Path) -> Style | Path:
        if self.styles is None:
            return painting
        if painting.stem not in self.styles:
            raise StyleError(
                f"{self.label}: no style in {self.where} has the source {painting.stem}; there are "
                f"{', '.join(sorted(self.styles)) or 'none'}"
            )
        return self.styles[painting.stem]

    def identity(self, pair: Pair) -> str:
        style, engine = self._style(pair.painting), self.stylizer.engine
        parts = [
            self.stylizer.network.name,
            self.stylizer.network.hash,
            engine.name,
            engine.precision,
        ]
        digest = hashlib.sha256()
        if isinstance(style, Style):
            for network in sorted(style.embeddings):
                digest.update(
                    f"{network} {style.hashes[network]} ".encode()
                    + style.embeddings[network].tobytes()
                )
        else:
            digest.update(predictor.predict(read(style).rgb, self.stylizer.network).tobytes())
        return " ".join((*parts, digest.hexdigest()[:12]))

    def paint(self, pair: Pair) -> MethodOutput:
        style = self._style(pair.painting)
        if not self._warm:  # the first picture waits for the engine to load and settle
            self.stylizer.stylize(pair.pixels, style)
            self._warm = True
        start = time.perf_counter()
        picture = self.stylizer.stylize(pair.pixels, style)
        return MethodOutput(picture, time.perf_counter() - start)

    def minutes(self, painting: Path) -> float | None:
        style = self._style(painting)
        if isinstance(style, Style):
            return _minutes(
                style.metadata.get(
                    "own.trained" if style.own else f"{self.stylizer.network.name}.trained", ""
                )
            )
        return _minutes(self.stylizer.network.metadata.get("trained", ""))


class Optimizer:
    """L-BFGS from the photograph; one run of a pair gives its curve and the pictures at all counts
    of iterations wanted."""

    def __init__(self, judge: ObjectiveScorer, counts: Sequence[int]) -> None:
        self.judge, self.counts = judge, sorted(counts)
        perceptual = judge.objective.perceptual
        self.identity = (
            f"L-BFGS, {perceptual.identity} {str(perceptual.dtype).removeprefix('torch.')}"
        )
        self._pair: Pair | None = None
        self._painted: dict[int, MethodOutput] = {}
        self._curve: list[float] = []

    def curve(self, pair: Pair) -> list[float]:
        """J after 0, 1, 2, ... iterations, as far as the most that are wanted."""
        self._run(pair)
        return self._curve

    def painted(self, pair: Pair, count: int) -> MethodOutput:
        """The picture after so many iterations."""
        self._run(pair)
        return self._painted[count]

    def _run(self, pair: Pair) -> None:
        if pair == self._pair:
            return
        painted: dict[int, MethodOutput] = {}
        content, style = self.judge.content(pair.photo), self.judge.style(pair.painting)
        start, curve = time.perf_counter(), []
        states = lbfgs(self.judge.objective, self.judge.tensor(pair.pixels), content, style)
        for state in islice(states, self.counts[-1] + 1):
            curve.append(state.total)
            if state.iteration in self.counts:
                painted[state.iteration] = MethodOutput(
                    to_uint8(state.picture), time.perf_counter() - start
                )
        self._pair, self._painted, self._curve = pair, painted, curve


class LBFGSMethod:
    """Pictures after some iterations of L-BFGS."""

    def __init__(self, optimizer: Optimizer, count: int) -> None:
        self.label, self.optimizer, self.count = f"lbfgs-{count}", optimizer, count

    def identity(self, pair: Pair) -> str:
        return f"{self.optimizer.identity}, {self.count} iterations"

    def paint(self, pair: Pair) -> MethodOutput:
        return self.optimizer.painted(pair, self.count)

    def minutes(self, painting: Path) -> float | None:
        return None


class OptimizeMethod:
    """`impasto optimize` with its defaults, but for the network that compares, which is the
    judge's."""

    def __init__(
        self, label: str, judge: ObjectiveScorer, iterations: int, stylizer: Callable[..., Stylizer]
    ) -> None:
        self.label, self.judge, self.iterations, self.stylizer = (
            label,
            judge,
            iterations,
            stylizer("base"),
        )

    def _settings(self, pair: Pair) -> OptimizationSettings:
        return OptimizationSettings(
            iterations=self.iterations, scales=scales_to(min(pair.pixels.shape[:2]))
        )

    def identity(self, pair: Pair) -> str:
        perceptual = self.judge.objective.perceptual
        start = StylizerMethod("", self.stylizer, None).identity(pair)
        return f"{self._settings(pair)}, {perceptual.identity} {perceptual.dtype}, {start}"

    def paint(self, pair: Pair) -> MethodOutput:
        start = time.perf_counter()
        run = new_optimization(
            pair.pixels,
            pair.painting,
            self.judge.objective.perceptual,
            self._settings(pair),
            self.stylizer,
        )
        while run.fraction < 1:
            run.train_step()
        return MethodOutput(run.painted(), time.perf_counter() - start)

    def minutes(self, painting: Path) -> float | None:
        return None


def find_methods(
    specs: Sequence[str], judge: ObjectiveScorer, stylizer: Callable[..., Stylizer] = Stylizer
) -> list[Method]:
    """Methods by what a user calls them; see `KINDS`.

    Args:
        specs: one for each method.
        judge: whose objective L-BFGS lowers.
        stylizer: makes a stylizer of a network.

    Raises:
        ValueError: a method is unknown, names a folder that is none, or two have one label; says
            what there is.
        ImpastoError: a network or a style file is broken.
    """
    counts = [int(match[1]) for spec in specs if (match := LBFGS.fullmatch(spec))]
    optimizer = Optimizer(judge, counts)
    methods: list[Method] = []
    for spec in specs:
        name, equals, folder = spec.partition("=")
        if equals and re.fullmatch(r"[\w.+-]+", name):
            methods.append(ExternalImages(name, _folder(folder)))
        elif spec in BASELINES:
            methods.append(BaselineMethod(spec))
        elif match := LBFGS.fullmatch(spec):
            methods.append(LBFGSMethod(optimizer, int(match[1])))
        elif match := OPTIMIZED.fullmatch(spec):
            methods.append(OptimizeMethod(spec, judge, int(match[1]), stylizer))
        elif match := STYLIZER.fullmatch(spec):
            methods.append(_stylized(match[1], match[2], stylizer))
        else:
            raise ValueError(f"no method is called {spec!r}; there are {KINDS}")
    labels = [method.label for method in methods]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise ValueError(f"two methods are called {twice}; give folders other names")
    return methods


def _stylized(network: str, where: str | None, stylizer: Callable[..., Stylizer]) -> StylizerMethod:
    """`base`, `base@gallery`, or `base@FOLDER` of style files; a folder that is a gallery brings
    its own network."""
    if where is None:
        return StylizerMethod(network, stylizer(network), None)
    folder = GALLERY if where == "gallery" else _folder(where)
    own = network_path(network, folder)
    files = sorted({*folder.glob(f"*{SUFFIX}"), *(folder / "styles").glob(f"*{SUFFIX}")})
    styles = {
        style.metadata.get("source", ""): style
        for style in map(read_style, files)
        if style.name != PHOTO
    }
    label = f"{network}@{'gallery' if where == 'gallery' else folder.resolve().name}"
    return StylizerMethod(
        label, stylizer(read_network(own) if own.exists() else network), styles, where
    )


def _folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{text} is no folder")
    return folder


def _minutes(trained: str) -> float | None:
    """Minutes in what a card says of training: `300 steps of 4, 5.0 minutes on cpu, then ...`."""
    found = re.findall(r"([\d.]+) minutes", trained)
    return sum(map(float, found)) if found else None


def file_hash(path: Path) -> str:
    """First 12 hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
