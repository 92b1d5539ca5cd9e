"""Large pictures: painted in tiles as they would be in one go, row by row, without seams."""

from itertools import pairwise

import numpy as np
import pytest
from banded import BandedRows
from pictures import UInt8, photo

from impasto.choices import NETWORKS
from impasto.images.rows import ArrayRows
from impasto.inference import tile_grid, tiling
from impasto.inference.prepared_style import NetworkPass, PreparedStyle
from impasto.inference.tiling import TiledPainting
from impasto.models.network import MULTIPLE, Network
from impasto.stylizer import Stylizer
from inference.test_tiled_statistics import busy, other_kind

SIZES = [
    (257, 263),
    *(pytest.param(*size, marks=pytest.mark.slow) for size in [(301, 420), (1, 2000), (700, 30)]),
]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 256)


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


def differs(one: UInt8, other: UInt8) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("network", NETWORKS)
def test_tiles_are_painted_as_in_one_go(
    network: str, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, stylizer = busy(height, width), Stylizer(network, precision="f32")
    whole = stylizer.stylize(picture, "starry-night")
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 256)
    sizes = set[tuple[int, ...]]()
    paint = PreparedStyle.paint

    def seen(prepared: PreparedStyle, tile: UInt8, top: int, left: int) -> UInt8:
        sizes.add(tuple(side + -side % MULTIPLE for side in tile.shape[:2]))
        return paint(prepared, tile, top, left)

    monkeypatch.setattr(PreparedStyle, "paint", seen)
    assert differs(stylizer.stylize(picture, "starry-night"), whole) <= 1
    (size,) = sizes
    # a network that sees further than such a tile has larger ones
    side = 256 if network != "large" else 4 * stylizer.prepare("starry-night").margin
    assert size[0] * size[1] <= side * side + MULTIPLE * side
    if min(height, width) > 64:
        alone = paint(stylizer.prepare("starry-night"), picture[:192, :192])
        assert differs(alone[:96, :96], whole[:96, :96]) > 20, (
            "the test shows nothing: each tile by itself would do"
        )


@pytest.mark.slow
def test_in_the_precision_of_this_machine_too(
    stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = busy(301, 420)
    whole = stylizer.stylize(picture, "great-wave")
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 256)
    assert np.abs(stylizer.stylize(picture, "great-wave").astype(int) - whole).mean() < 1.5


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
def test_no_seams(stylizer: Stylizer, scene: UInt8) -> None:
    """No two neighbours differ more across the borders of tiles than they do within."""
    margin = stylizer.prepare("starry-night").margin
    scale = 4 if margin < 128 else 12
    picture = scene.repeat(scale, axis=0).repeat(scale, axis=1)
    # moved, as an edge of the house would lie on a border of the tiles of `large`
    picture = np.ascontiguousarray(np.roll(picture, 40, axis=1))
    painted = stylizer.stylize(picture, "starry-night").astype(int)
    height, width = picture.shape[:2]
    for axis, side in enumerate(tile_grid.tile_spans(height, width, margin)):
        steps = np.abs(np.diff(painted, axis=axis)).max(-1)
        borders = [span.last - 1 for span in side[:-1]]
        assert len(borders) >= 2
        across = np.take(steps, borders, axis)
        within = np.delete(steps, borders, axis)
        assert across.max() <= within.max()
        assert across.mean() < 1.5 * within.mean()


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("strength", [0.0, 0.05, 0.6])
def test_strength_and_mixes(
    exact: Stylizer, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, mix = busy(270, 300), "starry-night:0.5,great-wave:0.5"
    in_tiles = exact.stylize(picture, mix, strength)
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 10**9)
    assert differs(in_tiles, exact.stylize(picture, mix, strength)) <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
def test_a_picture_is_read_from_the_top_down(
    exact: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, or, where its statistics are read of samples, twice."""
    picture = busy(500, 260)
    for sample, begun in ((10**6, 1), (200 * 200, 2)):
        monkeypatch.setattr(tiling, "MAX_MEASURED_PIXELS", sample)
        monkeypatch.setattr(tiling, "SAMPLE_PIXELS", sample)
        source, told = BandedRows(picture), list[float]()
        painted = TiledPainting(source, exact.prepare("starry-night"), told.append)
        heights = [len(band) for band in painted.bands()]
        assert sum(heights) == 500 and len(heights) > 2
        assert source.begun == begun
        assert sum(told) == pytest.approx(1)


def test_a_network_of_another_kind_paints_in_one_go(
    exact: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    from onnx import helper

    graph = other_kind(helper.make_node("Relu", ["image"], ["picture"]))
    network = Network("own", "f00d", 3, graph, {})
    prepared = PreparedStyle(
        [NetworkPass(network, np.zeros(3, np.float32), 1.0)], exact.prepare("photo")._engine
    )
    assert not prepared.can_freeze
    monkeypatch.setattr(PreparedStyle, "paint", lambda _, picture: 255 - picture)
    (band,) = TiledPainting(ArrayRows(photo(90, 80)), prepared).bands()
    assert np.array_equal(band, 255 - photo(90, 80))


# Samples


@pytest.mark.parametrize(("height", "width"), [(400, 600), (90, 3000), (2000, 100)])
def test_samples_are_like_the_picture(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "SAMPLE_PIXELS", 128 * 128)
    picture = photo(height, width)
    source = BandedRows(picture)
    found = tiling.sample_images(source)
    assert len(found) == tiling.SAMPLE_COUNT and source.begun == 1
    for sample in found:
        assert sample.shape[0] * sample.shape[1] <= 128 * 128
        assert sample.shape[0] % MULTIPLE == 0 and sample.shape[1] % MULTIPLE == 0
        assert np.abs(sample.mean((0, 1)) - picture.mean((0, 1))).max() < 12
        assert np.abs(sample.std((0, 1)) - picture.std((0, 1))).max() < 12
    assert len({sample.tobytes() for sample in found}) == len(found)


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
def test_a_huge_picture_is_painted_much_as_with_its_own_statistics(
    exact: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = busy(640, 720)
    own = exact.stylize(picture, "great-wave").astype(int)
    monkeypatch.setattr(tiling, "MAX_MEASURED_PIXELS", 0)
    monkeypatch.setattr(tiling, "SAMPLE_PIXELS", 400 * 400)
    sampled = np.abs(exact.stylize(picture, "great-wave") - own).mean()
    monkeypatch.setattr(
        tiling,
        "measure_statistics",
        lambda picture, prepared, _: prepared.measure(picture.rows(0, 200)),
    )
    of_a_part = np.abs(exact.stylize(picture, "great-wave") - own).mean()
    assert 0 < sampled < 0.6 * of_a_part


def test_a_sampled_band_is_never_all_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a huge file would be in memory after all."""
    monkeypatch.setattr(tiling, "SAMPLE_PIXELS", 128 * 128)
    source, asked = BandedRows(photo(2000, 400)), list[tuple[int, int]]()
    rows = source.rows

    def seen(top: int, bottom: int) -> UInt8:
        asked.append((top, bottom))
        return rows(top, bottom)

    monkeypatch.setattr(source, "rows", seen)
    tiling.sample_images(source)
    assert max(bottom - top for top, bottom in asked) <= 128
    assert all(one[0] <= other[0] for one, other in pairwise(asked))
