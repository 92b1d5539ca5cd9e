"""Inception v3 of FID and ArtFID: shapes, inputs, and files that hold something else."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from impasto.errors import WeightsError
from impasto.learning.evaluation import inception
from impasto.learning.evaluation.inception import Inception
from learning.tiny import inception_tensors, pictures


@pytest.mark.parametrize("fid", [True, False])
def test_inception_takes_the_published_shapes(fid: bool) -> None:
    """Block after block fits: all branches give as many channels as the next block takes."""
    network = Inception(inception_tensors(fid=fid))
    assert network.identity.startswith("fid-" if fid else "art-")
    found = network(pictures(1, 2, height=96, width=120))
    assert found.shape == (2, 2048 // 16)
    assert found.isfinite().all()
    assert found.std() > 0
    torch.testing.assert_close(
        network(pictures(2, height=96, width=120)), found[1:], rtol=1e-3, atol=1e-4
    )


def test_fids_network_sees_299_pixels_in_minus_one_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    network = Inception(inception_tensors())
    convolve = network._conv

    def watched(name: str, x: torch.Tensor, stride: int = 1, same: bool = True) -> torch.Tensor:
        seen.append(x)
        return convolve(name, x, stride, same)

    monkeypatch.setattr(network, "_conv", watched)
    network(torch.stack([torch.ones(3, 64, 80), torch.zeros(3, 64, 80)]))
    torch.testing.assert_close(seen[0][0], torch.ones(3, 299, 299))
    torch.testing.assert_close(seen[0][1], -torch.ones(3, 299, 299))


def test_an_inception_convolution_by_torchs_own_layers() -> None:
    tensors = inception_tensors()
    layer = torch.nn.BatchNorm2d(2, eps=0.001).eval()
    layer.load_state_dict(
        {k.removeprefix("Conv2d_1a_3x3.bn."): v for k, v in tensors.items() if "1a_3x3.bn" in k}
    )
    picture = pictures(1)
    with torch.no_grad():
        expected = layer(F.conv2d(picture, tensors["Conv2d_1a_3x3.conv.weight"], stride=2)).relu()
    torch.testing.assert_close(
        Inception(tensors)._conv("Conv2d_1a_3x3", picture, 2, same=False), expected
    )


def test_a_file_without_inception(tmp_path: Path) -> None:
    tensors = inception_tensors()
    del tensors["Mixed_6c.branch7x7_2.conv.weight"]
    torch.save(tensors, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"pt_inception-2015-12-05-6726825d\.pth"):
        inception.load_inception(tmp_path / "other.pth")
    torch.save(inception_tensors(), tmp_path / "inception.pth")
    assert inception.load_inception(tmp_path / "inception.pth").fid
