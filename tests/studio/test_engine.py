"""The engine of the browser paints as Python does, in Chromium, to one level of 255."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from PIL import Image

import impasto
from impasto.choices import MODES
from impasto.errors import ImpastoError
from impasto.images.image import UInt8
from impasto.inference import color as colors
from impasto.inference import predictor
from impasto.inference.tile_grid import TileLimits, limit_tiles, tile_spans
from impasto.models.gallery import gallery_style
from impasto.models.network import load_shipped
from impasto.models.noise import noise_at
from impasto.models.style import Style
from impasto.video.temporal.frozen_statistics import SteadyStyle

from .static_host import ISOLATED, EnginePage, StaticHost, data_url, difference, received

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.process]

GALLERY = Path(impasto.__file__).parent / "gallery"
RECOLORING = [mode for mode in MODES if mode != "style"]


@pytest.fixture(scope="module")
def host() -> Iterator[StaticHost]:
    host = StaticHost(ISOLATED)
    yield host
    host.close()


@pytest.fixture(scope="module")
def engine(browser: "Browser", host: StaticHost) -> Iterator[EnginePage]:
    context = browser.new_context(permissions=["camera"])
    page = EnginePage(context, host)
    page.page.set_default_timeout(120_000)
    yield page
    context.close()
    assert page.errors == []


@pytest.fixture(scope="module")
def stylizers() -> dict[str, impasto.Stylizer]:
    """The networks in Python, on the engine that the browser has too."""
    return {name: impasto.Stylizer(name, engine="onnxruntime") for name in ("small", "base")}


def draw(height: int, width: int, seed: int = 0) -> UInt8:
    """Draw a picture with edges, gradients and noise, uint8 (height, width, 3)."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:height, :width] / max(height, width)
    picture = np.stack([across, down, (across + down) / 2], -1) * 200
    for _ in range(30):
        center, radius = random.random(2), random.uniform(0.02, 0.2)
        inside = np.hypot(down - center[0], across - center[1]) < radius
        picture[inside] = random.uniform(0, 255, 3)
    picture += random.normal(0, 8, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("network", ["small", "base"])
def test_paints_as_python(
    engine: EnginePage, stylizers: dict[str, impasto.Stylizer], network: str, side: int
) -> None:
    photo = draw(side, side)
    painted = engine.paint(photo, network=network, styles=[["gallery:great-wave", 1]])
    assert difference(painted, stylizers[network].stylize(photo, "great-wave")) <= 1
    assert (painted[..., 3] == 255).all()


@pytest.mark.parametrize(
    "options",
    [
        {"strength": 0.5},
        {"strength": 0.05},
        {"strength": 0},
        {"stroke": 0.5},
        {"stroke": 1.5},
        {"stroke": 3.3},
        {"color": "luminance"},
        {"color": "luminance:0.3", "strength": 0.7},
    ],
    ids=str,
)
def test_settings_as_in_python(
    engine: EnginePage, stylizers: dict[str, impasto.Stylizer], options: dict[str, Any]
) -> None:
    photo = draw(150, 230)
    python = stylizers["small"].stylize(photo, "starry-night", **options)
    assert difference(engine.paint(photo, **options), python) <= 1


@pytest.mark.parametrize("shape", [(7, 33), (64, 65), (1, 200)], ids=str)
def test_any_size(
    engine: EnginePage, stylizers: dict[str, impasto.Stylizer], shape: tuple[int, int]
) -> None:
    photo = draw(*shape)
    python = stylizers["small"].stylize(photo, "starry-night")
    assert difference(engine.paint(photo), python) <= 1


def test_mixes(engine: EnginePage, stylizers: dict[str, impasto.Stylizer]) -> None:
    photo, styles = draw(120, 160), [["gallery:starry-night", 0.7], ["gallery:great-wave", 0.3]]
    python = stylizers["small"].stylize(photo, "starry-night:0.7,great-wave:0.3", strength=0.6)
    assert difference(engine.paint(photo, styles=styles, strength=0.6), python) <= 1


def test_reduces_a_photograph(engine: EnginePage, stylizers: dict[str, impasto.Stylizer]) -> None:
    photo = draw(300, 450)
    python = stylizers["small"].stylize(photo, "starry-night", size=100)
    painted = engine.paint(photo, size=150)  # of the longest side
    assert painted.shape == (100, 150, 4)
    assert difference(painted, python) <= 1


def test_masks(engine: EnginePage, stylizers: dict[str, impasto.Stylizer]) -> None:
    photo = draw(150, 230)
    shape = np.zeros((75, 115), np.uint8)
    shape[20:60, 30:100], shape[60:70] = 255, 128
    gradient = np.tile(np.linspace(0, 255, 230).astype(np.uint8), (150, 1))
    for mask in (shape, gradient):
        python = stylizers["small"].stylize(photo, "starry-night", mask=mask)
        assert difference(engine.paint(photo, mask=mask), python) <= 1


@pytest.mark.parametrize("amount", [1, 0.4])
@pytest.mark.parametrize("mode", RECOLORING)
def test_colors_as_in_python(engine: EnginePage, mode: str, amount: float) -> None:
    painted, photo = draw(90, 130, 1), draw(90, 130, 2)
    answer = engine.run(
        """
        const [painted, photo, mode, amount] = values;
        const color = await import(new URL("js/engine/color.js", location.href));
        const read = ([height, width, text]) =>
            ({height, width, data: toBytes(text)});
        const pictures = [read(painted), read(photo)];
        const palettes = () => pictures.map((one) => color.measurePalette(one));
        const change = color.fitRecoloring(mode, palettes);
        const {data} = color.recolor(...pictures, change, amount);
        return toText(data);""",
        *[
            [*pixels.shape[:2], base64.b64encode(pixels.tobytes()).decode()]
            for pixels in (painted, photo)
        ],
        mode,
        amount,
    )
    recolored = np.frombuffer(base64.b64decode(answer), np.uint8).reshape(painted.shape)
    color = colors.parse_color(f"{mode}:{amount}")
    assert difference(recolored, colors.keep_color(painted, photo, color)[0]) <= 1


def test_recolored_paintings(engine: EnginePage, stylizers: dict[str, impasto.Stylizer]) -> None:
    photo = draw(120, 160)
    for mode in RECOLORING:
        python = stylizers["small"].stylize(photo, "starry-night", color=mode)
        browser = engine.paint(photo, color=mode)[..., :3]
        # a level of the painting may be several of steep curves
        assert np.mean(browser != python) < 0.01, mode
        assert difference(browser, python) <= 12, mode


def test_clear_pixels_stay_clear(engine: EnginePage) -> None:
    photo = np.dstack([draw(80, 90), np.full((80, 90), 255, np.uint8)])
    photo[:40, :, 3] = 0
    painted = engine.paint(photo_bytes(photo))
    assert (painted[..., 3] == photo[..., 3]).all()


def photo_bytes(pixels: UInt8) -> bytes:
    """Encode pixels as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


ADD_PICTURE = """
    const style = await painter.addPicture(await toBlob(values[0]), values[1]);
    window.files[style.id] = style;
    const {id, title, kind, preview} = style;
    return {id, title, kind, type: preview.type};"""
SAVE_STYLE = """
    const bytes = new Uint8Array(await (await painter.saveStyle(files[values[0]])).arrayBuffer());
    return toText(bytes);"""
ADD_FILE = """
    const style = await painter.addStyleFile(await toBlob(values[0]), "dropped");
    return style.id;"""


def test_any_picture_is_a_style(
    engine: EnginePage, stylizers: dict[str, impasto.Stylizer], tmp_path: Path
) -> None:
    photo, art = draw(256, 256), draw(600, 830, 5)
    style = engine.run(ADD_PICTURE, data_url(art), "My_Tulip.jpg")
    assert style["title"] == "My_Tulip.jpg"
    assert (style["kind"], style["type"]) == ("picture", "image/jpeg")
    for network in ("small", "base"):
        script = "return Array.from(await painter.embedding(painter.own.get(values[1]), values[0]))"
        embedding = engine.run(script, network, style["id"])
        expected = predictor.predict(art, load_shipped(network))
        np.testing.assert_allclose(embedding, expected, atol=3e-3)  # the bound between engines
        painted = engine.paint(photo, network=network, styles=[[style["id"], 1]])
        assert difference(painted, stylizers[network].stylize(photo, art)) <= 1

    saved = tmp_path / "tulip.safetensors"
    saved.write_bytes(base64.b64decode(engine.run(SAVE_STYLE, style["id"])))
    loaded = impasto.load_style(saved)
    assert isinstance(loaded, Style)
    assert loaded.name == "my-tulip"
    assert set(loaded.embeddings) == {"small", "base"}
    assert loaded.metadata["source"] == "My_Tulip.jpg"
    assert loaded.picture is not None
    assert loaded.picture.shape == (512, 708, 3)
    python = stylizers["base"].stylize(photo, saved)
    again = engine.run(ADD_FILE, data_url(saved.read_bytes()))
    assert difference(engine.paint(photo, network="base", styles=[[again, 1]]), python) <= 1
    mixed = engine.paint(photo, styles=[[again, 0.5], ["gallery:udnie", 0.5]])
    python = stylizers["small"].stylize(photo, [(saved, 0.5), ("udnie", 0.5)])
    assert difference(mixed, python) <= 1


def test_long_pictures_are_read_in_the_middle(engine: EnginePage) -> None:
    art = draw(100, 700, 3)
    style = engine.run(ADD_PICTURE, data_url(art), "strip")
    script = "return Array.from(await painter.embedding(painter.own.get(values[0]), 'small'))"
    expected = predictor.predict(art, load_shipped("small"))
    np.testing.assert_allclose(engine.run(script, style["id"]), expected, atol=3e-3)


def test_style_files_of_the_gallery(
    engine: EnginePage, stylizers: dict[str, impasto.Stylizer]
) -> None:
    photo, file = draw(100, 100), GALLERY / "styles" / "the-scream.safetensors"
    style = engine.run(ADD_FILE, data_url(file.read_bytes()))
    painted = engine.paint(photo, network="base", styles=[[style, 1]])
    assert difference(painted, stylizers["base"].stylize(photo, file)) <= 1


def own_style(path: Path, change: Callable[[Any], object] = lambda _: None) -> Path:
    """Write a style that brings its own network; `change` changes the graph first."""
    network = load_shipped("small")
    model = onnx.load_model_from_string(network.graph)
    change(model)
    embedding = 0.9 * gallery_style("metzinger").embedding(network)
    own = replace(network, name="own", graph=model.SerializeToString())
    Style("brought", {"own": embedding}, {"own": network.hash}, own=own).save(path)
    return path


def test_styles_with_their_own_network(
    engine: EnginePage, stylizers: dict[str, impasto.Stylizer], tmp_path: Path
) -> None:
    photo, path = draw(100, 130), own_style(tmp_path / "own.safetensors")
    style = engine.run(ADD_FILE, data_url(path.read_bytes()))
    for strength in (1, 0.6):
        python = stylizers["base"].stylize(photo, path, strength=strength)
        job = {"styles": [[style, 1]], "strength": strength, "network": "base"}
        assert difference(engine.paint(photo, **job), python) <= 1
    python = stylizers["base"].stylize(photo, [(path, 0.4), ("udnie", 0.6)], strength=0.8)
    mix = [[style, 0.4], ["gallery:udnie", 0.6]]
    assert difference(engine.paint(photo, styles=mix, strength=0.8, network="base"), python) <= 1


def add_branch(model: Any) -> None:
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("then", onnx.GraphProto()))


def move_weights(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")


HOSTILE_GRAPHS: dict[str, Callable[[Any], object]] = {
    "operation": lambda model: setattr(model.graph.node[3], "op_type", "Loop"),
    "domain": lambda model: setattr(model.graph.node[3], "domain", "com.microsoft"),
    "branch": add_branch,
    "elsewhere": move_weights,
    "input": lambda model: setattr(model.graph.input[0], "name", "secret"),
    "function": lambda model: model.functions.add(),
    "nodes": lambda model: model.graph.node.extend([model.graph.node[0]] * 5000),
}


@pytest.mark.parametrize("name", HOSTILE_GRAPHS)
def test_hostile_networks_are_refused(engine: EnginePage, tmp_path: Path, name: str) -> None:
    path = own_style(tmp_path / "x.safetensors", HOSTILE_GRAPHS[name])
    message = engine.run(REFUSED, data_url(path.read_bytes()))
    assert message.startswith("cannot use the style file: its network ")


REFUSED = """
    try { await painter.addStyleFile(await toBlob(values[0]), "x"); return "taken"; }
    catch (error) { return error.message; }"""


def header(text: object) -> bytes:
    data = json.dumps(text).encode()
    return len(data).to_bytes(8, "little") + data


STYLE = {"__metadata__": {"format": "impasto style 1", "name": "x", "base.hash": "0"}}
TENSOR = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}
HOSTILE = {
    "text": b"hello world, I am no style file at all",
    "empty": b"",
    "huge header": (1 << 40).to_bytes(8, "little") + b"{}" + b" " * 20,
    "list": header([1, 2]),
    "number": header(5),
    "other format": header({"__metadata__": {"format": "impasto network 1"}}),
    "overlap": header(STYLE | {"embedding.base": TENSOR, "picture": TENSOR}) + b"0000",
    "cut off": header(STYLE | {"embedding.base": TENSOR | {"data_offsets": [0, 8]}}) + b"0000",
    "negative": header(STYLE | {"embedding.base": TENSOR | {"shape": [-2, -1]}}) + b"0000",
    "vast": header(STYLE | {"embedding.base": TENSOR | {"shape": [2**53, 2**53]}}) + b"0000",
    "not finite": header(STYLE | {"embedding.base": TENSOR}) + b"\x00\x7c\x00\x7c",
    "path": header({"__metadata__": STYLE["__metadata__"] | {"name": "../x"}}),
    "unknown tensor": header(STYLE | {"more": TENSOR}) + b"0000",
    "prototype": header(STYLE | {"embedding.base": TENSOR | {"dtype": "constructor"}}) + b"0000",
    "null": header(STYLE | {"embedding.base": None}) + b"0000",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_style_files_are_refused(engine: EnginePage, name: str) -> None:
    message = engine.run(REFUSED, data_url(HOSTILE[name]))
    assert message.startswith("cannot read the style file: ")
    assert "; " in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": 1.2}, "choose one from 0 to 1"),
        ({"stroke": 99}, "choose 0.25 to 16"),
        ({"color": "sepia"}, "use style, luminance"),
        ({"network": "giant"}, "no network is called giant"),
        ({"styles": [["gallery:nothing", 1]]}, "no style is called nothing"),
        ({"styles": [["own:gone", 1]]}, "choose another one"),
        ({"styles": []}, "choose one"),
    ],
    ids=str,
)
def test_refusals_say_why(engine: EnginePage, options: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        engine.paint(draw(40, 40), **options)


def test_broken_photographs_are_refused(engine: EnginePage) -> None:
    with pytest.raises(Exception, match="cannot read the picture: this browser"):
        engine.paint(b"no picture")


def test_python_refuses_what_the_browser_refuses() -> None:
    with pytest.raises((ImpastoError, ValueError)):
        impasto.Stylizer("small").stylize(draw(40, 40), "starry-night", strength=1.2)


STOP = """
    const [photo, job] = values;
    const blob = await toBlob(photo);
    const stopper = new AbortController();
    const shares = [];
    const control = {signal: stopper.signal, onProgress: ({done}) => {
        shares.push(done);
        if (shares.length === 3) stopper.abort();
    }};
    const how = await painter.paint(blob, job, control).catch((error) => error.name);
    const already = await painter.paint(blob, job, control).catch((error) => error.name);
    const small = new OffscreenCanvas(64, 64);
    small.getContext("2d").fillRect(0, 0, 30, 30);
    const next = await painter.paint(await small.convertToBlob(), job);
    return [how, already, shares.length, next.width];"""


def test_stops_between_tiles(browser: "Browser", host: StaticHost) -> None:
    context = browser.new_context()
    page = EnginePage(context, host, maxPixels=100_000, tile=256)
    style = {"id": "gallery:udnie", "weight": 1}
    job = {"styles": [style], "strength": 1, "stroke": 1, "color": "style", "network": "small"}
    answer = page.run(STOP, data_url(draw(400, 500)), job)
    assert answer == ["AbortError", "AbortError", 3, 64]
    context.close()


def test_tiles_as_in_python(
    browser: "Browser", host: StaticHost, stylizers: dict[str, impasto.Stylizer]
) -> None:
    context, photo = browser.new_context(), draw(520, 790)
    page = EnginePage(context, host, maxPixels=100_000, tile=256)
    painted = page.paint(photo)
    with limit_tiles(TileLimits(100_000, 256)):
        assert difference(painted, stylizers["small"].stylize(photo, "starry-night")) <= 1
    assert difference(painted, stylizers["small"].stylize(photo, "starry-night")) <= 1
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["small", "base"])
def test_large_pictures_as_in_python(
    browser: "Browser", host: StaticHost, stylizers: dict[str, impasto.Stylizer], network: str
) -> None:
    context, photo = browser.new_context(), draw(1000, 1500)
    page = EnginePage(context, host, maxPixels=500_000, tile=512)
    page.page.set_default_timeout(300_000)
    painted = page.paint(photo, network=network)
    assert difference(painted, stylizers[network].stylize(photo, "starry-night")) <= 1
    context.close()


@pytest.mark.slow
def test_the_large_network(engine: EnginePage) -> None:
    photo = draw(256, 256)
    painted = engine.paint(photo, network="large")
    python = impasto.Stylizer("large", engine="onnxruntime").stylize(photo, "starry-night")
    assert difference(painted, python) <= 1


PHOTOGRAPH = """
    const canvas = new OffscreenCanvas(4096, 3072);
    const context = canvas.getContext("2d");
    const small = await createImageBitmap(await toBlob(values[0]));
    context.drawImage(small, 0, 0, 4096, 3072);
    const blob = await canvas.convertToBlob({type: "image/jpeg", quality: 0.95});
    let [longest, last, steps, on] = [0, performance.now(), 0, true];
    const tick = () => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        if (on) setTimeout(tick, 16);
    };
    tick();
    const style = {id: "gallery:starry-night", weight: 1};
    const job = {styles: [style], strength: 1, stroke: 1, color: "style", network: "small"};
    const painted = await painter.paint(blob, job, {onProgress: () => steps++});
    on = false;
    return {width: painted.width, height: painted.height, longest, steps};"""


@pytest.mark.slow
def test_twelve_megapixels_do_not_freeze_the_page(engine: EnginePage) -> None:
    engine.page.set_default_timeout(600_000)
    answer = engine.run(PHOTOGRAPH, data_url(draw(768, 1024)))
    assert (answer["width"], answer["height"]) == (4096, 3072)
    assert answer["steps"] > 50
    assert answer["longest"] < 2000  # milliseconds; much less where no other program computes


FRAME = """
    const canvas = window.canvas ??= new OffscreenCanvas(320, 240);
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const frame = await createImageBitmap(await toBlob(values[0]));
    context.drawImage(await window.live.paint(frame), 0, 0);
    return send(context.getImageData(0, 0, 320, 240));"""
OPEN_CAMERA = """
    window.live = painter.live({styles: [{id: "gallery:starry-night", weight: 1}], strength: 1,
        stroke: 1, color: "style", network: "small"});"""


def test_cameras_are_painted_steadily(
    engine: EnginePage, stylizers: dict[str, impasto.Stylizer]
) -> None:
    steady = SteadyStyle(stylizers["small"].prepare("starry-night"), engine="onnxruntime")
    scenes = [draw(240, 320, 1), draw(240, 320, 2)[::-1]]
    moving = [np.roll(scenes[0], 2 * step, 1) for step in range(28)]  # beyond one measurement
    dark = [(frame * 0.7).astype(np.uint8) for frame in moving[:2]]
    engine.run(OPEN_CAMERA)
    for frame in [*moving, *dark, scenes[1], scenes[1]]:
        painted = received(engine.run(FRAME, data_url(frame)))
        assert difference(painted, steady(frame)) <= 1
    engine.run("live.close()")


def test_the_newest_frame_wins(engine: EnginePage) -> None:
    engine.run(OPEN_CAMERA)
    script = """
        const blob = await toBlob(values[0]);
        const frames = await Promise.all([1, 2, 3, 4].map(() => createImageBitmap(blob)));
        const paint = (frame) => window.live.paint(frame).then(() => "painted", ({name}) => name);
        const answers = await Promise.all(frames.map(paint));
        window.live.close();
        return [...answers, await paint(await createImageBitmap(blob))];"""
    dropped = "AbortError"
    answers = engine.run(script, data_url(draw(240, 320)))
    assert answers == ["painted", dropped, dropped, "painted", dropped]


@pytest.mark.slow
def test_webgpu_paints_as_python(
    browser: "Browser", host: StaticHost, stylizers: dict[str, impasto.Stylizer]
) -> None:
    """The processor plays the graphics card here, so this says nothing of speed."""
    flags = ["--no-sandbox", "--enable-unsafe-webgpu"]
    path = browser.browser_type.executable_path
    from chromium import CHROMIUM

    with browser.browser_type.launch(executable_path=CHROMIUM or path, args=flags) as chromium:
        page = EnginePage(chromium, host, gpu="always")
        page.page.set_default_timeout(300_000)
        if not page.page.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"):
            pytest.skip("this Chromium has no WebGPU, not even on the processor")
        photo = draw(64, 64)
        painted = page.paint(photo)
        assert page.run("return (await painter.info()).backend") == "webgpu"
        assert difference(painted, stylizers["small"].stylize(photo, "starry-night")) <= 1


def module(name: str) -> str:
    return f'await import(new URL("js/engine/{name}.js", location.href))'


def test_noise_is_that_of_python(engine: EnginePage) -> None:
    script = f"const {{noiseAt}} = {module('noise')}; return Array.from(noiseAt(...values))"
    for place in [(64, 48, 0, 0), (32, 32, -32, -32), (16, 32, 2000, 1010)]:
        noise = np.array(engine.run(script, *place), np.float32)
        np.testing.assert_array_equal(noise, noise_at(*place).ravel())


def test_tiles_lie_as_in_python(engine: EnginePage) -> None:
    script = f"const {{tileSpans}} = {module('tiling')}; return tileSpans(...values)"
    for height, width, margin, tile in [
        (3072, 4096, 96, 1024),
        (512, 12000, 80, 1024),
        (800, 800, 176, 512),
        (320, 320, 16, 512),
    ]:
        with limit_tiles(TileLimits(1, tile)):
            expected = tile_spans(height, width, margin)
        actual = engine.run(script, height, width, margin, tile)
        assert [[tuple(span.values()) for span in axis] for axis in actual] == [
            [tuple(span) for span in axis] for axis in expected
        ]


@pytest.mark.parametrize("size", [(40, 90), (61, 33), (200, 300), (7, 5)], ids=str)
def test_resizes_as_pillow(engine: EnginePage, size: tuple[int, int]) -> None:
    picture = draw(73, 111)
    script = f"""
        const {{resizePicture, BILINEAR}} = {module("resample")};
        const [height, width, text, to, filter] = values;
        const data = toBytes(text);
        const options = filter === "bilinear" ? {{filter: BILINEAR}} : {{}};
        const resized = resizePicture({{height, width, data}}, ...to, options);
        return toText(resized.data);"""
    for name, filter in (("lanczos", 1), ("bilinear", 2)):
        answer = engine.run(
            script, 73, 111, base64.b64encode(picture.tobytes()).decode(), list(size), name
        )
        expected = Image.fromarray(picture).resize(size[::-1], Image.Resampling(filter))
        resized = np.frombuffer(base64.b64decode(answer), np.uint8)
        np.testing.assert_array_equal(resized, np.asarray(expected).ravel())


def test_half_floats_are_those_of_numpy(engine: EnginePage) -> None:
    script = f"const {{fromHalf}} = {module('safetensors')}; return values[0].map(fromHalf)"
    halves = np.arange(0, 0x7C00, 7).astype(np.uint16)  # all but infinity and worse
    halves = np.concatenate([halves, halves | np.uint16(0x8000)])
    numbers = halves.view(np.float16)
    np.testing.assert_array_equal(engine.run(script, halves.tolist()), numbers)
    script = f"const {{toHalf}} = {module('safetensors')}; return values[0].map(toHalf)"
    random = np.random.default_rng(0).normal(0, 1, 3000) ** 5
    random = np.concatenate([random, random * 1e-5, [65519, 65520, -7e4, 6e-8, 2.9e-8, 0]])
    values = random.astype(np.float32)
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16).view(np.uint16)
    np.testing.assert_array_equal(engine.run(script, values.tolist()), expected)
