"""Sheets of styles: painted, or of their previews."""

from pathlib import Path

import numpy as np
import pytest
from pictures import photo
from PIL import Image

from impasto.errors import PictureError, StyleError
from impasto.models.gallery import gallery_style, picture_style
from impasto.models.style import PHOTO
from impasto.sheets.contact_sheet import CELL_WIDTH
from impasto.sheets.gallery_sheet import paint_style_sheet, preview_sheet, style_preview
from impasto.stylizer import Stylizer


@pytest.mark.slow
def test_a_photograph_in_each_style(tmp_path: Path) -> None:
    Image.fromarray(photo(48, 64)).save(tmp_path / "photo.png")
    styles = [gallery_style("udnie"), gallery_style("great-wave")]
    shares: list[float] = []
    small = Stylizer("small")
    sheet = paint_style_sheet(
        styles, tmp_path / "photo.png", small, tmp_path / "sheet.png", shares.append
    )
    assert sheet.shape[1] > 3 * CELL_WIDTH and sheet.std() > 20
    assert shares == [0.5, 0.5]
    Image.fromarray(photo(66_000 * 8 // CELL_WIDTH, 8)).save(tmp_path / "tower.png")
    with pytest.raises(PictureError, match="JPEG has at most 65500"):
        paint_style_sheet(styles, tmp_path / "tower.png", small, tmp_path / "sheet.jpg")


def test_previews(tmp_path: Path) -> None:
    Image.fromarray(photo(40, 50)).save(tmp_path / "tulip.png")
    tulip = picture_style(tmp_path / "tulip.png")
    np.testing.assert_array_equal(style_preview(tulip), photo(40, 50))
    assert preview_sheet([gallery_style("udnie"), tulip]).shape[2] == 3
    with pytest.raises(StyleError, match="has no preview; paint a photograph in it"):
        preview_sheet([gallery_style(PHOTO)])
