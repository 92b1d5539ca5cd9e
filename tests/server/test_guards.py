"""Who may call: hosts, origins, tokens; and the headers of every answer."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from impasto.errors import ImpastoError
from impasto.server.settings import choose_token, is_loopback
from server.conftest import QUICK, Running, detail_of, running

TOKEN = "a-secret-of-many-letters"
ORIGIN = "https://friend.example"


@pytest.fixture(scope="module")
def secret() -> Iterator[Running]:
    """A server with a token, which a page of another origin may call."""
    settings = replace(QUICK, token=TOKEN, allow_origins=(ORIGIN,))
    with running(settings) as server:
        yield server


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
def test_other_hosts_are_refused_without_a_token(client: httpx.Client, host: str) -> None:
    for path in ("/", "/healthz", "/v1/info"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 421
        detail_of(answer)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_names_of_this_machine_are_allowed(client: httpx.Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["", "a b", "localhost:x", "<script>"])
def test_hosts_that_are_none(client: httpx.Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 400


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_writes_of_other_sites_are_refused(
    client: httpx.Client, picture: bytes, headers: dict[str, str]
) -> None:
    files = {"image": picture}
    answer = client.post("/v1/stylize", data={"style": "adele"}, files=files, headers=headers)
    assert answer.status_code == 403
    assert "a page of another site" in detail_of(answer)
    assert client.delete("/v1/jobs/none", headers=headers).status_code == 403


def test_writes_of_the_page_itself(served: Running, picture: bytes) -> None:
    for headers in (
        {"Origin": served.url},
        {"Sec-Fetch-Site": "same-origin", "Origin": served.url},
        {"Sec-Fetch-Site": "none"},
    ):
        data, files = {"style": "adele"}, {"image": picture}
        answer = served.client.post("/v1/stylize", data=data, files=files, headers=headers)
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/styles", "/metrics", "/docs", "/openapi.json", "/v1/jobs/a"])
def test_a_token_is_asked_for(secret: Running, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer é".encode()},
        {"Cookie": f"{secret.studio.settings.cookie}={TOKEN}"},
        {"Cookie": f"impasto-{secret.url.rpartition(':')[2]}=wrong"},
        {"Cookie": "a,b=c"},
    ):
        given: Any = headers
        answer = secret.client.get(path, headers=given)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        detail_of(answer)


def test_work_needs_a_token_on_every_path(secret: Running, picture: bytes) -> None:
    for path in ("/v1/stylize", "/v1/styles", "/v1/videos", "/v1/optimize", "/", "/v2"):
        assert secret.client.post(path, files={"image": picture}).status_code == 401


def test_a_token_opens(secret: Running, picture: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert secret.client.get("/metrics", headers=headers).status_code == 200
    data, files = {"style": "adele"}, {"image": picture}
    answer = secret.client.post("/v1/stylize", data=data, files=files, headers=headers)
    assert answer.status_code == 200
    # with a token, any name of the machine is allowed: another page has no token
    assert secret.client.get("/metrics", headers=headers | {"Host": "a.example"}).is_success


def test_info_tells_whether_a_token_is_needed(secret: Running, client: httpx.Client) -> None:
    record = secret.client.get("/v1/info").json()
    assert (record["token_required"], record["authorized"]) == (True, False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert secret.client.get("/v1/info", headers=headers).json()["authorized"]
    record = client.get("/v1/info").json()
    assert (record["token_required"], record["authorized"]) == (False, True)
    assert secret.client.get("/healthz").status_code == 200
    assert secret.client.get("/readyz").status_code == 200


def test_a_token_in_the_address_becomes_a_cookie(secret: Running) -> None:
    with httpx.Client(base_url=secret.url) as client:
        answer = client.get("/", params={"token": TOKEN})
        assert answer.status_code == 303
        assert answer.headers["location"] == "./"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly; SameSite=Strict; Path=/" in cookie
        assert TOKEN not in cookie
        assert client.get("/v1/styles").status_code == 200
        assert client.get("/v1/info").json()["authorized"]
    wrong = secret.client.get("/", params={"token": "wrong"})
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers


def test_a_token_that_is_not_needed_leaves_the_address(client: httpx.Client) -> None:
    answer = client.get("/", params={"token": "any"})
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


def test_other_origins_may_call_if_they_are_allowed(secret: Running, picture: bytes) -> None:
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    asked = secret.client.options("/v1/stylize", headers=preflight)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    headers = {
        "Origin": ORIGIN,
        "Sec-Fetch-Site": "cross-site",
        "Authorization": f"Bearer {TOKEN}",
    }
    data, files = {"style": "adele"}, {"image": picture}
    answer = secret.client.post("/v1/stylize", data=data, files=files, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    other = secret.client.options(
        "/v1/stylize", headers=preflight | {"Origin": "http://evil.example"}
    )
    assert "access-control-allow-origin" not in other.headers


def test_no_origin_may_call_by_default(client: httpx.Client) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/stylize", headers=headers)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/v1/info", "/nothing", "/healthz"])
def test_headers_of_every_answer(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval'" not in policy.replace("wasm-unsafe-eval'", "")
    assert "server" not in headers


def test_ids_of_requests(client: httpx.Client) -> None:
    ids = {client.get("/healthz").headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    given = client.get("/healthz", headers={"X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    wrong = client.get("/healthz", headers={"X-Request-Id": "a b"})
    assert wrong.headers["x-request-id"] != "a b"


def test_tokens_are_made_up_for_the_network() -> None:
    assert choose_token("127.0.0.1", None) is None
    made = choose_token("0.0.0.0", None)
    assert made is not None
    assert len(made) >= 32
    assert made != choose_token("0.0.0.0", None)
    assert choose_token("::", TOKEN) == TOKEN
    for short in ("short", "é" * 20, "a\n" * 10):
        with pytest.raises(ImpastoError, match="cannot use this token"):
            choose_token("0.0.0.0", short)


def test_loopback_hosts() -> None:
    assert all(map(is_loopback, ("localhost", "127.1.2.3", "::1", "[::1]", "Localhost.")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.1", "localhost.evil.example")))
