"""The app: routes, guards, and the studio behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import impasto
from impasto.server import info_routes, job_routes, work_routes
from impasto.server.docs_routes import docs_router
from impasto.server.guards import AccessGuard, AnswerHeaders
from impasto.server.limits import AdmissionGuard, BodyGuard
from impasto.server.problems import install
from impasto.server.settings import ServerSettings
from impasto.server.site_routes import site_router
from impasto.server.studio import Studio

PICTURE_PATHS = ("/v1/stylize", "/v1/styles")
EXPOSED = (
    *("Location", "Retry-After", "Content-Disposition", "X-Request-Id"),
    *("X-Impasto-Seconds", "X-Impasto-Style", "X-Impasto-Network"),
)
DESCRIPTION = """\
Paint photos and videos in the style of any picture.

- Errors are problem details (RFC 9457); `detail` is the line that the command line prints.
- When the queue is full, the answer is 503, with `Retry-After`.
- `Prefer: respond-async` answers with a job, whose events tell its progress.
- Files are sent in the request; addresses of files elsewhere are never read.
"""


def create_app(settings: ServerSettings) -> FastAPI:
    """Make the app of a server.

    Args:
        settings: of the server.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.studio.close()

    app = FastAPI(
        title="impasto",
        version=impasto.__version__,
        description=DESCRIPTION,
        license_info={"name": "MIT"},
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # impasto sends nothing to anyone
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    studio = app.state.studio = Studio(settings)
    install(app)
    for router in (work_routes.router, job_routes.router, info_routes.router):
        app.include_router(router)
    app.include_router(docs_router())
    app.include_router(site_router())
    # the last one added is the first that a request meets
    app.add_middleware(AdmissionGuard, studio=studio, paths=PICTURE_PATHS)
    app.add_middleware(AccessGuard, settings=settings)
    if settings.allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allow_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Idempotency-Key", "Prefer", "X-Request-Id"],
            expose_headers=EXPOSED,
        )
    app.add_middleware(BodyGuard, max_bytes=settings.max_upload)
    app.add_middleware(AnswerHeaders, studio=studio)
    return app
