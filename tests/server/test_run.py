"""The server as a process: where it listens, and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import surroundings

from impasto.errors import ImpastoError
from impasto.server.run import DrainingServer, address_of, open_socket, serve
from impasto.server.settings import ServerSettings
from server.conftest import QUICK, detail_of, running


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run `impasto serve`, and give its process and its first line."""
    command = [sys.executable, "-m", "impasto", "serve", "--port", "0", "--no-open", *arguments]
    started = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings() | environment,
    )
    assert started.stdout is not None
    try:
        yield started, started.stdout.readline()
    finally:
        started.kill()
        started.communicate()


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_from_its_beginning_to_its_end(
    picture: bytes, tmp_path: Path, number: signal.Signals
) -> None:
    with process("--json", "--network", "small", TMPDIR=str(tmp_path)) as (server, line):
        record = json.loads(line)
        assert record["token_required"] is False
        with httpx.Client(base_url=record["address"], timeout=60) as client:
            data, files = {"style": "adele"}, {"image": picture}
            assert client.post("/v1/stylize", data=data, files=files).status_code == 200
            while client.get("/readyz").status_code != 200:
                time.sleep(0.05)
        server.send_signal(number)
        _, err = server.communicate(timeout=30)
        assert server.returncode == 0
        assert err == "Ctrl-C ends the server\n"
        assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_the_network_needs_a_token() -> None:
    with process("--host", "0.0.0.0") as (_, line):
        found = re.fullmatch(r"impasto serves http://[^:]+:(\d+)/\?token=([\w-]{32,})\n", line)
        assert found
        port, token = found.groups()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert client.get("/v1/styles").status_code == 401
            headers = {"Authorization": f"Bearer {token}"}
            assert client.get("/v1/styles", headers=headers).status_code == 200


@pytest.mark.process
def test_a_token_that_is_given_is_not_printed() -> None:
    token = "a-secret-of-many-letters"
    with process("--json", IMPASTO_TOKEN=token) as (_, line):
        record = json.loads(line)
        assert record["token_required"] is True
        assert token not in line
        answer = httpx.get(f"{record['address']}v1/styles", timeout=60)
        assert answer.status_code == 401
        assert token not in detail_of(answer)


def test_a_port_in_use() -> None:
    with running() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ImpastoError, match=f"cannot serve at 127.0.0.1:{port}: .*--port"):
            open_socket(ServerSettings(port=port))


def test_a_host_that_is_none() -> None:
    with pytest.raises(ImpastoError, match=r"cannot serve at no\.such\.host\.invalid: .*--host"):
        open_socket(ServerSettings(host="no.such.host.invalid"))


def test_serving_within_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    servers: list[DrainingServer] = []

    class Kept(DrainingServer):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            servers.append(self)

    def visit(address: str) -> None:
        seen.append(address)
        threading.Thread(target=lambda: seen.append(httpx.get(f"{address}healthz").text)).start()

    seen: list[str] = []
    monkeypatch.setattr("impasto.server.run.DrainingServer", Kept)
    thread = threading.Thread(target=serve, args=(QUICK, visit))
    thread.start()
    while len(seen) < 2:
        thread.join(0.05)
        assert thread.is_alive()
    servers[0].should_exit = True
    thread.join(30)
    assert not thread.is_alive()
    assert seen[1] == '{"status":"alive"}'


def test_addresses() -> None:
    assert address_of(ServerSettings(port=1)) == "http://127.0.0.1:1/"
    assert address_of(ServerSettings(host="::1", port=1)) == "http://[::1]:1/"
    assert address_of(ServerSettings(host="0.0.0.0", port=1)) == "http://127.0.0.1:1/"
    shown = address_of(ServerSettings(host="0.0.0.0", port=1, token="a" * 16))
    assert shown.endswith(f":1/?token={'a' * 16}")


def test_the_server_warms_up() -> None:
    from dataclasses import replace

    with running(replace(QUICK, warm_up=True)) as server:
        codes = set()
        while 200 not in codes:
            codes.add(server.client.get("/readyz").status_code)
        assert codes <= {200, 503}
        assert server.studio.is_warm


def test_a_warm_up_that_fails_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import replace

    with running(replace(QUICK, warm_up=True, engine="none")) as server:
        while not server.studio.is_warm:
            server.client.get("/healthz")
    assert "cannot warm up" in caplog.text


@pytest.mark.process
def test_other_verbs_import_no_server() -> None:
    code = (
        "import sys, impasto, impasto.cli.app\n"
        "names = {'fastapi', 'uvicorn', 'starlette', 'prometheus_client', 'pydantic'}\n"
        "assert not names & set(sys.modules), names & set(sys.modules)"
    )
    environment = {**os.environ}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
