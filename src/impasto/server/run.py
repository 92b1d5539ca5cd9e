"""Run a server: listen, tell where, and end in order."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import uvicorn
from fastapi import FastAPI

from impasto.errors import ImpastoError
from impasto.files import os_reason
from impasto.server.app import create_app
from impasto.server.settings import ServerSettings

DRAIN_SECONDS = 60.0  # for the painting in work, before the process ends
NOTICE_SECONDS = 0.2  # that /readyz is 503 before the server stops to listen
CLOSE_SECONDS = 5  # for answers that are being sent
# New connections that asyncio takes before it looks at the others again, and those that the system
# holds meanwhile. With a crowd taken at once, all others would wait.
ACCEPTED_AT_ONCE, MAX_BACKLOG = 8, 2048


class DrainingServer(uvicorn.Server):
    """A server that ends in order.

    At the first signal it refuses new work, /readyz answers 503, and what is painted is finished.
    At the second one it ends at once.
    """

    _drain_task: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, or end at once."""
        if self._drain_task is not None or not self.started:
            self.force_exit = self._drain_task is not None
            self.should_exit = True
            return
        self._drain_task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        app = self.config.app
        assert isinstance(app, FastAPI)
        studio = app.state.studio
        studio.drain()
        end = time.monotonic() + DRAIN_SECONDS
        await asyncio.sleep(NOTICE_SECONDS)
        while not studio.is_idle and time.monotonic() < end:
            await asyncio.sleep(0.05)
        self.should_exit = True


def open_socket(settings: ServerSettings) -> socket.socket:
    """Open the socket of a server, so that a port in use is told before anything is loaded.

    Raises:
        ImpastoError: the address cannot be used.
    """
    host, port = settings.host, settings.port
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # by its protocol, asyncio knows that it may send headers and body without a delay of 40 ms
        opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise ImpastoError(
            f"cannot serve at {host}: {os_reason(error)}; give another --host"
        ) from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.set_inheritable(True)
    except OSError as error:
        opened.close()
        raise ImpastoError(
            f"cannot serve at {host}:{port}: {os_reason(error)}; give another --port"
        ) from error
    return opened


def address_of(settings: ServerSettings) -> str:
    """Return the address at which a person opens the page."""
    host = settings.host
    if host in ("0.0.0.0", "::", ""):
        host = socket.gethostname() if settings.token else "127.0.0.1"
    if ":" in host:
        host = f"[{host}]"
    query = f"?token={settings.token}" if settings.token else ""
    return f"http://{host}:{settings.port}/{query}"


def serve(settings: ServerSettings, on_start: Callable[[str], None] = lambda _: None) -> None:
    """Serve until a signal ends it.

    Args:
        settings: of the server.
        on_start: called with the address of the page, once the server listens.

    Raises:
        ImpastoError: the address cannot be used.
    """
    opened = open_socket(settings)
    settings = replace(settings, port=opened.getsockname()[1])
    with opened:
        server = DrainingServer(configure(create_app(settings)))
        asyncio.run(_serve(server, opened, lambda: on_start(address_of(settings))))


def configure(app: FastAPI) -> uvicorn.Config:
    """Make the configuration of uvicorn; it logs no address, as one may hold a token."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each wrong request
    return uvicorn.Config(
        app,
        access_log=False,
        log_level=logging.WARNING,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=CLOSE_SECONDS,
        backlog=ACCEPTED_AT_ONCE,
    )


async def _serve(
    server: DrainingServer, opened: socket.socket, on_start: Callable[[], None]
) -> None:
    running = asyncio.create_task(server.serve(sockets=[opened]))
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    if server.started:
        opened.listen(MAX_BACKLOG)
        on_start()
    await running
