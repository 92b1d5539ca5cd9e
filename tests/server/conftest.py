"""Fixtures of server tests: a real uvicorn in a thread, and a painter that waits to be let go."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

for module in ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "httpx"):
    pytest.importorskip(module)

import httpx
import numpy as np
from pictures import UInt8, photo
from PIL import Image

from impasto.images.image import Picture
from impasto.images.writing import encode
from impasto.server.app import create_app
from impasto.server.run import DrainingServer, configure, open_socket
from impasto.server.settings import ServerSettings
from impasto.server.studio import Studio

QUICK = ServerSettings(port=0, network="small", queue=3, warm_up=False, threads=1)
TIMEOUT = 60.0


@dataclass
class Running:
    """A server that runs.

    Attributes:
        url: its address.
        studio: what is behind it.
        server: uvicorn.
        client: a client of it.
    """

    url: str
    studio: Studio
    server: DrainingServer
    client: httpx.Client

    def on_loop(self, call: Callable[[], Any]) -> Any:
        """Call a function in the thread of the server's loop."""

        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(TIMEOUT)

    loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment]


@contextmanager
def running(settings: ServerSettings = QUICK, **headers: str) -> Iterator[Running]:
    """Run a server in a thread."""
    opened = open_socket(settings)
    port = opened.getsockname()[1]
    app = create_app(replace(settings, port=port))
    server = DrainingServer(configure(app))
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[opened])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    url = f"http://127.0.0.1:{port}"
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=url, timeout=TIMEOUT, headers=headers, limits=limits) as client:
        try:
            yield Running(url, app.state.studio, server, client, loops[0])
        finally:
            server.should_exit = True
            thread.join(TIMEOUT)
            opened.close()
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def served() -> Iterator[Running]:
    """A server that all tests share."""
    with running() as server:
        yield server


@pytest.fixture
def client(served: Running) -> httpx.Client:
    """A client of the server that all tests share."""
    return served.client


@pytest.fixture
def own() -> Iterator[Running]:
    """A server of one test alone."""
    with running() as server:
        yield server


class Gate:
    """Stands for painting a picture: it waits until it is opened, and reports progress meanwhile.

    Attributes:
        begun: released at the beginning of each painting.
        painted: names of all pictures that were painted, or begun.
    """

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.painted: list[str] = []
        self._open = threading.Event()

    def open(self) -> None:
        """Let all paintings go on."""
        self._open.set()

    def __call__(self, data: bytes, name: str, suffix: str, *rest: Any) -> tuple[bytes, str]:
        advance = rest[-1]
        self.painted.append(name)
        self.begun.release()
        while not self._open.wait(0.01):
            advance(0.001)
        advance(1)
        return encode(Picture(np.zeros((8, 8, 3), np.uint8)), ".png"), ".png"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """In place of painting, a gate."""
    made = Gate()
    monkeypatch.setattr("impasto.server.recipes.stylize_bytes", made)
    yield made
    made.open()


def png(pixels: UInt8) -> bytes:
    """Encode pixels as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG file, 64 pixels wide and 48 high."""
    return png(photo(48, 64))


def detail_of(answer: httpx.Response) -> str:
    """Return the line of a problem, and check its form."""
    record = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(record) == {"type", "title", "status", "detail"}
    assert record["status"] == answer.status_code
    assert "\n" not in record["detail"]
    return str(record["detail"])
