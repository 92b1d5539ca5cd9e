"""Fixtures of the page's tests: Chromium, a host of static files, and a real server."""

import base64
import contextlib
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto.server.site import SiteFile, site_files

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload, Page
ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
STUB = Path(__file__).parent / "stub_painter.js"
TIMEOUT = 20_000  # milliseconds
START_SECONDS = 180
# a server that paints as the stub does, in place of js/painters/server.js
STUB_SERVER = """
import { createBrowserPainter } from "./browser.js";
export async function findServerPainter() {
  const painter = createBrowserPainter();
  const info = await painter.info();
  const features = { video: true, train: true, optimize: true };
  const served = { ...info, where: "server", name: "HOST", features };
  return Object.assign(painter, { where: "server", authorized: true, info: async () => served });
}
"""
# nothing is painted, and all that was painted is kept
DONE = "document.querySelector('#thread').hidden && !document.body.dataset.saving"


class SiteHost:
    """A host of static files on this machine.

    Attributes:
        url: address of the page.
    """

    def __init__(self, files: Mapping[str, SiteFile], headers: Mapping[str, str]) -> None:
        cache: dict[str, bytes] = {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.split("?")[0].lstrip("/") or "index.html"
                file = files.get(path)
                if file and path not in cache:
                    cache[path] = file.read()
                body = cache[path] if file else b"not found"
                self.send_response(200 if file else 404)
                self.send_header("Content-Type", file.media_type if file else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    with contextlib.suppress(ConnectionError):
                        self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="session")
def stub_host() -> Iterator[SiteHost]:
    """The page with a painter that tints, so that tests of the page take no time."""
    files = dict(site_files())
    files["js/painters/browser.js"] = SiteFile("text/javascript", STUB.read_bytes)
    host = SiteHost(files, ISOLATION)
    yield host
    host.close()


@pytest.fixture(scope="session")
def real_host() -> Iterator[SiteHost]:
    """The page with the painter of the browser, on a host that isolates origins."""
    host = SiteHost(site_files(), ISOLATION)
    yield host
    host.close()


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real `impasto serve`."""
    pytest.importorskip("fastapi")
    from impasto.server.run import DRAIN_SECONDS

    log = tmp_path_factory.mktemp("serve") / "log"
    command = [sys.executable, "-m", "impasto", "serve", "--port", "0", "--no-open", "--json"]
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        assert process.stdout
        timer = threading.Timer(START_SECONDS, process.kill)
        timer.start()
        try:
            line = process.stdout.readline()
            match = re.search(r"https?://[\w.:\[\]-]+", line)
            assert match, f"the server did not start: {line}{log.read_text()}"
            timer.cancel()
            yield match[0] + "/"
        finally:
            timer.cancel()
            process.terminate()
            process.wait(DRAIN_SECONDS + 30)  # it finishes what it paints


class Visit:
    """A page that is open, and what a user does with it.

    Attributes:
        page: Playwright's page.
        requests: addresses of all requests that the page made.
        errors: exceptions that no code of the page caught.
    """

    def __init__(self, page: "Page", url: str) -> None:
        self.page = page
        self.url = url
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(TIMEOUT)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, query: str = "?no-sw") -> "Visit":
        """Open the page, and wait until it can paint and nothing is in work."""
        self.page.goto(self.url + query)
        return self.rest()

    def serve(self, host: str = "127.0.0.1") -> "Visit":
        """Let the stub paint as a server on a host, as where `impasto serve` serves the page."""
        self.page.route(
            "**/js/painters/server.js",
            lambda route: route.fulfill(
                content_type="text/javascript", body=STUB_SERVER.replace("HOST", host)
            ),
        )
        return self

    def rest(self, timeout: float = TIMEOUT) -> "Visit":
        """Wait until nothing is painted."""
        self.page.wait_for_selector("body[data-ready]", timeout=timeout)
        self.page.wait_for_function(
            f"{DONE} && document.querySelector('#strip li')",
            timeout=timeout,
        )
        return self

    def painted(self, timeout: float = TIMEOUT) -> "Visit":
        """Wait until the painting on the wall is at full size and in the history."""
        self.page.wait_for_function(
            f"{DONE} && document.querySelector('.shot[aria-current]')",
            timeout=timeout,
        )
        return self

    @property
    def paints(self) -> list[dict[str, Any]]:
        """What the stub was asked to paint."""
        return self.page.evaluate("stub.paints")

    def pick(self, *pictures: tuple[str, bytes], target: str = "#pick-photo") -> None:
        """Choose files."""
        files: list[FilePayload] = [
            {"name": name, "mimeType": mime(name), "buffer": data} for name, data in pictures
        ]
        self.page.set_input_files(target, files)

    def drop(self, *pictures: tuple[str, bytes], selector: str = "#frame") -> None:
        """Drop files on an element, with the events that a browser sends."""
        self._transfer(pictures)
        box = self.page.locator(selector).bounding_box()
        assert box
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for name in ("dragenter", "dragover", "drop"):
            self.page.evaluate(
                """([name, at]) => {
                    const init = {bubbles: true, cancelable: true, dataTransfer: window.transfer};
                    const event = new DragEvent(name, {...init, clientX: at.x, clientY: at.y});
                    document.elementFromPoint(at.x, at.y).dispatchEvent(event);
                }""",
                [name, at],
            )

    def paste(self, *pictures: tuple[str, bytes]) -> None:
        """Paste files."""
        self._transfer(pictures)
        self.page.evaluate(
            """() => document.body.dispatchEvent(new ClipboardEvent("paste",
            {bubbles: true, cancelable: true, clipboardData: window.transfer}))"""
        )

    def _transfer(self, pictures: tuple[tuple[str, bytes], ...]) -> None:
        files = [[name, mime(name), base64.b64encode(data).decode()] for name, data in pictures]
        self.page.evaluate(
            """async (files) => {
                window.transfer = new DataTransfer();
                for (const [name, type, data] of files) {
                    const blob = await (await fetch(`data:${type};base64,${data}`)).blob();
                    window.transfer.items.add(new File([blob], name, {type}));
                }
            }""",
            files,
        )

    def download(self) -> tuple[str, bytes]:
        """Download the painting; returns its name and bytes."""
        with self.page.expect_download() as info:
            self.page.click("#download")
        return info.value.suggested_filename, Path(info.value.path()).read_bytes()

    def shows_size(self, width: int, height: int) -> None:
        """Wait until the label beside the painting tells a size."""
        self.page.wait_for_function(
            "(size) => document.querySelector('#plate-detail').textContent.includes(size)",
            arg=f"{width}\u00a0\u00d7\u00a0{height}",
        )

    def titled(self, title: str) -> None:
        """Wait until the label beside the painting names a style."""
        self.page.wait_for_function(
            "(title) => document.querySelector('#plate-title').textContent === title", arg=title
        )

    def text(self, selector: str) -> str:
        """The text of an element."""
        return self.page.inner_text(selector)

    def notices(self) -> str:
        """All messages that are shown."""
        return self.page.inner_text("#notices")

    def says(self, words: str) -> None:
        """Wait until a message says something."""
        self.page.wait_for_function(
            "(words) => document.querySelector('#notices').innerText.includes(words)", arg=words
        )


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: "Browser", stub_host: SiteHost) -> Iterator[Open]:
    """Open the page with the stub in a fresh profile; options go to Playwright's context."""
    yield from _visits(browser, stub_host.url)


@pytest.fixture
def real_visit(browser: "Browser", real_host: SiteHost) -> Iterator[Open]:
    """Open the page with the painter of the browser."""
    yield from _visits(browser, real_host.url)


@pytest.fixture
def served_visit(browser: "Browser", server_url: str) -> Iterator[Open]:
    """Open the page of a real server."""
    yield from _visits(browser, server_url)


def _visits(browser: "Browser", url: str) -> Iterator[Open]:
    visits: list[Visit] = []

    def make(**options: Any) -> Visit:
        size = options.pop("size", (1280, 800))
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
            permissions=["camera", "clipboard-read", "clipboard-write"],
            **options,
        )
        one = Visit(context.new_page(), url)
        visits.append(one)
        return one

    yield make
    errors = [error for one in visits for error in one.errors]
    for one in visits:
        one.page.context.close()
    assert not errors


def mime(name: str) -> str:
    """Return the media type of a file by its suffix, as a browser tells it."""
    known = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "mp4": "video/mp4"}
    return known.get(name.rsplit(".", 1)[-1], "application/octet-stream")


def picture(width: int = 120, height: int = 80, seed: int = 0, format: str = "JPEG") -> bytes:
    """Draw a picture file."""
    down, across = np.mgrid[:height, :width]
    planes = [across * 255 / width, down * 255 / height, (across + down + 40 * seed) % 256]
    stream = io.BytesIO()
    Image.fromarray(np.stack(planes, -1).astype(np.uint8)).save(stream, format)
    return stream.getvalue()


def style_file() -> bytes:
    """Return the bytes of a style file of the gallery."""
    from impasto.paths import GALLERY

    return (GALLERY / "styles" / "the-scream.safetensors").read_bytes()


def settings_of(data: bytes) -> dict[str, Any]:
    """Return the settings in a picture file, as another program reads them: by its XMP packet."""
    packet = re.search(rb'impasto:settings="([^"]*)"', data)
    assert packet
    text = re.sub(r"&#(\d+);", lambda code: chr(int(code[1])), packet[1].decode())
    return json.loads(text)
