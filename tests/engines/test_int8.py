"""Convolutions in 8-bit integers: rounded as said, and pictures hardly other."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import UInt8

from impasto.engines import base
from impasto.errors import NetworkError
from impasto.models.network import Network
from impasto.stylizer import Stylizer

openvino = pytest.importorskip("openvino")
onnx = pytest.importorskip("onnx")

from impasto.engines import int8
from impasto.engines.int8 import BALANCE, OUTLIER_SHARE, RANGES, has_vnni, measure_ranges

only_with_vnni = pytest.mark.skipif(not has_vnni(), reason="this CPU has no VNNI")

CHANNELS = 16
# the picture check of int8: root mean square difference to f32, in levels
MAX_ERROR = 255 / 10 ** (35 / 20)  # 35 dB
MAX_ERROR_WITH_BF16 = 255 / 10 ** (29 / 20)  # where all that is not int8 is bf16


def max_error() -> float:
    native = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return MAX_ERROR_WITH_BF16 if native else MAX_ERROR


Floats = NDArray[np.float32]


def convolution(weights: Floats, ranges: object = None, count: int = 1) -> bytes:
    """A graph: `image` (1, C, H, W) in, `picture`, its 3x3 convolution, out; or that of its
    convolution, and so on."""
    from onnx import TensorProto, helper, numpy_helper

    names = ["image", *(f"features{number}" for number in range(1, count)), "picture"]
    values = [
        helper.make_tensor_value_info(names[end], TensorProto.FLOAT, [1, CHANNELS, "h", "w"])
        for end in (0, -1)
    ]
    nodes = [
        helper.make_node("Conv", [one, "weights"], [next_], pads=[1, 1, 1, 1])
        for one, next_ in pairwise(names)
    ]
    graph = helper.make_graph(
        nodes, "some", values[:1], values[1:], [numpy_helper.from_array(weights, "weights")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if ranges is not None:
        helper.set_model_props(
            model, {RANGES: ranges if isinstance(ranges, str) else json.dumps(ranges)}
        )
    return bytes(model.SerializeToString())


def rounded(values: Floats, low: float, high: NDArray[np.float64] | float, levels: int) -> Floats:
    """To the nearest of so many levels from `low` to `high`."""
    step = (np.asarray(high) - low) / (levels - 1)
    return np.asarray(((values.clip(low, high) - low) / step).round() * step + low, np.float32)


def random_weights(seed: int = 0) -> Floats:
    scales = np.logspace(-2, 1, CHANNELS)[:, None, None, None]  # channels of very different sizes
    return (scales * np.random.default_rng(seed).normal(size=(CHANNELS, CHANNELS, 3, 3))).astype(
        np.float32
    )


def greatest_weights(weights: Floats, vnni: bool) -> list[float]:
    """Of each output channel: the largest weight, or pair of one sign in neighboring channels."""
    found = []
    for kernel in weights:
        pairs = kernel.reshape(CHANNELS // 2, 2, -1).transpose(0, 2, 1).reshape(-1, 2).tolist()
        if vnni:
            found.append(max(abs(weight) for pair in pairs for weight in pair))
        else:
            sums = [
                (sum(w for w in pair if w > 0), -sum(w for w in pair if w < 0)) for pair in pairs
            ]
            found.append(max(max(both) for both in sums))
    return found


@pytest.mark.parametrize("vnni", [False, pytest.param(True, marks=only_with_vnni)])
@pytest.mark.parametrize("own_ranges", [False, True])
def test_features_have_256_levels_and_the_weights_of_each_channel_up_to_255(
    vnni: bool, own_ranges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "has_vnni", lambda: vnni)
    weights, (low, high) = random_weights(), (-0.5, 2.0)
    factors = np.linspace(0.2, 1, CHANNELS) if own_ranges else np.ones(CHANNELS)
    column = factors.astype(np.float32)[:, None, None]
    features = (column * np.random.default_rng(1).normal(0.5, 1, (1, CHANNELS, 24, 32))).astype(
        np.float32
    )  # some beyond the range
    ranges = {"picture": [low, high, factors.tolist()] if own_ranges else [low, high]}
    got = base.load_engine(convolution(weights, ranges), "openvino", 1, "int8").run(features)
    levels = rounded(features / column, low, high, 256)
    scaled = (weights * column).astype(np.float32)
    kernels = np.stack(
        [
            rounded(kernel, -top, top, 255)
            for kernel, top in zip(scaled, greatest_weights(scaled, vnni), strict=True)
        ]
    )
    expected = base.load_engine(convolution(kernels), "openvino", 1, "f32").run(levels)
    size = np.abs(expected).max((0, 2, 3), keepdims=True)
    inside = (..., slice(1, -1), slice(1, -1))
    assert (np.abs(got - expected) / size)[inside].max() < 5e-3
    exact = base.load_engine(convolution(weights), "openvino", 1, "f32").run(features)
    assert (np.abs(got - exact) / size).max() > 0.05, "nothing was cut off: int8 was not computed"


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_sums_of_the_greatest_products_do_not_overflow(sign: int, low: float) -> None:
    """Without VNNI, a CPU adds two products in 16 bits."""
    weights = np.full((CHANNELS, CHANNELS, 3, 3), sign, np.float32)
    weights[1::2, 1::2] *= 0.3  # in some, one weight of a pair is greater
    features = np.full((1, CHANNELS, 16, 16), 1, np.float32)
    got, exact = (
        base.load_engine(convolution(weights, {"picture": [low, 1]}), "openvino", 1, precision).run(
            features
        )
        for precision in ("int8", "f32")
    )
    inside = (..., slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(got[inside], exact[inside], rtol=0.02)


def test_convolutions_whose_range_is_not_told_stay_as_they_are() -> None:
    weights = random_weights()
    features = np.random.default_rng(1).normal(size=(1, CHANNELS, 16, 16)).astype(np.float32)
    got, exact = (
        base.load_engine(convolution(weights, {"another": [0, 1]}), "openvino", 1, precision).run(
            features
        )
        for precision in ("int8", "f32")
    )
    # "int8" leaves floats to the machine, which may have bf16
    assert np.abs(got - exact).max() < 0.02 * np.abs(exact).max()


def test_ranges_are_of_nearly_all_that_was_seen_and_hold_0() -> None:
    """Of what the second convolution takes; the first is left as it is."""
    rng = np.random.default_rng(2)
    same = np.zeros((CHANNELS, CHANNELS, 3, 3), np.float32)
    same[range(CHANNELS), range(CHANNELS), 1, 1] = 1
    sizes = np.linspace(0.5, 1, CHANNELS)[:, None, None]  # of channels
    runs = [
        ((sizes * rng.uniform(0.5, 1 + more, (1, CHANNELS, 40, 40))).astype(np.float32),)
        for more in (0, 1)
    ]
    found = measure_ranges(convolution(same, count=2), runs)
    assert found.keys() == {"picture"}
    low, high, factors = found["picture"]
    assert low == 0
    greatest = np.quantile(runs[1][0], 1 - OUTLIER_SHARE, axis=(0, 2, 3))
    assert high == pytest.approx(greatest.max())
    assert factors == pytest.approx((greatest / greatest.max()) ** BALANCE)
    assert all(high * np.array(factors) >= greatest * 0.999), "a channel does not fit its range"


@pytest.mark.slow
@pytest.mark.parametrize("style", ["starry-night", "great-wave", "photo"])
def test_pictures_are_hardly_other(stylizer: Stylizer, scene: UInt8, style: str) -> None:
    exact, quick = (
        Stylizer(stylizer.network, "openvino", precision=precision) for precision in ("f32", "int8")
    )
    assert quick.engine.precision == "int8"
    difference = exact.stylize(scene, style).astype(float) - quick.stylize(scene, style)
    if style == "photo":
        assert np.abs(difference).max() <= 1
    else:
        assert 0 < np.sqrt(np.square(difference).mean()) < max_error()


@pytest.mark.slow
def test_held_statistics_too(stylizer: Stylizer, scene: UInt8) -> None:
    """As of videos and tiles."""
    painted = []
    for precision in ("f32", "int8"):
        prepared = Stylizer(stylizer.network, "openvino", precision=precision).prepare(
            "starry-night"
        )
        painted.append(prepared.freeze(prepared.measure(scene)).paint(scene).astype(float))
    assert 0 < np.sqrt(np.square(painted[0] - painted[1]).mean()) < max_error()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f", False),
        ("fpu avx512f avx512_vnni", True),
        ("fpu avx2 avx_vnni f16c", True),
        (None, False),  # no such file
    ],
)
def test_features_of_the_cpu(tmp_path: Path, flags: str | None, expected: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n")
    assert has_vnni(cpuinfo) is expected


@pytest.mark.parametrize("ranges", [None, {}])
def test_a_network_that_was_not_measured(ranges: object) -> None:
    with pytest.raises(
        NetworkError, match=r"in int8: the ranges .* were not measured.*--precision auto"
    ):
        base.load_engine(convolution(random_weights(), ranges), "openvino", precision="int8")


@pytest.mark.parametrize(
    "ranges",
    [
        "no json",
        "[1]",
        '{"picture": [0]}',
        '{"picture": [1, 1]}',
        '{"picture": [0, NaN]}',
        '{"picture": [0, 1, 1]}',
        '{"picture": [0, 1, [1, 0]]}',
        '{"picture": [0, 1, ["wide"]]}',
        '{"picture": [0, 1, [1, 1, 1]]}',
    ],
)
def test_broken_ranges(ranges: str) -> None:
    with pytest.raises(NetworkError, match="int8 cannot load this network: "):
        base.load_engine(convolution(random_weights(), ranges), "openvino", precision="int8")


@pytest.mark.parametrize("machine", ["x86_64", "AMD64", "arm64"])
@pytest.mark.parametrize("bf16", [False, True])
def test_int8_for_many_pictures_where_it_is_faster(
    machine: str, bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("impasto.engines.openvino._has_bf16", lambda core: bf16)
    weights = random_weights()
    with_ranges, without = convolution(weights, {"picture": [0, 1]}), convolution(weights)
    is_faster = machine != "arm64" and not bf16
    assert base.choose_precision(with_ranges, "openvino") == ("int8" if is_faster else "auto")
    assert base.choose_precision(without, "openvino") == "auto"
    assert base.choose_precision(with_ranges, "onnxruntime") == "auto"


def test_onnxruntime_has_no_int8() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(NetworkError, match="--engine openvino for int8"):
        base.load_engine(convolution(random_weights()), "onnxruntime", precision="int8")


@pytest.mark.slow
def test_a_network_file_keeps_its_ranges(stylizer: Stylizer, tmp_path: Path) -> None:
    from impasto.models.network import read_network

    stylizer.network.save(tmp_path / "copy.safetensors")
    network: Network = read_network(tmp_path / "copy.safetensors")
    assert Stylizer(network, "openvino", precision="int8").engine.precision == "int8"
