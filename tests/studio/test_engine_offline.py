"""The static site in Chromium: on any host, in a folder, without a network."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from impasto.server.site import export_site

from .static_host import ISOLATED, EnginePage, StaticHost, difference
from .test_engine import draw

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = [pytest.mark.browser, pytest.mark.process]

THREADS = "return (await painter.info()).threads"
REGISTER = """
    await navigator.serviceWorker.register(new URL("sw.js", location.href));
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) {
        await new Promise((done) => navigator.serviceWorker.oncontrollerchange = done);
    }"""


@contextlib.contextmanager
def visiting(browser: "Browser", **options: Any) -> Iterator[tuple["BrowserContext", StaticHost]]:
    """Open a fresh profile and a host."""
    host, context = StaticHost(**options), browser.new_context()
    yield context, host
    context.close()
    host.close()


def test_paints_without_headers_in_a_folder(browser: "Browser") -> None:
    with visiting(browser, folder="some/where/") as (context, host):
        page = EnginePage(context, host)
        painted = page.paint(draw(100, 120))
        assert page.page.evaluate("[crossOriginIsolated, typeof SharedArrayBuffer]") == [
            False,
            "undefined",
        ]
        assert page.run(THREADS) == 1
        paths = [path for path, _ in host.sent]
        # neither larger networks nor predictors nor the engine for graphics cards before need
        assert not [path for path in paths if "/base" in path or ".predictor." in path]
        assert not [path for path in paths if "jspi" in path or "previews" in path]
        assert sum(size for _, size in host.sent) < 4_500_000
        assert all(url.startswith((host.url, "data:", "blob:")) for url in page.requests)
        assert page.errors == []
    with visiting(browser, headers=ISOLATED) as (context, host):
        page = EnginePage(context, host, threads=2)
        assert page.page.evaluate("crossOriginIsolated")
        assert page.run(THREADS) == 2
        assert difference(page.paint(draw(100, 120)), painted) <= 1


def test_paints_without_a_network_after_one_visit(browser: "Browser") -> None:
    photo = draw(100, 120)
    with visiting(browser) as (context, host):
        page = EnginePage(context, host)
        painted = page.paint(photo)
        page.run(REGISTER)
        sent = [path for path, _ in host.sent]
        large = [path for path, size in host.sent if size > 200_000 and "samples" not in path]
        assert len(set(large)) == len(large)  # none was downloaded twice
        assert "gallery/gallery.json" in sent

        second = EnginePage(context, host)  # now the service worker sends the headers
        assert second.page.evaluate("crossOriginIsolated")

        host.close()
        offline = EnginePage(context, host)
        assert difference(offline.paint(photo, styles=[["gallery:udnie", 1]]), painted) > 20
        assert difference(offline.paint(photo), painted) <= 1
        words = "cannot load base-.*: there is no connection"
        with pytest.raises(Exception, match=words):
            offline.paint(photo, network="base")
        assert offline.errors == []


def test_paints_under_the_policy_of_the_docs(browser: "Browser") -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "static-page.md").read_text()
    policy = re.search(r"^Content-Security-Policy: ([^`]*)", text, re.M)
    assert policy
    headers = ISOLATED | {"Content-Security-Policy": " ".join(policy[1].split())}
    with visiting(browser, headers=headers) as (context, host):
        page = EnginePage(context, host, threads=2)
        assert page.paint(draw(64, 64)).shape == (64, 64, 4)
        assert page.run(THREADS) == 2
        assert page.errors == []


def test_old_files_are_forgotten(browser: "Browser") -> None:
    with visiting(browser) as (context, host):
        page = EnginePage(context, host)
        page.run(
            """
            const cache = await caches.open("impasto-files");
            const old = new URL("gallery/networks/old.graphs.gz", location.href);
            await cache.put(old, new Response("x"));
            await painter.ready();"""
        )
        page.run(REGISTER)
        script = """
            for (;;) {
                const cache = await caches.open("impasto-files");
                const names = (await cache.keys()).map(({url}) => url.split("/").pop());
                if (!names.includes("old.graphs.gz")) return names;
                await new Promise((next) => setTimeout(next, 50));
            }"""
        assert any(name.startswith("small-") for name in page.run(script))


def test_exported_site_paints(browser: "Browser", tmp_path: Path) -> None:
    paths = export_site(tmp_path / "site")
    more = {path.relative_to(tmp_path / "site").as_posix(): path.read_bytes() for path in paths}
    assert "index.html" in more
    with visiting(browser) as (context, host):
        page = EnginePage(context, host)
        assert page.paint(draw(64, 64)).shape == (64, 64, 4)
