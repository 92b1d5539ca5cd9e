"""Compare the colors that impasto reads with those that Chromium shows.

Files of known stripes are made in many ways of telling colors: CICP, gAMA, cHRM, ICC, nclx, EXIF,
bit depths, modes and orientations. Each is read by impasto and shown by Chromium, whose screenshot
is the reference. It needs Playwright (`pip install playwright`) and Debian's Chromium.

Example:
  python trials/chromium_colors.py
"""

import argparse
import base64
import io
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto.images.reading import read

COLORS = np.array(
    [(200, 30, 30), (30, 160, 60), (40, 60, 200), (128, 128, 128), (230, 200, 60), (20, 20, 20)]
)
STRIPE = 16  # pixels
ALLOWED = 3  # levels
FLAGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif",
         ".gif": "image/gif", ".bmp": "image/bmp"}  # fmt: skip


def stripes() -> NDArray[np.uint8]:
    """Return the stripes, uint8 (2 STRIPE, W, 3); the lower half has other colors."""
    row = np.repeat(COLORS, STRIPE, axis=0).astype(np.uint8)
    return np.stack([row] * STRIPE + [row[::-1]] * STRIPE)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes, depth: int = 8) -> bytes:
    """Encode the stripes as PNG with further chunks before the pixels."""
    pixels = stripes()
    rows = pixels if depth == 8 else pixels.astype(">u2") * 257
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    height, width = pixels.shape[:2]
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(raw))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + body + chunk(b"IEND", b"")


def told_by_png() -> Iterator[tuple[str, bytes]]:
    """Yield PNG files that tell colors by cICP, gAMA and cHRM."""
    for primaries in (1, 5, 6, 9, 12):
        for transfer in (1, 4, 5, 8, 13, 16, 18):
            codes = chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
            for depth in (8, 16) if transfer in (13, 16, 18) else (8,):
                yield f"cicp-{primaries}-{transfer}-{depth}.png", png(codes, depth=depth)
    wide = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    for gamma in (100_000, 55_000, 45_455):
        chunks = [chunk(b"gAMA", struct.pack(">I", gamma))]
        yield f"gamma-{gamma}.png", png(*chunks)
        yield f"gamma-{gamma}-chrm.png", png(*chunks, chunk(b"cHRM", struct.pack(">8I", *wide)))
    yield "plain.png", png()
    yield "plain-16.png", png(depth=16)
    yield "srgb.png", png(chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000)))


def gamma_profile(gamma: float) -> bytes:
    """Return an ICC profile of sRGB's primaries, whose curves are a power."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = bytearray(profile)
    count = struct.unpack(">I", data[128:132])[0]
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    at = len(data)
    for entry in range(132, 132 + 12 * count, 12):
        if bytes(data[entry : entry + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            data[entry + 4 : entry + 12] = struct.pack(">2I", at, 14)
    data += curve
    data[:4] = struct.pack(">I", len(data))
    return bytes(data)


def told_by_others() -> Iterator[tuple[str, bytes]]:
    """Yield JPEG, WebP, AVIF and other files, with ICC profiles, EXIF and nclx."""
    image = Image.fromarray(stripes())
    exact: dict[str, dict[str, Any]] = {
        ".jpg": {"quality": 100, "subsampling": 0},
        ".webp": {"lossless": True},
        ".png": {},
        ".avif": {"quality": 100, "subsampling": "4:4:4"},
        ".bmp": {},
    }
    for suffix, options in exact.items():
        for name, profile in (("none", None), ("g10", 1.0), ("g18", 1.8), ("g22", 2.2)):
            if profile and suffix == ".bmp":
                continue
            buffer = io.BytesIO()
            icc = {"icc_profile": gamma_profile(profile)} if profile else {}
            image.save(buffer, MEDIA[suffix].split("/")[1], **options, **icc)
            yield f"icc-{name}{suffix}", buffer.getvalue()
    for orientation in range(1, 9):
        for suffix in (".jpg", ".png"):  # Chromium does not turn WebP
            exif = Image.Exif()
            exif[0x0112] = orientation
            buffer = io.BytesIO()
            image.save(buffer, MEDIA[suffix].split("/")[1], exif=exif, **exact[suffix])
            yield f"orientation-{orientation}{suffix}", buffer.getvalue()
    for mode in ("L", "P", "CMYK"):
        buffer = io.BytesIO()
        kind = "jpeg" if mode == "CMYK" else "png"
        image.convert(mode).save(buffer, kind, **(exact[".jpg"] if kind == "jpeg" else {}))
        yield f"mode-{mode}{'.jpg' if kind == 'jpeg' else '.png'}", buffer.getvalue()
    buffer = io.BytesIO()
    image.save(buffer, "avif", **exact[".avif"])
    data = buffer.getvalue()
    at = data.index(b"colrnclx") + 8
    for primaries, transfer in (
        (1, 13),
        (1, 1),
        (1, 6),
        (9, 1),
        (12, 13),
        (9, 13),
        (9, 16),
        (9, 18),
        (1, 8),
    ):
        told = data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]
        yield f"nclx-{primaries}-{transfer}.avif", told


def centers(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the colors in the middle of each stripe and half, wherever the picture is turned."""
    return picture[STRIPE // 2 :: STRIPE, STRIPE // 2 :: STRIPE].astype(int)


def main() -> int:
    """Compare all files; return 1 where one differs by more than allowed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser to start")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright  # type: ignore[import-not-found,unused-ignore]

    worst: list[tuple[int, str]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 300, "height": 300})
        for name, data in (*told_by_png(), *told_by_others()):
            path = Path(folder, name)
            path.write_bytes(data)
            found = read(path).rgb
            source = f"data:{MEDIA[path.suffix]};base64,{base64.b64encode(data).decode()}"
            page.set_content(f'<body style="margin:0"><img src="{source}" style="display:block">')
            page.wait_for_function("document.images[0].complete && document.images[0].naturalWidth")
            shot = page.locator("img").screenshot()
            shown = np.array(Image.open(io.BytesIO(shot)).convert("RGB"))
            same = shown.shape == found.shape
            gap = int(np.abs(centers(found) - centers(shown)).max()) if same else 255
            worst.append((gap, name))
            print(f"{name:28} {gap:4}{'' if gap <= ALLOWED else '  DIFFERS'}", flush=True)
        browser.close()
    differing = [name for gap, name in worst if gap > ALLOWED]
    print(f"{len(worst)} files, {len(worst) - len(differing)} within {ALLOWED} levels")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
