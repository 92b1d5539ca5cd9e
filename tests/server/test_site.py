"""The page and the description of the API: tags, compression, and nothing from elsewhere."""

import gzip
import json
import re

import httpx
import pytest
from starlette.requests import Request

from impasto.server.site import SiteFile, site_files
from impasto.server.site_routes import Site
from server.conftest import Running, detail_of


def test_all_files_of_the_site_are_served(client: httpx.Client) -> None:
    files = site_files()
    for name in ("index.html", "js/app.js", "gallery/gallery.json"):
        answer = client.get(f"/{name}")
        assert answer.content == files[name].read()
        assert answer.headers["content-type"] == files[name].media_type
    assert client.get("/").content == files["index.html"].read()
    assert client.head("/js/app.js").content == b""


def test_a_file_that_did_not_change_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/index.html")
    again = client.get("/index.html", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/none", "/../settings.py", "/%2e%2e/settings.py", "/js/../../app.py", "//etc/passwd"]
)
def test_other_paths_are_not_there(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    detail_of(answer)


def _answer(file: SiteFile, *headers: tuple[bytes, bytes]) -> httpx.Response:
    request = Request({"type": "http", "method": "GET", "headers": list(headers), "path": "/a"})
    answer = Site({"a": file}).response("a", request)
    return httpx.Response(
        answer.status_code, headers=answer.raw_headers, content=bytes(answer.body)
    )


def test_text_is_compressed_and_names_with_hashes_are_kept() -> None:
    text = b"let a = 1;\n" * 1000
    accepts = (b"accept-encoding", b"gzip, br")
    answer = _answer(SiteFile("text/javascript", lambda: text, immutable=True), accepts)
    assert answer.content == text
    assert int(answer.headers["content-length"]) < 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"
    plain = _answer(SiteFile("text/javascript", lambda: text))
    assert "content-encoding" not in plain.headers
    packed = gzip.compress(text)
    binary = _answer(SiteFile("application/octet-stream", lambda: packed), accepts)
    assert "content-encoding" not in binary.headers


def test_the_description_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert not re.search(r"https?://|//cdn", answer.text)
    page = client.get("/docs").text
    for name in re.findall(r'(?:src|href)="([^"#]+)"', page):
        assert client.get("/" + name.removeprefix("./")).status_code == 200


def test_the_description_is_whole(client: httpx.Client) -> None:
    api = client.get("/openapi.json").json()
    assert set(api["paths"]) == {
        *("/v1/stylize", "/v1/videos", "/v1/styles", "/v1/optimize", "/v1/info"),
        *("/v1/jobs/{id}", "/v1/jobs/{id}/events", "/v1/jobs/{id}/result"),
        *("/v1/styles/{name}/preview", "/healthz", "/readyz", "/metrics"),
    }
    for routes in api["paths"].values():
        for route in routes.values():
            assert route["summary"]
    stylize = api["paths"]["/v1/stylize"]["post"]
    assert {"200", "202", "413", "422", "503"} <= set(stylize["responses"])
    fields = json.dumps(api["components"]["schemas"])
    assert "starry-night:0.7,great-wave:0.3" in fields


def test_methods_that_are_not_allowed(client: httpx.Client) -> None:
    answer = client.get("/v1/stylize")
    assert answer.status_code in (404, 405)
    detail_of(answer)
    assert client.put("/healthz").status_code == 405


def test_metrics(served: Running, client: httpx.Client, picture: bytes) -> None:
    client.get("/nothing/of/this/name")
    client.post("/v1/stylize", data={"style": "adele"}, files={"image": picture})
    lines = client.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values['impasto_painted_pixels_total{network="small"}']) >= 48 * 64
    assert values['impasto_queue_jobs{lane="pictures"}'] == "0.0"
    assert "impasto_kept_bytes" in values
    posts = 'impasto_requests_total{method="POST",route="/v1/stylize",status="200"}'
    assert float(values[posts]) >= 1
    assert "nothing/of" not in "".join(values)
    assert "process_resident_memory_bytes" in values
    assert repr(served.studio) == "Studio(Lane(pictures, 0 of 3), Lane(long, 0 of 3))"
