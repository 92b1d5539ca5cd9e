"""Limits before the API: the bytes and the time of a request, and places for work."""

import asyncio
import time
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.server.middleware import HttpMiddleware
from impasto.server.studio import Studio

IDLE_SECONDS = 30.0  # that a client may send nothing in the middle of a request
GRACE_SECONDS, MIN_RATE = 60.0, 10_000  # bytes a second that a client sends at least, after a while
DRAIN_SECONDS = 10.0  # that the rest of a refused request is read, so that its answer arrives
# uploads that may begin within some seconds, for each place in a queue
UPLOADS_PER_PLACE, CROWD_SECONDS = 4, 1.0
ENTERING = 8  # requests for work that are looked at before the loop looks at all others


class BodyGuard(HttpMiddleware):
    """Counts the bytes of a request while they come, and refuses too many, or too slow ones.

    Refused requests are read further for a while, so that clients that send on get their answer.

    Args:
        app: the app behind.
        max_bytes: of a request.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        super().__init__(app)
        self._max_bytes = max_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        body = _Body(scope, receive, send, self._max_bytes)
        await self._app(scope, body.receive, body.send)


class _Body:
    """The body of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_bytes: int) -> None:
        self._receive, self._send, self._max_bytes = receive, send, max_bytes
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        self._declared = int(length) if length.isdecimal() else 0
        self._is_read = not self._declared and "transfer-encoding" not in headers
        self._count = 0
        self._began = time.monotonic()

    async def receive(self) -> Message:
        if self._is_read:
            return await self._receive()
        if self._declared > self._max_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise _too_slow() from None
        self._note(message)
        seconds = time.monotonic() - self._began
        if not self._is_read and seconds > GRACE_SECONDS and self._count < MIN_RATE * seconds:
            raise _too_slow()
        if self._count > self._max_bytes:
            raise self._too_large()
        return message

    def _note(self, message: Message) -> None:
        self._count += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._is_read = True

    def _too_large(self) -> HTTPException:
        limit = self._max_bytes / 1e6
        return HTTPException(
            413,
            f"the request has more than {limit:g} MB; send smaller files, or raise the limit by"
            " --max-upload",
        )

    async def send(self, message: Message) -> None:
        if self._is_read:
            await self._send(message)
            return
        if message["type"] == "http.response.start":  # else all the rest would be read
            MutableHeaders(scope=message)["Connection"] = "close"
        if message.get("more_body", False) or message["type"] != "http.response.body":
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await self._drain()
        await self._send({"type": "http.response.body", "body": b""})

    async def _drain(self) -> None:
        """Read and drop the rest of the request, for a while; a reset would drop the answer."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._is_read:
                    self._note(await self._receive())
        except TimeoutError:
            return


def _too_slow() -> HTTPException:
    return HTTPException(408, "the request comes too slowly; send it again")


class AdmissionGuard(HttpMiddleware):
    """Refuses work for which there is no place, before its body is read.

    Uploads that have just begun count too, so a crowd is refused at once, and cheaply. Those that
    go on for longer do not count: slow clients keep nobody out.

    Args:
        app: the app behind.
        studio: whose queues count.
        paths: of work for the lane of pictures; all other work is long.
    """

    def __init__(self, app: ASGIApp, studio: Studio, paths: Sequence[str]) -> None:
        super().__init__(app)
        self._studio, self._paths = studio, paths
        self._begun: dict[str, dict[object, float]] = {lane.name: {} for lane in studio.lanes}
        self._entrance = asyncio.Semaphore(ENTERING)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        async with self._entrance:
            await asyncio.sleep(0)  # requests that ask for less are answered meanwhile
        studio = self._studio
        lane = studio.pictures if scope["path"] in self._paths else studio.long
        begun, upload, now = self._begun[lane.name], object(), time.monotonic()
        recent = sum(now - start < CROWD_SECONDS for start in begun.values())
        # an idempotency key may name a job that is done
        is_full = lane.is_full and "idempotency-key" not in Headers(scope=scope)
        if is_full or recent >= UPLOADS_PER_PLACE * lane.capacity:
            await lane.refusal().response()(scope, receive, send)
            return

        async def receive_last() -> Message:
            message = await receive()
            if not message.get("more_body", False):
                begun.pop(upload, None)
            return message

        begun[upload] = now
        try:
            await self._app(scope, receive_last, send)
        finally:
            begun.pop(upload, None)
