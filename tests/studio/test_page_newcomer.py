"""What a newcomer meets: keys, words that agree with the picture, messages, and fixed places."""

import io
from typing import Any

import pytest
from PIL import Image

from .conftest import Open, Visit, picture

pytestmark = [pytest.mark.browser, pytest.mark.process]

PHONE: dict[str, Any] = {"size": (390, 844), "has_touch": True, "is_mobile": True}


def box(one: Visit, selector: str) -> dict[str, float]:
    """Return where an element is."""
    found = one.page.locator(selector).first.bounding_box()
    assert found
    x, y, width, height = (found[key] for key in ("x", "y", "width", "height"))
    return {
        "x": x, "y": y, "width": width, "height": height, "right": x + width, "bottom": y + height,
    }  # fmt: skip


def focused(one: Visit) -> str:
    """Return the id of what has the focus, or of its style."""
    return one.page.evaluate("(({id, dataset}) => id || dataset.id || '')(document.activeElement)")


# ---- keys


@pytest.mark.parametrize("where", ["#strength", "#compare", '#grid [tabindex="0"]', "#mask"])
def test_letters_work_wherever_no_text_is_written(visit: Open, where: str) -> None:
    one = visit().open()
    one.page.focus(where)
    with one.page.expect_download():
        one.page.keyboard.press("s")
    one.says("Saved pagoda.temeraire.jpg.")


def test_letters_are_text_in_the_search(visit: Open) -> None:
    one = visit().open()
    one.page.focus("#search")
    one.page.keyboard.type("zoms")
    assert one.page.input_value("#search") == "zoms"
    assert not one.page.locator("#masktools").is_visible()


def test_arrows_go_on_after_a_style_is_chosen(visit: Open) -> None:
    one = visit().open()
    one.page.click('[data-id="gallery:udnie"]')
    one.page.keyboard.press("ArrowDown")
    assert one.page.input_value("#strength") == "95"
    one.page.keyboard.press("Shift+ArrowDown")
    assert one.page.input_value("#strength") == "94"
    one.page.focus("#strength")
    one.page.keyboard.press("ArrowDown")
    one.page.keyboard.press("Shift+ArrowLeft")
    assert one.page.input_value("#strength") == "88"
    one.painted()
    assert one.paints[-1]["strength"] == pytest.approx(0.88)


def test_escape_leaves_the_list(visit: Open) -> None:
    one = visit().open()
    one.page.focus('#grid [tabindex="0"]')
    one.page.keyboard.press("ArrowDown")
    assert focused(one).startswith("gallery:")
    one.page.keyboard.press("Escape")
    assert focused(one) == ""
    one.page.keyboard.press("ArrowDown")
    assert one.page.input_value("#strength") == "95"


def test_enter_in_the_search_paints_the_one_that_is_left(visit: Open) -> None:
    one = visit().open()
    one.page.fill("#search", "wave")
    one.page.press("#search", "Enter")
    one.titled("The Great Wave off Kanagawa")
    one.page.fill("#search", "the")
    one.page.press("#search", "Enter")  # of many, none is chosen
    assert focused(one).startswith("gallery:")
    one.titled("The Great Wave off Kanagawa")


def test_ring_of_a_tile_is_not_cut(visit: Open) -> None:
    one = visit().open()
    one.page.keyboard.press("/")
    one.page.keyboard.press("ArrowDown")
    ring = one.page.evaluate(
        "(({outlineOffset, outlineWidth}) => parseFloat(outlineOffset) + parseFloat(outlineWidth))"
        "(getComputedStyle(document.activeElement))"
    )
    assert box(one, "#grid .tile")["y"] - ring >= box(one, "#grid")["y"]


def test_second_style_is_looked_for_among_all(visit: Open) -> None:
    one = visit().open()
    one.page.fill("#search", "scream")
    one.page.click('[data-id="gallery:the-scream"]')
    one.page.click("#mix-start")
    assert one.page.input_value("#search") == ""
    assert one.page.locator("#grid .tile:visible").count() == 49


# ---- words, picture and file agree


def test_the_sample_stays_until_a_sharper_painting_is_there(visit: Open) -> None:
    one = visit().open()
    assert ["size" in paint for paint in one.paints] == [False]  # a preview would be blurred
    one.page.click('[data-id="gallery:udnie"]')
    one.painted()
    assert ["size" in paint for paint in one.paints[1:]] == [True, False]


def test_settings_are_shown_before_a_painter_is_there(visit: Open) -> None:
    one = visit()
    one.page.add_init_script("globalThis.stub = { gate: new Promise(() => {}) };")
    one.page.goto(one.url)
    one.page.wait_for_selector("#mix .name")
    assert one.page.locator("#color option").all_inner_texts() == ["Of the style"]
    assert one.page.locator("#network option").all_inner_texts() == ["Normal"]


def test_label_names_what_is_shown(visit: Open) -> None:
    one = visit().open()
    one.pick(("tower.jpg", picture(150, 90)))
    one.painted()
    one.page.evaluate("stub.milliseconds = 3000")
    one.page.click('[data-id="gallery:composition-vii"]')
    one.titled("Painting Composition VII…")
    label = one.page.get_attribute("#after", "aria-label")
    assert label == "tower.jpg painted in the style of The Fighting Temeraire"
    name, _ = one.download()  # waits
    assert name == "tower.composition-vii.jpg"
    one.titled("Composition VII")


def test_stop_goes_back_to_what_is_shown(visit: Open) -> None:
    one = visit().open()
    one.pick(("tower.jpg", picture(150, 90)))
    one.painted()
    one.page.evaluate("stub.milliseconds = 3000")
    one.page.click('[data-id="gallery:composition-vii"]')
    one.titled("Painting Composition VII…")
    one.page.keyboard.press("Escape")
    one.titled("The Fighting Temeraire")
    selected = one.page.get_attribute('[data-id="gallery:temeraire"]', "aria-selected")
    assert selected == "true"
    count = len(one.paints)
    name, data = one.download()
    assert name == "tower.temeraire.jpg"
    assert Image.open(io.BytesIO(data)).size == (150, 90)
    assert len(one.paints) == count  # it was there already


def test_failure_goes_back_to_what_is_shown(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.fail = 'cannot paint: no memory is left; choose a smaller size'")
    one.page.click('[data-id="gallery:udnie"]')
    one.says("no memory is left")
    one.titled("The Fighting Temeraire")


def test_choice_before_a_painter_is_there_is_painted_by_it(visit: Open) -> None:
    one = visit().serve().open()
    one.pick(("tower.jpg", picture(150, 90)))
    one.painted()
    one.page.evaluate("stub.gate = new Promise((open) => { stub.open = open; }), null")
    one.page.click('[data-value="device"]')
    one.page.click('[data-id="gallery:udnie"]')
    one.titled("Painting Udnie…")
    one.page.evaluate("document.getElementById('download').click()")
    one.says("Painting the full size first")
    with one.page.expect_download() as info:
        one.page.evaluate("stub.open()")
    assert info.value.suggested_filename == "tower.udnie.jpg"
    one.titled("Udnie")


def test_photograph_that_is_not_painted_is_called_so(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.milliseconds = 3000")
    one.pick(("tower.jpg", picture(150, 90)))
    one.titled("Painting The Fighting Temeraire…")
    one.page.keyboard.press("Escape")
    one.titled("tower.jpg")
    assert "Not painted yet" in one.text("#plate-detail")


def test_settings_come_back_and_ask_for_their_photograph(visit: Open) -> None:
    one = visit().open()
    one.pick(("tower.jpg", picture(150, 90)))
    one.page.click('[data-id="gallery:the-kiss"]')
    one.painted()
    name, data = one.download()
    other = visit().open()  # another browser, without the photograph
    other.drop((name, data))
    other.says(f"The settings of {name} are back. Open the photograph they belong to, tower.jpg.")
    with other.page.expect_file_chooser():
        other.page.click("text=Open the photograph >> nth=-1")
    assert "Paint this picture itself" not in other.notices()


def test_both_strengths_are_kept(visit: Open) -> None:
    one = visit().open()
    one.page.click('[data-id="gallery:udnie"]')
    one.painted()
    one.page.keyboard.press("ArrowDown")
    one.painted()
    one.page.wait_for_function("document.querySelectorAll('#strip li:not(.try)').length === 2")
    titles = one.page.eval_on_selector_all(
        "#strip li:not(.try) .shot", "(all) => all.map(({title}) => title)"
    )
    assert titles == ["pagoda.udnie, strength 95 %", "pagoda.udnie"]
    one.page.keyboard.press("ArrowUp")  # the same as before: no third one
    one.painted()
    one.page.wait_for_selector("#strip li:nth-child(2) [aria-current]")
    assert one.page.locator("#strip li:not(.try)").count() == 2


def test_sample_is_kept_when_it_is_used(visit: Open) -> None:
    one = visit().open()
    assert one.page.locator("#strip li:not(.try)").count() == 0
    assert one.text("#tray-title") == "Photographs to try"
    one.pick(("tower.jpg", picture(150, 90)))
    one.painted()
    assert one.page.locator("#strip .shot").count() == 1
    assert one.text("#tray-title") == "Your paintings"


# ---- messages and places


def test_message_takes_the_place_of_the_one_before(visit: Open) -> None:
    one = visit().open()
    one.download()
    one.says("Saved pagoda.temeraire.jpg.")
    one.page.wait_for_timeout(1100)
    one.page.click("#copy")
    one.says("Copied.")
    assert one.notices() == "Copied."


def test_buttons_of_the_queue_keep_their_places(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.milliseconds = 500")
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(4)])
    one.page.wait_for_selector("#queue-zip:visible")
    stop, running = box(one, "#queue-stop"), box(one, "#queue-zip")
    one.says("4 photographs are painted.")
    one.page.click('[data-id="gallery:udnie"]')
    one.page.wait_for_selector("#queue-again:visible")
    for name in ("#queue-zip", "#queue-again", "#tray-clear"):
        after = box(one, name)
        assert after["right"] <= stop["x"] or after["x"] >= stop["right"]
    assert box(one, "#queue-zip")["right"] == pytest.approx(running["right"], abs=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_chosen_and_remembered(visit: Open, scheme: str) -> None:
    one = visit(color_scheme=scheme).open()
    light, dark = "rgb(236, 232, 225)", "rgb(22, 21, 20)"

    def is_seen(color: str) -> None:
        one.page.wait_for_function(
            "(color) => getComputedStyle(document.body).backgroundColor === color", arg=color
        )

    is_seen(dark if scheme == "dark" else light)
    one.page.click("#theme")
    is_seen(light)
    one.page.click("#theme")
    is_seen(dark)
    one.open()
    is_seen(dark)
    one.page.click("#theme")
    assert one.page.get_attribute("#theme", "title") == "Light or dark: automatic"
    one.page.emulate_media(color_scheme="light")
    is_seen(light)


def test_focus_of_a_slider_is_a_ring_around_its_thumb(visit: Open) -> None:
    one = visit().open()
    one.page.focus("#stroke")
    one.page.keyboard.press("ArrowRight")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert one.page.evaluate(outline) == "none"


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_names_are_never_cut(visit: Open, size: tuple[int, int]) -> None:
    one = visit(size=size).open()
    one.pick(("narrow.jpg", picture(60, 160)))
    one.page.click('[data-id="gallery:great-wave"]')
    one.painted()
    cut = one.page.evaluate("""() => [...document.querySelectorAll(
        ".tile span, #plate-title, #plate-detail, .mix-words p")]
        .filter((e) => e.clientWidth && (e.scrollWidth > e.clientWidth + 1
            || getComputedStyle(e).textOverflow === "ellipsis"))
        .map((e) => e.textContent)""")
    assert cut == []


def test_label_begins_below_a_narrow_picture(visit: Open) -> None:
    one = visit(size=(1440, 900)).open()
    one.pick(("narrow.jpg", picture(60, 160)))
    one.painted()
    assert box(one, "#plate-title")["x"] == pytest.approx(box(one, "#frame")["x"], abs=2)


# ---- own styles


def test_own_style_tells_what_can_be_done_with_it(visit: Open) -> None:
    one = visit().serve().open()
    assert one.page.locator("#extra").is_hidden()
    one.pick(("tulip.png", picture(format="PNG")), target="#pick-style")
    one.says("“tulip” is a style now")
    one.page.click("text=Come nearer to the picture")
    assert "Use the learned style again for any photograph" in one.text("#task-dialog")
    one.page.keyboard.press("Escape")
    words = one.text("#extra")
    for part in ("Learn this style", "minutes", "any photograph", "this one photograph"):
        assert part in words
    one.page.click("text=Paint this photograph slowly")
    dialog = one.text("#task-dialog")
    assert "Time to take" in dialog
    assert "Steps" not in dialog
    one.page.keyboard.press("Escape")
    one.page.click('[data-value="device"]')
    one.page.wait_for_selector("#extra >> text=Switch to the server to learn this style")


# ---- webcam


def test_webcam_says_that_it_starts_and_keeps_its_room(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("""() => {
        const {mediaDevices} = navigator, ask = mediaDevices.getUserMedia.bind(mediaDevices);
        const wait = new Promise((open) => { globalThis.openCamera = open; });
        mediaDevices.getUserMedia = async (wish) => { await wait; return ask(wish); };
    }""")
    one.page.click("#tab-webcam")
    for name in ("size", "mask", "stroke", "network"):
        assert one.page.locator(f"#{name}").is_hidden()
    assert one.page.locator("#strength").is_visible()
    one.page.click("#cam-start")
    assert one.text(".live-wait") == "Starting the camera…"
    before = box(one, ".live-wait")
    one.page.evaluate("openCamera()")
    one.page.wait_for_selector(".live canvas:visible")
    after = box(one, ".live canvas")
    assert [after[key] for key in ("x", "y", "width", "height")] == pytest.approx(
        [before[key] for key in ("x", "y", "width", "height")], abs=3
    )


def test_webcam_that_is_stopped_is_told(visit: Open) -> None:
    one = visit().open()
    one.page.click("#tab-webcam")
    one.page.click("#cam-start")
    one.page.wait_for_selector(".live canvas:visible")
    one.page.keyboard.press("m")  # there is no mask on the webcam
    assert not one.page.locator("#masktools").is_visible()
    one.page.click("#tab-photo")
    one.says("The webcam is stopped.")
    one.page.click("text=Start it again")
    one.page.wait_for_selector(".live canvas:visible")


# ---- phones


def test_sheet_is_as_tall_as_it_needs_and_steps_back(visit: Open) -> None:
    one = visit(**PHONE).open()
    one.page.tap("#search")
    one.page.fill("#search", "wave")
    one.page.wait_for_timeout(400)
    sheet, tile = box(one, "#panel"), box(one, "#grid .tile:visible")
    assert sheet["bottom"] - tile["bottom"] < 40
    one.page.tap('[data-id="gallery:great-wave"]')
    assert one.page.locator("#panel.tall").count() == 0
    one.page.fill("#search", "")
    one.page.tap("#search")
    one.page.wait_for_timeout(400)
    assert box(one, "#panel")["height"] <= 422


def test_all_settings_are_seen_below_half_of_the_phone(visit: Open) -> None:
    one = visit(**PHONE).open()
    one.pick(("upright.jpg", picture(60, 90)))
    one.painted()
    one.page.tap("#ptab-adjust")
    one.page.wait_for_timeout(400)
    assert box(one, "#panel")["y"] >= 422
    assert box(one, "#frame")["height"] > 0.42 * 844
    for own in (False, True):
        if own:
            one.pick(("tulip.png", picture(format="PNG")), target="#pick-style")
            one.page.wait_for_selector("#extra >> text=Remove style")
        for name in ("strength", "stroke", "color", "size", "network", "mask"):
            assert box(one, f"#{name}")["bottom"] <= 844
    one.page.tap("#mix-start")
    assert one.page.locator('[data-id="gallery:udnie"]').is_visible()
    one.page.tap('[data-id="gallery:udnie"]')
    one.titled("tulip and Udnie")


@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
def test_handle_is_inside_the_picture_at_both_ends(visit: Open, size: tuple[int, int]) -> None:
    one = visit(size=size).open()
    for key in ("Home", "End"):
        one.page.focus("#compare")
        one.page.keyboard.press(key)
        handle, frame = box(one, "#divider span"), box(one, "#frame")
        assert handle["x"] > frame["x"] + 8
        assert handle["right"] < frame["right"] - 8


def test_mask_tools_stand_in_even_rows_on_a_phone(visit: Open) -> None:
    one = visit(**PHONE).open()
    one.page.tap("#ptab-adjust")
    one.page.tap("#mask")
    rows = one.page.evaluate("""() => {
        const rows = new Map();
        for (const {offsetTop, offsetHeight, offsetLeft, offsetWidth, id} of
            document.querySelectorAll("#masktools > :not(.maskhint)")) {
            const middle = Math.round((offsetTop + offsetHeight / 2) / 8);
            const [left, right] = rows.get(middle) ?? [Infinity, 0];
            const end = offsetLeft + offsetWidth;
            rows.set(middle, [Math.min(left, offsetLeft), Math.max(right, end)]);
        }
        return [...rows.values()];
    }""")
    assert len(rows) == 3
    assert rows[0] == rows[1] == rows[2]
    assert one.page.evaluate("getComputedStyle(document.querySelector('#frame')).overflow") == (
        "hidden"  # the ring of the brush does not lie over the tools
    )


def test_help_and_colors_are_in_the_menu_of_a_phone(visit: Open) -> None:
    one = visit(**PHONE).serve().open()
    assert one.text("#open") == "Photo"
    one.page.tap("#menu")
    assert one.text("#menu-items").split("\n")[:2] == [
        "In this browser",
        "On the server (this computer)",
    ]
    one.page.tap("#theme")
    assert one.page.get_attribute("html", "data-theme") == "light"
    one.page.tap("#help")
    assert one.page.locator("#help-dialog").is_visible()


@pytest.mark.parametrize("size", [(844, 390), (667, 375)])
def test_history_is_in_sight_on_a_phone_on_its_side(visit: Open, size: tuple[int, int]) -> None:
    one = visit(size=size, has_touch=True, is_mobile=True).open()
    one.page.tap('[data-id="gallery:great-wave"]')
    one.painted()
    assert box(one, "#strip .shot")["bottom"] <= size[1]
    title = box(one, "#plate-title")
    assert title["bottom"] <= box(one, "#strip .shot")["y"]
    assert box(one, "#frame")["height"] > 0.4 * size[1]
