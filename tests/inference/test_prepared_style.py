"""Images are mirrored beyond their edges, and frames of a video less far."""

import numpy as np
import pytest
from pictures import UInt8, photo

from impasto.inference import prepared_style
from impasto.inference.prepared_style import FRAME_MARGIN, MARGIN
from impasto.stylizer import Stylizer


@pytest.mark.parametrize("margin", [FRAME_MARGIN, MARGIN])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (33, 48), (64, 30), (90, 128)])
def test_images_are_mirrored_on_to_sides_that_networks_take(
    size: tuple[int, int], margin: int
) -> None:
    image = np.random.default_rng(0).integers(256, size=(*size, 3), dtype=np.uint8)
    padded = prepared_style._pad(image, margin)
    assert all(side % 16 == 0 and side >= 64 for side in padded.shape[:2])
    assert all(
        after - before - 2 * margin < (16 if before + 2 * margin > 64 else 64)
        for before, after in zip(size, padded.shape[:2], strict=True)
    )
    widths = [
        (margin, after - before - margin)
        for before, after in zip(size, padded.shape[:2], strict=True)
    ]
    assert np.array_equal(padded, np.pad(image, (*widths, (0, 0)), mode="symmetric"))


@pytest.mark.parametrize(
    ("network", "margin"), [("small", FRAME_MARGIN), ("base", FRAME_MARGIN), ("large", MARGIN)]
)
def test_frames_have_the_margin_that_suits_their_network(
    network: str, margin: int, scene: UInt8, monkeypatch: pytest.MonkeyPatch
) -> None:
    margins: list[int] = []
    real = prepared_style._pad

    def pad(image: UInt8, margin: int) -> UInt8:
        margins.append(margin)
        return real(image, margin)

    monkeypatch.setattr(prepared_style, "_pad", pad)
    prepared = Stylizer(network, precision="f32").prepare("starry-night")
    frames = prepared.for_frames()
    painted = frames.freeze(frames.measure(scene)).paint(scene)
    assert painted.shape == scene.shape
    assert margins == [margin, margin]
    prepared.paint(scene)
    assert margins[2:] == [MARGIN]


def test_frames_are_painted_as_pictures_but_near_edges() -> None:
    scene = photo(192, 224)
    prepared = Stylizer("small", precision="f32").prepare("starry-night")
    statistics = prepared.measure(scene)
    picture = prepared.freeze(statistics).paint(scene).astype(int)
    frame = prepared.for_frames().freeze(statistics).paint(scene)
    reach = prepared.margin - FRAME_MARGIN
    inner = (slice(reach, -reach), slice(reach, -reach))
    assert picture[inner].size
    assert np.abs(picture - frame)[inner].max() <= 1
    assert np.abs(picture - frame).mean() < 5
