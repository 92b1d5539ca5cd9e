"""Routes of the page: the files of the site, with entity tags and compression."""

import gzip
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from impasto.server.problems import Problem, explain_http
from impasto.server.site import SiteFile, site_files

INDEX = "index.html"
MIN_GZIP_BYTES = 1024
COMPRESSIBLE = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
YEAR = "public, max-age=31536000, immutable"


@dataclass(frozen=True, eq=False)
class _Stored:
    """A file as it is sent: its bytes, those that are compressed, and its tag."""

    data: bytes
    packed: bytes | None
    tag: str


class Site:
    """The files of the site. Each is read when a client first asks for it.

    Args:
        files: by their path from the root.
    """

    def __init__(self, files: Mapping[str, SiteFile]) -> None:
        self._files = files
        self._stored: dict[str, _Stored] = {}
        self._lock = threading.Lock()

    def response(self, path: str, request: Request) -> Response:
        """Answer with a file.

        Raises:
            Problem: 404, as there is no such file.
        """
        name = path.lstrip("/") or INDEX
        file = self._files.get(name)
        if file is None:
            raise Problem(404, explain_http(request, HTTPException(404)))
        stored = self._load(name, file)
        headers = {
            "ETag": stored.tag,
            "Cache-Control": YEAR if file.immutable else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if stored.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        data = stored.data
        if stored.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            data, headers["Content-Encoding"] = stored.packed, "gzip"
        return Response(data, media_type=file.media_type, headers=headers)

    def _load(self, name: str, file: SiteFile) -> _Stored:
        with self._lock:
            if name not in self._stored:
                data = file.read()
                packed = None
                if len(data) > MIN_GZIP_BYTES and file.media_type.startswith(COMPRESSIBLE):
                    packed = gzip.compress(data, 6, mtime=0)
                tag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
                self._stored[name] = _Stored(data, packed, tag)
            return self._stored[name]


def site_router() -> APIRouter:
    """Make the routes of the site; they come last, as they match every path."""
    router = APIRouter()
    site = Site(site_files())

    @router.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def page(path: str, request: Request) -> Response:
        return site.response(path, request)

    return router
