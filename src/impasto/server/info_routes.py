"""Routes that tell: facts, styles, health and metrics."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

import impasto
from impasto.choices import MODES
from impasto.engines.base import available_engines
from impasto.hardware import available_cores
from impasto.models.gallery import gallery_names, gallery_style, preview, unknown_style
from impasto.models.style import PHOTO
from impasto.server.problems import Problem
from impasto.server.schemas import Info, StyleRecord, binary, problems
from impasto.server.studio import Studio, has_torch
from impasto.server.work_routes import studio_of

router = APIRouter()
DAY = "max-age=86400"
FACTS = ("title", "artist", "year", "license")


@router.get("/v1/info", summary="Facts about the server", response_model=Info, tags=["facts"])
async def info(request: Request) -> JSONResponse:
    """Tell what this server can do; without a token too, so that a page knows it needs one."""
    studio = studio_of(request)
    return JSONResponse(info_record(studio, bool(request.scope.get("authorized", True))))


def info_record(studio: Studio, authorized: bool) -> dict[str, Any]:
    """Return facts about a server as JSON."""
    settings, torch = studio.settings, has_torch()
    engine = settings.engine
    return {
        "version": impasto.__version__,
        "networks": [
            {"name": name, "default": name == studio.default_network} for name in studio.networks
        ],
        "default_network": studio.default_network,
        "colors": list(MODES),
        "engine": available_engines()[0] if engine == "auto" else engine,
        "threads": settings.threads or available_cores(),
        "limits": {
            "max_upload": settings.max_upload,
            "max_pixels": settings.max_pixels,
            "queue": settings.queue,
        },
        "features": {"video": True, "train": torch, "optimize": torch},
        "token_required": settings.token is not None,
        "authorized": authorized,
    }


@router.get(
    "/v1/styles", summary="List the gallery", response_model=list[StyleRecord], tags=["styles"]
)
def styles() -> JSONResponse:
    """List the styles of the gallery."""
    return JSONResponse(style_records(), headers={"Cache-Control": "no-cache"})


@cache
def style_records() -> list[dict[str, Any]]:
    """Return facts about all styles of the gallery as JSON."""
    return [_style_record(name) for name in gallery_names() if name != PHOTO]


def _style_record(name: str) -> dict[str, Any]:
    style = gallery_style(name)
    return {
        "name": name,
        **{key: style.metadata[key] for key in FACTS if key in style.metadata},
        "networks": list(style.embeddings),
        "preview": f"v1/styles/{name}/preview" if preview(name) else None,
    }


@router.get(
    "/v1/styles/{name}/preview",
    summary="Show a style of the gallery",
    response_class=Response,
    responses=binary("A picture.", "image/webp") | problems(_404="There is no such style."),
    tags=["styles"],
)
def style_preview(name: str) -> Response:
    """Return a picture that shows a style of the gallery."""
    path = preview(name) if name in gallery_names() else None
    if path is None:
        raise Problem(404, str(unknown_style(name[:100])))
    return Response(path.read_bytes(), media_type="image/webp", headers={"Cache-Control": DAY})


@router.get("/healthz", summary="Is the process alive?", tags=["health"])
async def healthz() -> JSONResponse:
    """Answer while the process lives."""
    return JSONResponse({"status": "alive"})


@router.get(
    "/readyz",
    summary="Can the server take a picture now?",
    responses=problems(_503="It loads its networks, shuts down, or the queue is full."),
    tags=["health"],
)
async def readyz(request: Request) -> JSONResponse:
    """Answer 200 if a picture would be taken now, else 503."""
    studio_of(request).check_ready()
    return JSONResponse({"status": "ready"})


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response, tags=["health"])
async def metrics(request: Request) -> Response:
    """Return counters and gauges in the text format of Prometheus."""
    return Response(
        studio_of(request).metrics.text(),
        media_type="text/plain; version=0.0.4; charset=utf-8",
    )
