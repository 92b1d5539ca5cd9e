"""The round of training on a GPU, in the small and on a CPU: pack, run, go on, write."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from impasto.learning.tensors import best_device
from impasto.models.network import network_path, read_network
from impasto.models.style import read_style
from impasto.paths import GALLERY
from learning.tiny import texture, vgg_tensors

SCRIPT = Path(__file__).parents[2] / "gallery_tools" / "gpu_round.py"
TINY = [
    "--no-compile",
    "--batch",
    "4",
    "--crops",
    "5",
    "--views",
    "6",
    "--size",
    "128",
    "--processes",
    "1",
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("gallery_tools is not beside the tests")
    spec = importlib.util.spec_from_file_location("gpu_round", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_round"] = module  # its functions run in other processes too
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data, packed = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("packed")
    for kind, name in (("photos", "p"), ("art", "a"), ("styles", "hokusai_great_wave")):
        (data / kind).mkdir()
        for number in range(1 if kind == "styles" else 3):
            file = name if kind == "styles" else f"{name}{number}"
            Image.fromarray(texture(number, 300, 340)).save(data / kind / f"{file}.jpg")
    (data / "weights").mkdir()
    save_file(vgg_tensors(), data / "weights" / "vgg19.safetensors")
    script.main(["pack", str(data), str(packed)])
    return packed


def test_a_pack_holds_small_pictures_and_styles_by_name(folder: Path) -> None:
    assert [path.name for path in (folder / "paintings").iterdir()] == ["great-wave.webp"]
    assert len(list((folder / "photos").iterdir())) == 3
    with Image.open(folder / "photos" / "p0.webp") as picture:
        assert picture.height == 272
    assert (folder / "vgg19.safetensors").exists()


@pytest.mark.slow
@pytest.mark.export
def test_a_round_goes_on_from_its_checkpoint_and_becomes_a_gallery(
    script: ModuleType, folder: Path, tmp_path: Path
) -> None:
    gallery, first, second = (tmp_path / name for name in ("gallery", "first", "second"))
    shutil.copytree(GALLERY, gallery)
    run = ["run", str(folder), "--gallery", str(gallery), *TINY, "--steps", "2"]
    run += [
        "--networks",
        "large,base",
        "--turns",
        "large,base",
        "--weights",
        "local=1.5,contrast=4",
    ]
    network_path("large", gallery).unlink(missing_ok=True)
    script.main([*run, "--out", str(first)])
    script.main([*run, "--out", str(second), "--resume", str(first)])
    states = [torch.load(out / "large.pt", weights_only=True) for out in (first, second)]
    assert [state["steps"] for state in states] == [1, 2]
    assert [state["pictures"] for state in states] == [4, 8]
    assert states[0]["network"].keys() == states[1]["network"].keys()
    assert any((states[1]["network"][k] != v).any() for k, v in states[0]["network"].items())
    before = read_style(gallery / "styles" / "great-wave.safetensors")
    script.main(["write", str(second / "large.pt"), "--gallery", str(gallery)])
    network = read_network(network_path("large", gallery))
    style = read_style(gallery / "styles" / "great-wave.safetensors")
    assert style.embedding(network).shape == (network.embedding_size,)
    # what the style had before is kept
    np.testing.assert_array_equal(style.embeddings["base"], before.embeddings["base"])
    assert style.metadata["title"] == before.metadata["title"]
    where = "CPU" if best_device().type == "cpu" else "GPU"
    assert f"2 steps on a {where}, 8 pictures" in style.metadata["large.trained"]
    assert "local 1.5" in style.metadata["large.weights"]
    assert "contrast 4" in style.metadata["large.weights"]


def test_a_term_that_does_not_exist_has_no_weight(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script.main(["run", str(tmp_path), "--out", str(tmp_path), "--weights", "calm=2"])
    assert (
        "cannot weigh 'calm': it is no loss term; choose from content, " in capsys.readouterr().err
    )


@pytest.mark.slow
@pytest.mark.export
def test_only_the_finest_level_learns_where_that_is_asked_for(
    script: ModuleType, folder: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "gallery"
    shutil.copytree(GALLERY, gallery)
    run = ["run", str(folder), "--gallery", str(gallery), *TINY, "--steps", "2", "--finest"]
    script.main([*run, "--networks", "large", "--out", str(tmp_path)])
    state = torch.load(tmp_path / "large.pt", weights_only=True)
    network, embeddings, predictor, _ = script._from_gallery("large", gallery, ["great-wave"])
    assert predictor
    with torch.no_grad():
        embeddings = embeddings - predictor.from_statistics(state["statistics"])
    first = network.get_submodule("up1_norm").start
    changed = (state["embeddings"] != embeddings.half())[0]
    assert changed[first:].any() and not changed[:first].any()
    for name, tensor in network.state_dict().items():
        is_same = torch.equal(state["network"][name], tensor.half())
        assert is_same != name.startswith(("up1", "out")), name
    # the whole network is in the checkpoint, and becomes that of the gallery
    script.main(["write", str(tmp_path / "large.pt"), "--gallery", str(gallery)])
    assert read_network(network_path("large", gallery)).embedding_size == network.embedding_size
