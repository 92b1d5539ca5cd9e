"""Measure painting in the browser: differences to Python, seconds, bytes, frames a second.

  PYTHONPATH=tests python benchmarks/browser.py [--runs 5] [--threads 1]
  [--only differences,first,speed,camera,large]

Chromium visits the site on a host on this machine, by Playwright. All paintings are of photographs
that scikit-image carries. Python paints with ONNX Runtime in float32, the engine of the browser.
Times are the least of several runs, as other programs may run beside.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from chromium import CHROMIUM, FLAGS
from PIL import Image
from studio.conftest import DONE
from studio.static_host import ISOLATED, EnginePage, StaticHost, data_url

import impasto
from impasto.images.image import UInt8
from impasto.inference.tile_grid import TileLimits, limit_tiles

STYLE = "starry-night"
SIZES = [(512, 512), (768, 1024)]  # height and width
TILED = (1000, 1500)
TILE_LIMITS = TileLimits(500_000, 512)
FRAMES_SECONDS = 10
MEGAPIXELS_12 = (3072, 4096)
BOUNDARY = "impasto-benchmark"


def main() -> None:
    """Run the command of this script."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts: dict[str, Callable[[Any, argparse.Namespace], None]] = {
        "differences": measure_differences,
        "first": measure_first_painting,
        "speed": measure_speed,
        "camera": measure_camera,
        "large": measure_large,
    }
    parser.add_argument("--runs", type=int, default=5, help="runs, of which the least counts")
    parser.add_argument("--threads", type=int, default=1, help="threads of WebAssembly")
    parser.add_argument("--only", default=",".join(parts), help="what to measure")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        print(f"Chromium {browser.version}, impasto {impasto.__version__}")
        for name in arguments.only.split(","):
            parts[name](browser, arguments)
        browser.close()


def photograph(height: int, width: int, name: str = "astronaut") -> UInt8:
    """Return a photograph that scikit-image carries, resized, uint8 (height, width, 3)."""
    from skimage import data

    return np.asarray(Image.fromarray(getattr(data, name)()).resize((width, height)))


def open_page(browser: Any, host: StaticHost, **settings: Any) -> EnginePage:
    """Open a page with the engine in a fresh profile."""
    page = EnginePage(browser.new_context(permissions=["camera"]), host, **settings)
    page.page.set_default_timeout(600_000)
    return page


def close(page: EnginePage) -> None:
    """Close a page and its profile."""
    page.page.context.close()


def measure_differences(browser: Any, arguments: argparse.Namespace) -> None:
    """Print the largest difference to Python, and the share of values that differ."""
    host = StaticHost(ISOLATED)
    page, tiled = open_page(browser, host), open_page(browser, host, maxPixels=500_000, tile=512)
    print("\n| network | size | style | largest difference, of 255 | values that differ, % |")
    print("|---|---|---|---:|---:|")
    for network in ("small", "base"):
        stylizer = impasto.Stylizer(network, engine="onnxruntime")
        for side in (256, 512):
            photo = photograph(side, side)
            print_difference(
                [network, f"{side}x{side}", STYLE],
                page.paint(photo, network=network),
                stylizer.stylize(photo, STYLE),
            )
        photo = photograph(*TILED)
        with limit_tiles(TILE_LIMITS):
            python = stylizer.stylize(photo, STYLE)
        print_difference(
            [network, "1500x1000 in tiles of 512", STYLE],
            tiled.paint(photo, network=network),
            python,
        )
        photo, art = photograph(512, 512), photograph(400, 600, "coffee")
        style = page.run(
            "return (await painter.addPicture(await toBlob(values[0]), 'coffee')).id", data_url(art)
        )
        print_difference(
            [network, "512x512", "predicted"],
            page.paint(photo, network=network, styles=[[style, 1]]),
            stylizer.stylize(photo, art),
        )
    close(page)
    close(tiled)
    host.close()


def print_difference(cells: list[str], browser: UInt8, python: UInt8) -> None:
    """Print one row of the table of differences."""
    apart = np.abs(browser[..., :3].astype(np.int16) - python)
    share = 100 * np.mean(apart > 0)
    print("| " + " | ".join([*cells, str(apart.max()), f"{share:.3f}"]) + " |", flush=True)


def measure_first_painting(browser: Any, arguments: argparse.Namespace) -> None:
    """Print seconds and bytes from opening to paintings, each with an empty cache."""
    photo, seconds, sizes = photograph(512, 512), list[float](), list[int]()
    host = StaticHost(ISOLATED)
    for _ in range(arguments.runs):
        host.sent.clear()
        start = time.monotonic()
        page = open_page(browser, host, threads=arguments.threads)
        page.paint(photo)
        seconds.append(time.monotonic() - start)
        sizes.append(sum(size for _, size in host.sent))
        close(page)
    print(f"\nengine alone, from opening to a painting of 512x512: {min(seconds):.1f} s,", end=" ")
    print(f"{min(sizes) / 1e6:.2f} MB")
    first, own, first_sizes = list[float](), list[float](), list[int]()
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "jpeg")
    picture = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": stream.getvalue()}
    for _ in range(arguments.runs):
        host.sent.clear()
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        visited = context.new_page()
        visited.set_default_timeout(120_000)
        start = time.monotonic()
        visited.goto(host.url + "?no-sw")
        done = f"document.body.dataset.ready !== undefined && {DONE}"
        visited.wait_for_function(f"{done} && document.querySelector('#strip li')")
        first.append(time.monotonic() - start)
        first_sizes.append(sum(size for _, size in host.sent))
        start = time.monotonic()
        visited.set_input_files("#pick-photo", [picture])
        visited.wait_for_function(f"!({DONE})")
        visited.wait_for_function(f"{done} && document.querySelector('.shot[aria-current]')")
        own.append(time.monotonic() - start)
        context.close()
    print(f"page, from opening to ready: {min(first):.1f} s, {min(first_sizes) / 1e6:.2f} MB")
    print(f"page, from choosing a photograph of 512x512 to its painting: {min(own):.1f} s")
    host.close()


def measure_speed(browser: Any, arguments: argparse.Namespace) -> None:
    """Print seconds a painting: in the browser, by the server, and by the command line."""
    host = StaticHost(ISOLATED)
    page = open_page(browser, host, threads=arguments.threads)
    threads = page.run("return (await painter.info()).threads")
    process, address = start_server()
    print(f"\n| network | size | WebAssembly, {threads} threads, s | server, s | command line, s |")
    print("|---|---|---:|---:|---:|")
    for network in ("small", "base"):
        for height, width in SIZES:
            photo = photograph(height, width)
            in_browser, by_server, by_command = list[float](), list[float](), list[float]()
            for run in range(arguments.runs + 1):  # the first one loads and warms up
                # another strength each time, as paintings are kept
                page.paint(photo, network=network, strength=1 - run / 1000)
                in_browser.append(page.seconds)
                by_server.append(post(address, photo, network))
                by_command.append(run_command(photo, network))
            times = [f"{min(times[1:]):.2f}" for times in (in_browser, by_server, by_command)]
            print("| " + " | ".join([network, f"{width}x{height}", *times]) + " |", flush=True)
    process.terminate()
    close(page)
    host.close()


def start_server() -> tuple[subprocess.Popen[str], str]:
    """Start `impasto serve`; returns the process and the address."""
    command = [sys.executable, "-m", "impasto", "serve", "--port", "0", "--no-open", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    line = process.stdout.readline()
    start = line.index("http")
    return process, line[start:].split('"')[0].strip().rstrip("/")


def post(address: str, photo: UInt8, network: str) -> float:
    """Have a server paint a photograph, from PNG to PNG; returns the seconds."""
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "png")
    lines = []
    for name, value in {"style": STYLE, "network": network, "format": "png"}.items():
        lines += [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"', "", value]
    lines += [f"--{BOUNDARY}", 'Content-Disposition: form-data; name="image"; filename="a.png"']
    body = "\r\n".join([*lines, "Content-Type: image/png", "", ""]).encode()
    body += stream.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()
    request = urllib.request.Request(
        f"{address}/v1/stylize",
        body,
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    start = time.monotonic()
    with urllib.request.urlopen(request) as response:
        response.read()
    return time.monotonic() - start


def run_command(photo: UInt8, network: str) -> float:
    """Have the command line paint a photograph, from PNG to PNG; returns the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "photo.png", Path(folder) / "painted.png"
        Image.fromarray(photo).save(source)
        command = f"-m impasto stylize {source} -s {STYLE} --network {network} -o {target}"
        start = time.monotonic()
        subprocess.run([sys.executable, *command.split()], check=True, capture_output=True)
        return time.monotonic() - start


CAMERA = """
    const [width, height, seconds] = values;
    const video = document.createElement("video");
    video.srcObject = await navigator.mediaDevices.getUserMedia({video: {width, height}});
    await video.play();
    const live = painter.live({styles: [{id: "gallery:starry-night", weight: 1}], strength: 1,
        stroke: 1, color: "style", network: "small", size: width});
    const paint = async () => (await live.paint(await createImageBitmap(video))).close();
    for (let frame = 0; frame < 5; frame++) await paint(); // warms up
    const start = performance.now();
    let frames = 0;
    let least = Infinity;
    while (performance.now() - start < 1000 * seconds) {
        const before = performance.now();
        await paint();
        least = Math.min(least, performance.now() - before);
        frames++;
    }
    const rate = frames / ((performance.now() - start) / 1000);
    live.close();
    video.srcObject.getTracks().forEach((track) => track.stop());
    return [rate, least];"""


def measure_camera(browser: Any, arguments: argparse.Namespace) -> None:
    """Print frames a second of Chromium's fake camera."""
    host = StaticHost(ISOLATED)
    page = open_page(browser, host, threads=arguments.threads)
    for width, height in ((320, 240), (640, 480)):
        rate, least = page.run(CAMERA, width, height, FRAMES_SECONDS)
        print(f"\ncamera {width}x{height}: {rate:.1f} frames a second, quickest {least:.0f} ms")
    close(page)
    host.close()


LARGE = """
    const [photo, network] = values;
    const blob = await toBlob(photo);
    const style = {id: "gallery:starry-night", weight: 1};
    const job = {styles: [style], strength: 1, stroke: 1, color: "style", network};
    await painter.ready();
    const start = performance.now();
    let [longest, last, on] = [0, start, true];
    const tick = () => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        if (on) setTimeout(tick, 4);
    };
    tick();
    const painted = await painter.paint(blob, job);
    on = false;
    return [(performance.now() - start) / 1000, longest, painted.width, painted.height];"""


def measure_large(browser: Any, arguments: argparse.Namespace) -> None:
    """Print seconds for 12 megapixels, and how long the page did not answer."""
    stream = io.BytesIO()
    Image.fromarray(photograph(*MEGAPIXELS_12)).save(stream, "jpeg", quality=95)
    host = StaticHost(ISOLATED, more={"photo.jpg": stream.getvalue()})
    for network in ("small", "base"):
        page = open_page(browser, host, threads=arguments.threads)
        seconds, longest, width, height = page.run(LARGE, "photo.jpg", network)
        figures = {"network": network, "size": f"{width}x{height}", "seconds": round(seconds, 1)}
        print(json.dumps(figures | {"longest_pause_ms": round(longest)}), flush=True)
        close(page)
    host.close()


if __name__ == "__main__":
    main()
