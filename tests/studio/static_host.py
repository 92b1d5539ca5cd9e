"""A plain host of static files, as any web host is, and a page that only has the engine."""

import base64
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from impasto.images.image import UInt8
from impasto.server.site import site_files

BLANK = b"<!doctype html><title>blank</title>"  # a page of the site that does nothing by itself


class StaticHost:
    """Serves the site from memory on 127.0.0.1, and counts what it sent.

    Args:
        headers: more headers for every file, such as those that allow threads.
        folder: the folder of the site, as in a host's subfolder.
        more: more files, by path from the root.
    """

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        folder: str = "",
        more: Mapping[str, bytes] | None = None,
    ) -> None:
        files, extra = site_files(), {"blank.html": BLANK, **(more or {})}
        self.sent: list[tuple[str, int]] = []  # path and bytes of each answer
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.split("?")[0].lstrip("/").removeprefix(folder)
                path = path or "index.html"
                if path in extra:
                    body, kind = extra[path], "text/html" if path.endswith("html") else "image/png"
                elif path in files:
                    body, kind = files[path].read(), files[path].media_type
                else:
                    self.send_error(404)
                    return
                host.sent.append((path, len(body)))
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing of browsers that hang up."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{folder}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


class EnginePage:
    """A page with the painter of the browser, without the page's own code.

    Args:
        browser: Chromium, or a context of it.
        host: of the site.
        settings: of `createBrowserPainter`.
    """

    def __init__(self, browser: Any, host: StaticHost, **settings: Any) -> None:
        self.page, self.errors, self.requests = browser.new_page(), list[str](), list[str]()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(host.url + "blank.html")
        self.page.evaluate(
            """async (settings) => {
                const module = await import(new URL("js/painters/browser.js", location.href));
                window.painter = module.createBrowserPainter(new URL(".", location.href), settings);
                window.toText = (bytes) => {
                    let text = "";
                    for (let start = 0; start < bytes.length; start += 32768) {
                        text += String.fromCharCode(...bytes.subarray(start, start + 32768));
                    }
                    return btoa(text);
                };
                window.toBytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
                window.send = ({height, width, data}) =>
                    [height, width, toText(new Uint8Array(data.buffer))];
                window.toBlob = async (url) => (await fetch(url)).blob();
                window.files = {};
            }""",
            {"gpu": "never", **settings},
        )

    def run(self, script: str, *values: Any) -> Any:
        """Run the body of an async function of `painter`, and of `values`."""
        return self.page.evaluate(
            f"async (values) => {{ const painter = window.painter; {script} }}", list(values)
        )

    def paint(self, photo: UInt8 | bytes, **options: Any) -> UInt8:
        """Paint a photograph, uint8 RGB (H, W, 3) or the bytes of a file: uint8 (H, W, 4)."""
        styles = options.pop("styles", [["gallery:starry-night", 1]])
        mask = options.pop("mask", None)
        job = {"strength": 1, "stroke": 1, "color": "style", "network": "small"} | options
        job["styles"] = [{"id": style, "weight": weight} for style, weight in styles]
        rgba = None if mask is None else np.dstack([mask, mask, mask, np.full_like(mask, 255)])
        answer = self.run(
            """
            const [photo, job, mask] = values;
            const blob = await toBlob(photo);
            if (mask) {
                const [height, width, text] = mask;
                job.mask = new ImageData(new Uint8ClampedArray(toBytes(text)), width, height);
            }
            const started = performance.now();
            const painted = await painter.paint(blob, job);
            window.seconds = (performance.now() - started) / 1000;
            return send(painted);""",
            data_url(photo),
            job,
            None if rgba is None else [*mask.shape, base64.b64encode(rgba.tobytes()).decode()],
        )
        return received(answer)

    @property
    def seconds(self) -> float:
        """Seconds that the last painting took."""
        return float(self.page.evaluate("window.seconds"))


def received(answer: list[Any]) -> UInt8:
    """Return an `ImageData` that a page sent, uint8 (H, W, 4)."""
    height, width, text = answer
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)


def data_url(picture: UInt8 | bytes) -> str:
    """Return a picture as a URL that holds it, without loss."""
    from impasto.images.image import Picture
    from impasto.images.writing import encode

    data = picture if isinstance(picture, bytes) else encode(Picture(picture), ".png")
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def difference(browser: UInt8, python: UInt8) -> int:
    """Return the largest difference of two paintings, in levels."""
    return int(np.abs(browser[..., :3].astype(np.int16) - python[..., :3]).max())
