"""SqueezeNet and the heads of LPIPS: their definition, and files that hold something else."""

import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from impasto.errors import WeightsError
from impasto.learning.evaluation import lpips, metrics
from impasto.learning.evaluation.lpips import CHANNELS, SqueezeNet
from learning.tiny import pictures, squeeze_tensors


def test_squeezenet_by_the_definition() -> None:
    """The same as torch's own layers, put together in torchvision's order."""
    tensors, picture = squeeze_tensors(), pictures(1, height=70, width=91)

    def convolved(x: torch.Tensor, name: str, **options: int) -> torch.Tensor:
        return F.relu(
            F.conv2d(
                x, tensors[f"features.{name}.weight"], tensors[f"features.{name}.bias"], **options
            )
        )

    def fire(x: torch.Tensor, index: int) -> torch.Tensor:
        x = convolved(x, f"{index}.squeeze")
        return torch.cat(
            [convolved(x, f"{index}.expand1x1"), convolved(x, f"{index}.expand3x3", padding=1)], 1
        )

    pool = torch.nn.MaxPool2d(3, 2, ceil_mode=True)
    x = 2 * picture - 1  # as LPIPS takes pictures and scales them
    x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor(
        [0.458, 0.448, 0.450]
    ).view(3, 1, 1)
    relu1 = convolved(x, "0", stride=2)
    relu2 = fire(fire(pool(relu1), 3), 4)
    relu3 = fire(fire(pool(relu2), 6), 7)
    relu4 = fire(pool(relu3), 9)
    relu5 = fire(relu4, 10)
    relu6 = fire(relu5, 11)
    got = SqueezeNet(tensors)(picture)
    assert [f.shape[1] for f in got] == list(CHANNELS)
    for found, expected in zip(
        got, (relu1, relu2, relu3, relu4, relu5, relu6, fire(relu6, 12)), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_squeezenet_is_found_or_the_error_says_where_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    with pytest.raises(WeightsError, match=r"download\.pytorch\.org.* into .*IMPASTO_WEIGHTS"):
        lpips.load_squeezenet()
    torch.save(squeeze_tensors(), tmp_path / "squeezenet1_1-b8a52dc0.pth")
    by_torchvision = lpips.load_squeezenet()
    save_file(
        squeeze_tensors() | {"classifier.1.bias": torch.zeros(3)},
        tmp_path / "squeezenet1_1.safetensors",
    )
    assert lpips.load_squeezenet().identity == by_torchvision.identity
    save_file(
        {"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "squeezenet1_1.safetensors"
    )
    with pytest.raises(WeightsError, match="does not hold SqueezeNet"):
        lpips.load_squeezenet()


def test_weights_of_more_than_there_can_be(tmp_path: Path) -> None:
    for name in ("squeezenet1_1.safetensors", "squeezenet1_1.pth"):
        with (tmp_path / name).open("wb") as file:
            file.truncate((1 << 30) + 1)  # takes no room
        with pytest.raises(WeightsError, match="no weights that can be read safely"):
            lpips.read_weights(tmp_path / name)
    (tmp_path / "header.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsError, match="no weights that can be read safely"):
        lpips.read_weights(tmp_path / "header.safetensors")


def test_heads_are_read_by_their_published_names(tmp_path: Path) -> None:
    heads = {
        f"lin{i}.model.1.weight": torch.rand(1, channels, 1, 1)
        for i, channels in enumerate(CHANNELS)
    }
    torch.save(heads, tmp_path / "squeeze.pth")
    read = lpips.read_heads(tmp_path / "squeeze.pth")
    assert all(torch.equal(found, heads[f"lin{i}.model.1.weight"]) for i, found in enumerate(read))
    torch.save(
        {f"lin{i}.model.1.weight": torch.rand(1, 64, 1, 1) for i in range(5)}, tmp_path / "alex.pth"
    )
    with pytest.raises(WeightsError, match=r"squeeze\.pth of the lpips package"):
        lpips.read_heads(tmp_path / "alex.pth")
    with pytest.raises(WeightsError, match="does not exist"):
        lpips.read_heads(tmp_path / "absent.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"lin0.model.1.weight": Path}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="read safely"):
        lpips.read_heads(tmp_path / "evil.pth")


def test_real_squeezenet_sees_stronger_noise_as_farther(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.environ.get("IMPASTO_WEIGHTS")
    if not folder or not (Path(folder) / "squeezenet1_1.safetensors").is_file():
        pytest.skip("set IMPASTO_WEIGHTS to a folder that holds squeezenet1_1.safetensors")
    network, photo = lpips.load_squeezenet(), pictures(1, height=96, width=96)
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        target = network(photo)
        found = [
            metrics.lpips(network((photo + scale * noise).clamp(0, 1)), target)
            for scale in (0, 0.02, 0.1, 0.4)
        ]
    assert found[0] == 0
    assert found == sorted(found)
