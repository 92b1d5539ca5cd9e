"""Take the screenshots of the page in docs/images, in Chromium, with the engine of the browser.

Needs Chromium and `pip install playwright`:

    python scripts/studio_screenshots.py
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chromium import FLAGS  # noqa: E402
from studio.conftest import DONE, ISOLATION, SiteHost  # noqa: E402

from impasto.server.site import STATIC, site_files  # noqa: E402

FOLDER = ROOT / "docs" / "images"
SAMPLES = STATIC / "samples"
MAX_BYTES = 400_000
SCALE = 2  # device pixels per pixel, as most screens have
PATIENCE = 120_000  # milliseconds


def rest(page: Page) -> None:
    """Wait until the painting is there at full size."""
    page.wait_for_selector("body[data-ready]", timeout=PATIENCE)
    page.wait_for_timeout(300)
    page.wait_for_function(DONE, timeout=PATIENCE)
    page.wait_for_timeout(300)


def paint(page: Page, style: str, photo: str | None = None) -> None:
    """Choose a style, and perhaps another photograph."""
    page.click(f'[data-id="gallery:{style}"]')
    if photo:
        page.set_input_files("#pick-photo", SAMPLES / photo)
    rest(page)


def compare(page: Page, percent: int) -> None:
    """Move the slider between photograph and painting."""
    page.evaluate(
        """(percent) => {
            const slider = document.getElementById("compare");
            slider.value = percent;
            slider.dispatchEvent(new Event("input"));
        }""",
        percent,
    )


def desktop(page: Page) -> None:
    """The opening, with the slider moved."""
    paint(page, "starry-night")
    paint(page, "temeraire")
    compare(page, 36)


def dark(page: Page) -> None:
    """A cup of coffee at night, of which only a part is painted."""
    paint(page, "starry-night", "coffee.jpg")
    compare(page, 30)


def phone(page: Page) -> None:
    """A cat on a phone."""
    paint(page, "starry-night", "chelsea.jpg")
    compare(page, 24)


def save(name: str, png: bytes) -> None:
    """Write a screenshot as WebP, in the best quality that keeps it small."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in range(90, 30, -5):
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=quality, method=6)
        if stream.tell() < MAX_BYTES:
            break
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(stream.getvalue())
    print(f"{name}: {image.width} x {image.height}, {stream.tell() // 1000} KB")


def main() -> None:
    """Take all screenshots."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    host = SiteHost(site_files(), ISOLATION)
    shots = [
        ("studio-desktop.webp", desktop, (1440, 900), "light", False),
        ("studio-dark.webp", dark, (1440, 900), "dark", False),
        ("studio-phone.webp", phone, (390, 844), "light", True),
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, prepare, (width, height), scheme, is_mobile in shots:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=SCALE,
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
                is_mobile=is_mobile,
                has_touch=is_mobile,
            )
            page = context.new_page()
            page.goto(host.url + "?no-sw")
            rest(page)
            prepare(page)
            save(name, page.screenshot())
            context.close()
        browser.close()
    host.close()


if __name__ == "__main__":
    main()
