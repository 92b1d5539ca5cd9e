"""How many pictures are painted at once, and by how many threads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import save

from impasto.batch import painter
from impasto.batch.outputs import FileTask
from impasto.batch.painter import EXTRA_THREADS, PicturePainter
from impasto.images.reading import read
from impasto.inference.file_pipeline import FileOptions
from impasto.inference.record import read_record
from impasto.inference.settings import parse_settings
from impasto.inference.tile_grid import TILE_SIDE
from impasto.stylizer import Stylizer

UDNIE = parse_settings("udnie")
MEGAPIXEL = TILE_SIDE**2


@pytest.mark.parametrize(
    ("threads", "pictures", "megapixels", "streams"),
    [(4, 100, 99, 4), (4, 1, 99, 1), (4, 3, 99, 3), (8, 100, 2, 2), (2, 100, 0, 1)],
)
def test_as_many_pictures_at_once_as_cores_pictures_and_memory_allow(
    threads: int, pictures: int, megapixels: int, streams: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painter, "pixels_in_memory", lambda _: megapixels * MEGAPIXEL)
    stylizer = Stylizer("small", threads=threads)
    chosen = PicturePainter(stylizer, FileOptions(), pictures)
    assert chosen.threads == streams + EXTRA_THREADS
    assert stylizer.in_streams(streams).threads == threads // streams


def test_a_large_picture_is_painted_alone_with_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = save(tmp_path, "a.png")
    stylizer = Stylizer("small", precision="f32", threads=2)
    chosen = PicturePainter(stylizer, FileOptions(), 9)
    threads = []
    for limit, name in ((10**9, "shared.png"), (1, "alone.png")):
        monkeypatch.setattr(painter, "MAX_SHARED_PIXELS", limit)
        painted = chosen.paint(FileTask(path, tmp_path / name, UDNIE), lambda _: None)
        assert (painted.width, painted.height) == (30, 20)
        record: Any = read_record(tmp_path / name)
        threads.append(record["threads"])
    assert threads == [1, 2]  # which repeat a painting exactly
    one, other = (read(tmp_path / name).rgb.astype(int) for name in ("shared.png", "alone.png"))
    assert np.abs(one - other).max() <= 1
