"""Guards before the API: who may call, and the headers of every answer."""

import hashlib
import hmac
import re
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.server.middleware import HttpMiddleware
from impasto.server.problems import Problem
from impasto.server.settings import ServerSettings, is_loopback
from impasto.server.studio import Studio

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval';"
    " img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:;"
    " connect-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
# Paths that need no token: they tell nothing that is secret. The page asks `info` whether a token
# is needed.
OPEN_PATHS = ("/healthz", "/readyz", "/v1/info")
GUARDED = re.compile(r"/(v1/.*|v1|metrics|docs|docs/.*|openapi\.json)")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


class AccessGuard(HttpMiddleware):
    """Checks the host, the origin and the token of each request.

    Args:
        app: the app behind.
        settings: of the server.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        super().__init__(app)
        self._settings = settings
        token = settings.token or ""
        self._cookie = hmac.new(token.encode(), b"cookie of impasto", hashlib.sha256).hexdigest()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            if scope["method"] not in SAFE_METHODS:
                self._check_origin(headers)
            scope["authorized"] = self._is_authorized(headers)
            if scope["path"] == "/" and b"token=" in scope["query_string"]:
                await self._welcome(scope, receive, send)
                return
            self._check_token(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        """Refuse other names of this machine, as those of a page that rebinds its own name.

        With a token the name does not matter: such a page does not have the token.
        """
        host = headers.get("host", "")
        match = _HOST.fullmatch(host)
        if not match:
            raise Problem(400, "cannot answer: the header Host is missing or wrong")
        if self._settings.token is None and not is_loopback(match[1]):
            raise Problem(
                421,
                f"cannot answer for the host {host[:100]}: without a token, impasto answers for"
                " localhost only; set a token",
            )

    def _check_origin(self, headers: Headers) -> None:
        """Refuse writes that a page of another site makes; forms need no leave of a browser."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin in self._settings.allow_origins:
            return
        if site is not None:
            allowed = site in ("same-origin", "none")
        else:
            allowed = origin is None or urlsplit(origin).netloc == headers.get("host")
        if not allowed:
            raise Problem(
                403,
                "cannot take the request: a page of another site made it; allow its origin by"
                " --allow-origin",
            )

    def _is_authorized(self, headers: Headers) -> bool:
        token = self._settings.token
        if token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _equal(given.strip(), token):
            return True
        return _equal(_cookie_of(headers, self._settings.cookie), self._cookie)

    def _check_token(self, scope: Scope) -> None:
        path = scope["path"]
        if scope["authorized"] or scope["method"] == "OPTIONS" or path in OPEN_PATHS:
            return
        if GUARDED.fullmatch(path) or scope["method"] not in SAFE_METHODS:
            raise Problem(
                401,
                "cannot answer: the token is missing or wrong; send Authorization: Bearer TOKEN,"
                " or open the page once by /?token=TOKEN",
                {"WWW-Authenticate": 'Bearer realm="impasto"'},
            )

    async def _welcome(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Turn a token in the address into a cookie, and take it out of the address."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        token = self._settings.token
        headers = {"Location": "./", "Cache-Control": "no-store"}
        if token is not None:
            if not _equal(given, token):
                raise Problem(401, "cannot open the page: the token in its address is wrong")
            secure = "; Secure" if scope["scheme"] == "https" else ""
            headers["Set-Cookie"] = (
                f"{self._settings.cookie}={self._cookie}; HttpOnly; SameSite=Strict; Path=/{secure}"
            )
        await _send_empty(send, 303, headers)


def _equal(given: str, expected: str) -> bool:
    """Compare secrets in a time that does not depend on where they differ."""
    return secrets.compare_digest(given.encode(), expected.encode())


def _cookie_of(headers: Headers, name: str) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


async def _send_empty(send: Send, status: int, headers: dict[str, str]) -> None:
    raw = [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]
    raw.append((b"content-length", b"0"))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b""})


class AnswerHeaders(HttpMiddleware):
    """Adds headers of security and an id to every answer, and counts it.

    Args:
        app: the app behind.
        studio: whose metrics count.
    """

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        super().__init__(app)
        self._studio = studio

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        began, status = time.perf_counter(), 499  # of a client that hung up
        request_id = _request_id(Headers(scope=scope))

        async def send_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if "access-control-allow-origin" in headers:
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                headers["X-Request-Id"] = request_id
                if _is_api(scope["path"]):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, send_headers)
        finally:
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._studio.metrics.answered(method, _route_of(scope), status, seconds)


METHODS = (*SAFE_METHODS, "POST", "DELETE", "PUT", "PATCH")


def _request_id(headers: Headers) -> str:
    """Return the id that a client gave its request, if it is a short word; else a new one."""
    given = headers.get("x-request-id", "")
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else secrets.token_hex(8)


def _is_api(path: str) -> bool:
    return bool(GUARDED.fullmatch(path)) or path in OPEN_PATHS


def _route_of(scope: Scope) -> str:
    """Name the route of a request: few names, whatever clients ask for."""
    route: Any = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) and _is_api(scope["path"]) else "site"
