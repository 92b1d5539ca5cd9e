"""The site as `make site` built it, on a plain host and below a folder of it."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SITE = Path(__file__).parents[2] / "build" / "site"
PAGES = (
    "docs/index.html",
    "docs/overview.html",
    "docs/paintings.html",
    "docs/reference/gallery.html",
    "docs/reference/commands/stylize.html",
    "docs/explanation/results.html",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.skipif(not (SITE / "docs").is_dir(), reason="the site is not built: make site"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Address of the site, two folders below the root of a host."""
    handler = partial(Quiet, directory=str(SITE.parents[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{SITE.parent.name}/{SITE.name}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: "Browser", url: str) -> "Iterator[Page]":
    """A page that asks for nothing that is missing, and asks no other host."""
    page = browser.new_page(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("response", lambda response: _note(response.url, response.status, url, faults))
    yield page
    page.close()
    assert not faults


def _note(address: str, status: int, url: str, faults: list[str]) -> None:
    is_question = address.endswith("/v1/info")  # whether a server of impasto is there
    if not address.startswith((url, "data:", "blob:")) or (status >= 400 and not is_question):
        faults.append(f"{status} {address}")


def background(page: "Page", selector: str) -> str:
    return page.eval_on_selector(selector, "element => getComputedStyle(element).backgroundColor")


def test_the_studio_and_its_documentation_lead_to_each_other(page: "Page", url: str) -> None:
    page.goto(url + "index.html?no-sw")
    page.wait_for_selector("body[data-ready]", timeout=120_000)
    wall = background(page, "body")
    page.click("#menu")  # on a phone
    page.click("#documentation")
    page.wait_for_url(url + "docs/index.html")
    assert background(page, ".md-header") == wall
    page.click(".md-header .paint-link")
    page.wait_for_url(url + "index.html")


@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_a_phone(page: "Page", url: str, path: str) -> None:
    page.goto(url + path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    images = "[...document.images].filter((one) => one.complete && !one.naturalWidth)"
    assert page.evaluate(f"{images}.map((one) => one.src)") == []


def test_sliders_show_more_of_the_photograph(page: "Page", url: str) -> None:
    page.goto(url + "docs/paintings.html")
    photograph = page.locator(".pair").first.locator("img").nth(1)
    clip = photograph.evaluate("element => getComputedStyle(element).clipPath")
    page.locator(".pair input").first.focus()
    page.keyboard.press("End")
    assert photograph.evaluate("element => getComputedStyle(element).clipPath") != clip


def test_search_finds_pages(page: "Page", url: str) -> None:
    page.goto(url + "docs/index.html")
    page.click("label.md-header__button[for=__search]")
    page.keyboard.type("optical flow")
    page.get_by_text(re.compile(r"^[1-9]\d* results?$")).wait_for()
