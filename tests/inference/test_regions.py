"""Regions: other styles in parts of a picture."""

from pathlib import Path

import numpy as np
import pytest
from pictures import UInt8, ramp
from PIL import Image

from impasto.errors import MaskError
from impasto.inference.masks import Mask
from impasto.inference.regions import Region, parse_region
from impasto.inference.settings import parse_settings
from impasto.models.mix import find_mix
from impasto.stylizer import Stylizer

from .test_pipeline import apart, painted


def test_regions_have_their_styles_and_lie_over_one_another(
    exact: Stylizer, scene: UInt8, shape: Mask
) -> None:
    plain = {name: exact.stylize(scene, name) for name in ("starry-night", "great-wave", "udnie")}
    top = Mask("top", np.repeat(np.array([[255], [0]], np.uint8), 60, axis=0).repeat(160, axis=1))
    how = parse_settings(
        "starry-night",
        regions=[
            Region(shape, find_mix("great-wave")),
            Region(top, find_mix("udnie")),
        ],
    )
    found = painted(exact, scene, how)
    assert (found[:60] == plain["udnie"][:60]).all()
    assert (found[60:, :80] == plain["starry-night"][60:, :80]).all()
    assert (found[60:, 80:] == plain["great-wave"][60:, 80:]).all()


def test_a_gradient_of_styles_goes_by_way_of_mixtures(exact: Stylizer, scene: UInt8) -> None:
    found = painted(exact, scene, parse_settings("starry-night", regions=["left-right=great-wave"]))
    mixed = exact.stylize(scene, "starry-night:0.5,great-wave:0.5")
    for columns, expected in ((slice(0, 2), "starry-night"), (slice(-2, None), "great-wave")):
        assert apart(found[:, columns], exact.stylize(scene, expected)[:, columns]) < 4
    assert apart(found[:, 79:81], mixed[:, 79:81]) <= 1


@pytest.mark.parametrize("text", ["sky.png", "=udnie", "radial=", ""])
def test_regions_that_are_none(text: str) -> None:
    with pytest.raises(MaskError, match="MASK=STYLE"):
        parse_region(text)


@pytest.mark.parametrize("name", ["a=b.png", "not:a=b.png", "50%=.png", "a=b=c.png"])
def test_regions_take_any_name_of_a_file(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(ramp(20, 30)).save(name.removeprefix("not:"))
    for style in ("udnie", "udnie:0.5,great-wave:0.5"):
        region = parse_region(f"{name}={style}")
        assert region.mask.name == name.removeprefix("not:")
        assert region.mask.inverted == name.startswith("not:")
        assert region.style.parts[0][0].name == "udnie"


def test_regions_may_be_pairs_texts_or_objects(shape: Mask) -> None:
    for region in ("radial=udnie", ("radial", "udnie"), Region("radial", "udnie")):
        (parsed,) = parse_settings("starry-night", regions=[region]).regions
        assert (parsed.mask.name, parsed.style.name) == ("radial", "udnie")
    (parsed,) = parse_settings("udnie", regions=[(shape, find_mix("udnie"))]).regions
    assert parsed.mask is shape
