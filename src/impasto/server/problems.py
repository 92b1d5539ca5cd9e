"""Errors of the API as problem details (RFC 9457), with the line that the command line prints."""

import http
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from impasto.errors import ImpastoError

MEDIA_TYPE = "application/problem+json"
MAX_SHOWN = 60  # characters of a wrong value, in an error

logger = logging.getLogger("impasto.server")


class Problem(Exception):
    """An error of the API.

    Args:
        status: the HTTP status.
        detail: one line: what cannot be done, why, and the remedy.
        headers: of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})

    def response(self) -> JSONResponse:
        """Make the answer of this problem."""
        return JSONResponse(self.record(), self.status, self.headers, media_type=MEDIA_TYPE)

    def record(self) -> dict[str, Any]:
        """Return the problem as JSON."""
        return {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }


def problem_of(error: BaseException) -> Problem:
    """Turn an error of a recipe into a problem; an unexpected one is logged and stays inside."""
    if isinstance(error, Problem):
        return error.with_traceback(None)  # its frames hold pictures
    if isinstance(error, ImpastoError):
        return Problem(422, str(error))
    if isinstance(error, MemoryError):
        return Problem(
            503, "cannot paint: not enough memory; give a smaller picture, or a smaller size"
        )
    logger.error("a request failed", exc_info=error)
    return Problem(500, "cannot answer: impasto failed inside; its log has the reason")


def install(app: FastAPI) -> None:
    """Let an app answer every error as a problem."""

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        return problem_of(error).response()

    async def on_validation(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return Problem(422, explain_validation(error.errors())).response()

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        detail = explain_http(request, error)
        return Problem(error.status_code, detail, dict(error.headers or {})).response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(ImpastoError, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_problem)


def explain_http(request: Request, error: HTTPException) -> str:
    """Explain an error of the framework in one line."""
    subject = f"{request.method} {shorten(request.url.path)}"
    if error.status_code == 404:
        return f"cannot find {subject}: there is no such page; /docs lists the API"
    if error.status_code == 405:
        return f"cannot answer {subject}: the method is not allowed; /docs lists the API"
    return f"cannot answer {subject}: {error.detail}"


def explain_validation(errors: Sequence[Mapping[str, Any]]) -> str:
    """Explain the first field of a request that is wrong, in one line."""
    error = errors[0]
    name = str(error["loc"][-1]) if error.get("loc") else "the request"
    if error.get("type") == "missing":
        return f"cannot use the request: the field {shorten(name)} is missing; /docs lists all"
    reason = str(error.get("msg", "it is wrong")).removeprefix("Value error, ")
    value = error.get("input")
    shown = f" {shorten(value)!r}" if isinstance(value, str) else ""
    return f"cannot use {shorten(name)}{shown}: {reason[:1].lower()}{reason[1:]}; /docs lists all"


def shorten(text: str) -> str:
    """Cut a text from outside to a length that an error can show, without control characters."""
    plain = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return plain if len(plain) <= MAX_SHOWN else f"{plain[:MAX_SHOWN]}…"
