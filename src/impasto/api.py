"""The functions of the public API: photos, files and videos in, paintings and styles out.

Each parses what it is given and calls the recipe that the command line calls too.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from impasto.errors import ArgumentError, TrainingError, check_number, check_paths, check_type
from impasto.files import file_digest
from impasto.images.embedded import xmp_packet
from impasto.images.formats import DEFAULT_QUALITY
from impasto.images.reading import PictureSource, to_picture
from impasto.inference.color import Color
from impasto.inference.masks import MaskSource
from impasto.inference.record import make_record, read_record
from impasto.inference.regions import RegionSource
from impasto.inference.settings import parse_settings
from impasto.models.default_network import AUTO, CLIP_ORDER, PICTURE_ORDER, resolve_network
from impasto.models.gallery import find_style, gallery_names
from impasto.models.mix import StyleSource
from impasto.models.network import Network, NetworkChoice
from impasto.models.style import Style
from impasto.progress import OnProgress
from impasto.stylizer import Stylizer

if TYPE_CHECKING:
    from impasto.batch.results import FileResult
    from impasto.choices import HwAccelName
    from impasto.video.formats import VideoOptions
    from impasto.video.frame_pipeline import VideoResult

_loading = threading.Lock()
_stylizers: dict[str, Stylizer] = {}


def list_styles() -> list[str]:
    """List the styles of the gallery by name, without `photo`, the photograph itself.

    Examples:
        >>> "starry-night" in list_styles()
        True
    """
    return list(gallery_names())


def load_style(source: str | Path | PictureSource) -> Style:
    """Load a style by gallery name, from a style file, or from any picture.

    Args:
        source: a gallery name, the path of a style file (.safetensors), one on the Hugging Face
            Hub ("hf:user/repo/style"), or a picture in any form that a photo of `stylize` may have.

    Raises:
        StyleError: the style is unknown, or the file is broken.
        HubError: the style cannot be fetched from the Hub.

    Examples:
        >>> load_style("great-wave").name
        'great-wave'
    """
    return find_style(source)


def stylize(
    photo: PictureSource,
    style: StyleSource,
    *,
    strength: float = 1.0,
    stroke: float = 1.0,
    color: str | Color | None = None,
    mask: MaskSource | None = None,
    regions: Sequence[RegionSource] = (),
    size: int | None = None,
    wrap: str = "none",
    network: str | Path = AUTO,
    stylizer: Stylizer | None = None,
) -> Image.Image:
    """Paint a photo.

    Args:
        photo: a path, the bytes of an image file, a binary file object, a PIL image, or a uint8
            array: gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).
        style: a gallery name, a mix "starry-night:0.7,great-wave:0.3", a style file, also on the
            Hugging Face Hub ("hf:user/repo/style"), any picture (as `photo`), a `Style` or a `Mix`.
        strength: 0 (the photo) to 1 (the full style).
        stroke: size of the strokes, 0.25 to 16; 1 is the network's own size.
        color: whose colors the painting has: "style", "luminance", "histogram",
            "linear-cholesky", "linear-pca" or "linear-mkl", with an amount such as
            "luminance:0.5". By default as the style was learned, mostly "style".
        mask: where to paint: a gray picture (as `photo`; white is painted, black is kept),
            "alpha" (the photo's transparency), or a gradient: "left-right", "right-left",
            "top-bottom", "bottom-top" or "radial".
        regions: other styles in places: "sky.png=great-wave", a pair (mask, style), or a `Region`.
        size: pixels of the painting's shorter side; smaller photos keep their size.
        wrap: sides that meet: "horizontal" for 360-degree panoramas, "both" for textures.
        network: "large", "base", "small", or the path of a network file; loaded once. "auto" is the
            first of these that has every style, or "base" where a style is a picture.
        stylizer: paints in place of the one that `network` names.

    Returns:
        A PIL image as large as the photo or as `size` says: RGB, or RGBA where the photo is
        transparent. Its `info["xmp"]` holds the settings; a file has them only if it is saved so:
        `painting.save("a.jpg", xmp=painting.info["xmp"])`.

    Raises:
        PictureError: the photo cannot be read or is a video, or the array is not an image.
        StyleError: the style is unknown, broken, or made for another network.
        ColorError, MaskError: the color mode or the mask does not exist or cannot be read.
        ArgumentError: `strength`, `stroke`, `size` or `wrap` is out of range.

    Examples:
        >>> painting = stylize("photo.jpg", "starry-night", color="luminance")
        >>> painting.size
        (64, 48)
    """
    _check_types(stylizer=stylizer)
    settings = parse_settings(style, strength, stroke, color, mask, regions, wrap)
    loaded = stylizer or _stylizer(resolve_network(network, settings.mixes))
    picture = to_picture(photo)
    painting = loaded.paint_picture(picture, settings, size).to_pil()
    source = (os.fspath(photo), file_digest(Path(photo))) if isinstance(photo, str | Path) else None
    resized = None if painting.size == (picture.width, picture.height) else painting.size
    painting.info["xmp"] = xmp_packet(make_record(settings, loaded, source, resized))
    return painting


def read_settings(painting: str | Path) -> dict[str, Any] | None:
    """Read the settings that a picture was painted with.

    Args:
        painting: a picture file by `stylize_files`, the command line, or the page of the server.

    Returns:
        A dict with `styles` (a list of dicts with `id`, `weight` and `title`), `strength`,
        `stroke`, `color`, `network` and so on; None if the file has no settings. A file may hold
        anything, so check what you use.

    Raises:
        PictureError: the file is missing, unreadable, no picture, or broken.

    Examples:
        >>> next(stylize_files("photo.jpg", "great-wave")).target.name
        'photo.great-wave.jpg'
        >>> read_settings("photo.great-wave.jpg")["styles"][0]["title"]
        'The Great Wave off Kanagawa'
    """
    check_type("painting", painting, (str, Path), "a path")
    return read_record(painting)


def stylize_files(
    paths: str | Path | Iterable[str | Path],
    style: StyleSource,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    stroke: float | None = None,
    color: str | Color | None = None,
    mask: MaskSource | None = None,
    regions: Sequence[RegionSource] = (),
    size: int | None = None,
    wrap: str = "none",
    quality: int = DEFAULT_QUALITY,
    embed_settings: bool = True,
    overwrite: bool = False,
    report: str | Path | None = None,
    shard: str | None = None,
    network: str | Path = AUTO,
    stylizer: Stylizer | None = None,
    on_progress: OnProgress | None = None,
) -> "Iterator[FileResult]":
    """Paint many files: pictures and videos, one result for each.

    While one picture is painted, the next is read and the one before is written. A file that
    fails does not stop the others. An output that exists is kept, so a run can be resumed. Closing
    the iterator early stops the run in order.

    Args:
        paths: a file, a folder with all that is below it, a glob, or several of these.
        style: as of `stylize`.
        output: a folder, or a file if there is one input; None writes beside each input, such as
            `photo.starry-night.jpg`.
        strength: 0 (the photo) to 1 (the full style).
        stroke: size of the strokes, 0.25 to 16. By default 1, and for videos of 720 rows and more
            the size that suits them.
        color: as of `stylize`.
        mask: as of `stylize`.
        regions: as of `stylize`.
        size: pixels of the painting's shorter side; videos and smaller photos keep their size.
        wrap: as of `stylize`; for pictures only.
        quality: 1 (small files) to 100 (fine), for JPEG, WebP, AVIF and videos.
        embed_settings: write into each painted picture the settings that it was made with, for
            `read_settings`. They hold names of files, and never their folders.
        overwrite: replace outputs that exist.
        report: a file of JSON lines, one for each input; the same report resumes a run.
        shard: paint this part of the inputs only, such as "3/64"; its report is a file of its own,
            `report.003-of-064.jsonl`.
        network: "large", "base", "small", or the path of a network file; loaded once. "auto" is the
            first of these that has every style; where a style is a picture, and for videos, "base"
            comes first.
        stylizer: paints in place of the one that `network` names.
        on_progress: called with the progress of the file in work.

    Returns:
        An iterator of `FileResult`, in the order of the inputs.

    Raises:
        StyleError: the style is unknown, broken, or made for another network.
        ColorError, MaskError: the color mode or the mask does not exist or cannot be read.
        OutputError: the output does not fit the inputs, or cannot be written.
        ArgumentError: `strength`, `stroke`, `size`, `wrap`, `quality` or `shard` is out of range.

    Examples:
        >>> [result.target.name for result in stylize_files(["a.jpg", "b.jpg"], "great-wave")]
        ['a.great-wave.jpg', 'b.great-wave.jpg']
    """
    from impasto.batch import runner
    from impasto.batch.shards import parse_shard
    from impasto.inference.file_pipeline import FileOptions
    from impasto.video.formats import VideoOptions

    _check_types(output=output, report=report, shard=shard, stylizer=stylizer)
    _check_callback(on_progress)
    inputs = check_paths("paths", paths)
    settings = parse_settings(
        style, strength, 1.0 if stroke is None else stroke, color, mask, regions, wrap
    )
    painters = [
        stylizer or _stylizer(resolve_network(network, settings.mixes, order))
        for order in (PICTURE_ORDER, CLIP_ORDER)
    ]
    video_stroke = None if stroke is None else max(1.0, stroke)
    options = runner.BatchOptions(
        FileOptions(size, quality, embed_settings=embed_settings),
        VideoOptions(quality=quality, stroke=video_stroke),
        overwrite=overwrite,
        report=None if report is None else Path(report),
    )
    part = None if shard is None else parse_shard(shard)
    return runner.stylize_files(
        inputs, settings, painters[0], output, options, on_progress, painters[1], part
    )


def stylize_video(
    source: str | Path,
    target: str | Path,
    style: StyleSource,
    *,
    strength: float = 1.0,
    stroke: float | None = None,
    color: str | Color | None = None,
    mask: MaskSource | None = None,
    regions: Sequence[RegionSource] = (),
    steady: bool = True,
    flow: bool = False,
    every: int = 1,
    hwaccel: "HwAccelName" = "none",
    start: str | float | None = None,
    end: str | float | None = None,
    options: "VideoOptions | None" = None,
    network: str | Path = "small",
    stylizer: Stylizer | None = None,
    on_progress: OnProgress | None = None,
) -> "VideoResult":
    """Paint a video, an animation or numbered pictures, as steadily as the command line does.

    Sound, subtitles, chapters, times and size are kept.

    Args:
        source: a video file, an animated GIF or WebP, or numbered pictures: `frames/%05d.png`.
        target: the file to write; its suffix names the format.
        style: as of `stylize`.
        strength: 0 (the photo) to 1 (the full style).
        stroke: size of the strokes, 1 to 16. By default the size that suits the frames: 2 from 720
            rows on, 4 from 1440 rows on.
        color: as of `stylize`.
        mask: as of `stylize`; it lies still over all frames.
        regions: as of `stylize`.
        steady: keep paint still where the scene is still; else every frame is painted by itself.
        flow: let strokes follow the motion; needs OpenCV (extra `flow`).
        every: paint one of so many frames, 1 (all) to 4, and move its strokes along the motion to
            the others: faster, but softer where things move; needs OpenCV (extra `flow`).
        hwaccel: decode and encode by hardware: "nvenc", "qsv", "videotoolbox", "vaapi", "amf", or
            "auto" for the first that works; the result's notes say where software does it.
        start: begin here: seconds, or "1:02:03.5".
        end: end here.
        options: codec, quality and more; `start`, `end`, `stroke`, `every` and `hwaccel` are then
            theirs.
        network: "small", "base", "large", or the path of a network file; loaded once. "auto" is
            "base" where every style has it.
        stylizer: paints in place of the one that `network` names.
        on_progress: called after each frame; an exception that it raises stops the work.

    Raises:
        VideoError: the source cannot be read or is a picture, or the target cannot be written.
        StyleError: the style is unknown, broken, or made for another network.
        ColorError, MaskError: the color mode or the mask does not exist or cannot be read.
        ArgumentError: `strength`, `stroke` or `every` is out of range.
        VideoInterrupted: Ctrl-C; the frames painted until then are kept.

    Examples:
        >>> result = stylize_video("clip.mp4", "painted.mp4", "great-wave")
        >>> result.width, result.height, result.frames
        (64, 48, 3)
    """
    from impasto.video import stylize as recipe
    from impasto.video.formats import VideoOptions, parse_span

    for name, path in (("source", source), ("target", target)):
        check_type(name, path, (str, Path), "a path")
    _check_types(start=start, end=end, stylizer=stylizer)
    _check_callback(on_progress)
    settings = parse_settings(style, strength, 1.0, color, mask, regions)
    if options is None:
        options = VideoOptions(
            span=parse_span(start, end), stroke=stroke, every=every, hwaccel=hwaccel
        )
    loaded = stylizer or _stylizer(resolve_network(network, settings.mixes, CLIP_ORDER))
    return recipe.stylize_video(
        source,
        target,
        settings,
        loaded,
        options,
        steady=steady,
        flow=flow,
        on_progress=on_progress,
    )


def train_style(
    picture: PictureSource,
    *,
    minutes: float = 5.0,
    steps: int | None = None,
    name: str | None = None,
    network: NetworkChoice = "base",
    photos: str | Path | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Style:
    """Learn a style from one picture; needs PyTorch (extra `train`), no dataset and no download.

    Training starts from the style predictor's embedding and improves it.

    Args:
        picture: the picture to learn, in any form that a photo of `stylize` may have, or the path
            of a style file to learn again.
        minutes: length of the run.
        steps: length of the run in steps, in place of `minutes`; such runs repeat bit for bit.
        name: name of the style; by default from the picture's file.
        network: the network to learn for; "both" are base and small, and "all" are the three.
        photos: a folder of photos to paint in training; by default impasto draws pictures.
        seed: seed of everything random.
        on_progress: called after every step, with the losses.

    Returns:
        The style; `Style.save` writes it.

    Raises:
        TrainingError: PyTorch is missing, or a loss is not finite.
        ArgumentError: `minutes` or `steps` is out of range.
        PictureError: the picture cannot be read.

    Examples:
        >>> style = train_style("tulip.jpg", steps=2)  # doctest: +SKIP
        >>> style.save("tulip.safetensors")  # doctest: +SKIP
    """
    _check_types(name=name, photos=photos)
    _check_callback(on_progress)
    check_number("seed", seed, "a whole number from 0 up", 0, whole=True)
    if steps is None:
        check_number("minutes", minutes, "a number above 0", 1e-6)
    try:
        from impasto.learning.training.style import train_style as train
    except ImportError as error:
        raise TrainingError(
            f"cannot train a style: PyTorch is missing ({error}); pip install 'impasto[train]'"
        ) from error
    return train(
        picture,
        minutes=minutes,
        steps=steps,
        name=name,
        network=network,
        photos=None if photos is None else Path(photos),
        seed=seed,
        on_progress=on_progress,
    )


_OPTIONAL: dict[str, tuple[tuple[type, ...], str]] = {
    "output": ((str, Path), "a path"),
    "report": ((str, Path), "a path"),
    "photos": ((str, Path), "a folder"),
    "name": ((str,), "text"),
    "shard": ((str,), "text such as 3/64"),
    "start": ((str, Real), "seconds, or text such as 1:02:03.5"),
    "end": ((str, Real), "seconds, or text such as 1:02:03.5"),
    "stylizer": ((Stylizer,), "a Stylizer"),
}


def _check_types(**values: object) -> None:
    """Check arguments that may be None. Raises ArgumentError."""
    for name, value in values.items():
        if value is not None:
            check_type(name, value, *_OPTIONAL[name])


def _check_callback(on_progress: object) -> None:
    if on_progress is not None and not callable(on_progress):
        raise ArgumentError(
            f"cannot use {on_progress!r:.100} as on_progress: it cannot be called; give a function"
        )


def _stylizer(network: str | Path | Network) -> Stylizer:
    """Load a network once for all calls that name it."""
    if isinstance(network, Network):
        return Stylizer(network)
    with _loading:
        if str(network) not in _stylizers:
            _stylizers[str(network)] = Stylizer(network)
        return _stylizers[str(network)]
