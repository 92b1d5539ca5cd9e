"""Limits of a request: bytes, time, and what is counted while it comes."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from server.conftest import QUICK, Running, detail_of, running

LIMIT = 100_000  # bytes


@pytest.fixture(scope="module")
def tight() -> Iterator[Running]:
    """A server that takes small requests only."""
    with running(replace(QUICK, max_upload=LIMIT)) as server:
        yield server


def test_a_request_that_says_it_is_too_large(tight: Running, picture: bytes) -> None:
    answer = tight.client.post("/v1/stylize", files={"image": bytes(2 * LIMIT)})
    assert answer.status_code == 413
    assert "more than 0.1 MB" in detail_of(answer)
    # the connection, or the next one, goes on
    data = {"style": "great-wave"}
    good = tight.client.post("/v1/stylize", data=data, files={"image": picture})
    assert good.status_code == 200


def test_bytes_are_counted_while_they_come(tight: Running) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        while sent < 1000 * LIMIT:
            sent += LIMIT
            yield bytes(LIMIT)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = tight.client.post("/v1/stylize", content=body(), headers=headers)
    assert answer.status_code == 413
    assert tight.studio.is_idle
    detail_of(answer)


def test_a_request_that_stands_still(tight: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.server.limits.IDLE_SECONDS", 0.3)
    answer = _send_half(tight, 0)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"comes too slowly" in answer


def test_a_request_that_drips(tight: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.server.limits.GRACE_SECONDS", 0.3)
    answer = _send_half(tight, 10)
    assert answer.startswith(b"HTTP/1.1 408")


def _send_half(tight: Running, times: int) -> bytes:
    host, port = tight.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/stylize HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    )
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode())
        for _ in range(times):
            connection.sendall(b"a")
            time.sleep(0.1)
        answer = connection.recv(10_000)
        while b"detail" not in answer:
            answer += connection.recv(10_000)
        return answer


def test_a_refused_request_is_read_on(tight: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes although the client sends all before it reads."""
    data = bytes(LIMIT - 1000)
    answer = tight.client.post(
        "/v1/stylize", files={"image": data}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403


def test_a_refused_request_is_not_read_for_ever(
    tight: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.server.limits.DRAIN_SECONDS", 0.2)
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += LIMIT
            yield bytes(LIMIT)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    closed = contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError)
    with httpx.Client(base_url=tight.url) as client, closed:
        answer = client.post("/v1/stylize", content=body(), headers=headers)
        assert answer.status_code in (400, 413)
    assert sent


def test_large_fields_and_many(tight: Running, picture: bytes) -> None:
    files = {"image": picture}
    long = tight.client.post("/v1/stylize", data={"style": "a" * 2000}, files=files)
    assert long.status_code == 422
    assert len(detail_of(long)) < 300
    many = [("style_image", (f"{number}.png", picture)) for number in range(17)]
    answer = tight.client.post("/v1/stylize", files=[("image", ("a.png", picture)), *many])
    assert answer.status_code == 422
    assert "cannot mix 17 files" in detail_of(answer)


@pytest.mark.slow
def test_a_crowd_is_refused_and_slow_clients_keep_nobody_out(
    tight: Running, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = tight.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/stylize HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    monkeypatch.setattr("impasto.server.limits.CROWD_SECONDS", 3.0)
    with contextlib.ExitStack() as stack:
        for _ in range(12):  # as the queue has 3 places
            connection = socket.create_connection((host, int(port)), timeout=20)
            stack.enter_context(connection)
            connection.sendall(head.encode())
        time.sleep(0.5)
        data, files = {"style": "adele"}, {"image": picture}
        assert tight.client.post("/v1/stylize", data=data, files=files).status_code == 503
        time.sleep(3)
        assert tight.client.post("/v1/stylize", data=data, files=files).status_code == 200
