"""Load and malice against a running server: what it answers, and what it costs.

  python trials/server_load.py [--requests 2000] [--malformed 10000] [--at-once 200]

Starts `impasto serve` with a queue of 8, and reports each part as one line:

1. posts at once: all are answered, with 200 or with 503 and Retry-After;
2. requests in a row, by several clients: memory before and after, and /healthz in under 0.1 s;
3. clients that are killed (SIGKILL) in the middle of a request;
4. uploads that come slowly, beside good requests;
5. malformed bodies: no answer is 500.

The exit code is 1 if a part fails.
"""

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import numpy as np
from PIL import Image

from impasto.images.image import Picture
from impasto.images.writing import encode

MAX_HEALTH_SECONDS = 0.1
PAUSE_SECONDS = 0.02  # between questions to /healthz
MAX_GROWTH = 0.1  # of memory, from the warm server to the end of a part
WARM_REQUESTS = 60  # before memory is measured for the first time
STYLES = ("great-wave", "starry-night", "adele", "great-wave:0.5,starry-night:0.5")


def start_server() -> tuple["subprocess.Popen[str]", str]:
    """Start a server with a queue of 8 at a free port; return its process and its address."""
    command = [sys.executable, "-m", "impasto", "serve", "--port", "0", "--json", "--no-open"]
    command += ["--queue", "8", "--network", "small", "--max-upload", "20"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, json.loads(server.stdout.readline())["address"]


def photo(height: int, width: int) -> bytes:
    """Draw a picture, and return it as a JPEG file."""
    generator = np.random.default_rng(height)
    small = generator.integers(0, 255, (8, 8, 3), np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return encode(Picture(np.array(image)), ".jpg")


def memory_of(process: "subprocess.Popen[str]") -> tuple[float, float]:
    """Return the resident memory of a process and its peak, in megabytes."""
    with open(f"/proc/{process.pid}/status") as file:  # noqa: PTH123
        text = file.read()
    values = [re.search(rf"{name}:\s+(\d+) kB", text) for name in ("VmRSS", "VmHWM")]
    now, peak = (int(value[1]) / 1000 if value else 0.0 for value in values)
    return now, peak


class Health:
    """What /healthz took, in seconds, and how late this machine wakes a process, for comparison."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.lags: list[float] = []

    @property
    def slowest(self) -> float:
        """The slowest answer."""
        return max(self.times, default=0.0)

    @property
    def is_quick(self) -> bool:
        """Whether no answer took longer than allowed, beyond what the machine itself is late."""
        return self.slowest < MAX_HEALTH_SECONDS + max(self.lags, default=0.0)

    def __str__(self) -> str:
        ordered = sorted(self.times) or [0.0]
        median, late = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
        return (
            f"/healthz median {1000 * median:.0f}, 99 % {1000 * late:.0f}, slowest"
            f" {1000 * self.slowest:.0f} ms of {len(ordered)} (a process that sleeps wakes up to"
            f" {1000 * max(self.lags, default=0.0):.0f} ms late)"
        )


def _ask(address: str, ended: Any, results: Any) -> None:
    """Ask /healthz until told to end; in a process of its own, as that of the clients is busy."""
    health = Health()
    url = httpx.URL(address)
    connection = http.client.HTTPConnection(url.host, url.port, timeout=60)
    while not ended.is_set():
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        health.times.append(time.perf_counter() - began)
        began = time.perf_counter()
        time.sleep(PAUSE_SECONDS)
        health.lags.append(time.perf_counter() - began - PAUSE_SECONDS)
    results.put((health.times, health.lags))


@asynccontextmanager
async def asking(address: str) -> AsyncIterator[Health]:
    """Ask /healthz within the block."""
    context = multiprocessing.get_context("spawn")
    ended, results = context.Event(), context.Queue()
    process = context.Process(target=_ask, args=(address, ended, results))
    process.start()
    await asyncio.sleep(2)  # while the process starts
    health = Health()
    try:
        yield health
    finally:
        ended.set()
        health.times, health.lags = await asyncio.to_thread(results.get)
        process.join()


async def post(client: httpx.AsyncClient, picture: bytes, style: str) -> httpx.Response:
    """Send a picture."""
    return await client.post(
        "/v1/stylize", data={"style": style}, files={"image": ("photo.jpg", picture)}
    )


def client_of(address: str) -> httpx.AsyncClient:
    """Make a client without a limit of connections."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx.AsyncClient(base_url=address, timeout=300, limits=limits)


async def at_once(address: str, count: int) -> tuple[bool, str]:
    """Send many pictures at once."""
    picture = photo(512, 512)
    async with client_of(address) as client, asking(address) as health:
        answers = await asyncio.gather(
            *(post(client, picture, "great-wave") for _ in range(count)), return_exceptions=True
        )
    codes: Counter[object] = Counter()
    for answer in answers:
        if isinstance(answer, BaseException):
            codes[type(answer).__name__] += 1
        else:
            codes[answer.status_code] += 1
            if answer.status_code == 503 and "retry-after" not in answer.headers:
                codes["503 without Retry-After"] += 1
    good = set(codes) <= {200, 503} and health.is_quick
    return good, f"{dict(codes)}, {health}"


async def in_a_row(address: str, count: int, clients: int = 4) -> tuple[bool, str]:
    """Send pictures by several clients, each of which waits for its answer."""
    pictures = [photo(side, side + 40) for side in (200, 256, 320, 384)]
    codes: Counter[int] = Counter()
    left = iter(range(count))

    async def work(client: httpx.AsyncClient, seed: int) -> None:
        generator = random.Random(seed)
        for _ in left:
            answer = await post(client, generator.choice(pictures), generator.choice(STYLES))
            codes[answer.status_code] += 1

    began = time.perf_counter()
    async with client_of(address) as client, asking(address) as health:
        await asyncio.gather(*(work(client, seed) for seed in range(clients)))
    seconds = time.perf_counter() - began
    good = codes == {200: count} and health.is_quick
    rate = f"{seconds:.0f} s, {count / seconds:.1f} a second"
    return good, f"{dict(codes)}, {rate}, {health}"


def _hold(address: str, picture: bytes) -> None:
    httpx.post(
        f"{address}v1/stylize",
        data={"style": "adele", "stroke": "2", "network": "large"},
        files={"image": picture},
        timeout=300,
    )


async def killed(address: str, count: int = 8) -> tuple[bool, str]:
    """Kill clients in the middle of a request; then the queue is empty at once."""
    picture = photo(1500, 2000)
    context = multiprocessing.get_context("spawn")
    clients = [context.Process(target=_hold, args=(address, picture)) for _ in range(count)]
    for process in clients:
        process.start()
    async with client_of(address) as client:
        while await _jobs(client) < 3:
            await asyncio.sleep(0.05)
        for process in clients:
            if process.pid:
                os.kill(process.pid, signal.SIGKILL)
        began = time.perf_counter()
        while await _jobs(client):
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - began
        answer = await post(client, photo(256, 256), "great-wave")
    for process in clients:
        process.join()
    good = answer.status_code == 200 and seconds < 30
    return good, f"{count} clients; {seconds:.1f} s later nothing waits, and the next got 200"


async def _jobs(client: httpx.AsyncClient) -> int:
    """Count the jobs that wait or are in work."""
    lines = (await client.get("/metrics")).text.splitlines()
    found = [line for line in lines if re.match(r"impasto_(queue|running)_jobs\{", line)]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in found)


async def slow(address: str, count: int = 30) -> tuple[bool, str]:
    """Send many requests slowly, and good ones beside them."""
    host, port = httpx.URL(address).host, httpx.URL(address).port

    async def drip() -> int:
        reader, writer = await asyncio.open_connection(host, port)
        head = (
            "POST /v1/stylize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        )
        writer.write(head.encode())
        with suppress(ConnectionError):
            for _ in range(600):
                writer.write(b"a" * 10)
                await writer.drain()
                await asyncio.sleep(0.2)
                if reader.at_eof() or len(getattr(reader, "_buffer", b"")):
                    break
        line = await reader.readline()
        writer.close()
        return int(line.split()[1]) if line else 0

    began = time.perf_counter()
    async with client_of(address) as client, asking(address) as health:
        dripping = [asyncio.create_task(drip()) for _ in range(count)]
        await asyncio.sleep(3)  # a crowd is refused, slow clients are not
        answers = [await post(client, photo(256, 256), "great-wave") for _ in range(20)]
        codes = Counter(await asyncio.gather(*dripping))
    others = Counter(answer.status_code for answer in answers)
    good = set(codes) == {408} and set(others) == {200}
    good = good and health.is_quick
    seconds = time.perf_counter() - began
    return good, f"{dict(codes)} after {seconds:.0f} s, beside them {dict(others)}, {health}"


async def malformed(address: str, count: int) -> tuple[bool, str]:
    """Send malformed bodies: random bytes, damaged requests, wrong fields and files."""
    generator = random.Random(0)
    picture = photo(48, 64)
    codes: Counter[object] = Counter()
    left = iter(range(count))

    async def work(client: httpx.AsyncClient) -> None:
        for _ in left:
            path, body, kind = malformed_body(generator, picture)
            try:
                answer = await client.post(path, content=body, headers={"content-type": kind})
            except httpx.HTTPError as error:
                codes[type(error).__name__] += 1
            else:
                codes[answer.status_code] += 1

    async with client_of(address) as client:
        await asyncio.gather(*(work(client) for _ in range(4)))
    good = not {code for code in codes if not isinstance(code, int) or code in (500, 502)}
    return good, f"{dict(sorted(codes.items(), key=str))}"


FIELDS = (
    *("style", "strength", "color", "color_when", "stroke", "network", "quality", "size", "wrap"),
    *("format", "mask_name", "mask_invert", "region_style", "style_weights", "start", "end"),
    *("codec", "preset", "steady", "flow", "steps", "minutes", "name", "url", "image", "mask"),
)
FILES = ("image", "video", "mask", "style_image", "style_file", "region_mask", "style")
PATHS = ("/v1/stylize", "/v1/videos", "/v1/styles", "/v1/optimize")
VALUES = ("", "1", "-1", "nan", "1e999", "adele", "adele:x", "../../etc/passwd", "\0", "é" * 300)


def malformed_body(generator: random.Random, picture: bytes) -> tuple[str, bytes, str]:
    """Make one wrong request: its path, body and content type."""
    path = generator.choice(PATHS)
    if generator.random() < 0.2:
        return (
            path,
            generator.randbytes(generator.randrange(400)),
            "multipart/form-data; boundary=x",
        )
    damaged = bytearray(picture)
    for _ in range(generator.randrange(1, 20)):
        damaged[generator.randrange(len(damaged))] = generator.randrange(256)
    contents = (bytes(damaged), picture, generator.randbytes(100), b"", b"PK\3\4", b"#EXTM3U\n")
    names = ("a.jpg", "../../a", "", "a\r\nb", "a.m3u8", "\N{BOMB}" * 40)
    data = {generator.choice(FIELDS): generator.choice(VALUES) for _ in range(3)}
    files = [
        (generator.choice(FILES), (generator.choice(names), generator.choice(contents)))
        for _ in range(generator.randrange(1, 4))
    ]
    # steps keep the few that are right by chance short
    request = httpx.Request("POST", "http://a/", data=data, files=files)
    body = bytearray(request.read())
    if generator.random() < 0.5:
        body[generator.randrange(len(body))] = generator.randrange(256)
    if generator.random() < 0.2:
        del body[generator.randrange(len(body)) :]
    return path, bytes(body), request.headers["content-type"]


async def run(options: argparse.Namespace) -> bool:
    """Run all parts against one server, and print a line for each."""
    server, address = start_server()
    try:
        async with client_of(address) as client:
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.1)
        await in_a_row(address, WARM_REQUESTS)
        await at_once(address, 20)
        await asyncio.to_thread(_hold, address, photo(1500, 2000))  # as killed clients send
        parts = (
            ("posts at once", at_once(address, options.at_once)),
            ("requests in a row", in_a_row(address, options.requests)),
            ("posts at once, again", at_once(address, options.at_once)),
            ("killed clients", killed(address)),
            ("slow uploads", slow(address)),
            ("malformed bodies", malformed(address, options.malformed)),
        )
        all_good = True
        for name, part in parts:
            before, _ = memory_of(server)
            good, line = await part
            after, peak = memory_of(server)
            flat = after < before * (1 + MAX_GROWTH)
            memory = f"memory {before:.0f} -> {after:.0f} MB, peak {peak:.0f}"
            print(f"{'good' if good and flat else 'BAD '}  {name}: {line}; {memory}", flush=True)
            all_good = all_good and good and flat
        return all_good
    finally:
        server.terminate()
        print(f"the server ended with {server.wait(timeout=60)}")


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=200)
    sys.exit(0 if asyncio.run(run(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
