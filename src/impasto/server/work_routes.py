"""Routes that do work: paint pictures and videos, make and learn styles, optimize."""

import asyncio
import difflib
import hashlib
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Header, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from impasto.choices import CodecName, Preset, Wrap
from impasto.errors import VideoError
from impasto.models.network import NetworkChoice
from impasto.server.answers import accepted, answer, key_of, wants_job
from impasto.server.fields import Order, OrderFields
from impasto.server.jobs import Job, Kind, Result
from impasto.server.problems import Problem, shorten
from impasto.server.recipes import (
    OptimizeWork,
    PictureFormat,
    PredictWork,
    StylizeWork,
    TrainWork,
    VideoFormat,
    VideoWork,
    require_torch,
)
from impasto.server.schemas import ASYNC, WORK, binary, problems
from impasto.server.studio import Studio
from impasto.server.uploads import Upload, read_picture, take_video
from impasto.video.formats import VideoOptions, parse_span
from impasto.video.large_strokes import MIN_VIDEO_STROKE
from impasto.video.temporal.optical_flow import opencv

VIDEO_SECONDS = 60.0  # of a video, as estimated before it is seen
PREDICT_PIXELS = 512 * 512
SECONDS_PER_ITERATION = 1.0  # of an optimization
MAX_MINUTES = 120.0


async def refuse_unknown(request: Request) -> None:
    """Refuse fields that a route does not know, as a wrong name would be without effect.

    Raises:
        Problem: 422.
    """
    route, api = request.scope["route"], request.app.openapi()
    content = api["paths"][route.path]["post"]["requestBody"]["content"]
    (schema,) = (kind["schema"] for kind in content.values())
    known = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
    for name in await request.form():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise Problem(
                422, f"cannot use the field {shorten(name)!r}: it is unknown; {hint}/docs lists all"
            )


router = APIRouter(tags=["work"], dependencies=[Depends(refuse_unknown)])
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/avif", "image/tiff")
Prefer = Annotated[
    str | None, Header(description="respond-async answers at once with a job.", max_length=200)
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A word of your own. A request that is sent again with it is not done again.",
        max_length=200,
    ),
]
Image = Annotated[UploadFile, File(description="The photo: JPEG, PNG, WebP, AVIF, TIFF, HEIC ...")]


@router.post(
    "/v1/stylize",
    summary="Paint a picture",
    response_class=Response,
    responses=binary("The painting.", *PICTURES) | ASYNC | WORK,
)
async def stylize(
    request: Request,
    image: Image,
    fields: Annotated[OrderFields, Depends()],
    size: Annotated[
        int | None,
        Form(
            ge=1, le=100_000, description="Shorter side of the painting, pixels.", examples=[1080]
        ),
    ] = None,
    wrap: Annotated[Wrap, Form(description="Sides that meet, as in a panorama.")] = "none",
    format: Annotated[
        PictureFormat | None, Form(description="Of the painting; else that of the photo.")
    ] = None,
    prefer: Prefer = None,
    key: Key = None,
) -> Response:
    """Paint a picture in a style.

    Give one of `style`, `style_image` and `style_file`, or several to mix them. The answer is the
    painting, with headers that tell how it was made.
    """
    studio = studio_of(request)
    async with studio.reading:
        studio.check_room("stylize", key)
        photo, pixels = await read_picture(image, studio.settings.max_pixels)
        order = await fields.read(studio.settings.max_pixels, wrap)
        digest = await _digest(order, photo, size, format)
    work = StylizeWork(studio, photo, order, size, format, pixels)
    seconds = studio.estimate(fields.paint.network, pixels)
    job = _submit(studio, "stylize", work, seconds, prefer, key, digest)
    return accepted(job) if wants_job(prefer) else await answer(request, studio, job)


@router.post(
    "/v1/videos",
    summary="Paint a video",
    status_code=202,
    response_class=JSONResponse,
    responses=ASYNC | WORK,
)
async def paint_video(
    request: Request,
    video: Annotated[UploadFile, File(description="A video, or an animated GIF or WebP.")],
    fields: Annotated[OrderFields, Depends()],
    start: Annotated[
        str | None, Form(max_length=20, description="Begin here: seconds, or h:m:s.")
    ] = None,
    end: Annotated[str | None, Form(max_length=20, description="End here.")] = None,
    codec: Annotated[CodecName, Form()] = "auto",
    preset: Annotated[Preset, Form(description="Speed of the encoder.")] = "veryfast",
    steady: Annotated[bool, Form(description="Keep paint still where the scene is still.")] = True,
    flow: Annotated[bool, Form(description="Let strokes follow the motion.")] = False,
    format: Annotated[VideoFormat | None, Form(description="Else that of the video.")] = None,
    key: Key = None,
) -> Response:
    """Paint a video; always a job."""
    studio = studio_of(request)
    stroke = None if fields.paint.stroke is None else max(MIN_VIDEO_STROKE, fields.paint.stroke)
    options = VideoOptions(
        parse_span(start or None, end or None),
        codec=codec,
        quality=fields.paint.quality,
        preset=preset,
        threads=studio.settings.threads,
        max_pixels=studio.settings.max_pixels,
        stroke=stroke,
    )
    if flow and not steady:
        raise VideoError("cannot use flow without steady; choose one")
    if flow:
        opencv()
    async with studio.reading:
        studio.check_room("video", key)
        order = await fields.read(studio.settings.max_pixels)
        taken = await take_video(video)
        digest = await _digest(order, None, taken.digest, options, format, steady, flow)
    work = VideoWork(studio, taken, order, options, format, steady, flow)
    return accepted(_submit(studio, "video", work, VIDEO_SECONDS, "respond-async", key, digest))


@router.post(
    "/v1/styles",
    summary="Make a style of a picture",
    response_class=Response,
    responses=binary("The style file.", "application/octet-stream")
    | ASYNC
    | WORK
    | problems(_501="PyTorch is missing, which learning needs."),
)
async def make_style(
    request: Request,
    image: Annotated[UploadFile, File(description="The picture whose style it is.")],
    name: Annotated[str | None, Form(min_length=1, max_length=80, examples=["tulip"])] = None,
    network: Annotated[
        NetworkChoice | None,
        Form(description="The network of the style; by default all to predict, base to learn."),
    ] = None,
    minutes: Annotated[
        float | None,
        Form(gt=0, le=MAX_MINUTES, description="Learn for so long; without it, predict at once."),
    ] = None,
    steps: Annotated[
        int | None, Form(ge=1, le=100_000, description="Learn for so many steps instead.")
    ] = None,
    prefer: Prefer = None,
    key: Key = None,
) -> Response:
    """Make a style file of a picture: at once by prediction, or by learning, which is a job."""
    studio = studio_of(request)
    learns = minutes is not None or steps is not None
    kind: Kind = "train" if learns else "predict"
    if learns:
        require_torch("train a style")
    async with studio.reading:
        studio.check_room(kind, key)
        picture, _ = await read_picture(image, studio.settings.max_pixels, "picture")
        digest = await _digest(None, picture, name, network, minutes, steps)
    work: Callable[[Job], Result]
    if learns:
        length = minutes or MAX_MINUTES
        threads = studio.settings.threads
        work = TrainWork(picture, name, network or "base", length, steps, threads)
        seconds = 60 * length if steps is None else float(steps)
        job = _submit(studio, kind, work, seconds, "respond-async", key, digest)
        return accepted(job)
    work = PredictWork(picture, name, network or "all")
    seconds = studio.estimate(None, PREDICT_PIXELS)
    job = _submit(studio, kind, work, seconds, prefer, key, digest)
    return accepted(job) if wants_job(prefer) else await answer(request, studio, job)


@router.post(
    "/v1/optimize",
    summary="Paint a picture by optimization",
    status_code=202,
    response_class=JSONResponse,
    responses=ASYNC | WORK | problems(_501="PyTorch is missing."),
)
async def optimize(
    request: Request,
    image: Image,
    fields: Annotated[OrderFields, Depends()],
    size: Annotated[int, Form(ge=16, le=4096, description="Shorter side, pixels.")] = 512,
    steps: Annotated[int, Form(ge=1, le=2000, description="Iterations at each scale.")] = 100,
    format: Annotated[PictureFormat, Form()] = "png",
    key: Key = None,
) -> Response:
    """Paint one picture slowly by optimizing its pixels; always a job.

    Styles are pictures, or style files that remember theirs.
    """
    require_torch("optimize a picture")
    studio = studio_of(request)
    async with studio.reading:
        studio.check_room("optimize", key)
        photo, _ = await read_picture(image, studio.settings.max_pixels)
        order = await fields.read(studio.settings.max_pixels)
        digest = await _digest(order, photo, size, steps, format)
    work = OptimizeWork(photo, order, size, steps, format, studio.settings.threads)
    seconds = steps * SECONDS_PER_ITERATION
    return accepted(_submit(studio, "optimize", work, seconds, "respond-async", key, digest))


def studio_of(request: Request) -> Studio:
    """Return the studio of the app that a request asks."""
    studio = request.app.state.studio
    assert isinstance(studio, Studio)
    return studio


async def _digest(order: Order | None, upload: Upload | None, *more: object) -> str:
    """Hash all that a request says, in another thread."""
    return await asyncio.to_thread(_digest_now, order, upload, more)


def _digest_now(order: Order | None, upload: Upload | None, more: tuple[object, ...]) -> str:
    digest = order.digest() if order else hashlib.sha256()
    digest.update(upload.data if upload else b"")
    digest.update(repr(more).encode())
    return digest.hexdigest()


def _submit(
    studio: Studio,
    kind: Kind,
    work: Callable[[Job], Result],
    seconds: float,
    prefer: str | None,
    key: str | None,
    digest: str,
) -> Job:
    return studio.submit(
        kind, work, seconds, listed=wants_job(prefer), key=key_of(key), digest=digest
    )
