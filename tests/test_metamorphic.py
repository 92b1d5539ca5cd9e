"""What must hold between paintings: of a flipped photograph, of parts, of many at once, and by
every engine."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import UInt8, photo

from impasto.batch.outputs import BatchPlan, FileTask
from impasto.batch.runner import run_plan
from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.images import reading, resize, writing
from impasto.images.image import Picture
from impasto.inference.prepared_style import MARGIN
from impasto.inference.settings import parse_settings
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import NOISE, load_shipped
from impasto.models.noise import noise_at
from impasto.stylizer import Stylizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


def apart(one: UInt8, other: UInt8) -> float:
    """The mean difference, in levels of 255."""
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("style", ["starry-night", "udnie", "night-watch"])
def test_of_a_flipped_photograph_the_painting_is_flipped(
    exact: Stylizer, scene: UInt8, style: str, axis: int
) -> None:
    """But for strokes, which have their slant: seen from afar, much nearer than the photograph is
    to its painting."""
    flipped = np.ascontiguousarray(np.flip(scene, axis))
    one, other = (
        resize.resize_short_side(each, 15)
        for each in (exact.stylize(scene, style), np.flip(exact.stylize(flipped, style), axis))
    )
    assert apart(one, other) < 0.35 * apart(one, resize.resize_short_side(scene, 15))


def test_a_part_is_painted_as_in_the_whole(exact: Stylizer) -> None:
    """With the statistics of the whole, and as much around it as the network sees."""
    picture = photo(560, 640)
    prepared = exact.prepare("starry-night")
    held = prepared.freeze(prepared.measure(picture))
    around = prepared.margin
    part = held.paint(picture[:, :600], 0, 0)
    assert apart(part[:, : 600 - around], held.paint(picture)[:, : 600 - around]) < 0.05


def test_many_at_once_are_painted_as_one_by_one(exact: Stylizer, tmp_path: Path) -> None:
    tasks = []
    settings = parse_settings("starry-night", color="luminance", mask="radial")
    for number, (height, width) in enumerate([(40, 60), (61, 33), (40, 60), (8, 90)]):
        path = tmp_path / f"{number}.png"
        writing.write(path, Picture(photo(height, width)[:, ::-1].copy()))
        tasks.append(FileTask(path, tmp_path / f"{number}.painted.png", settings))
    results = list(run_plan(BatchPlan(tasks), exact))
    assert [result.target for result in results] == [task.target for task in tasks]
    assert not any(result.error for result in results)
    for task in reversed(tasks):
        alone = exact.stylize(
            reading.read(task.source).rgb, "starry-night", color="luminance", mask="radial"
        )
        assert (reading.read(task.target).rgb == alone).all()


@settings(max_examples=8, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    strength=st.floats(0, 1),
    color=st.sampled_from(["style", "luminance", "histogram:0.5", "linear-pca"]),
    mask=st.sampled_from([None, "radial", "not:left-right"]),
    mix=st.sampled_from(["udnie", "starry-night:0.3,great-wave:0.7"]),
)
def test_the_same_is_painted_again(
    exact: Stylizer,
    height: int,
    width: int,
    strength: float,
    color: str,
    mask: str | None,
    mix: str,
) -> None:
    """To the bit, whatever is asked for; and of the same size."""
    one, other = (
        exact.stylize(
            photo(height, width),
            mix,
            strength,
            color=color,
            mask=mask,
            regions=["top-bottom=the-scream"],
        )
        for _ in range(2)
    )
    assert one.shape == (height, width, 3) and (one == other).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_three_engines_paint_alike_over_the_gallery(network: str) -> None:
    """OpenVINO, ONNX Runtime and the PyTorch network itself, in float32, in every style: to a level
    of 255."""
    torch = pytest.importorskip("torch")
    from impasto.learning.conversion import onnx_export

    for name in ("openvino", "onnxruntime"):
        pytest.importorskip(name)
    known = load_shipped(network)
    module = onnx_export.from_onnx(known.graph).eval()
    picture = photo(48, 64)
    image = picture.transpose(2, 0, 1)[None].astype(np.float32) / 255
    loaded = {
        name: base.load_engine(known.graph, name, precision="f32")
        for name in ("openvino", "onnxruntime")
    }
    noise = noise_at(48, 64, -MARGIN, -MARGIN)
    for style in [*gallery_names(), "photo"]:
        embedding = gallery_style(style).embedding(known)[None]
        with torch.no_grad():
            given = (
                torch.from_numpy(image),
                torch.from_numpy(embedding.copy()),
                torch.from_numpy(noise),
            )
            painted = module(*given).numpy()
        for name, engine in loaded.items():
            found = engine.run(image, embedding, *([noise] if NOISE in engine.inputs else []))
            assert np.abs(found - painted).max() < 1 / 255, (style, name)
