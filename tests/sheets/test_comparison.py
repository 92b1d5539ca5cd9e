"""What is compared, and how it lies on a sheet."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from pictures import UInt8, photo, ramp
from PIL import Image

from impasto.errors import PictureError
from impasto.images.image import Picture
from impasto.images.resize import resize_short_side
from impasto.inference.color import Color
from impasto.inference.masks import parse_mask
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.models.gallery import gallery_style
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.progress import Advance, Progress
from impasto.sheets import comparison as comparisons
from impasto.sheets.comparison import (
    ComparisonSheet,
    before_after,
    compare,
    distinct_labels,
    load_photo,
    mix_labels,
    network_painter,
)
from impasto.sheets.contact_sheet import SheetRow
from impasto.stylizer import Stylizer


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[SheetRow]:
    """Return the rows of the last sheet."""
    drawn: list[SheetRow] = []

    def sheet_of(rows: list[SheetRow], width: int, title: str) -> UInt8:
        drawn[:] = rows
        titles.append(title)
        return np.zeros((1, 1, 3), np.uint8)

    titles: list[str] = []
    monkeypatch.setattr(comparisons, "sheet_of", sheet_of)
    return drawn


def encode(picture: Picture, settings: StylizeSettings, advance: Advance) -> UInt8:
    """Return one pixel that encodes the settings."""
    style = len(settings.style.name)
    return np.array(
        [[[style, round(100 * settings.strength), round(10 * settings.stroke)]]], np.uint8
    )


def named(name: str) -> tuple[str, Picture]:
    return name, Picture(photo(4, 6))


UDNIE, WAVE = parse_settings("udnie"), parse_settings("great-wave:0.25,udnie:0.75")


def test_every_combination_is_painted() -> None:
    comparison = ComparisonSheet(
        [named("a"), named("b")],
        [UDNIE, WAVE],
        [("one", encode), ("two", encode)],
        (0.5, 1),
        (1, 2),
    )
    paintings = list(comparison.paint())
    styles = [len(UDNIE.style.name), len(WAVE.style.name)]
    wanted = [
        (*values,)
        for _, *values, _ in itertools.product("ab", styles, (50, 100), (10, 20), range(2))
    ]
    assert [tuple(painting[0, 0].tolist()) for painting in paintings] == wanted
    assert len(comparison) == len(wanted) == 32


def shown(rows: list[SheetRow]) -> list[tuple[str, list[str], list[str]]]:
    return [(row.name, list(row.heads), [label for label, _ in row.cells]) for row in rows]


def laid(comparison: ComparisonSheet) -> None:
    comparison.arrange(list(comparison.paint()))


def test_one_painting(rows: list[SheetRow]) -> None:
    laid(
        ComparisonSheet(
            [named("a")], [WAVE], [("small", encode)], (0.5,), colors=[Color("luminance", 0.5)]
        )
    )
    mixed = "great-wave 0.25 + udnie 0.75, strength 0.5, luminance 0.5, small"
    assert shown(rows) == [("", [], ["photograph", mixed])]


def test_one_thing_varies(rows: list[SheetRow]) -> None:
    laid(
        ComparisonSheet(
            [named("a")],
            [UDNIE],
            [("base", encode)],
            colors=[Color(), Color("linear-mkl", when="before")],
        )
    )
    assert shown(rows) == [("", [], ["photograph", "as painted", "linear-mkl before"])]


def test_two_things_vary(rows: list[SheetRow]) -> None:
    comparison = ComparisonSheet([named("a")], [UDNIE, WAVE], [("base", encode)], (0.25, 0.5, 1))
    laid(comparison)
    heads = ["strength 0.25", "strength 0.5", "strength 1"]
    assert shown(rows) == [
        ("", [], ["photograph"]),
        ("udnie", heads, ["", "", ""]),
        ("great-wave 0.25 + udnie 0.75", [], ["", "", ""]),
    ]
    assert [picture[0, 0, 1] for _, picture in rows[1].cells] == [25, 50, 100]


def test_photographs_are_rows(rows: list[SheetRow]) -> None:
    laid(ComparisonSheet([named("a"), named("b")], [UDNIE, WAVE], [("base", encode)]))
    assert [(name, heads) for name, heads, _ in shown(rows)] == [
        ("a", ["photograph", "udnie", "great-wave 0.25 + udnie 0.75"]),
        ("b", []),
    ]
    laid(ComparisonSheet([named("a"), named("b")], [UDNIE], [("base", encode)]))
    assert shown(rows)[0][1] == ["photograph", "udnie"]
    strengths = [step / 10 for step in range(11)]
    laid(
        ComparisonSheet([named("a"), named("b")], [UDNIE], [("base", encode)], strengths)
    )  # too many columns: turned around
    assert [(name, heads) for name, heads, _ in shown(rows)][:2] == [
        ("photograph", ["a", "b"]),
        ("strength 0", []),
    ]
    assert [picture[0, 0, 1] for _, picture in rows[4].cells] == [30, 30]


def test_three_things_vary(rows: list[SheetRow]) -> None:
    laid(
        ComparisonSheet(
            [named("a"), named("b")],
            [UDNIE, WAVE],
            [("base", encode), ("small", encode)],
            (0.5, 1),
        )
    )
    labels = [labels for _, _, labels in shown(rows)]
    assert labels[0] == ["a"] and labels[5] == ["b"] and len(labels) == 10
    assert labels[1] == ["udnie, strength 0.5, base", "udnie, strength 0.5, small"]


def test_the_size_is_known_before() -> None:
    comparison = ComparisonSheet(
        [named("a")], [UDNIE, WAVE], [("base", lambda photo, *_: photo.rgb)], (0.5, 1), (1, 2)
    )
    sheet = comparison.arrange(list(comparison.paint()), 80)
    assert comparison.size(80) == (sheet.shape[1], sheet.shape[0])


def test_a_network_paints_as_the_stylizer_does(scene: UInt8) -> None:
    stylizer = Stylizer("small")
    settings = parse_settings("udnie", 0.5, color="luminance", mask="left-right")
    (painting,) = ComparisonSheet(
        [("a", Picture(scene))],
        [settings],
        [("small", network_painter(stylizer))],
        (0.5,),
        colors=[settings.color],
    ).paint()
    np.testing.assert_array_equal(
        painting, stylizer.stylize(scene, "udnie", 0.5, color="luminance", mask="left-right")
    )


def test_the_photograph_s_own_mask(scene: UInt8) -> None:
    settings = StylizeSettings(UDNIE.style, mask=parse_mask("alpha"))
    alpha = np.where(ramp(120, 160) > 127, 255, 0).astype(np.uint8)
    painted = network_painter(Stylizer("small"))(Picture(scene, alpha), settings, lambda _: None)
    assert (painted[:, :70] == scene[:, :70]).all() and (painted[:, 90:] != scene[:, 90:]).any()


def test_photographs_are_loaded_as_large_as_cells_want(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(600, 1200)).save(path)
    assert load_photo(path).rgb.shape == (600, 1200, 3)
    assert load_photo(path, 100).rgb.shape == load_photo(path, 100, 320).rgb.shape == (100, 200, 3)
    assert load_photo(path, width=320).rgb.shape == (512, 1024, 3)
    assert load_photo(path, width=1100).rgb.shape == (550, 1100, 3)
    assert load_photo(path, width=4000).rgb.shape == (600, 1200, 3)  # never enlarged
    np.testing.assert_array_equal(
        load_photo(path, 100).rgb, resize_short_side(photo(600, 1200), 100)
    )
    Image.fromarray(
        np.dstack([photo(20, 30), np.tile(np.repeat(np.array([0, 255], np.uint8), 15), (20, 1))])
    ).save(path)
    clear = load_photo(path)
    assert (clear.rgb[:, :15] == 255).all() and (clear.rgb[:, 15:] == photo(20, 30)[:, 15:]).all()
    with pytest.raises(PictureError, match="no such file"):
        load_photo(tmp_path / "absent.png")


def test_before_and_after() -> None:
    both = before_after(np.full((10, 800, 3), 10, np.uint8), np.full((10, 800, 3), 20, np.uint8))
    assert (
        (both[:, :398] == 10).all()
        and (both[:, 398:402] == 255).all()
        and (both[:, 402:] == 20).all()
    )
    assert before_after(photo(1, 1), photo(1, 1)).shape == (1, 1, 3)


def test_a_comparison_is_painted_and_written(tmp_path: Path) -> None:
    def flat(picture: Picture, settings: StylizeSettings, advance: Advance) -> UInt8:
        advance(0.5)
        return np.full_like(picture.rgb, round(255 * settings.strength))

    sheet = ComparisonSheet([named("a")], [UDNIE], [("flat", flat)], (0.5, 1))
    states: list[Progress] = []
    result = compare(sheet, tmp_path / "sheet.png", on_progress=states.append)
    assert (result.kind, result.count) == ("sheet", 2)
    assert sheet.size() == (result.width, result.height)
    assert [state.fraction for state in states] == [0.25, 0.5, 0.75, 1]
    result = compare(sheet, tmp_path / "sweep.gif", "sweep")
    assert (result.count, result.width, result.height) == (48, 6, 4)
    result = compare(sheet, tmp_path / "ba.png", "before-after")
    assert (result.count, result.width, result.height) == (2, 6, 4)


def test_memory_that_does_not_suffice_is_one_error(tmp_path: Path) -> None:
    def fail(*_: object) -> UInt8:
        raise MemoryError

    sheet = ComparisonSheet([named("a")], [UDNIE], [("flat", fail)])
    with pytest.raises(PictureError, match=r"cannot paint the comparison.*out of memory"):
        compare(sheet, tmp_path / "sheet.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        (["tulip.jpg", "house.jpg"], ["tulip", "house"]),
        (["tulip.jpg", "tulip.safetensors"], ["tulip.jpg", "tulip.safetensors"]),
        (["a/tulip.jpg", "b/tulip.jpg", "rose.jpg"], ["a/tulip.jpg", "b/tulip.jpg", "rose"]),
        (["a/x/t.jpg", "b/x/t.jpg", "x/t.png"], ["a/x/t.jpg", "b/x/t.jpg", "t.png"]),
        (["a/t.jpg", "t.jpg"], ["a/t.jpg", "t.jpg"]),
    ],
)
def test_equal_names_are_told_apart_by_files(files: list[str], labels: list[str]) -> None:
    found = distinct_labels([(Path(file).stem, Path(file)) for file in files])
    assert found == [str(Path(label)) for label in labels]


def test_labels_of_styles_that_have_one_name() -> None:
    picture = Style("udnie", {}, {}, file=Path("udnie.jpg"))
    gallery = gallery_style("udnie")
    mixes = [Mix(((style, 1.0),)) for style in (gallery, picture)]
    mixes.append(Mix(((gallery, 0.5), (picture, 0.5))))
    assert mix_labels(mixes) == ["udnie", "udnie.jpg", "udnie 0.5 + udnie.jpg 0.5"]
