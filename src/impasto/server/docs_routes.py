"""Routes of the description of the API: a small page of our own, as others load from elsewhere."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

FOLDER = Path(__file__).parent / "api_docs"
FILES = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/docs/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
    "/docs/docs.css": ("docs.css", "text/css; charset=utf-8"),
}


def docs_router() -> APIRouter:
    """Make the routes of the page that describes the API."""
    router = APIRouter()
    for path, (name, media_type) in FILES.items():
        router.add_api_route(path, _sender(name, media_type), include_in_schema=False)
    return router


def _sender(name: str, media_type: str):  # type: ignore[no-untyped-def]
    async def send() -> Response:
        return Response((FOLDER / name).read_bytes(), media_type=media_type)

    return send
