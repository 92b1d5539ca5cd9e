"""Methods of style transfer that an experiment compares, by the names that a user gives them."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from impasto.choices import NETWORKS
from impasto.errors import PictureError, StyleError
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.inference import predictor
from impasto.learning.evaluation import baselines
from impasto.learning.evaluation.scorer import ObjectiveScorer, Pair, to_uint8
from impasto.learning.optimization.baseline import lbfgs
from impasto.learning.optimization.run import new_optimization
from impasto.learning.optimization.settings import OptimizationSettings, scales_to
from impasto.models.network import network_path, read_network
from impasto.models.style import PHOTO, SUFFIX, Style, read_style
from impasto.paths import GALLERY, expand_home
from impasto.stylizer import Stylizer

BASELINES = {
    "recolored": baselines.recolored,
    "double-exposure": baselines.double_exposure,
    "painting": baselines.painting_itself,
}
LBFGS = re.compile(r"lbfgs-(\d+)")
OPTIMIZED = re.compile(r"optimized-(\d+)")
STYLIZER = re.compile(rf"({'|'.join(NETWORKS)})(?:@(.+))?")
EXTERNAL = re.compile(r"([\w.+-]+)=(.*)")
EXTERNAL_SUFFIXES = (".png", ".jpg")
METHOD_HELP = (
    f"{', '.join(NETWORKS)} (the painting as style), base@gallery, base@FOLDER (style files), "
    f"lbfgs-N, optimized-N, {', '.join(BASELINES)}, "
    "NAME=FOLDER (pictures of another tool, PHOTO.PAINTING.png)"
)
StylizerFactory = Callable[..., Stylizer]


@dataclass(frozen=True)
class MethodSpec:
    """The name of a method, parsed.

    Attributes:
        kind: The class of the method.
        label: Its name in tables and files.
        network: Name of the network, of a stylizer.
        iterations: Number of iterations, of an optimization.
        folder: Folder of style files, or of another tool's pictures.
    """

    kind: Literal["baseline", "external", "lbfgs", "optimized", "stylizer"]
    label: str
    network: str = ""
    iterations: int = 0
    folder: Path | None = None


@dataclass(frozen=True)
class MethodOutput:
    """A picture in the size of the photograph, and the time it took, where that is known."""

    picture: UInt8
    seconds: float | None = None


class Method(Protocol):
    """A method of style transfer. `label` is its name in tables and files."""

    label: str

    def identity(self, pair: Pair) -> str:
        """Describe all that the picture depends on, except for the pair itself.

        An experiment paints a picture again when this text has changed.

        Raises:
            ImpastoError: The method cannot paint in this style.
        """
        ...

    def paint(self, pair: Pair) -> MethodOutput:
        """Paint the photograph of a pair in the style of its painting.

        Raises:
            ImpastoError: The method cannot paint this pair.
        """
        ...

    def training_minutes(self, painting: Path) -> float | None:
        """Tell how many minutes the training for a style picture took, where that is known."""
        ...


class BaselineMethod:
    """A picture without style transfer; see `impasto.learning.evaluation.baselines`."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __repr__(self) -> str:
        return f"BaselineMethod({self.label!r})"

    def identity(self, pair: Pair) -> str:
        """Return the label: a baseline depends on nothing else."""
        return self.label

    def paint(self, pair: Pair) -> MethodOutput:
        """Make the baseline's picture."""
        return MethodOutput(BASELINES[self.label](pair.photo_pixels, pair.painting_pixels))

    def training_minutes(self, painting: Path) -> None:
        """Return None: a baseline is not trained."""


class ExternalImages:
    """Pictures of another tool, resized to the size of the photograph where they differ.

    Args:
        label: Name in tables and files.
        folder: Folder of pictures named `PHOTO.PAINTING.png` or `.jpg`.
    """

    def __init__(self, label: str, folder: Path) -> None:
        self.label, self.folder = label, folder

    def __repr__(self) -> str:
        return f"ExternalImages({self.label!r}, {str(self.folder)!r})"

    def _find(self, pair: Pair) -> Path:
        paths = [self.folder / f"{pair.name}{suffix}" for suffix in EXTERNAL_SUFFIXES]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise PictureError(
                f"cannot evaluate {self.label}: {paths[0]} does not exist; put the picture there, "
                f"as {' or '.join(EXTERNAL_SUFFIXES)}"
            )
        return path

    def identity(self, pair: Pair) -> str:
        """Describe the picture by the hash of its file."""
        return f"picture {hash_file(self._find(pair))}"

    def paint(self, pair: Pair) -> MethodOutput:
        """Read the picture of the other tool."""
        picture = read(self._find(pair)).rgb
        height, width = pair.photo_pixels.shape[:2]
        if picture.shape[:2] != (height, width):
            image = Image.fromarray(picture)
            picture = np.array(image.resize((width, height), Image.Resampling.LANCZOS))
        return MethodOutput(picture)

    def training_minutes(self, painting: Path) -> None:
        """Return None: impasto does not know how the other tool was trained."""


class StylizerMethod:
    """Pictures of a stylizer, in styles that were trained on the style pictures.

    Args:
        label: Name in tables and files.
        stylizer: The network that paints.
        styles: Style of each style picture by the stem of its file. With None, the stylizer gets
            the style picture itself.
        place: Place of these styles, for messages.
    """

    def __init__(
        self, label: str, stylizer: Stylizer, styles: Mapping[str, Style] | None, place: str = ""
    ) -> None:
        self.label, self.stylizer, self.styles, self.place = label, stylizer, styles, place
        self._warm_shape: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"StylizerMethod({self.label!r})"

    def _style(self, painting: Path) -> Style | Path:
        if self.styles is None:
            return painting
        if painting.stem not in self.styles:
            raise StyleError(
                f"cannot evaluate {self.label}: no style in {self.place} has the source "
                f"{painting.stem}; train one, or choose among "
                f"{', '.join(sorted(self.styles)) or 'none'}"
            )
        return self.styles[painting.stem]

    def identity(self, pair: Pair) -> str:
        """Describe the network, the engine, and a hash of the style's embeddings."""
        style, network, engine = (
            self._style(pair.painting),
            self.stylizer.network,
            self.stylizer.engine,
        )
        digest = hashlib.sha256()
        if isinstance(style, Style):
            for name in sorted(style.embeddings):
                digest.update(f"{name} {style.hashes[name]} ".encode())
                digest.update(style.embeddings[name].tobytes())
        else:
            digest.update(predictor.predict(read(style).opaque(), network).tobytes())
        code = digest.hexdigest()[:12]
        # earlier results, all of them painted on CPUs, do not name the device
        device = [] if engine.device == "cpu" else [engine.device]
        return " ".join((network.name, network.hash, engine.name, *device, engine.precision, code))

    def paint(self, pair: Pair) -> MethodOutput:
        """Paint, and time it from pixels to pixels."""
        style, photo = self._style(pair.painting), pair.photo_pixels
        if self._warm_shape != photo.shape:  # the first of a size waits for the engine
            self.stylizer.stylize(photo, style)
            self._warm_shape = photo.shape
        start = time.perf_counter()
        picture = self.stylizer.stylize(photo, style)
        return MethodOutput(picture, time.perf_counter() - start)

    def training_minutes(self, painting: Path) -> float | None:
        """Tell the minutes of training of the style, or of the network that predicts it."""
        style, network = self._style(painting), self.stylizer.network
        if not isinstance(style, Style):
            return parse_minutes(network.metadata.get("trained", ""))
        name = "own" if style.own else network.name
        return parse_minutes(style.metadata.get(f"{name}.trained", ""))


class LBFGSRuns:
    """L-BFGS from the photograph: one run of a pair gives J and the pictures on its way.

    Args:
        scorer: Scorer whose objective L-BFGS lowers.
        counts: Numbers of iterations whose pictures are wanted.
    """

    def __init__(self, scorer: ObjectiveScorer, counts: Sequence[int]) -> None:
        self.scorer, self.counts = scorer, sorted(counts)
        perceptual = scorer.objective.perceptual
        dtype = str(perceptual.dtype).removeprefix("torch.")
        self.identity = f"L-BFGS, {perceptual.identity} {dtype}"
        self._pair: Pair | None = None
        self._outputs: dict[int, MethodOutput] = {}
        self._curve: list[float] = []

    def __repr__(self) -> str:
        return f"LBFGSRuns({self.counts})"

    def curve(self, pair: Pair) -> list[float]:
        """Return J after 0, 1, 2, ... iterations, up to the largest of `counts`."""
        self._run(pair)
        return self._curve

    def output(self, pair: Pair, count: int) -> MethodOutput:
        """Return the picture after `count` iterations."""
        self._run(pair)
        return self._outputs[count]

    def _run(self, pair: Pair) -> None:
        if pair == self._pair:
            return
        outputs: dict[int, MethodOutput] = {}
        content, style = self.scorer.content(pair.photo), self.scorer.style(pair.painting)
        start, curve = time.perf_counter(), []
        photo = self.scorer.tensor(pair.photo_pixels)
        states = lbfgs(self.scorer.objective, photo, content, style)
        for state in islice(states, self.counts[-1] + 1):
            curve.append(state.total)
            if state.iteration in self.counts:
                seconds = time.perf_counter() - start
                outputs[state.iteration] = MethodOutput(to_uint8(state.picture), seconds)
        self._pair, self._outputs, self._curve = pair, outputs, curve


class LBFGSMethod:
    """Pictures after a number of iterations of L-BFGS (Gatys et al. 2016)."""

    def __init__(self, label: str, runs: LBFGSRuns, iterations: int) -> None:
        self.label, self.runs, self.iterations = label, runs, iterations

    def __repr__(self) -> str:
        return f"LBFGSMethod({self.label!r})"

    def identity(self, pair: Pair) -> str:
        """Describe the perceptual network and the number of iterations."""
        return f"{self.runs.identity}, {self.iterations} iterations"

    def paint(self, pair: Pair) -> MethodOutput:
        """Run L-BFGS, or take the picture from the run of this pair."""
        return self.runs.output(pair, self.iterations)

    def training_minutes(self, painting: Path) -> None:
        """Return None: L-BFGS is not trained."""


class OptimizeMethod:
    """Pictures of `impasto optimize` with its defaults, under the scorer's perceptual network.

    Args:
        label: Name in tables and files.
        scorer: Scorer whose perceptual network compares.
        iterations: Number of iterations.
        stylizer: Paints the picture that the optimization starts from.
    """

    def __init__(
        self, label: str, scorer: ObjectiveScorer, iterations: int, stylizer: Stylizer
    ) -> None:
        self.label, self.scorer, self.iterations = label, scorer, iterations
        self.stylizer = stylizer

    def __repr__(self) -> str:
        return f"OptimizeMethod({self.label!r})"

    def _settings(self, pair: Pair) -> OptimizationSettings:
        scales = scales_to(min(pair.photo_pixels.shape[:2]))
        return OptimizationSettings(iterations=self.iterations, scales=scales)

    def identity(self, pair: Pair) -> str:
        """Describe the settings, the perceptual network, and the start."""
        perceptual = self.scorer.objective.perceptual
        start = StylizerMethod("", self.stylizer, None).identity(pair)
        return f"{self._settings(pair)}, {perceptual.identity} {perceptual.dtype}, {start}"

    def paint(self, pair: Pair) -> MethodOutput:
        """Optimize a picture, and time it from pixels to pixels."""
        start = time.perf_counter()
        run = new_optimization(
            pair.photo_pixels,
            pair.painting,
            self.scorer.objective.perceptual,
            self._settings(pair),
            self.stylizer,
        )
        while run.fraction < 1:
            run.train_step()
        return MethodOutput(run.painted(), time.perf_counter() - start)

    def training_minutes(self, painting: Path) -> None:
        """Return None: an optimization is not trained."""


def parse_methods(names: Sequence[str]) -> list[MethodSpec]:
    """Parse the names of methods; see `METHOD_HELP`.

    Raises:
        ValueError: A name is unknown, a folder does not exist, or two methods have one label.
    """
    specs = [_parse_method(name) for name in names]
    labels = [spec.label for spec in specs]
    if double := next((label for label in labels if labels.count(label) > 1), None):
        raise ValueError(f"two methods are called {double}; give their folders different names")
    return specs


def _parse_method(name: str) -> MethodSpec:
    if match := EXTERNAL.fullmatch(name):
        return MethodSpec("external", match[1], folder=_parse_folder(match[2]))
    if name in BASELINES:
        return MethodSpec("baseline", name)
    if match := LBFGS.fullmatch(name):
        return MethodSpec("lbfgs", f"lbfgs-{int(match[1])}", iterations=int(match[1]))
    if match := OPTIMIZED.fullmatch(name):
        return MethodSpec("optimized", name, iterations=int(match[1]))
    if match := STYLIZER.fullmatch(name):
        network, place = match.groups()
        if place is None:
            return MethodSpec("stylizer", network, network)
        if place == "gallery":
            return MethodSpec("stylizer", f"{network}@gallery", network, folder=GALLERY)
        folder = _parse_folder(place)
        return MethodSpec("stylizer", f"{network}@{folder.resolve().name}", network, folder=folder)
    raise ValueError(f"no method is called {name!r}; use {METHOD_HELP}")


def _parse_folder(text: str) -> Path:
    folder = expand_home(text)
    if not folder.is_dir():
        raise ValueError(f"{text!r} is no folder; check the path")
    return folder


def load_methods(
    specs: Sequence[MethodSpec], scorer: ObjectiveScorer, stylizer: StylizerFactory = Stylizer
) -> list[Method]:
    """Load the methods of an experiment.

    Args:
        specs: Methods, as `parse_methods` returns them.
        scorer: Scorer whose objective optimizations lower.
        stylizer: Makes a stylizer of a network's name or of a network.

    Raises:
        ImpastoError: A network or a style file is missing or broken.
    """
    counts = [spec.iterations for spec in specs if spec.kind == "lbfgs"]
    runs = LBFGSRuns(scorer, counts)
    methods: list[Method] = []
    for spec in specs:
        if spec.kind == "external":
            assert spec.folder is not None
            methods.append(ExternalImages(spec.label, spec.folder))
        elif spec.kind == "baseline":
            methods.append(BaselineMethod(spec.label))
        elif spec.kind == "lbfgs":
            methods.append(LBFGSMethod(spec.label, runs, spec.iterations))
        elif spec.kind == "optimized":
            methods.append(OptimizeMethod(spec.label, scorer, spec.iterations, stylizer("base")))
        else:
            methods.append(_load_stylizer(spec, stylizer))
    return methods


def _load_stylizer(spec: MethodSpec, stylizer: StylizerFactory) -> StylizerMethod:
    """Load a stylizer with the styles of its folder, and with the folder's own network if any."""
    if spec.folder is None:
        return StylizerMethod(spec.label, stylizer(spec.network), None)
    files = {
        *spec.folder.glob(f"*{SUFFIX}"),
        *(spec.folder / "styles").glob(f"*{SUFFIX}"),
    }
    styles = {
        style.metadata.get("source", ""): style
        for style in map(read_style, sorted(files))
        if style.name != PHOTO
    }
    own = network_path(spec.network, spec.folder)
    network = read_network(own) if own.exists() else spec.network
    place = "gallery" if spec.folder == GALLERY else str(spec.folder)
    return StylizerMethod(spec.label, stylizer(network), styles, place)


def parse_minutes(trained: str) -> float | None:
    """Sum the minutes in a style's training record; None where it names none.

    A record reads `300 steps of 4, 5.0 minutes on cpu, then ...`.
    """
    minutes = re.findall(r"([\d.]+) minutes", trained)
    return sum(map(float, minutes)) if minutes else None


def hash_file(path: Path) -> str:
    """Return the first 12 hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
