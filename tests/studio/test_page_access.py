"""The page for everyone: screen readers, keyboards, small and large screens, without motion."""

from pathlib import Path

import pytest

from .conftest import Open, picture

pytestmark = [pytest.mark.browser, pytest.mark.process]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
FITS = (
    "document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth"
)


def violations(one: object) -> list[str]:
    """Return what axe-core finds on the page."""
    page = one.page  # type: ignore[attr-defined]
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is missing: npm ci")
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Open, scheme: str, size: tuple[int, int]) -> None:
    one = visit(color_scheme=scheme, size=size).open()
    assert not violations(one)
    one.page.evaluate("stub.milliseconds = 400")
    one.pick(("a.jpg", picture()), ("broken.jpg", b"no picture"), ("c.jpg", picture()))
    one.page.wait_for_selector("#strip .painting")
    assert not violations(one)
    one.page.evaluate("stub.milliseconds = 0")
    if size[0] > 800:
        one.page.click("#mask")
        one.page.click("#help")
        assert not violations(one)
        one.page.keyboard.press("Escape")
        one.page.click("#mix-start")
        one.page.click('[data-id="gallery:udnie"]')
    else:
        one.page.click("#ptab-adjust")
    assert not violations(one)
    one.page.click("#tab-webcam")
    assert not violations(one)


@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1440, 3840])
def test_nothing_scrolls_sideways(visit: Open, width: int) -> None:
    one = visit(size=(width, 2160 if width > 2000 else 800)).open()
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(4)])
    one.painted()
    assert one.page.evaluate(FITS)
    one.page.evaluate("document.getElementById('mask').click()")
    assert one.page.evaluate(FITS)
    box = one.page.locator("#frame").bounding_box()
    assert box
    assert box["width"] > 0.35 * min(width, 1000)
    one.page.click("#tab-webcam")
    assert one.page.evaluate(FITS)


@pytest.mark.parametrize("host", ["127.0.0.1", "studio.example.org"])
@pytest.mark.parametrize("width", [320, 360, 390, 430, 768])
def test_header_of_a_server_fits(visit: Open, width: int, host: str) -> None:
    one = visit(size=(width, 740), has_touch=True, is_mobile=True).serve(host).open()
    for where in ("server", "device"):
        assert one.page.evaluate(FITS)
        assert one.page.evaluate("innerWidth") == width
        right = 0.0
        for name in ("tab-photo", "tab-webcam", "tab-video", "menu", "open"):
            box = one.page.locator(f"#{name}").bounding_box()
            assert box
            assert right <= box["x"]
            right = box["x"] + box["width"]
        assert right <= width
        one.page.tap("#menu")
        assert one.page.locator("#where [aria-checked=true]").get_attribute("data-value") == where
        menu = one.page.locator("#menu-items").bounding_box()
        assert menu
        assert menu["x"] >= 0
        assert menu["x"] + menu["width"] <= width
        one.page.tap('[data-value="device"]')
        one.page.wait_for_selector('body[data-ready="device"]')
        one.rest()


def test_place_of_painting_is_told_and_changed_by_the_keyboard(visit: Open) -> None:
    one = visit(size=(390, 844), has_touch=True, is_mobile=True).serve().open()
    fold = one.page.locator("#menu")
    fold.focus()
    one.page.keyboard.press("Enter")
    assert fold.get_attribute("aria-expanded") == "true"
    one.page.keyboard.press("Tab")
    one.page.keyboard.press("ArrowLeft")
    one.page.wait_for_selector('body[data-ready="device"]')
    assert one.page.evaluate("document.activeElement.dataset.value") == "device"
    one.page.keyboard.press("Escape")
    assert one.page.evaluate("document.activeElement.id") == "menu"
    assert fold.get_attribute("aria-expanded") == "false"
    one.page.keyboard.press("Enter")
    for _ in range(4):
        one.page.keyboard.press("Tab")
    assert not one.page.locator("#menu-items").is_visible()


def test_phone_has_a_sheet(visit: Open) -> None:
    one = visit(size=(390, 844), has_touch=True, is_mobile=True).open()
    panel = one.page.locator("#panel")
    low = panel.bounding_box()
    one.page.tap("#grip")
    one.page.wait_for_timeout(100)
    high = panel.bounding_box()
    assert low
    assert high
    assert high["height"] > low["height"] + 100
    one.page.tap("#ptab-adjust")
    assert one.page.locator("#strength").is_visible()
    one.page.tap("#ptab-styles")
    one.page.tap('[data-id="gallery:the-scream"]')
    one.titled("The Scream")


def test_tap_on_a_small_tile_shows_it(visit: Open) -> None:
    one = visit(size=(390, 844), has_touch=True, is_mobile=True).open()
    one.pick(*[(f"photo{n}.jpg", picture(60, 90, n)) for n in range(3)])
    one.says("3 photographs are painted.")
    shots = one.page.locator("#strip .shot")
    for shot in (1, 2, 2):  # the last one shows its cross already
        box = shots.nth(shot).bounding_box()
        assert box
        one.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        one.page.wait_for_selector(f"#strip li:nth-child({shot + 1}) [aria-current]")
    assert shots.count() == 3


@pytest.mark.parametrize("width", [360, 844, 1010, 1280, 1440])
def test_words_of_the_search_are_not_cut(visit: Open, width: int) -> None:
    page = visit(size=(width, 390 if width == 844 else 760)).open().page
    needed, room = page.evaluate("""() => {
        const input = document.getElementById("search");
        const style = getComputedStyle(input);
        const words = document.createElement("span");
        Object.assign(words.style, {font: style.font, position: "fixed", whiteSpace: "nowrap"});
        words.textContent = input.placeholder;
        document.body.append(words);
        const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
        return [words.offsetWidth, input.clientWidth - padding];
    }""")
    assert needed <= room


def test_touch_moves_the_slider(visit: Open) -> None:
    one = visit(size=(390, 844), has_touch=True, is_mobile=True).open()
    box = one.page.locator("#frame").bounding_box()
    assert box
    one.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 30)
    split = one.page.evaluate("document.querySelector('#frame').style.getPropertyValue('--split')")
    assert float(split.rstrip("%")) == pytest.approx(50, abs=1)


def test_all_is_reached_by_the_keyboard(visit: Open) -> None:
    one = visit(size=(1280, 900)).open()
    reached = []
    for _ in range(40):
        one.page.keyboard.press("Tab")
        reached.append(
            one.page.evaluate("(({id, dataset}) => id || dataset.id || '')(document.activeElement)")
        )
    wanted = {
        "tab-photo", "help", "open", "compare", "hold", "zoom", "copy", "download", "format",
        "search", "add-style", "gallery:temeraire", "strength", "stroke", "color", "size",
        "network", "mask",
    }  # fmt: skip
    assert wanted <= set(reached)
    one.page.evaluate("document.activeElement.blur()")
    for key, title in [
        ("ArrowRight", "The Starry Night"),
        ("ArrowLeft", "The Fighting Temeraire"),
    ]:
        one.page.keyboard.press(key)
        one.titled(title)
    one.page.keyboard.press("ArrowDown")
    assert one.page.input_value("#strength") == "95"
    one.page.keyboard.press("/")
    assert one.page.evaluate("document.activeElement.id") == "search"


def test_painting_is_spoken(visit: Open) -> None:
    one = visit().open()
    one.page.click('[data-id="gallery:the-scream"]')
    one.painted()
    words = "Painted in the style of The Scream"
    one.page.wait_for_function(
        "(words) => document.getElementById('live').textContent === words", arg=words
    )
    label = one.page.get_attribute("#after", "aria-label")
    assert label == "pagoda.jpg painted in the style of The Scream"


@pytest.mark.parametrize("size", [(844, 390), (1024, 768), (1280, 720)])
def test_settings_are_not_cut_off(visit: Open, size: tuple[int, int]) -> None:
    one = visit(size=size).open()
    for name in ("strength", "stroke", "color", "size", "network", "mask"):
        one.page.locator(f"#{name}").scroll_into_view_if_needed()
        box = one.page.locator(f"#{name}").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
    frame = one.page.locator("#frame").bounding_box()
    assert frame
    assert frame["height"] > 0.4 * size[1]
