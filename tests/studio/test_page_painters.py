"""The page with what really paints: the engine of the browser, and a server."""

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import impasto

from .conftest import Open, Visit, picture, style_file

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.slow]

PATIENCE = 90_000  # milliseconds


def painting_of(one: Visit) -> np.ndarray:
    """Download the painting as PNG and decode it."""
    one.page.select_option("#format", "image/png")
    _, data = one.download()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def difference(one: Visit, data: bytes, precision: str, style: str, strength: float) -> int:
    """Return by how many levels the painting on the page differs from Python's, by `base`."""
    photo = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    stylizer = impasto.Stylizer("base", precision=precision)
    expected = stylizer.stylize(photo, style, strength).astype(int)
    return int(np.abs(painting_of(one) - expected).max())


@pytest.fixture
def device(real_visit: Open) -> Iterator[Visit]:
    """The page, painting on this device."""
    one = real_visit()
    one.page.goto(one.url + "?no-sw")
    yield one.rest(PATIENCE)
    assert [url for url in one.requests if not url.startswith((one.url, "blob:", "data:"))] == []


@pytest.fixture
def served(served_visit: Open) -> Visit:
    """The page of a server, painting there. Playwright's own waiting needs `eval`."""
    one = served_visit(bypass_csp=True)
    one.page.goto(one.url + "?no-sw")
    one.rest(PATIENCE)
    assert one.page.evaluate("document.body.dataset.ready") == "server"
    return one


@pytest.mark.parametrize("where", ["device", "served"])
def test_paints_as_python_does(where: str, request: pytest.FixtureRequest) -> None:
    one: Visit = request.getfixturevalue(where)
    data = picture(200, 120, format="PNG")
    one.page.click('[data-id="gallery:starry-night"]')
    one.pick(("a.png", data))
    one.shows_size(200, 120)
    one.page.fill("#strength", "60")
    one.painted(PATIENCE)
    # browsers compute in f32, also where the CPU has bfloat16
    precision = "f32" if where == "device" else "auto"
    assert difference(one, data, precision, "starry-night", 0.6) <= 1


@pytest.mark.parametrize("where", ["device", "served"])
def test_picture_and_style_file_are_styles(where: str, request: pytest.FixtureRequest) -> None:
    one: Visit = request.getfixturevalue(where)
    one.pick(("a.png", picture(120, 80, format="PNG")))
    one.painted(PATIENCE)
    plain = painting_of(one)
    one.pick(("leaf.png", picture(160, 160, 3, format="PNG")), target="#pick-style")
    one.page.wait_for_selector("text=“leaf” is a style now", timeout=PATIENCE)
    one.painted(PATIENCE)
    assert np.abs(painting_of(one) - plain).mean() > 3
    one.pick(("scream.safetensors", style_file()), target="#pick-style")
    one.page.wait_for_function(
        "document.querySelectorAll('#grid .tile').length === 51", timeout=PATIENCE
    )
    one.painted(PATIENCE)
    learned = painting_of(one)
    one.page.click('[data-id="gallery:the-scream"]')
    one.painted(PATIENCE)
    assert np.abs(painting_of(one) - learned).max() <= 1
    one.drop(("broken.safetensors", b"0123456789" * 9))
    one.page.wait_for_selector(".notice.problem", timeout=PATIENCE)


def test_mix_and_mask_on_the_server(served: Visit) -> None:
    one = served
    one.pick(("a.png", picture(120, 80, format="PNG")))
    one.painted(PATIENCE)
    one.page.click("#mix-start")
    one.page.click('[data-id="gallery:the-scream"]')
    one.painted(PATIENCE)
    one.page.click("#mask")
    one.page.select_option("#mask-preset", "left")
    one.page.wait_for_timeout(200)
    one.painted(PATIENCE)
    assert one.notices() == ""


def test_place_of_painting_is_switched(served: Visit) -> None:
    one = served
    one.requests.clear()
    one.page.click('[data-value="device"]')
    one.page.wait_for_selector('body[data-ready="device"]', timeout=PATIENCE)
    one.page.click('[data-id="gallery:udnie"]')
    one.painted(PATIENCE)
    assert [url for url in one.requests if "/v1/" in url] == []
    one.page.click("#help")
    assert "Nothing is uploaded" in one.text("#help-dialog")
    one.page.keyboard.press("Escape")
    one.page.goto(one.url + "?no-sw")
    one.page.wait_for_selector('body[data-ready="device"]', timeout=PATIENCE)


def test_queue_on_the_server_is_stopped(served: Visit) -> None:
    one = served
    one.pick(*[(f"photo{n}.png", picture(700, 500, n, "PNG")) for n in range(6)])
    one.page.wait_for_selector("#strip .painting")
    one.page.click("#queue-stop")
    one.page.wait_for_function(
        "/[1-6] stopped/.test(document.querySelector('#queue-state').textContent)"
    )
    one.page.click("#queue-resume")
    one.page.wait_for_function(
        "document.querySelector('#queue-state').textContent === '6 of 6 painted'", timeout=PATIENCE
    )


def test_video_is_painted_by_the_server(served: Visit, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with av.open(clip, "w") as container:
        stream = container.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        image = np.asarray(Image.open(io.BytesIO(picture(96, 64))))
        for shift in range(5):
            frame = av.VideoFrame.from_ndarray(np.roll(image, shift, 1), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    one = served
    one.drop(("clip.mp4", clip.read_bytes()))
    one.page.click("#video-paint")
    with one.page.expect_download(timeout=PATIENCE) as info:
        one.page.click("#easel-video >> text=Download", timeout=PATIENCE)
    with av.open(info.value.path()) as painted:
        assert sum(1 for _ in painted.decode(video=0)) == 5


@pytest.mark.parametrize("task", ["Learn this style", "Paint this photograph slowly"])
def test_slow_tasks_show_progress_and_stop(served: Visit, task: str) -> None:
    pytest.importorskip("torch")
    one = served
    one.pick(("a.png", picture(120, 80, format="PNG")))
    one.pick(("leaf.png", picture(96, 96, 3, format="PNG")), target="#pick-style")
    one.page.wait_for_selector("text=“leaf” is a style now", timeout=PATIENCE)
    one.page.click(f"#extra >> text={task}")
    one.page.click("#task-dialog .primary")
    one.page.wait_for_function(
        "/ %|Starting|Waiting/.test(document.querySelector('#task-dialog').innerText)",
        timeout=PATIENCE,
    )
    with one.page.expect_request(lambda request: request.method == "DELETE"):
        one.page.click("#task-dialog .stop")
    one.page.wait_for_selector("#task-dialog", state="hidden")


def test_server_that_went_away_is_explained(served: Visit) -> None:
    one = served
    one.page.route("**/v1/**", lambda route: route.abort())
    one.page.click('[data-id="gallery:udnie"]')
    one.says("the server does not answer")


def test_page_keeps_its_security_policy(served_visit: Open) -> None:
    one = served_visit()
    blocked: list[str] = []
    one.page.on("console", lambda message: blocked.append(message.text))
    one.page.goto(one.url + "?no-sw")
    one.page.wait_for_selector('body[data-ready="server"]', timeout=PATIENCE)
    one.page.click('[data-value="device"]')
    one.page.wait_for_selector('body[data-ready="device"]', timeout=PATIENCE)
    assert [text for text in blocked if "Content Security Policy" in text] == []
