"""Attack a server as a hostile page or client would, and print what came back, as a table.

  python trials/server_attacks.py

Starts two servers: one as `impasto serve` starts it, for this machine alone, and one with a token.
The exit code is 1 if an attack got what it wanted.
"""

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from impasto.images.image import Picture
from impasto.images.writing import encode

TOKEN = "a-secret-of-many-letters"
PHOTO = encode(Picture(np.full((48, 64, 3), 90, np.uint8)), ".png")
STYLE = {"style": "great-wave"}


@contextmanager
def server(folder: Path, **environment: str) -> Iterator[httpx.Client]:
    """Run a server that may write temporary files in a folder, and give a client of it."""
    command = [sys.executable, "-m", "impasto", "serve", "--port", "0", "--json", "--no-open"]
    command += ["--max-upload", "20", "--network", "small"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)} | environment,
    )
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["address"]
    try:
        with httpx.Client(base_url=address, timeout=120) as client:
            yield client
    finally:
        process.terminate()
        process.wait(60)


class Listener:
    """A server that attacks try to make impasto call; `calls` counts."""

    def __init__(self) -> None:
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            self.calls += 1
            connection.close()


def post(client: httpx.Client, path: str = "/v1/stylize", **more: Any) -> httpx.Response:
    """Send a picture in a style, or whatever is given in their place."""
    files = {"image": ("photo.png", PHOTO)} | more.pop("files", {})
    return client.post(path, data=STYLE | more.pop("data", {}), files=files, **more)


def bomb() -> bytes:
    """Make a PNG file of 65,000 x 65,000 pixels in its header."""
    side = (65_000).to_bytes(4, "big")
    header = b"IHDR" + side + side + PHOTO[24:29]
    return PHOTO[:12] + header + zlib.crc32(header).to_bytes(4, "big") + PHOTO[33:]


def zip_of_styles() -> bytes:
    """Make a zip with a path that leads outside."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.safetensors", b"evil")
    return buffer.getvalue()


def attacks(
    own: httpx.Client, secret: httpx.Client, listener: Listener
) -> Iterator[tuple[str, Callable[[], httpx.Response], set[int]]]:
    """Yield attacks: a name, a request, and the answers that are right."""
    evil = {"Origin": "http://evil.example"}
    yield (
        "DNS rebinding: another `Host`",
        lambda: own.get("/v1/info", headers={"Host": "evil.example"}),
        {421},
    )
    yield (
        "no `Host` of this machine in a POST",
        lambda: post(own, headers={"Host": "a.example"}),
        {421},
    )
    yield "form of another site (`Origin`)", lambda: post(own, headers=evil), {403}
    yield (
        "form of a sandboxed frame (`Origin: null`)",
        lambda: post(own, headers={"Origin": "null"}),
        {403},
    )
    yield (
        "form of another site (`Sec-Fetch-Site`)",
        lambda: post(own, headers={"Sec-Fetch-Site": "cross-site"}),
        {403},
    )
    yield (
        "page at another port of this machine",
        lambda: post(own, headers={"Origin": "http://127.0.0.1:1"}),
        {403},
    )
    yield "cross-site DELETE", lambda: own.delete("/v1/jobs/a", headers=evil), {403}
    yield (
        "CORS preflight of another site",
        lambda: own.options(
            "/v1/stylize", headers=evil | {"Access-Control-Request-Method": "POST"}
        ),
        {405},
    )
    yield "no token", lambda: post(secret), {401}
    yield "wrong token", lambda: post(secret, headers={"Authorization": "Bearer wrong"}), {401}
    yield (
        "token as the cookie",
        lambda: secret.get(
            "/v1/styles", headers={"Cookie": f"impasto-{secret.base_url.port}={TOKEN}"}
        ),
        {401},
    )
    yield "wrong token in the address", lambda: secret.get("/?token=wrong"), {401}
    yield "path that leads outside of the page", lambda: own.get("/..%2f..%2fsettings.py"), {404}
    yield (
        "preview of a path",
        lambda: own.get("/v1/styles/..%2f..%2f..%2fetc%2fpasswd/preview"),
        {404},
    )
    yield "job whose id is a path", lambda: own.get("/v1/jobs/..%2f..%2fetc%2fpasswd/result"), {404}
    yield "`style=/etc/passwd`", lambda: post(own, data={"style": "/etc/passwd"}), {422}
    yield (
        "`style` is the path of a picture of the package",
        lambda: post(own, data={"style": str(Path("docs/gallery.jpg").absolute())}),
        {422},
    )
    yield "`mask_name=/etc/passwd`", lambda: post(own, data={"mask_name": "/etc/passwd"}), {422}
    yield "`network=/etc/passwd`", lambda: post(own, data={"network": "/etc/passwd"}), {422}
    yield (
        "file name `../../../tmp/evil.png`",
        lambda: post(own, files={"image": ("../../../tmp/evil.png", PHOTO)}),
        {200},
    )
    yield (
        "zip of styles",
        lambda: post(own, files={"style_file": ("a.zip", zip_of_styles())}),
        {422},
    )
    yield (
        "pickle as style file",
        lambda: post(own, files={"style_file": ("a.safetensors", b"\x80\x04cos\nsystem\n")}),
        {422},
    )
    yield (
        "decompression bomb (4.2 gigapixels)",
        lambda: post(own, files={"image": ("a.png", bomb())}),
        {422},
    )
    yield "bomb as mask", lambda: post(own, files={"mask": ("a.png", bomb())}), {422}
    yield (
        "multipart of 100 MB, limit 20 MB",
        lambda: post(own, files={"image": ("a.png", bytes(100_000_000))}),
        {413},
    )
    yield (
        "20,000 parts",
        lambda: own.post(
            "/v1/stylize", data={f"a{n}": "1" for n in range(20_000)}, files={"image": PHOTO}
        ),
        {400, 413, 422},
    )
    yield (
        "SSRF: `style` is an address",
        lambda: post(own, data={"style": f"{listener.address}/a.jpg"}),
        {422},
    )
    yield (
        "SSRF: `image` is an address",
        lambda: own.post("/v1/stylize", data=STYLE | {"image": listener.address}),
        {422},
    )
    yield "SSRF: `url` is an address", lambda: post(own, data={"url": listener.address}), {422}
    playlist = f"#EXTM3U\n#EXTINF:1,\n{listener.address}/a.ts\n".encode()
    yield (
        "SSRF: a playlist as video",
        lambda: own.post("/v1/videos", data=STYLE, files={"video": ("a.mp4", playlist)}),
        {422},
    )
    concat = b"ffconcat version 1.0\nfile /etc/passwd\n"
    yield (
        "list of local files as video",
        lambda: own.post("/v1/videos", data=STYLE, files={"video": ("a.mp4", concat)}),
        {422},
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{listener.address}"/></svg>'.encode()
    )
    yield "SVG that loads an address", lambda: post(own, files={"image": ("a.svg", svg)}), {422}


def main() -> None:
    """Try all attacks, and print a table."""
    failed = False
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own = stack.enter_context(server(folder))
        secret = stack.enter_context(server(folder, IMPASTO_TOKEN=TOKEN))
        listener = Listener()
        print("| attack | answer |\n|---|---|")
        for name, send, right in attacks(own, secret, listener):
            answer = send()
            failed |= answer.status_code not in right or answer.status_code >= 500
            text = f"{answer.status_code}"
            if answer.headers.get("content-type", "") == "application/problem+json":
                text += f": {answer.json()['detail']}".replace(f":{own.base_url.port}", "")
            elif answer.is_success:
                text += f": {answer.headers['content-disposition'].partition('; ')[2]}"
            text = text.replace(listener.address, "http://127.0.0.1:1").replace(str(Path.cwd()), "")
            print(f"| {name} | {text if len(text) < 110 else text[:107] + '...'} |")
        left = sorted(path.name for path in folder.rglob("*"))
        print(f"| connections to the addresses above | {listener.calls} |")
        print(f"| files left in the folder of temporary files | {len(left)} |")
        failed |= bool(listener.calls or left)
    sys.exit(failed)


if __name__ == "__main__":
    main()
