"""The example of a client paints, waits, and follows jobs."""

import importlib.util
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from server.conftest import Gate, Running
from server.test_queue import post, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "http_client.py"


@pytest.fixture
def connect() -> Iterator[Callable[[str], Any]]:
    """Make clients as the example has them; all are closed at the end."""
    spec = importlib.util.spec_from_file_location("http_client", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clients = []

    def make(address: str) -> Any:
        clients.append(module.Client(address))
        return clients[-1]

    yield make
    for client in clients:
        client.http.close()


def test_it_paints(served: Running, photo_file: Path, connect: Callable[[str], Any]) -> None:
    client = connect(served.url)
    painted = client.stylize(photo_file, "great-wave", strength=0.5, format="png")
    assert Image.open(io.BytesIO(painted)).size == (64, 48)
    as_style = client.stylize(photo_file, str(photo_file), format="png")
    assert as_style != painted
    with pytest.raises(SystemExit, match="did you mean starry-night"):
        client.stylize(photo_file, "stary-night")


def test_it_follows_a_job(served: Running, photo_file: Path, connect: Callable[[str], Any]) -> None:
    client = connect(served.url)
    client.http.headers["Prefer"] = "respond-async"
    job = client.send("/v1/stylize", {"image": photo_file}, style="adele").json()
    assert [state["state"] for state in client.follow(job)][-1] == "done"


def test_it_waits_while_the_queue_is_full(
    own: Running, picture: bytes, photo_file: Path, gate: Gate, connect: Callable[[str], Any]
) -> None:
    with ThreadPoolExecutor(8) as pool:
        pool.submit(post, own, picture)
        assert gate.begun.acquire(timeout=60)
        for _ in range(3):
            pool.submit(post, own, picture)
        until(lambda: own.studio.pictures.is_full)
        waiting = pool.submit(connect(own.url).stylize, photo_file, "adele")
        gate.open()
        assert waiting.result().startswith(b"\x89PNG")
