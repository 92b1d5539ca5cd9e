"""The recipe of `impasto optimize`: from a photograph and a style to a painting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto.choices import When
from impasto.errors import PictureError, TrainingError
from impasto.hardware import available_cores
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.resize import resize_picture
from impasto.images.writing import write
from impasto.inference.color import color_after, keep_color, parse_color
from impasto.inference.masks import Mask
from impasto.inference.regions import Region
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.learning.losses.objective import STYLE_WEIGHT
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.optimization.run import Optimization, new_optimization
from impasto.learning.optimization.settings import (
    MIN_SHORT_SIDE,
    OptimizationSettings,
    OptimizationTerms,
    SolverName,
    Start,
    StyleLoss,
    scales_to,
)
from impasto.learning.training.checkpoints import has_checkpoint, remove_checkpoints
from impasto.learning.training.inputs import load_losses, set_threads
from impasto.learning.training.loop import PreviewFile, keep_training
from impasto.models.default_network import NetworkOrder, choose_network
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.progress import OnProgress
from impasto.stylizer import Stylizer

ITERATIONS = 100  # at each scale, where no length is given
INTERRUPTED = "interrupted"
# Networks that paint the start, in the order of preference. What `base` stamps on a smooth sky, an
# optimization keeps; `large` hardly stamps (docs/explanation/optimize.md).
START_ORDER = NetworkOrder(learned=("large", "base", "small"), predicted=("large", "base", "small"))


@dataclass(frozen=True, eq=False)
class OptimizeResult:
    """The painting of an optimization, and how it came to be.

    Attributes:
        painting: uint8 RGB (H, W, 3).
        width: of the painting, pixels.
        height: of the painting, pixels.
        iterations: done, at all scales together; 0: `painting` is still the photograph.
        seconds: spent, resumed runs included.
        losses: each loss term of the painting, by name; C and S are those of the objective.
        loss: their weighted sum.
        stopped: why the run ended early ("interrupted", or an error); None at its end.
        output: the file written, if there is one.
    """

    painting: UInt8
    width: int
    height: int
    iterations: int
    seconds: float
    losses: Mapping[str, float]
    loss: float
    stopped: str | None = None
    output: Path | None = None

    def __repr__(self) -> str:
        return f"OptimizeResult({self.width}x{self.height}, {self.iterations} iterations)"


def load_photo(photo: str | Path | UInt8 | Picture, size: int) -> Picture:
    """Read a photograph and bring its short side to `size` pixels, or leave it if it has less.

    Raises:
        PictureError: it cannot be read, or is too small to optimize.
    """
    name = photo if isinstance(photo, str | Path) else "the photograph"
    if isinstance(photo, str | Path):
        picture = read(photo)
    else:
        picture = photo if isinstance(photo, Picture) else Picture(photo)
    short = min(size, picture.width, picture.height)
    if short < MIN_SHORT_SIDE:
        raise PictureError(
            f"cannot optimize {name}: it has {picture.width}x{picture.height} pixels, too few; "
            f"give {MIN_SHORT_SIDE} or more"
        )
    return resize_picture(picture, short)


def checkpoint_of(output: Path) -> Path:
    """Name the checkpoint of a run that writes `output`."""
    return output.with_name(f"{output.name}.checkpoint")


def optimize_photo(
    photo: str | Path | UInt8 | Picture,
    style: str | Path | Style | Mix | StylizeSettings,
    *,
    size: int = 512,
    style_size: int | None = None,
    iterations: int | None = None,
    minutes: float | None = None,
    scales: Sequence[int] | None = None,
    start: Start = "painted",
    solver: SolverName = "lbfgs",
    ema: float = 0.0,
    style_loss: StyleLoss = "gram",
    content_weight: float = 1.0,
    style_weight: float = STYLE_WEIGHT,
    histogram_weight: float = 0.0,
    tv_weight: float = 0.0,
    layer_weights: Mapping[str, float] | None = None,
    color: str | None = None,
    color_when: When = "after",
    mask: str | Path | UInt8 | Mask | None = None,
    regions: Sequence[str | Region] = (),
    perceptual: str | PerceptualNetwork = "lite",
    tile: int | None = None,
    precision: str = "auto",
    threads: int | None = None,
    seed: int = 0,
    quality: int = 92,
    preview_every: float = 0,
    output: str | Path | None = None,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> OptimizeResult:
    """Paint one photograph by optimizing its pixels.

    Ctrl-C ends a run early: the result then is the painting so far.

    Args:
        photo: a path, a `Picture` or uint8 RGB (H, W, 3).
        style: a picture, or a style that remembers its picture; or settings, which then stand for
            `color`, `mask` and `regions` too.
        size: shorter side of the painting, pixels; smaller photographs keep their size.
        style_size: short side of the styles' pictures, pixels; larger: larger strokes.
        iterations: at each scale; 100 where `minutes` is not given either.
        minutes: length of the run instead of `iterations`.
        scales: short sides from coarse to fine, pixels, below that of the painting.
        start: "painted", "photo" or "noise", see `OptimizationSettings`.
        solver: "lbfgs" or "adam".
        ema: of Adam: decay of a running mean of its pictures.
        style_loss: "gram", "wasserstein" or "sliced", see `OptimizationTerms`.
        content_weight: weight of C.
        style_weight: weight of S.
        histogram_weight: weight of histograms of features.
        tv_weight: weight of total variation.
        layer_weights: weights of style layers; those left out have 1.
        color: whose colors the painting has, as in `impasto.stylize`.
        color_when: "after" or "before" painting.
        mask: where to paint, as in `impasto.stylize`.
        regions: other styles in places, as in `impasto.stylize`.
        perceptual: "lite", "vgg19", "vgg16", or a loaded network.
        tile: side of tiles, pixels; 0: none.
        precision: of the networks: "auto", "bf16" or "f32".
        threads: of the CPU; by default all cores.
        seed: of everything random.
        quality: of JPEG, WebP and AVIF.
        preview_every: seconds between previews beside `output`; 0: none.
        output: file to write; checkpoints stand beside it. Without it, nothing is written.
        resume: go on from the checkpoint of an earlier run, if there is one.
        on_progress: called after every iteration, and at once where a run is resumed.

    Raises:
        ImpastoError: an input cannot be read, a style has no picture, or the checkpoint is that of
            another run.
    """
    if isinstance(style, StylizeSettings):
        settings = style
    else:
        wanted = parse_color(color, color_when) if color else None
        settings = parse_settings(style, color=wanted, mask=mask, regions=regions)
    picture = load_photo(photo, size)
    settings = use_alpha(settings, picture)
    short = min(picture.width, picture.height)
    terms = OptimizationTerms(content_weight, style_weight, tv_weight, histogram_weight, style_loss)
    run_settings = OptimizationSettings(
        iterations=iterations or (None if minutes else ITERATIONS),
        minutes=minutes,
        scales=(*(s for s in sorted(scales) if s < short), short) if scales else scales_to(short),
        start=start,
        terms=replace(terms, layers=dict(terms.layers) | dict(layer_weights or {})),
        solver=solver,
        ema=ema,
        tile=tile,
        seed=seed,
    )
    set_threads(threads or available_cores())
    if isinstance(perceptual, str):
        perceptual = load_losses(perceptual, precision)
    network = choose_network(settings.mixes, START_ORDER)
    stylizer = Stylizer(network, threads=threads, precision=precision)
    run = new_optimization(picture.rgb, settings, perceptual, run_settings, stylizer, style_size)
    target = Path(output) if output else None
    if resume and target and has_checkpoint(checkpoint_of(target)):
        run.load(checkpoint_of(target))
        if on_progress:
            on_progress(run.progress)

    def finished() -> Picture:
        kept, _ = keep_color(run.painted(), picture.rgb, color_after(settings.color))
        return replace(picture, rgb=kept)

    stopped = _run_to_end(run, target, finished, preview_every, on_progress)
    if run.step and target:
        write(target, finished(), quality)
    if target and stopped is None:
        remove_checkpoints(checkpoint_of(target))
    progress, painting = run.progress, finished().rgb
    height, width = painting.shape[:2]
    return OptimizeResult(
        painting,
        width,
        height,
        run.step,
        progress.seconds,
        progress.losses,
        progress.loss or 0.0,
        stopped,
        target if run.step else None,
    )


def _run_to_end(
    run: Optimization,
    target: Path | None,
    finished: Callable[[], Picture],
    preview_every: float,
    on_progress: OnProgress | None,
) -> str | None:
    """Do all iterations; return why the run ended early, or None.

    With a target, checkpoints and previews are written beside it.
    """
    report = on_progress or (lambda progress: None)
    try:
        if target is None:
            while run.fraction < 1:
                run.train_step()
                report(run.progress)
        else:
            path = target.with_name(f"{target.name}.preview.jpg")
            preview = PreviewFile(path, finished, is_resumed=run.step > 0)
            shows = preview.write if preview_every else None
            keep_training(run, checkpoint_of(target), report, shows, preview_every)
            preview.remove()  # the painting itself takes its place
    except KeyboardInterrupt:
        return INTERRUPTED
    except TrainingError as error:
        return str(error)
    return None


def use_alpha(settings: StylizeSettings, picture: Picture) -> StylizeSettings:
    """Bind masks that stand for the photograph's transparency to a photograph."""
    regions = [replace(r, mask=r.mask.with_alpha(picture.alpha)) for r in settings.regions]
    mask = settings.mask and settings.mask.with_alpha(picture.alpha)
    return replace(settings, mask=mask, regions=regions)
