"""The pack for ComfyUI: its schema, its nodes, and its example workflows."""

import asyncio
import inspect
import json
import re
import tomllib
from typing import Any

import numpy as np
import pytest
from hub_server import HubServer
from moving import noisy, texture
from pictures import UInt8, photo

from integrations.conftest import PACK, Comfy, Interrupted

torch = pytest.importorskip("torch")

import impasto
from impasto.errors import ArgumentError, HubError, StyleError
from impasto.inference.color import Color, keep_color
from impasto.models.gallery import gallery_style
from impasto.models.mix import Mix, find_mix
from impasto.paths import GALLERY
from impasto.stylizer import Stylizer
from impasto.video.metrics import flicker

WORKFLOWS = sorted((PACK / "example_workflows").glob("*.json"))
PAINT = {
    "style_name": "starry-night",
    "strength": 1.0,
    "stroke": 1.0,
    "color": "as learned",
    "network": "small",
    "video": True,
}


def tensor(*pictures: UInt8) -> Any:
    return torch.from_numpy(np.stack(pictures).astype(np.float32) / np.float32(255))


def pixels(batch: Any) -> UInt8:
    return np.asarray((batch.numpy() * 255 + 0.5).astype(np.uint8))


def nodes_of(comfy: Comfy) -> dict[str, Any]:
    extension = asyncio.run(comfy.pack.comfy_entrypoint())
    nodes = asyncio.run(extension.get_node_list())
    return {node.define_schema().node_id: node for node in nodes}


def paint(comfy: Comfy, images: Any, **options: Any) -> UInt8:
    output = comfy.pack.Paint.execute(images, **{**PAINT, **options})
    (painted,) = output.values
    assert painted.dtype == torch.float32
    assert 0 <= float(painted.min()) <= float(painted.max()) <= 1
    return pixels(painted)


# Schema


def test_inputs_are_what_nodes_take(comfy: Comfy) -> None:
    nodes = nodes_of(comfy)
    assert list(nodes) == [
        *("ImpastoPaint", "ImpastoStyleFromPicture", "ImpastoLoadStyle", "ImpastoMixStyles"),
        *("ImpastoLearnStyle", "ImpastoColorTransfer"),
    ]
    assert comfy.models.joinpath("impasto").is_dir()
    for node in nodes.values():
        schema = node.define_schema()
        parameters = inspect.signature(node.execute).parameters
        if "slots" not in parameters:
            assert [slot.id for slot in schema.inputs] == list(parameters)
        for slot in schema.inputs:
            if "slots" not in parameters:
                has_default = parameters[slot.id].default is not inspect.Parameter.empty
                assert slot.options.get("optional", False) == has_default
            if slot.type == "COMBO" and "default" in slot.options:
                assert slot.options["default"] in slot.options["options"]
        assert schema.category == "impasto"
        assert "(impasto)" in schema.display_name


# Paint


def test_a_picture_is_painted_as_by_impasto(comfy: Comfy, scene: UInt8) -> None:
    painted = paint(comfy, tensor(scene), color="luminance", strength=0.7)
    expected = comfy.pack.load_stylizer("small").stylize(
        scene, "starry-night", 0.7, color="luminance"
    )
    np.testing.assert_array_equal(painted[0], expected)
    assert comfy.progress == [(1, 1, None)]


def test_frames_of_a_video_do_not_flicker(comfy: Comfy) -> None:
    """Something passes above, and the camera has noise; what is below stands still."""
    frames = [texture(192, 256, size=12) for _ in range(8)]
    for number, frame in enumerate(frames):
        frame[20:80, 10 + 12 * number : 70 + 12 * number] = 250, 230, 20
    batch = tensor(*noisy(frames, 2))
    below = [paint(comfy, batch, video=video)[:, 100:] for video in (True, False)]
    flickers = [flicker(list(painted)) for painted in below]
    assert flickers[0] < 0.5 * flickers[1]
    assert [done for done, count, _ in comfy.progress] == [*range(1, 9), *range(1, 9)]


def test_frames_that_are_no_video_are_painted_alone(comfy: Comfy, scene: UInt8) -> None:
    other = photo(120, 160)
    painted = paint(comfy, tensor(scene, other), video=False)
    for frame, result in zip((scene, other), painted, strict=True):
        np.testing.assert_array_equal(result, paint(comfy, tensor(frame))[0])


def test_strokes_of_frames(comfy: Comfy, scene: UInt8) -> None:
    fine, coarse = (paint(comfy, tensor(scene, scene), stroke=size)[0] for size in (1.0, 2.0))
    assert np.abs(fine.astype(int) - coarse).mean() > 3
    np.testing.assert_array_equal(paint(comfy, tensor(scene, scene), stroke=0.5)[0], fine)


def test_masks(comfy: Comfy, scene: UInt8) -> None:
    """Of any size, one or one for each picture; ComfyUI gives a black one of 64 pixels where a
    picture has no transparency."""
    full = paint(comfy, tensor(scene))[0]
    black = torch.zeros(1, 64, 64)
    np.testing.assert_array_equal(paint(comfy, tensor(scene), mask=black)[0], scene)
    np.testing.assert_array_equal(paint(comfy, tensor(scene), mask=1 - black)[0], full)
    left = torch.zeros(1, *scene.shape[:2])
    left[:, :, :80] = 1
    half = paint(comfy, tensor(scene), mask=left)[0]
    np.testing.assert_array_equal(half[:, :80], full[:, :80])
    np.testing.assert_array_equal(half[:, 80:], scene[:, 80:])
    both = paint(comfy, tensor(scene, scene), mask=torch.cat([black, 1 - black]), video=False)
    np.testing.assert_array_equal(both[0], scene)
    np.testing.assert_array_equal(both[1], full)
    with pytest.raises(ArgumentError, match="cannot use 3 masks with 2 pictures"):
        paint(comfy, tensor(scene, scene), mask=torch.cat([black] * 3))


def test_a_style_takes_the_place_of_the_name(comfy: Comfy, scene: UInt8) -> None:
    painted = paint(comfy, tensor(scene), style=find_mix("great-wave"))
    named = paint(comfy, tensor(scene), style_name="great-wave")
    np.testing.assert_array_equal(painted, named)


def test_the_network_suits_pictures_or_videos(
    comfy: Comfy, scene: UInt8, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(network: str) -> Stylizer:
        asked.append(network)
        return Stylizer("small")

    monkeypatch.setattr(comfy.pack, "load_stylizer", load)
    paint(comfy, tensor(scene), network="auto")
    paint(comfy, tensor(scene, scene), network="auto")
    paint(comfy, tensor(scene), network="large")
    assert asked == ["large", "base", "large"]


def test_channels_of_pictures(comfy: Comfy, scene: UInt8) -> None:
    """RGBA keeps its colors, gray becomes RGB, and NaN, which models may give, becomes black."""
    rgba = torch.cat([tensor(scene), torch.zeros(1, 120, 160, 1)], dim=-1)
    np.testing.assert_array_equal(paint(comfy, rgba), paint(comfy, tensor(scene)))
    gray = torch.full((1, 64, 64, 1), 0.5)
    assert paint(comfy, gray).shape == (1, 64, 64, 3)
    broken = torch.full((1, 64, 64, 3), float("nan"))
    np.testing.assert_array_equal(paint(comfy, broken), paint(comfy, torch.zeros(1, 64, 64, 3)))


def test_cancel_stops_at_the_next_picture(comfy: Comfy, scene: UInt8) -> None:
    comfy.cancelled = True
    with pytest.raises(Interrupted):
        paint(comfy, tensor(scene, scene))
    assert comfy.progress == []


# Styles


def mix_of(output: Any) -> Mix:
    (mix,) = output.values
    assert isinstance(mix, Mix)
    return mix


def test_a_style_of_pictures(comfy: Comfy, scene: UInt8) -> None:
    mix = mix_of(comfy.pack.StyleFromPicture.execute(tensor(scene, photo(120, 160))))
    assert [weight for _, weight in mix.parts] == [0.5, 0.5]
    np.testing.assert_array_equal(mix.parts[0][0].picture, scene)
    assert paint(comfy, tensor(scene), style=mix).shape == (1, 120, 160, 3)


def test_styles_are_loaded(comfy: Comfy, hub: HubServer) -> None:
    load = comfy.pack.LoadStyle
    assert mix_of(load.execute("great-wave")).name == "great-wave"
    nodes_of(comfy)
    path = comfy.models / "impasto" / "a:b, c.safetensors"
    gallery_style("udnie").save(path)
    names = next(slot for slot in load.define_schema().inputs if slot.id == "name")
    assert path.name in names.options["options"]
    assert mix_of(load.execute(path.name)).name == "udnie"
    first = load.fingerprint_inputs(path.name)
    gallery_style("adele").save(path)
    assert load.fingerprint_inputs(path.name) != first
    hub.add(
        "you/styles", {"tulip.safetensors": (GALLERY / "styles/tiger.safetensors").read_bytes()}
    )
    assert mix_of(load.execute("great-wave", " hf:you/styles/tulip ")).name == "tiger"
    for other in ("../secret.safetensors", "/etc/passwd"):
        with pytest.raises(StyleError):
            load.execute(other)
        with pytest.raises(HubError):
            load.execute("great-wave", other)


def test_mixes_of_mixes(comfy: Comfy) -> None:
    mix = comfy.pack.MixStyles.execute
    first = mix_of(
        mix(style_1=find_mix("adele"), weight_1=3.0, style_2=find_mix("tiger"), weight_2=1.0)
    )
    second = mix_of(
        mix(style_1=first, weight_1=1.0, style_2=find_mix("udnie"), weight_2=1.0, weight_3=5.0)
    )
    assert [(style.name, weight) for style, weight in second.parts] == [
        ("adele", 0.375),
        ("tiger", 0.125),
        ("udnie", 0.5),
    ]
    with pytest.raises(StyleError, match="weights of a mix must be positive"):
        mix(style_1=first, weight_1=0.0, style_2=first, weight_2=0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("kept_graphs")
def test_a_style_is_learned_and_kept(comfy: Comfy) -> None:
    nodes_of(comfy)
    with torch.inference_mode():  # as ComfyUI runs nodes
        for name in ("my tulip", "my-tulip"):
            style = mix_of(
                comfy.pack.LearnStyle.execute(tensor(photo(96, 96)), name, 0.01, "small", 0)
            )
    assert comfy.pack.style_files() == ["my-tulip-2.safetensors", "my-tulip.safetensors"]
    assert style.name == "my-tulip-2"
    assert comfy.progress[-1][:2] == (1.0, 1.0)
    comfy.cancelled = True
    with pytest.raises(Interrupted):
        comfy.pack.LearnStyle.execute(tensor(photo(96, 96)), "rose", 1.0, "small", 0)
    assert len(list((comfy.models / "impasto").iterdir())) == 2
    learned = impasto.load_style(comfy.models / "impasto" / "my-tulip.safetensors")
    assert learned.picture is not None


@pytest.mark.parametrize(("name", "stem"), [("../../a", "a"), ("", "my-style"), ("a/b", "a-b")])
def test_a_learned_style_stays_in_its_folder(comfy: Comfy, name: str, stem: str) -> None:
    assert comfy.pack.free_path(name) == comfy.models / "impasto" / f"{stem}.safetensors"


# Colors


def transfer(comfy: Comfy, images: Any, reference: Any, **options: Any) -> UInt8:
    options = {"mode": "linear-mkl", "amount": 1.0, "video": False, **options}
    (recolored,) = comfy.pack.ColorTransfer.execute(images, reference, **options).values
    return pixels(recolored)


@pytest.mark.parametrize("mode", ["luminance", "histogram", "linear-mkl"])
def test_colors_are_those_of_the_reference(comfy: Comfy, scene: UInt8, mode: str) -> None:
    other = photo(120, 160)
    recolored = transfer(comfy, tensor(scene), tensor(other), mode=mode, amount=0.5)
    np.testing.assert_array_equal(recolored[0], keep_color(scene, other, Color(mode, 0.5))[0])  # type: ignore[arg-type]


def test_references_of_any_size_and_number(comfy: Comfy, scene: UInt8) -> None:
    reference = photo(60, 300)
    recolored = transfer(comfy, tensor(scene, scene[::-1]), tensor(reference), video=True)
    for result in recolored:
        assert np.abs(result.mean((0, 1)) - reference.mean((0, 1))).max() < 6
    mask = torch.zeros(1, 8, 8)
    np.testing.assert_array_equal(
        transfer(comfy, tensor(scene), tensor(reference), mask=mask)[0], scene
    )
    with pytest.raises(ArgumentError, match="cannot use 2 references with 3 pictures"):
        transfer(comfy, tensor(scene, scene, scene), tensor(scene, scene))


def test_colors_start_anew_at_a_cut(comfy: Comfy, scene: UInt8) -> None:
    dark = (scene // 4).astype(np.uint8)
    pair = transfer(comfy, tensor(scene, dark), tensor(photo(120, 160)), video=True)
    np.testing.assert_array_equal(
        pair[1], transfer(comfy, tensor(dark), tensor(photo(120, 160)))[0]
    )


# Files of the pack


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_use_nodes_as_they_are(comfy: Comfy, path: Any) -> None:
    nodes = nodes_of(comfy)
    workflow = json.loads(path.read_text(encoding="utf-8"))
    own = [node for node in workflow["nodes"] if node["type"].startswith("Impasto")]
    assert own
    for node in own:
        slots = nodes[node["type"]].define_schema().inputs
        sockets = [slot.id for slot in slots if slot.type in ("IMAGE", "MASK", "IMPASTO_STYLE")]
        widgets = [slot for slot in slots if slot.id not in sockets]
        assert sorted(entry["name"] for entry in node["inputs"]) == sorted(sockets)
        seeds = sum(slot.id == "seed" for slot in widgets)  # ComfyUI adds a widget beside each
        assert len(node["widgets_values"]) == len(widgets) + seeds
        for slot, value in zip(widgets, node["widgets_values"], strict=False):
            if slot.type == "COMBO":
                assert value in slot.options["options"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_that_loads_one_picture_twice_has_a_note(path: Any) -> None:
    """Its first painting shows no other style."""
    nodes = json.loads(path.read_text(encoding="utf-8"))["nodes"]
    loaded = [node["widgets_values"][0] for node in nodes if node["type"] == "LoadImage"]
    notes = [node["widgets_values"][0] for node in nodes if node["type"] == "Note"]
    assert len(set(loaded)) == len(loaded) or "Choose" in notes[0]


def test_every_workflow_and_node_is_in_the_readme(comfy: Comfy) -> None:
    text = (PACK / "README.md").read_text(encoding="utf-8")
    assert all(path.name in text for path in WORKFLOWS)
    names = {node.define_schema().display_name for node in nodes_of(comfy).values()}
    assert {f"{name} (impasto)" for name in re.findall(r"^\| \*\*(.+?)\*\*", text, re.M)} == names


def test_the_pack_asks_for_impasto_alone() -> None:
    """Other packages would change the ComfyUI of people."""
    project = tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))
    (requirement,) = project["project"]["dependencies"]
    assert requirement.startswith("impasto>=")
    assert (PACK / "requirements.txt").read_text(encoding="utf-8").split() == [requirement]
    assert project["project"]["version"] == impasto.__version__
    assert {"PublisherId", "DisplayName", "requires-comfyui"} <= project["tool"]["comfy"].keys()
