"""The queue: full, left by clients that hang up, and closed at the end."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from impasto.server.lanes import Lane
from server.conftest import Gate, Running, detail_of


def post(running: Running, picture: bytes, name: str = "photo.png") -> httpx.Response:
    """Send a picture, and wait for the painting."""
    files = {"image": (name, picture)}
    return running.client.post("/v1/stylize", data={"style": "great-wave"}, files=files)


def until(condition: object, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_full_queue_refuses(own: Running, picture: bytes, gate: Gate) -> None:
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(post, own, picture)
        assert gate.begun.acquire(timeout=60)
        waiting = [pool.submit(post, own, picture) for _ in range(3)]
        until(lambda: own.studio.pictures.is_full)
        refused = post(own, picture)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "3 others wait, and the queue holds 3" in detail_of(refused)
        ready = own.client.get("/readyz")
        assert (ready.status_code, own.client.get("/healthz").status_code) == (503, 200)
        assert "retry-after" in ready.headers
        # a video has a queue of its own
        assert own.client.post("/v1/videos", files={"video": b""}).status_code == 422
        gate.open()
        answers = [first, *waiting]
        assert [answer.result().status_code for answer in answers] == [200] * 4
    assert own.client.get("/readyz").json() == {"status": "ready"}


def test_the_time_to_retry_follows_the_pixels_that_wait(
    own: Running, picture: bytes, gate: Gate
) -> None:
    own.studio.measured("small", 1000, 10.0)  # 100 pixels a second; the picture has 3,072
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(post, own, picture)]
        assert gate.begun.acquire(timeout=60)
        answers += [pool.submit(post, own, picture) for _ in range(3)]
        until(lambda: own.studio.pictures.is_full)
        seconds = int(post(own, picture).headers["retry-after"])
        gate.open()
        assert {answer.result().status_code for answer in answers} == {200}
    assert 100 <= seconds <= 4 * 31


@contextmanager
def sending(own: Running, picture: bytes, name: str) -> Iterator[None]:
    """Send a picture, and hang up at the end of the block."""
    host, port = own.url.removeprefix("http://").split(":")
    request = httpx.Request(
        "POST",
        f"{own.url}/v1/stylize",
        data={"style": "great-wave"},
        files={"image": (name, picture)},
    )
    lines = [f"{key}: {value}" for key, value in request.headers.items()]
    head = "\r\n".join(["POST /v1/stylize HTTP/1.1", *lines, "", ""]).encode()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + request.read())
        yield


def test_a_client_that_hangs_up_leaves_the_queue(own: Running, picture: bytes, gate: Gate) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, own, picture)
        assert gate.begun.acquire(timeout=60)
        with sending(own, picture, "left.png"):
            until(lambda: own.studio.pictures.depth == 1)
        until(lambda: own.studio.pictures.depth == 0)
        gate.open()
        assert first.result().status_code == 200
    assert "left.png" not in gate.painted


def test_a_client_that_hangs_up_stops_the_painting(
    own: Running, picture: bytes, gate: Gate
) -> None:
    with sending(own, picture, "left.png"):
        assert gate.begun.acquire(timeout=60)
    until(lambda: own.studio.is_idle)  # the gate is closed
    assert gate.painted == ["left.png"]


def test_the_end_finishes_what_is_painted(own: Running, picture: bytes, gate: Gate) -> None:
    with ThreadPoolExecutor(8) as pool:
        painted = pool.submit(post, own, picture)
        assert gate.begun.acquire(timeout=60)
        waiting = pool.submit(post, own, picture)
        until(lambda: own.studio.pictures.depth == 1)
        own.on_loop(lambda: own.server.handle_exit(15, None))
        answer = waiting.result()
        assert answer.status_code == 503
        assert "shuts down" in detail_of(answer)
        ready = own.client.get("/readyz")
        assert (ready.status_code, own.client.get("/healthz").status_code) == (503, 200)
        late = post(own, picture)
        assert (late.status_code, "shuts down" in detail_of(late)) == (503, True)
        gate.open()
        assert painted.result().status_code == 200
    until(lambda: own.server.should_exit)


def test_a_second_signal_ends_at_once(own: Running, picture: bytes, gate: Gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(post, own, picture)
        assert gate.begun.acquire(timeout=60)
        own.on_loop(lambda: own.server.handle_exit(2, None))
        ends = [own.server.force_exit]
        own.on_loop(lambda: own.server.handle_exit(2, None))
        ends.append(own.server.force_exit)
        assert ends == [False, True]
        gate.open()


def test_a_lane_without_work_ends() -> None:
    lane = Lane("tested", 2)
    assert repr(lane) == "Lane(tested, 0 of 2)"
    assert lane.retry_seconds() == 1
    lane.close(lambda _: False)
    lane.join(10)
    assert not any(thread.name == "impasto-tested" for thread in threading.enumerate())
