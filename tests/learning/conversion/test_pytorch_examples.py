"""Checkpoints of the PyTorch examples become styles that paint as the networks did; all else is
refused in one clear line."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from impasto.engines import base
from impasto.errors import NetworkError
from impasto.inference import frozen_norm, tile_grid, tiled_statistics
from impasto.learning.conversion import pytorch_examples
from impasto.learning.networks.johnson import Johnson
from impasto.models.style import Style, read_style
from impasto.stylizer import Stylizer
from learning.tiny import johnson, pictures, texture

pytestmark = pytest.mark.slow

State = dict[str, Any]


def definition(state: State, image: Tensor) -> Tensor:
    """TransformerNet as its authors describe it, of RGB in 0..255, from its tensors alone."""

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv2d.weight"]
        border = weight.shape[-1] // 2
        return F.conv2d(
            F.pad(x, [border] * 4, mode="reflect"), weight, state[f"{name}.conv2d.bias"], stride
        )

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, correction=0)
        scale, shift = (state[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    x = image
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        x = norm(conv(x, f"conv{number}", stride), f"in{number}").relu()
    for block in sorted({name.partition(".")[0] for name in state if name.startswith("res")}):
        y = norm(conv(x, f"{block}.conv1"), f"{block}.in1").relu()
        x = x + norm(conv(y, f"{block}.conv2"), f"{block}.in2")
    for number in (1, 2):
        x = norm(
            conv(F.interpolate(x, scale_factor=2), f"deconv{number}"), f"in{number + 3}"
        ).relu()
    return conv(x, "deconv3").clamp(0, 255)


def tiny_state(seed: int = 0) -> State:
    return dict(johnson((8, 4, 6), 1, seed).state_dict())


def with_running(state: State, tracked: bool = True) -> State:
    """As PyTorch 0.3 saved it, or 0.4 with `num_batches_tracked`; no network of the examples ever
    read them."""
    more: State = {}
    for name in state:
        if found := re.fullmatch(r"(.*\bin\d\.)weight", name):
            more[f"{found[1]}running_mean"] = torch.full_like(state[name], 7)
            more[f"{found[1]}running_var"] = torch.full_like(state[name], 0.1)
            if tracked:
                more[f"{found[1]}num_batches_tracked"] = torch.tensor(9)
    return state | more


def saved(path: Path, found: Any, **options: Any) -> Path:
    torch.save(found, path, **options)
    return path


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, Path]:
    """A state dict 8 channels wide, and the style file that came of it."""
    folder = tmp_path_factory.mktemp("narrow")
    state = dict(johnson((8, 16, 32), 2).state_dict())
    imported = pytorch_examples.import_checkpoint(
        saved(folder / "narrow.model", with_running(state)), "narrow"
    )
    imported.style.save(folder / "narrow.safetensors")
    return state, folder / "narrow.safetensors"


@pytest.mark.slow
@pytest.mark.export
def test_a_network_of_the_usual_width_paints_as_it_did(tmp_path: Path) -> None:
    state = dict(johnson((32, 64, 128), 5).state_dict())
    path = saved(
        tmp_path / "candy.pth", state, _use_new_zipfile_serialization=False
    )  # as the published ones were
    imported = pytorch_examples.import_checkpoint(path, "candy")
    assert (imported.widths, imported.blocks) == ([32, 64, 128], 5)
    assert imported.difference < 1e-4
    compare(state, imported.style, tmp_path / "candy.safetensors")


def compare(state: State, style: Style, path: Path) -> None:
    """The style, written and read back, with the definition."""
    style.save(path)
    back = read_style(path)
    assert back.own == style.own
    assert back.own is not None
    image = pictures(1, height=72, width=104)
    with torch.no_grad():
        expected = definition(state, 255 * image).numpy() / 255
    assert expected.std() > 0.1, "the test shows nothing"
    for engine in base.available_engines():
        run = base.load_engine(back.own.graph, engine, threads=1, precision="f32").run
        assert np.abs(run(image.numpy(), back.embeddings["own"][None]) - expected).max() < 1e-4


def test_a_narrow_one_too(narrow: tuple[State, Path], tmp_path: Path) -> None:
    state, path = narrow
    compare(state, read_style(path), tmp_path / "again.safetensors")


@pytest.mark.slow
@pytest.mark.export
def test_one_too_wide_to_paint_with_is_refused_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "wide.pth", dict(johnson((160, 8, 8), 1).state_dict()))
    with pytest.raises(NetworkError, match=r"cannot import .*wide\.pth: .* are the most"):
        pytorch_examples.import_checkpoint(path, "wide")


def test_there_and_back(narrow: tuple[State, Path]) -> None:
    state, path = narrow
    style = read_style(path)
    assert style.own is not None
    back = pytorch_examples.from_onnx(style.own.graph, torch.from_numpy(style.embeddings["own"]))
    assert back.state_dict().keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in back.state_dict().items())


def test_a_graph_that_is_no_imported_network(tiny_graph: bytes) -> None:
    with pytest.raises(NetworkError, match="cannot read an imported network from this graph"):
        pytorch_examples.from_onnx(tiny_graph, torch.zeros(3))


@settings(deadline=None, max_examples=20)
@given(widths=st.tuples(*[st.integers(1, 40)] * 3), blocks=st.integers(1, 9), running=st.booleans())
def test_any_width_and_depth(
    tmp_path_factory: pytest.TempPathFactory,
    widths: tuple[int, int, int],
    blocks: int,
    running: bool,
) -> None:
    """What graphs are made of, without the engine."""
    state, path = (
        dict(johnson(widths, blocks).state_dict()),
        tmp_path_factory.mktemp("any") / "any.pth",
    )
    network = pytorch_examples.read_checkpoint(
        saved(path, with_running(state) if running else state)
    )
    assert pytorch_examples.read_dimensions(network) == ([*widths], blocks)
    image = pictures(1, height=32, width=40)
    got = pytorch_examples.StyledJohnson(network)(
        image, pytorch_examples.embedding_of(network)[None]
    )
    assert (got - definition(state, 255 * image) / 255).abs().max() < 1e-4


WRAPPED: list[Callable[[State], Any]] = [
    lambda state: state,
    lambda state: with_running(state, tracked=False),
    lambda state: {"epoch": 3, "state_dict": state},
    lambda state: {
        "model": {f"module.{name}": tensor for name, tensor in with_running(state).items()}
    },
    lambda state: {"model": {"state_dict": state}} | {"optimizer": {"lr": 0.1}},
]


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("zipped", [False, True])
def test_how_checkpoints_hold_their_tensors(
    tmp_path: Path, wrap: Callable[[State], Any], zipped: bool
) -> None:
    state = tiny_state()
    network = pytorch_examples.read_checkpoint(
        saved(tmp_path / "a.pth", wrap(state), _use_new_zipfile_serialization=zipped)
    )
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_safetensors_and_other_kinds_of_floats(tmp_path: Path) -> None:
    state = {name: tensor.half() for name, tensor in tiny_state().items()}
    save_file(state, tmp_path / "a.safetensors")
    network = pytorch_examples.read_checkpoint(tmp_path / "a.safetensors")
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())


# It is painted with like any other


def test_tiles_of_a_large_picture_show_no_seams(
    narrow: tuple[State, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stylizer, picture = Stylizer("small", precision="f32", threads=1), texture(3, 200, 280)
    whole = stylizer.stylize(picture, narrow[1])
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 128)
    assert np.abs(stylizer.stylize(picture, narrow[1]).astype(int) - whole).max() <= 1


def test_the_margin_is_what_it_sees(narrow: tuple[State, Path]) -> None:
    prepared = Stylizer("small", precision="f32", threads=1).prepare(narrow[1])
    one = texture(4, 200, 48)
    prepared = prepared.freeze(prepared.measure(one))
    other = one.copy()
    other[:64] = 255 - other[:64]
    changed = (prepared.paint(one) != prepared.paint(other)).any((1, 2))
    assert not changed[64 + prepared.margin :].any()
    assert changed[64 + prepared.margin - 24 : 64 + prepared.margin].any(), (
        "a smaller margin would do"
    )


def test_its_own_statistics_change_nothing(narrow: tuple[State, Path]) -> None:
    prepared, picture = (
        Stylizer("small", precision="f32", threads=1).prepare(narrow[1]),
        texture(5, 90, 110),
    )
    assert prepared.can_freeze
    again = prepared.freeze(prepared.measure(picture)).paint(picture)
    assert np.abs(prepared.paint(picture).astype(int) - again).max() <= 1


def test_features_are_counted_from_single_pixels(narrow: tuple[State, Path]) -> None:
    own = read_style(narrow[1]).own
    assert own is not None
    assert [stage.step for stage in tiled_statistics.split_at_norms(own.graph)] == [
        1,
        2,
        *[4] * 5,
        2,
        1,
    ]
    assert frozen_norm.freeze_norms(own.graph).epsilon == pytest.approx(1e-5)


def test_strength_blends_pixels(narrow: tuple[State, Path]) -> None:
    stylizer, picture = Stylizer("small", precision="f32", threads=1), texture(6, 64, 64)
    full, half = (
        stylizer.stylize(picture, narrow[1], strength).astype(float) for strength in (1, 0.5)
    )
    assert np.abs(half - (full + picture) / 2).max() <= 1
    assert np.array_equal(stylizer.stylize(picture, narrow[1], 0), picture)


# Bad input


def refusal(path: Path) -> str:
    with pytest.raises(NetworkError) as caught:
        pytorch_examples.import_checkpoint(path, "any")
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def changed(name: str, change: Callable[[Tensor], Any] | None) -> State:
    state = tiny_state()
    if change is None:
        del state[name]
    else:
        state[name] = change(state[name])
    return state


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (changed("in4.weight", None), "in4.weight is missing"),
        (changed("conv2.conv2d.weight", None), "conv2.conv2d.weight is missing"),
        (changed("res1.in2.bias", None), "res1.in2.bias is missing"),
        (
            changed("conv1.conv2d.weight", lambda t: t[..., :7, :7]),
            r"conv1.conv2d.weight has the shape \(8, 3, 7, 7\) where",
        ),
        (
            changed("in1.bias", lambda t: t[:5]),
            r"in1.bias has the shape \(5,\) where \(8,\) fits the others",
        ),
        (
            changed("deconv1.conv2d.weight", lambda t: t[None]),
            "deconv1.conv2d.weight has the shape",
        ),
        (
            changed("conv3.conv2d.weight", lambda t: t[0, 0, 0, 0]),
            r"conv3.conv2d.weight has the shape \(\) where",
        ),
        (
            changed("conv1.conv2d.weight", lambda t: t[:0]),
            r"conv1.conv2d.weight has the shape \(0, 3, 9, 9\) where",
        ),
        (changed("in1.weight", lambda t: t.to(torch.int64)), "in1.weight is of torch.int64"),
        (changed("in1.weight", lambda t: 1.0), "in1.weight is missing"),
        (tiny_state() | {"res1.in3.weight": torch.ones(3)}, "res1.in3.weight is unknown"),
        (
            tiny_state() | {"deconv4.a": torch.ones(3), "b": torch.ones(3)},
            "deconv4.a and b are unknown",
        ),
        ({"a": 1}, "conv1.conv2d.weight, conv1.conv2d.bias, in1.weight and 59 more are missing"),
        ([1, 2], "and 59 more are missing"),
        (torch.ones(3), "and 59 more are missing"),
        ({"state_dict": None}, "and 59 more are missing"),
        (changed("in5.weight", lambda t: t * torch.nan), "in5.weight is not finite"),
        (
            changed("deconv3.conv2d.bias", lambda t: t.double() * 1e300),
            "deconv3.conv2d.bias is not finite",
        ),
    ],
)
def test_checkpoints_that_are_no_such_network(tmp_path: Path, state: Any, said: str) -> None:
    assert re.search(said, refusal(saved(tmp_path / "other.pth", state)))


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(Path(__file__).parent / "run-by-a-pickle"),)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_wants_to_run_code_is_refused(
    tmp_path: Path, zipped: bool, protocol: int
) -> None:
    options = {"_use_new_zipfile_serialization": zipped, "pickle_protocol": protocol}
    message = refusal(
        saved(tmp_path / "evil.pth", {"state_dict": tiny_state(), "more": Code()}, **options)
    )
    assert "loading it would run code" in message
    assert protocol == 4 or f"({os.name}.mkdir)" in message or "mkdir" in message
    assert not (Path(__file__).parent / "run-by-a-pickle").exists()


def test_a_whole_module_is_refused_with_what_to_do(tmp_path: Path) -> None:
    message = refusal(saved(tmp_path / "module.pth", Johnson((4, 4, 4), 1)))
    assert "impasto.learning.networks.johnson.Johnson" in message
    assert "state_dict()" in message


@pytest.mark.parametrize("zipped", [False, True])
def test_a_truncated_file(tmp_path: Path, zipped: bool) -> None:
    data = saved(
        tmp_path / "whole.pth", tiny_state(), _use_new_zipfile_serialization=zipped
    ).read_bytes()
    for length in (0, 1, 20, 300, len(data) // 3, len(data) // 2, len(data) - 30):
        path = tmp_path / "cut.pth"
        path.write_bytes(data[:length])
        assert "cut short" in refusal(path), length


@pytest.mark.parametrize("name", ["letter.pth", "letter.safetensors"])
def test_a_file_of_another_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Dear Sir or Madam,\n" * 40)
    assert "no checkpoint" in refusal(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.pth")
    (tmp_path / "folder.pth").mkdir()
    assert "folder" in refusal(tmp_path / "folder.pth").removeprefix(
        f"cannot read {tmp_path / 'folder.pth'}"
    )
