"""The work of each kind of job: requests that were read become calls of the package's recipes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from impasto.images.formats import WRITERS
from impasto.images.reading import to_picture
from impasto.images.writing import encode
from impasto.inference.file_pipeline import FileOptions, stylize_bytes
from impasto.inference.predictor import predict_style
from impasto.models.default_network import CLIP_ORDER, PICTURE_ORDER, resolve_network
from impasto.models.network import NetworkChoice, chosen_networks, load_shipped
from impasto.models.style import SUFFIX, Style
from impasto.progress import Progress
from impasto.server.fields import Order
from impasto.server.jobs import Job, Result
from impasto.server.problems import Problem, problem_of
from impasto.server.studio import Studio, has_torch
from impasto.server.styles import style_name
from impasto.server.uploads import Upload, VideoUpload, keep_file, work_folder
from impasto.video.formats import VideoOptions, written_suffix
from impasto.video.stylize import stylize_video

PictureFormat = Literal["png", "jpeg", "webp", "avif", "tiff"]
VideoFormat = Literal["mp4", "webm", "mkv", "mov", "gif", "webp"]
MEDIA_TYPES = {
    **{suffix: f"image/{format.name.lower()}" for suffix, format in WRITERS.items()},
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ts": "video/mp2t",
    ".mts": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".gif": "image/gif",
    ".apng": "image/apng",
    SUFFIX: "application/octet-stream",
}
PREVIEW_SECONDS = 5.0  # between previews of a long job
MAX_HEADER = 200  # characters of a header of ours


@dataclass(frozen=True, eq=False)
class StylizeWork:
    """Paints a picture.

    Attributes:
        studio: whose networks paint.
        photo: the picture.
        order: how to paint it.
        size: pixels of the painting's shorter side, or None.
        format: of the painting; None for that of the photo.
        pixels: of the photo.
    """

    studio: Studio
    photo: Upload
    order: Order
    size: int | None
    format: PictureFormat | None
    pixels: int

    def __call__(self, job: Job) -> Result:
        """Paint, in the thread of a lane."""
        began = time.perf_counter()
        settings = self.order.load()
        job.check()
        wanted = self.order.fields.network or self.studio.settings.network
        network = str(resolve_network(wanted, settings.mixes, PICTURE_ORDER))
        fields, max_pixels = self.order.fields, self.studio.settings.max_pixels
        options = FileOptions(
            self.size, fields.quality, max_pixels, embed_settings=fields.embed_settings
        )
        data, suffix = stylize_bytes(
            self.photo.data,
            self.photo.name,
            f".{self.format}" if self.format else "",
            self.studio.stylizer(network),
            settings,
            options,
            job.advance,
        )
        seconds = time.perf_counter() - began
        self.studio.measured(network, self.pixels, seconds)
        name = f"{self.photo.stem}.{settings.style.name}{suffix}"
        headers = _facts(settings.style.name, network, seconds)
        return Result.of_bytes(data, MEDIA_TYPES[suffix], name, headers)


@dataclass(frozen=True, eq=False)
class VideoWork:
    """Paints a video.

    Attributes:
        studio: whose networks paint.
        video: the video.
        order: how to paint it.
        options: how to read and write it.
        format: of the painting; None for that of the video.
        steady: whether paint stays still where the scene is still.
        flow: whether strokes follow the motion.
    """

    studio: Studio
    video: VideoUpload
    order: Order
    options: VideoOptions
    format: VideoFormat | None
    steady: bool
    flow: bool

    def __call__(self, job: Job) -> Result:
        """Paint, in the thread of a lane."""
        began = time.perf_counter()
        settings = self.order.load()
        job.check()
        wanted = self.order.fields.network or self.studio.settings.network
        network = str(resolve_network(wanted, settings.mixes, CLIP_ORDER))
        with work_folder() as folder:
            source = folder / f"source{self.video.suffix}"
            _write(source, self.video, job)
            suffix = f".{self.format}" if self.format else written_suffix(source).lower()
            target = folder / f"painting{suffix}"
            with _Renamed(source, self.video.name):
                stylize_video(
                    source,
                    target,
                    settings,
                    self.studio.stylizer(network),
                    self.options,
                    steady=self.steady,
                    flow=self.flow,
                    on_progress=job.report,
                )
            file, size = keep_file(target)
        name = f"{self.video.stem}.{settings.style.name}{suffix}"
        headers = _facts(settings.style.name, network, time.perf_counter() - began)
        return Result(MEDIA_TYPES[suffix], name, file, size, headers)


def _write(target: Path, video: VideoUpload, job: Job) -> None:
    """Give an upload a path, as the recipes of videos need one."""
    video.file.seek(0)
    with target.open("wb") as file:
        while block := video.file.read(1 << 20):
            job.check()
            file.write(block)


class _Renamed:
    """Let errors name an upload by the name that its client knows, and not by its path here."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = str(path), name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is not None and self._path in str(error):
            problem = problem_of(error)
            detail = problem.detail.replace(self._path, self._name)
            raise Problem(problem.status, detail) from error


@dataclass(frozen=True, eq=False)
class PredictWork:
    """Makes a style file of a picture, by the style predictors.

    Attributes:
        picture: the picture.
        name: of the style; None for that of the picture's file.
        networks: for which the style is.
    """

    picture: Upload
    name: str | None
    networks: NetworkChoice

    def __call__(self, job: Job) -> Result:
        """Predict, in the thread of a lane."""
        began = time.perf_counter()
        pixels = to_picture(self.picture.data, self.picture.name).opaque()
        job.check()
        name = self.name or style_name(self.picture.stem)
        networks = [load_shipped(network) for network in chosen_networks(self.networks)]
        style = predict_style(pixels, name, networks)
        return _style_result(style, self.networks, time.perf_counter() - began)


@dataclass(frozen=True, eq=False)
class TrainWork:
    """Learns a style from a picture.

    Attributes:
        picture: the picture.
        name: of the style; None for that of the picture's file.
        network: for which to learn.
        minutes: length of the run.
        steps: length of the run in steps, in place of minutes.
        threads: to compute with; None: all cores.
    """

    picture: Upload
    name: str | None
    network: NetworkChoice
    minutes: float
    steps: int | None
    threads: int | None

    def __call__(self, job: Job) -> Result:
        """Learn, in the thread of a lane; previews show the style as it is learned."""
        began = time.perf_counter()
        require_torch("train a style")
        from impasto.learning.training.style import train_style as train

        name = self.name or style_name(self.picture.stem)
        with work_folder() as folder:
            target = folder / f"style{SUFFIX}"
            style = train(
                to_picture(self.picture.data, self.picture.name),
                minutes=self.minutes,
                steps=self.steps,
                name=name,
                network=self.network,
                facts={"name": name},
                threads=self.threads,
                output=target,
                preview_every=PREVIEW_SECONDS,
                on_progress=_watch(job, folder / "style.preview.jpg"),
            )
        return _style_result(style, self.network, time.perf_counter() - began)


@dataclass(frozen=True, eq=False)
class OptimizeWork:
    """Paints a picture by optimizing its pixels.

    Attributes:
        photo: the picture.
        order: the style and its colors; strength and strokes have no say.
        size: pixels of the painting's shorter side.
        iterations: at each scale.
        format: of the painting.
        threads: to compute with; None: all cores.
    """

    photo: Upload
    order: Order
    size: int
    iterations: int
    format: PictureFormat
    threads: int | None

    def __call__(self, job: Job) -> Result:
        """Optimize, in the thread of a lane; previews show the painting as it grows."""
        began = time.perf_counter()
        require_torch("optimize a picture")
        from impasto.learning.optimization.recipe import optimize_photo

        settings = self.order.load()
        picture = to_picture(self.photo.data, self.photo.name)
        with work_folder() as folder:
            suffix = f".{self.format}"
            target = folder / f"painting{suffix}"
            optimize_photo(
                picture,
                settings,
                size=self.size,
                iterations=self.iterations,
                threads=self.threads,
                quality=self.order.fields.quality,
                preview_every=PREVIEW_SECONDS,
                output=target,
                on_progress=_watch(job, target.with_name(f"{target.name}.preview.jpg")),
            )
            file, size = keep_file(target)
        name = f"{self.photo.stem}.{settings.style.name}-optimized{suffix}"
        headers = _facts(settings.style.name, "lite", time.perf_counter() - began)
        return Result(MEDIA_TYPES[suffix], name, file, size, headers)


def require_torch(purpose: str) -> None:
    """Raise Problem, 501, where PyTorch is missing."""
    if not has_torch():
        raise Problem(
            501,
            f"cannot {purpose}: PyTorch is missing on the server; pip install 'impasto[train]'",
        )


def _watch(job: Job, preview: Path) -> Callable[[Progress], None]:
    """Return a callback that reports progress, and shows the preview when it has changed."""
    shown = 0

    def report(progress: Progress) -> None:
        nonlocal shown
        if progress.unit != "byte":
            job.report(progress)
        job.check()
        if preview.exists() and (written := preview.stat().st_mtime_ns) != shown:
            shown = written
            job.show(reduced_preview(preview.read_bytes()))

    return report


def reduced_preview(data: bytes, side: int = 512) -> bytes:
    """Return a JPEG file of a picture with a short side of `side` pixels at most."""
    from impasto.images.resize import resize_picture

    picture = to_picture(data)
    if min(picture.width, picture.height) > side:
        picture = resize_picture(picture, side)
    return encode(picture, ".jpg", 80)


def _style_result(style: Style, networks: str, seconds: float) -> Result:
    with work_folder() as folder:
        path = folder / f"style{SUFFIX}"
        style.save(path)
        data = path.read_bytes()
    headers = _facts(style.name, networks, seconds)
    return Result.of_bytes(data, MEDIA_TYPES[SUFFIX], f"{style.name}{SUFFIX}", headers)


def _facts(style: str, network: str, seconds: float) -> Mapping[str, str]:
    """Return the headers that tell how a result was made, in ASCII."""
    return {
        "X-Impasto-Style": quote(style, safe=" ,:;()'")[:MAX_HEADER],
        "X-Impasto-Network": network,
        "X-Impasto-Seconds": f"{seconds:.3f}",
    }
