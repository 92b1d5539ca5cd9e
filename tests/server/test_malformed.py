"""Malformed requests: whatever comes, the answer is no defect."""

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Starlette leaves a part that does not end to be closed when it is collected
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PATHS = ("/v1/stylize", "/v1/videos", "/v1/styles", "/v1/optimize")
FIELDS = (
    *("style", "strength", "color", "color_when", "stroke", "network", "quality", "size", "wrap"),
    *("format", "mask_name", "mask_invert", "region_style", "style_weights", "start", "end"),
    *("codec", "preset", "steady", "flow", "steps", "minutes", "name", "url", "image", "mask"),
)
FILES = ("image", "video", "mask", "style_image", "style_file", "region_mask", "style")
TEXT = st.text(max_size=30)


def check(answer: httpx.Response) -> None:
    """Check that an answer is one of those that the API describes."""
    assert answer.status_code in (200, 202, 400, 401, 403, 404, 405, 409, 413, 415, 421, 422, 503)


@SETTINGS
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=300), boundary=st.binary(max_size=5))
def test_bodies_of_any_bytes(client: httpx.Client, path: str, body: bytes, boundary: bytes) -> None:
    kind = b"multipart/form-data; boundary=x" + bytes(33 + byte % 90 for byte in boundary)
    check(client.post(path, content=body, headers={b"content-type": kind}))


@SETTINGS
@given(
    path=st.sampled_from(PATHS),
    parts=st.lists(st.tuples(st.sampled_from(FIELDS), TEXT), max_size=6),
    files=st.lists(
        st.tuples(st.sampled_from(FILES), TEXT, st.binary(max_size=200)), min_size=1, max_size=4
    ),
)
def test_forms_of_any_fields(
    client: httpx.Client,
    path: str,
    parts: list[tuple[str, str]],
    files: list[tuple[str, str, bytes]],
) -> None:
    data: dict[str, list[str]] = {}
    for name, value in parts:
        data.setdefault(name, []).append(value)
    sent = [(name, (filename or "a", content)) for name, filename, content in files]
    check(client.post(path, data=data, files=sent))


@SETTINGS
@given(cut=st.integers(0, 400), at=st.integers(0, 400), byte=st.integers(0, 255), style=TEXT)
def test_a_good_request_with_damage(
    client: httpx.Client, picture: bytes, cut: int, at: int, byte: int, style: str
) -> None:
    request = httpx.Request(
        "POST",
        "http://a/v1/stylize",
        data={"style": style or "adele"},
        files={"image": ("a.png", picture[: 200 + cut])},
    )
    body = bytearray(request.read())
    body[at % len(body)] = byte
    headers = {"content-type": request.headers["content-type"]}
    check(client.post("/v1/stylize", content=bytes(body[: len(body) - cut // 2]), headers=headers))


@SETTINGS
@given(
    method=st.sampled_from(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")),
    path=TEXT,
    header=st.sampled_from(("Host", "Origin", "Cookie", "Authorization", "Prefer", "Range")),
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
)
def test_any_path_and_header(
    client: httpx.Client, method: str, path: str, header: str, value: str
) -> None:
    from urllib.parse import quote

    check(client.request(method, "/" + quote(path), headers={header: value}))


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "-1"},
        {"content-length": "x"},
        {"transfer-encoding": "chunked", "content-length": "3"},
    ],
)
def test_lengths_that_lie(client: httpx.Client, headers: dict[str, str]) -> None:
    import socket

    url = client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"POST /v1/stylize HTTP/1.1\r\nHost: localhost\r\n{lines}\r\nabc"
        connection.sendall(request.encode())
        answer = connection.recv(1000)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 422"))
