"""A client of `impasto serve`: paint a picture, wait while the server is busy, or follow a job."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx


class Client:
    """Talks to a server; `token` is the one that it prints."""

    def __init__(self, address: str = "http://127.0.0.1:8000", token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=address, headers=headers, timeout=600)

    def send(self, path: str, files: dict[str, Path], **fields: Any) -> httpx.Response:
        """Send files and fields; where the queue is full, try again when the server says."""
        while True:
            opened = {name: (file.name, file.read_bytes()) for name, file in files.items()}
            answer = self.http.post(path, files=opened, data=fields)
            if answer.status_code != 503:
                break
            time.sleep(int(answer.headers.get("retry-after", 1)))
        if answer.is_error:
            raise SystemExit(answer.json()["detail"])
        return answer

    def stylize(self, photo: Path, style: str, **fields: Any) -> bytes:
        """Paint a picture; `style` is a name of the gallery, or the path of any picture."""
        if Path(style).is_file():
            files = {"image": photo, "style_image": Path(style)}
            return self.send("/v1/stylize", files, **fields).content
        return self.send("/v1/stylize", {"image": photo}, style=style, **fields).content

    def follow(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a job each time it changes, until its end."""
        with self.http.stream("GET", f"/v1/jobs/{job['id']}/events") as events:
            for line in events.iter_lines():
                if line.startswith("data: ") and "state" in (state := json.loads(line[6:])):
                    yield state


if __name__ == "__main__":
    photo, style, target = sys.argv[1:4]
    Path(target).write_bytes(Client().stylize(Path(photo), style))
