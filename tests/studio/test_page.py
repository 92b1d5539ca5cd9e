"""What a user does on the page, in Chromium, with a painter that tints in no time."""

import io
import time
import zipfile

import pytest
from PIL import Image

from .conftest import Open, picture, settings_of, style_file

pytestmark = [pytest.mark.browser, pytest.mark.process]

# a painting of the queue is written when the test calls `stub.write`; thumbnails are narrower
HOLD_WRITING = """() => {
    const {toBlob} = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.toBlob = function (done, ...rest) {
        const wait = (blob) => { stub.write = () => { stub.write = null; done(blob); }; };
        toBlob.call(this, this.width > 240 ? wait : done, ...rest);
    };
}"""
# saving takes 200 ms; `stub.most` is the largest number of tiles that were shown at once
SLOW_SAVING = """() => {
    const {put} = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (value) {
        const request = put.call(this, value), end = performance.now() + 200;
        const wait = () => { if (performance.now() < end) this.get("").onsuccess = wait; };
        wait();
        return request;
    };
    const strip = document.querySelector("#strip");
    const count = () => { stub.most = Math.max(stub.most ?? 0, strip.children.length); };
    new MutationObserver(count).observe(strip, {childList: true});
}"""


def test_page_opens_painted(visit: Open) -> None:
    one = visit().open()
    page = one.page
    assert page.title().startswith("impasto")
    one.titled("The Fighting Temeraire")
    differs = """() => {
        const [a, b] = ["before", "after"].map((id) => {
            const canvas = document.getElementById(id);
            const small = new OffscreenCanvas(8, 8).getContext("2d");
            small.drawImage(canvas, 0, 0, 8, 8);
            return small.getImageData(0, 0, 8, 8).data;
        });
        return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0);
    }"""
    assert page.evaluate(differs) > 1000
    assert page.locator("#grid .tile").count() == 49


def test_gallery_is_searched(visit: Open) -> None:
    page = visit().open().page
    page.fill("#search", "cezanne")  # without the accent
    assert page.locator("#grid .tile:visible").count() == 1
    page.fill("#search", "nothing like this")
    assert "Any picture can be one" in page.inner_text("#nothing")
    page.press("#search", "Escape")
    assert page.locator("#grid .tile:visible").count() == 49


def test_style_is_chosen_by_mouse_and_keyboard(visit: Open) -> None:
    one = visit().open()
    one.page.click('[data-id="gallery:starry-night"]')
    one.titled("The Starry Night")
    one.page.focus('#grid [tabindex="0"]')
    one.page.keyboard.press("ArrowRight")
    one.page.keyboard.press("Enter")
    one.titled("The Scream")
    one.rest()
    assert one.paints[-1]["styles"] == [{"id": "gallery:the-scream", "weight": 1}]


@pytest.mark.parametrize("how", ["pick", "drop", "paste"])
def test_photograph_comes_in(visit: Open, how: str) -> None:
    one = visit().open()
    getattr(one, how)(("tower.jpg", picture(150, 90)))
    one.shows_size(150, 90)
    one.painted()
    name, data = one.download()
    assert name == "tower.temeraire.jpg"
    assert Image.open(io.BytesIO(data)).size == (150, 90)


def test_photograph_is_turned_upright(visit: Open) -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(io.BytesIO(picture(150, 90))).save(stream, "JPEG", exif=exif)
    one = visit().open()
    one.pick(("turned.jpg", stream.getvalue()))
    one.shows_size(90, 150)


def test_broken_file_is_explained_in_one_sentence(visit: Open) -> None:
    one = visit().open()
    one.drop(("broken.jpg", b"this is no picture"))
    one.says("Cannot read broken.jpg")
    one.titled("The Fighting Temeraire")


def test_failure_of_painting_is_explained(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.fail = 'cannot paint: no memory is left; choose a smaller size'")
    one.page.click('[data-id="gallery:udnie"]')
    one.says("Cannot paint: no memory is left; choose a smaller size.")


def test_picture_becomes_a_style_and_is_kept(visit: Open) -> None:
    one = visit().open()
    one.drop(("My Tulip.png", picture(90, 90, format="PNG")), selector="#grid")
    one.says("“My Tulip” is a style now")
    one.rest()
    assert one.paints[-1]["styles"][0]["id"].startswith("own:")
    one.titled("My Tulip")
    one.open()
    one.titled("My Tulip")
    one.page.click("text=Remove style")
    one.page.wait_for_function("document.querySelectorAll('#grid .tile').length === 49")


def test_style_file_is_read(visit: Open) -> None:
    one = visit().open()
    one.drop(("learned.safetensors", style_file()))
    one.says("“learned” is a style now")
    one.drop(("broken.safetensors", b"0123456789"))
    one.says("Cannot read broken: this is no style file")


def test_pasted_picture_can_be_a_style(visit: Open) -> None:
    one = visit().open()
    one.paste(("leaf.png", picture(format="PNG")))
    one.page.click("text=Use as a style instead")
    one.says("“leaf” is a style now")


def test_strength_previews_while_it_moves_and_paints_when_let_go(visit: Open) -> None:
    one = visit().open()
    before = len(one.paints)
    box = one.page.locator("#strength").bounding_box()
    assert box
    x, y = box["x"], box["y"] + box["height"] / 2
    one.page.mouse.move(x + box["width"] - 9, y)
    one.page.mouse.down()
    one.page.mouse.move(x + box["width"] / 2, y, steps=4)
    one.page.wait_for_timeout(300)
    moving = one.paints[before:]
    assert moving
    assert all("size" in paint for paint in moving)
    one.page.mouse.up()
    one.painted()
    last = one.paints[-1]
    assert last["strength"] == pytest.approx(0.5, abs=0.03)
    assert "size" not in last
    one.page.focus("#strength")
    one.page.keyboard.press("Home")
    one.painted()
    assert one.paints[-1]["strength"] == 0


def test_stroke_color_network_and_size(visit: Open) -> None:
    one = visit().open()
    one.page.focus("#stroke")
    one.page.keyboard.press("End")
    one.page.select_option("#color", "luminance")
    one.page.select_option("#network", "small")
    one.page.select_option("#size", "512")
    one.painted()
    paint = one.paints[-1]
    assert (paint["stroke"], paint["color"], paint["network"]) == (8, "luminance", "small")
    assert paint["size"] == 512


def test_two_styles_are_mixed(visit: Open) -> None:
    one = visit().open()
    one.page.click("#mix-start")
    one.page.click('[data-id="gallery:the-scream"]')
    one.titled("The Fighting Temeraire and The Scream")
    one.page.focus("#mix-share")
    for _ in range(4):
        one.page.keyboard.press("ArrowRight")
    one.painted()
    weights = {style["id"]: style["weight"] for style in one.paints[-1]["styles"]}
    assert weights["gallery:the-scream"] == pytest.approx(0.7)
    assert weights["gallery:temeraire"] == pytest.approx(0.3)
    one.page.click('[aria-label^="Take The Scream out"]')
    one.titled("The Fighting Temeraire")


def test_before_and_after(visit: Open) -> None:
    one = visit().open()
    box = one.page.locator("#frame").bounding_box()
    assert box
    split = "() => document.querySelector('#frame').style.getPropertyValue('--split')"
    one.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
    one.page.mouse.up()
    assert float(one.page.evaluate(split).rstrip("%")) == pytest.approx(25, abs=1)
    one.page.focus("#compare")
    one.page.keyboard.press("End")
    assert one.page.evaluate(split) == "100%"
    one.page.evaluate("document.activeElement.blur()")
    one.page.keyboard.down(" ")
    assert one.page.locator("#frame.held").count() == 1
    one.page.keyboard.up(" ")
    assert one.page.locator("#frame.held").count() == 0


def test_mask_previews_at_once_and_paints_on_release(visit: Open) -> None:
    one = visit().open()
    difference = """([x, y]) => {
        const [before, after] = ["before", "after"].map((id) => {
            const canvas = document.getElementById(id);
            const [left, top] = [Math.round(x * canvas.width), Math.round(y * canvas.height)];
            return canvas.getContext("2d").getImageData(left, top, 1, 1).data;
        });
        return Math.max(...[0, 1, 2].map((i) => Math.abs(before[i] - after[i])));
    }"""
    one.page.click("#mask")
    box = one.page.locator("#frame").bounding_box()
    assert box
    assert one.page.evaluate(difference, [0.5, 0.5]) > 30
    before = len(one.paints)
    one.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2, steps=5)
    back = f"(place) => ({difference})(place) < 12"  # the photograph is back
    one.page.wait_for_function(back, arg=[0.5, 0.5])
    assert one.page.evaluate(difference, [0.5, 0.1]) > 30
    assert len(one.paints) == before
    one.page.mouse.up()
    one.painted()
    assert one.paints[-1]["mask"] is True
    assert "size" not in one.paints[-1]
    one.page.keyboard.press("i")
    one.painted()
    one.page.click("#mask-undo")
    one.page.select_option("#mask-preset", "left")
    one.painted()
    one.page.click("#mask-remove")
    one.painted()
    assert one.paints[-1]["mask"] is False


def test_ten_photographs_are_painted_in_a_queue(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.milliseconds = 200")
    one.drop(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(10)])
    one.page.wait_for_function(
        "/[1-9] of 10 .*about .* left/.test(document.querySelector('#queue-state').textContent)"
    )
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '10 of 10 painted'"
    )
    names = one.page.eval_on_selector_all("#strip .shot", "(all) => all.map(({title}) => title)")
    assert names == [f"photo{n}.temeraire" for n in range(10)]  # in the order of the files
    with one.page.expect_download() as info:
        one.page.click("#queue-zip")
    with zipfile.ZipFile(info.value.path()) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"photo{n}.temeraire.jpg" for n in range(10)]
        assert Image.open(archive.open("photo3.temeraire.jpg")).size == (60, 40)


def test_queue_goes_on_after_a_broken_picture(visit: Open) -> None:
    one = visit().open()
    one.pick(("a.jpg", picture()), ("broken.jpg", b"no picture"), ("c.jpg", picture()))
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '2 of 3 painted · 1 failed'"
    )
    label = one.page.get_attribute("#strip .failed", "aria-label")
    assert label
    assert "cannot read broken.jpg" in label.lower()


def test_one_is_taken_out_and_all_are_stopped(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.milliseconds = 2500")
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(10)])
    one.page.wait_for_selector("#strip .painting")
    one.page.click('[aria-label="Take photo5.jpg out of the queue"]')
    one.page.click("#queue-stop")
    one.page.wait_for_function("stub.stopped === 1")
    count = len(one.paints)
    time.sleep(2.7)
    assert len(one.paints) == count
    assert "9 stopped" in one.text("#queue-state")
    one.page.evaluate("stub.milliseconds = 0")
    one.page.click("#queue-resume")
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '9 of 9 painted'"
    )


def test_cleared_queue_is_brought_back(visit: Open) -> None:
    one = visit().open()
    one.pick(("a.jpg", picture()), ("b.jpg", picture()), ("broken.jpg", b"no picture"))
    one.page.wait_for_selector("#strip .failed")
    one.page.evaluate("stub.milliseconds = 4000")
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(3)])
    one.page.wait_for_selector("#strip .painting")
    one.page.click("#queue-stop")
    one.page.wait_for_selector("#strip .stopped")
    tiles = one.page.locator("#strip li:not(.try)")
    count = tiles.count()
    paintings = one.page.locator("#strip button.shot").count()
    state = one.text("#queue-state")
    one.page.click("#tray-clear")
    one.says(f"Cleared {paintings} paintings and 4 unpainted photographs.")
    tiles.first.wait_for(state="detached")  # with the next frame
    # the offer outlasts Help, Escape and the pointer
    one.page.click("#help")
    one.page.keyboard.press("Escape")
    one.page.hover("#notices >> text=Cleared")
    one.page.mouse.move(5, 400)
    one.page.wait_for_timeout(3300)
    one.page.click("text=Bring back")
    one.page.wait_for_selector("#strip [aria-current]")
    assert tiles.count() == count
    assert one.text("#queue-state") == state
    one.page.evaluate("stub.milliseconds = 0")
    one.page.click("#queue-resume")
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '5 of 6 painted · 1 failed'"
    )


def test_offer_to_bring_back_ends_with_the_next_painting(visit: Open) -> None:
    one = visit().open()
    one.pick(("a.jpg", picture()), ("b.jpg", picture()))
    one.says("2 photographs are painted.")
    one.page.click("#tray-clear")
    one.says("Cleared 2 paintings.")
    assert "Download these" not in one.notices()  # they are gone
    one.page.click('[data-id="gallery:udnie"]')
    one.painted()
    assert "Cleared" not in one.notices()


def test_double_click_on_clear_clears_once(visit: Open) -> None:
    one = visit().open()
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(6)])
    one.says("6 photographs are painted.")
    one.page.dblclick("#tray-clear")
    one.says("Cleared 6 paintings.")
    one.page.wait_for_timeout(300)
    assert one.notices().count("Cleared") == 1
    one.page.click("text=Bring back")
    one.page.wait_for_function("document.querySelectorAll('#strip .shot').length === 6")


def test_painting_is_not_kept_if_it_is_stopped_while_it_is_written(visit: Open) -> None:
    one = visit().open()
    one.pick(("a.jpg", picture()), ("b.jpg", picture()))
    one.says("2 photographs are painted.")
    one.page.evaluate(HOLD_WRITING)
    one.pick(*[(f"photo{n}.jpg", picture(300, 200, n)) for n in range(2)])
    one.page.wait_for_function("Boolean(stub.write)")
    one.page.click('[aria-label="Take photo0.jpg out of the queue"]')
    one.page.evaluate("stub.write()")
    one.page.wait_for_function("Boolean(stub.write)")
    one.page.click("#queue-stop")
    one.page.click("#tray-clear")
    one.says("Cleared 2 paintings and 1 unpainted photograph.")
    tiles = one.page.locator("#strip li:not(.try)")
    tiles.first.wait_for(state="detached")
    one.page.evaluate("stub.write()")
    one.page.wait_for_timeout(300)
    assert tiles.count() == 0
    assert "Bring back" in one.notices()


def test_painting_has_one_tile_while_it_is_saved(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate(SLOW_SAVING)
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(3)])
    one.says("3 photographs are painted.")
    assert one.page.evaluate("stub.most") == 3


def test_double_click_on_stop_only_stops(visit: Open) -> None:
    one = visit().open()
    one.pick(("a.jpg", picture()), ("b.jpg", picture()))
    one.page.wait_for_selector("#queue-zip")
    one.page.evaluate("stub.milliseconds = 800")
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(4)])
    one.page.wait_for_selector("#queue-stop")
    one.page.wait_for_timeout(700)
    box = one.page.locator("#queue-stop").bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    one.page.mouse.click(*middle)
    one.page.wait_for_timeout(200)
    kept = one.page.locator("#strip button.shot").count()
    one.page.mouse.click(*middle)
    one.page.wait_for_timeout(300)
    assert one.page.locator("#strip button.shot").count() == kept
    assert "stopped" in one.text("#queue-state")
    assert "Saved" not in one.notices()
    one.page.wait_for_timeout(600)
    one.page.mouse.click(*middle)  # Go on is where Stop was
    one.page.wait_for_selector("#queue-stop")


def test_batch_is_painted_in_another_style(visit: Open) -> None:
    one = visit().open()
    one.pick(*[(f"photo{n}.jpg", picture(60, 40, n)) for n in range(3)])
    one.says("3 photographs are painted.")
    assert "Download these 3" in one.notices()
    assert one.page.locator("#queue-again").is_hidden()
    one.page.locator("#strip .cross").nth(1).click(force=True)
    one.page.wait_for_selector("#queue-zip >> text=Download these 2")
    one.page.click('[data-id="gallery:udnie"]')
    one.painted()
    before = len(one.paints)
    one.page.click("text=Paint all 3 in this style")
    one.page.wait_for_function(f"stub.paints.length === {before + 3}")
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '3 of 3 painted'"
    )
    again = one.paints[before:]
    assert [paint["styles"][0]["id"] for paint in again] == ["gallery:udnie"] * 3
    assert one.page.locator("#queue-again").is_hidden()
    with one.page.expect_download() as info:
        one.page.click("#queue-zip")
    with zipfile.ZipFile(info.value.path()) as archive:
        assert sorted(archive.namelist()) == [f"photo{n}.udnie.jpg" for n in range(3)]


def test_newest_choice_stops_the_one_before(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.milliseconds = 600")
    one.page.click('[data-id="gallery:udnie"]')
    one.page.wait_for_function(
        "stub.paints.some(({styles, size}) => styles[0].id === 'gallery:udnie' && !size)"
    )
    one.page.click('[data-id="gallery:the-kiss"]')
    one.page.wait_for_function("stub.stopped === 1")
    one.painted()
    assert one.paints[-1]["styles"][0]["id"] == "gallery:the-kiss"
    one.page.click('[data-id="gallery:udnie"]')
    one.page.wait_for_timeout(100)
    one.page.evaluate("document.activeElement.blur()")
    one.page.keyboard.press("Escape")
    one.page.wait_for_function("document.querySelector('#thread').hidden")


def test_reload_keeps_the_history(visit: Open) -> None:
    one = visit().open()
    one.pick(("tower.jpg", picture(150, 90)))
    one.painted()
    one.page.click('[data-id="gallery:udnie"]')
    one.painted()
    shots = one.page.locator("#strip .shot")
    shots.nth(1).wait_for()  # it is kept a moment after it is shown
    assert shots.count() == 2
    one.open()
    shots.nth(1).wait_for()
    assert shots.count() == 2
    one.titled("Udnie")
    one.shows_size(150, 90)
    assert one.paints == []  # shown as it was kept, not painted again
    shots.last.click()
    one.page.wait_for_function(
        "document.querySelector('#plate-title').textContent.includes('Temeraire')"
    )
    one.page.locator("#strip .cross").first.click()
    one.says("Deleted from this browser")
    one.page.wait_for_function("document.querySelectorAll('#strip .shot').length === 1")
    one.page.click("text=Bring it back")
    one.page.wait_for_function("document.querySelectorAll('#strip .shot').length === 2")
    one.page.click("#tray-clear")
    one.page.wait_for_selector("#strip .try")
    assert one.text("#tray-title") == "Photographs to try"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_settings_are_written_and_restored(visit: Open, kind: str) -> None:
    one = visit().open()
    one.pick(("tower.jpg", picture(150, 90)))
    one.page.click('[data-id="gallery:the-kiss"]')
    one.page.fill("#strength", "60")
    one.page.select_option("#color", "histogram")
    one.painted()
    one.page.select_option("#format", f"image/{kind}")
    name, data = one.download()
    written = settings_of(data)
    assert written["styles"][0]["title"] == "The Kiss"
    assert written["strength"] == 0.6
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (150, 90)
        image.load()
        if kind == "png":
            assert '"color":"histogram"' in image.info["impasto"]
    one.page.click('[data-id="gallery:udnie"]')
    one.page.fill("#strength", "100")
    one.page.select_option("#color", "style")
    one.drop((name, data))
    one.says(f"The settings of {name} are back. The photograph is open.")
    one.titled("The Kiss")
    assert one.page.input_value("#strength") == "60"
    assert one.page.input_value("#color") == "histogram"


def test_painting_is_copied(visit: Open) -> None:
    one = visit().open()
    one.pick(("tower.jpg", picture(150, 90)))
    one.painted()
    one.page.click("#copy")
    one.says("Copied")
    size = one.page.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            const bitmap = await createImageBitmap(await item.getType("image/png"));
            return [bitmap.width, bitmap.height];
        }"""
    )
    assert size == [150, 90]


def test_webcam_is_painted_recorded_and_snapped(visit: Open) -> None:
    one = visit().open()
    one.page.click("#tab-webcam")
    one.page.click("#cam-start")
    one.page.wait_for_function("Number(document.querySelector('.live canvas').dataset.frames) > 5")
    one.page.click("#cam-record")
    one.page.wait_for_timeout(1200)
    one.page.click("#cam-record")
    one.says("The recording is kept below")
    with one.page.expect_download() as info:
        one.page.click("#notices >> text=Download")
    assert info.value.path().stat().st_size > 1000
    one.page.click("#cam-snap")
    one.page.wait_for_function("document.body.dataset.tab === 'photo'")
    one.painted()
    one.shows_size(640, 480)
    assert one.page.evaluate("document.querySelector('video').srcObject === null")


def test_video_without_a_server_is_explained(visit: Open) -> None:
    one = visit().open()
    one.drop(("clip.mp4", b"\0" * 100))
    one.says("Cannot paint a video in the browser: a server does")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "impasto.localhost"])
def test_server_of_this_computer_is_called_so(visit: Open, host: str) -> None:
    one = visit().serve(host).open()
    assert one.text('[data-value="server"]') == "On the server (this computer)"
    assert host not in one.text(".bar")
    one.page.click("#help")
    assert "They do not leave it" in one.text("#help-private")
    assert "sent" not in one.text("#help-private")


@pytest.mark.parametrize("host", ["studio.example.org", "127.0.0.1.example.org", "192.168.0.7"])
def test_other_server_is_named(visit: Open, host: str) -> None:
    one = visit().serve(host).open()
    assert one.text('[data-value="server"]') == f"On the server ({host})"
    one.page.click("#help")
    assert f"Photographs are sent to {host}" in one.text("#help-private")


def test_recording_that_is_shown_is_outlined(visit: Open) -> None:
    one = visit().open()
    one.page.click('[data-id="gallery:udnie"]')
    one.painted()
    one.page.click("#tab-webcam")
    one.page.click("#cam-start")
    one.page.wait_for_function("Number(document.querySelector('.live canvas').dataset.frames) > 5")
    assert one.text("#cam-stop") == "Stop webcam"
    one.page.click("#cam-record")
    one.page.wait_for_timeout(1200)
    one.page.click("#cam-record")
    one.page.click("#strip li:first-child .shot:has(.clip)")
    one.page.wait_for_selector("#strip li:first-child [aria-current]")
    assert one.page.locator("#strip [aria-current]").count() == 1
    one.page.click("#tab-photo")
    one.page.wait_for_selector("#strip li:nth-child(2) [aria-current]")
    assert one.page.locator("#strip [aria-current]").count() == 1


def test_message_on_painting_first_ends_with_the_download(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.milliseconds = 3000")
    one.page.click('[data-id="gallery:udnie"]')
    with one.page.expect_download():
        one.page.click("#download")
        one.says("Painting the full size first")
    assert one.notices() == "Saved pagoda.udnie.jpg."


def test_picture_is_offered_as_a_style_in_plain_words(visit: Open) -> None:
    one = visit().open()
    assert one.text("#add-style") == "Style from a picture"
    one.page.fill("#search", "nothing like this")
    assert "choose “Style from a picture”" in one.text("#nothing")


def test_weak_strength_is_told_beside_the_painting(visit: Open) -> None:
    one = visit().open()
    assert "strength" not in one.text("#plate-detail")
    one.page.fill("#strength", "60")
    one.page.click('[data-id="gallery:udnie"]')
    one.painted()
    assert "strength 60\u00a0%" in one.text("#plate-detail")


def test_mask_is_left_by_one_button_called_done(visit: Open) -> None:
    one = visit().open()
    one.page.click("#mask")
    assert one.page.get_by_role("button", name="Done").count() == 1
    assert one.text("#mask") == "Close the mask tools"
    one.page.click("#mask")
    assert one.page.locator("#masktools").is_hidden()


def test_caption_uses_the_room_beside_a_square_photograph(visit: Open) -> None:
    one = visit(size=(1440, 900)).open()
    one.pick(("square.jpg", picture(300, 300)))
    one.page.click('[data-id="gallery:great-wave"]')
    one.painted()
    assert one.page.evaluate(
        "(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)"
        "(document.querySelector('#plate-title'))"
    )
    left = one.page.evaluate("document.querySelector('#caption').getBoundingClientRect().left")
    one.page.evaluate("document.querySelector('#plate-detail').textContent = 'words '.repeat(12)")
    assert left == one.page.evaluate(
        "document.querySelector('#caption').getBoundingClientRect().left"
    )


def test_no_line_is_drawn_at_the_edge(visit: Open) -> None:
    one = visit().open()
    line = "getComputedStyle(document.querySelector('.divider'), '::before').display"
    assert one.page.evaluate(line) == "none"
    one.page.focus("#compare")
    one.page.keyboard.press("ArrowRight")
    assert one.page.evaluate(line) != "none"
    one.page.keyboard.press("End")
    assert one.page.evaluate(line) == "none"


def test_tiles_are_told_apart_and_have_their_room_at_once(visit: Open) -> None:
    one = visit().open()
    one.page.evaluate("stub.milliseconds = 1500")
    one.pick(*[(f"photo{n}.jpg", picture(90, 60, n)) for n in range(3)])
    one.page.wait_for_selector("#strip .waiting img")
    covered = one.page.evaluate("""() => {
        const shot = document.querySelector("#strip .waiting");
        return shot.querySelector(".word").offsetHeight / shot.offsetHeight;
    }""")
    assert covered < 0.4
    assert (
        one.page.evaluate("getComputedStyle(document.querySelector('#strip .waiting img')).opacity")
        == "1"
    )
    one.page.evaluate("stub.milliseconds = 0")
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '3 of 3 painted'"
    )
    widths = one.page.evaluate("""() => {
        const shots = [...document.querySelectorAll("#strip .shot")];
        return shots.map((shot) => {
            const before = shot.offsetWidth;
            shot.querySelector("img").removeAttribute("src"); // as before it is read
            return [before, shot.offsetWidth];
        });
    }""")
    assert len(widths) == 3
    assert [before for before, _ in widths] == [after for _, after in widths]


def test_webcam_is_never_said_to_be_painted_on_a_server(visit: Open) -> None:
    one = visit().serve().open()
    one.page.click("#tab-webcam")
    assert one.text("#where") == "In this browser"
    assert one.page.locator("#where button").count() == 0
    one.page.click("#tab-photo")
    assert one.page.get_attribute('[data-value="server"]', "aria-checked") == "true"


def test_no_request_leaves_the_machine(visit: Open) -> None:
    one = visit().open()
    one.drop(("tower.jpg", picture()))
    one.painted()
    one.drop(("leaf.png", picture(format="PNG")), selector="#grid")
    one.painted()
    allowed = (one.url, "blob:", "data:")
    assert [url for url in one.requests if not url.startswith(allowed)] == []


def test_actual_pixels_are_seen(visit: Open) -> None:
    one = visit().open()
    one.page.click("#zoom")
    assert one.page.locator("#frame.zoomed").count() == 1
    width = one.page.evaluate("document.querySelector('#after').getBoundingClientRect().width")
    assert width == pytest.approx(1200, abs=1)
    one.page.click("#zoom")
    assert one.page.locator("#frame.zoomed").count() == 0


def test_size_beyond_the_limit_is_explained(visit: Open) -> None:
    one = visit().open()
    one.pick(("large.jpg", picture(4600, 3000)))
    one.says(
        "has 14 megapixels, and this browser paints up to 12. It is painted at 4289 \u00d7 2797"
    )
    one.painted()
    assert one.paints[-1]["size"] == 4289


def test_painting_of_the_queue_is_saved_without_loss(visit: Open) -> None:
    one = visit().open()
    one.pick(("a.jpg", picture(90, 60)), ("b.jpg", picture(90, 60, 2)))
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '2 of 2 painted'"
    )
    one.page.locator("#strip .shot").first.click()
    one.page.wait_for_selector("#strip li:first-child [aria-current]")
    before = len(one.paints)
    one.page.select_option("#format", "image/png")
    name, _ = one.download()
    assert name == "a.temeraire.png"
    assert len(one.paints) == before + 1  # the history keeps large batches as JPEG
