"""What is exported paints what `impasto stylize` paints, wherever it runs."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from pictures import UInt8

from impasto import export as exporting
from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.errors import NetworkError, StyleError
from impasto.export import export_onnx, export_openvino, find_export, to_onnx
from impasto.inference.prepared_style import MARGIN
from impasto.models.gallery import gallery_style
from impasto.models.network import load_shipped, network_path
from impasto.models.noise import noise_at
from impasto.models.style import Style
from impasto.stylizer import Stylizer

pytestmark = pytest.mark.slow

# PyTorch runs the networks themselves; graphs that leave impasto are for other programs
ENGINES = [name for name in base.available_engines() if name != "torch"]


def mirrored(picture: UInt8) -> UInt8:
    """As `impasto export --help` has it: (1, H, W, 3)."""
    return np.pad(picture, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="symmetric")[None]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_mirrored_picture_comes_out_as_stylize_paints_it(
    network: str, engine: str, scene: UInt8
) -> None:
    found, embedding, name = find_export("starry-night", network)
    assert (found, name) == (load_shipped(network), "starry-night")
    scene = scene[:112]  # with the mirrored edges, sides are multiples of 16
    expected = Stylizer(network, engine, precision="f32").stylize(scene, "starry-night").astype(int)
    pixels, inside = mirrored(scene), (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))

    of_pixels = base.load_engine(to_onnx(found, embedding, pixels=True), engine, precision="f32")
    assert of_pixels.inputs == ("pixels",)
    painted = of_pixels.run(pixels)
    assert painted.dtype == np.uint8
    assert np.abs(painted[0][inside] - expected).max() <= 1

    of_floats = base.load_engine(to_onnx(found, embedding), engine, precision="f32")
    assert of_floats.inputs == ("image",)
    picture = of_floats.run(
        np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    )
    assert (
        np.abs(picture[0].transpose(1, 2, 0)[inside] * 255 - expected).max() <= 0.505
    )  # as those are rounded


@pytest.mark.parametrize("engine", ENGINES)
def test_noise_goes_on_where_it_repeats(engine: str) -> None:
    """Beyond 1,018 pixels; the last row and column of the noise that is inside the graph are used
    too."""
    network, embedding, _ = find_export("starry-night", "small")
    strip = np.random.default_rng(0).random((1, 3, 16, 1056), np.float32)
    expected = base.load_engine(network.graph, engine, precision="f32").run(
        strip, np.asarray(embedding)[None], noise_at(16, 1056, -MARGIN, -MARGIN)
    )
    got = base.load_engine(to_onnx(network, embedding), engine, precision="f32").run(strip)
    assert np.abs(got - expected).max() < 1e-4


def test_a_network_alone_takes_an_embedding(tmp_path: Path) -> None:
    network, embedding, name = find_export("small", "base")
    assert (network, embedding, name) == (load_shipped("small"), None, "small")
    assert find_export(str(network_path("base")), "small")[0].hash == load_shipped("base").hash
    exported = export_onnx(network, None, pixels=False)
    assert exported.difference < 1e-4
    style = gallery_style("great-wave").embedding(network)
    engine = base.load_engine(exported.files[".onnx"], precision="f32")
    assert engine.inputs == ("image", "embedding")
    got = engine.run(exporting.make_sample(), style[None])
    assert np.abs(got - exporting.paint_sample(network, style)).max() < 1e-4


def test_an_older_network_that_takes_no_noise() -> None:
    """Made here of one that does: what noise it takes is a constant of its graph."""
    graph = onnx.load_model_from_string(load_shipped("small").graph)
    noise = next(each for each in graph.graph.input if each.name == "noise")
    graph.graph.input.remove(noise)
    graph.graph.initializer.append(
        numpy_helper.from_array(noise_at(96, 128, -MARGIN, -MARGIN), "noise")
    )
    network = replace(load_shipped("small"), graph=graph.SerializeToString())
    exported = export_onnx(network, gallery_style("reverie").embedding(network), pixels=False)
    assert exported.difference < 1e-4
    assert len(exported.files[".onnx"]) < len(network.graph) + 20_000


def test_mixes_and_pictures(photo_file: Path) -> None:
    _, mixed, name = find_export("starry-night:0.7,great-wave:0.3", "small")
    one, other = (
        gallery_style(style).embedding(load_shipped("small"))
        for style in ("starry-night", "great-wave")
    )
    assert mixed is not None
    np.testing.assert_allclose(mixed, 0.7 * one + 0.3 * other, rtol=1e-4, atol=1e-6)
    assert name == "starry-night-70-great-wave-30"
    _, predicted, name = find_export(str(photo_file), "small")
    assert predicted is not None and predicted.shape == one.shape
    assert name == "photo"


def owning(path: Path) -> Style:
    """A style that owns its network, which is the gallery's small one."""
    network = replace(load_shipped("small"), name="own", predictor=b"", photo=None, metadata={})
    style = Style(
        "mine",
        {"own": gallery_style("reverie").embedding(load_shipped("small"))},
        {"own": network.hash},
        {},
        network,
    )
    style.save(path)
    return style


def test_a_style_that_owns_its_network(tmp_path: Path) -> None:
    style = owning(tmp_path / "mine.safetensors")
    network, embedding, name = find_export(str(tmp_path / "mine.safetensors"), "base")
    assert (network, name) == (style.own, "mine")
    assert embedding is not None and np.array_equal(embedding, style.embeddings["own"])
    with pytest.raises(StyleError, match=r"cannot export .*: 2 networks paint it"):
        find_export(f"{tmp_path / 'mine.safetensors'}:0.5,starry-night:0.5", "base")


@pytest.mark.parametrize("pixels", [False, True])
def test_openvino(tmp_path: Path, pixels: bool) -> None:
    openvino = pytest.importorskip("openvino")
    network, embedding, _ = find_export("great-wave", "small")
    exported = export_openvino(network, embedding, pixels)
    assert exported.difference < (0.0021 if pixels else 1e-4)
    for suffix, data in exported.files.items():
        (tmp_path / f"wave{suffix}").write_bytes(data)
    model = openvino.Core().read_model(tmp_path / "wave.xml")
    (taken,) = model.inputs
    assert taken.get_any_name() == ("pixels" if pixels else "image")
    assert taken.partial_shape.is_dynamic
    assert len(exported.files[".bin"]) < len(network.graph) + 1_100_000, "float16 became float32"


def test_what_differs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    network, embedding, _ = find_export("great-wave", "small")
    right = exporting.to_onnx
    monkeypatch.setattr(
        exporting,
        "to_onnx",
        lambda network, embedding, pixels, size: right(network, 1.1 * embedding, pixels, size),
    )
    with pytest.raises(
        NetworkError, match=r"cannot use the converted .*: it differs from the network by"
    ):
        export_onnx(network, embedding, pixels=False)
    with pytest.raises(NetworkError, match="differs from the network by nan"):
        exporting.measure_difference(
            np.full((1, 3, 8, 8), np.nan, np.float32), np.zeros((1, 3, 8, 8), np.float32)
        )


def test_without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    network, embedding, _ = find_export("great-wave", "small")
    with pytest.raises(NetworkError, match="pip install openvino"):
        export_openvino(network, embedding, pixels=False)


FIXED = (240, 320)  # height and width


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("pixels", [False, True])
def test_an_export_for_one_size_counts_nothing(network: str, pixels: bool) -> None:
    pytest.importorskip("onnxruntime")
    found, embedding, _ = find_export("starry-night", network)
    graph = export_onnx(found, embedding, pixels, FIXED).files[".onnx"]
    kinds = {node.op_type for node in onnx.load_model_from_string(graph).graph.node}
    assert not kinds & {"Shape", "Range", "Mod", "Slice", "Gather", "Split", "Constant", "Expand"}
    picture = exporting.make_sample(FIXED)
    image = picture
    if pixels:
        image = (picture * 255).round().transpose(0, 2, 3, 1).astype(np.uint8)
    dynamic = base.load_engine(to_onnx(found, embedding, pixels), "onnxruntime", precision="f32")
    fixed = base.load_engine(graph, "onnxruntime", precision="f32")
    difference = np.abs(fixed.run(image).astype(float) - dynamic.run(image)).max()
    assert difference <= (1 if pixels else 1e-4)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("pixels", [False, True])
@pytest.mark.parametrize("size", [FIXED, None])
def test_exports_load_in_opencv(
    network: str, pixels: bool, size: tuple[int, int] | None, tmp_path: Path
) -> None:
    """For one size in both engines of OpenCV; for any size in the new one."""
    cv2: Any = pytest.importorskip("cv2")
    if not hasattr(cv2.dnn, "ENGINE_NEW"):
        pytest.skip("OpenCV before 5 has no second engine")
    pytest.importorskip("onnxruntime")
    found, embedding, _ = find_export("starry-night", network)
    path = tmp_path / "a.onnx"
    path.write_bytes(to_onnx(found, embedding, pixels, size))
    picture = exporting.make_sample(FIXED)
    if pixels:
        picture = (picture * 255).round().transpose(0, 2, 3, 1).astype(np.uint8)
    expected = base.load_engine(path.read_bytes(), "onnxruntime").run(picture).astype(float)
    for name in ("ENGINE_CLASSIC", "ENGINE_NEW") if size else ("ENGINE_NEW",):
        loaded = cv2.dnn.readNetFromONNX(str(path), getattr(cv2.dnn, name))
        loaded.setInput(picture)
        assert np.abs(loaded.forward() - expected).max() <= (1 if pixels else 1e-4)


@pytest.mark.parametrize("size", [(248, 320), (16, 320), (0, 0)])
def test_sizes_that_networks_do_not_take(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        to_onnx(load_shipped("small"), size=size)


def test_one_size_needs_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NetworkError, match="pip install"):
        to_onnx(load_shipped("small"), size=FIXED)
