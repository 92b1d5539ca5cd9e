"""Engines: they agree, and they say why they cannot."""

import hashlib
import importlib.util
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import python
from pictures import UInt8

from impasto.engines import base
from impasto.errors import NetworkError
from impasto.inference import prepared_style
from impasto.models.gallery import gallery_style
from impasto.models.network import NOISE, load_shipped
from impasto.models.noise import noise_at
from impasto.stylizer import Stylizer

INSTALLED = base.available_engines()
each_engine = pytest.mark.parametrize(
    "engine",
    [
        pytest.param(
            e, marks=pytest.mark.skipif(e not in INSTALLED, reason=f"{e} is not installed")
        )
        for e in base.ENGINES
    ],
)


def refused(*arguments: Any, **keywords: Any) -> str:
    with pytest.raises(NetworkError) as raised:
        base.load_engine(*arguments, **keywords)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def hide(monkeypatch: pytest.MonkeyPatch, *hidden: str) -> None:
    """Let engines look as if they were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in hidden else real(name)
    )


def test_engines_agree(stylizer: Stylizer, scene: UInt8) -> None:
    if missing := set(base.ENGINES) - set(INSTALLED):
        pytest.skip(f"{', '.join(missing)} is not installed")
    one, *others = (Stylizer(stylizer.network, engine, precision="f32") for engine in base.ENGINES)
    for picture in (scene, scene[:33, :101]):
        for style in ("starry-night", "photo"):
            expected = one.stylize(picture, style).astype(int)
            for other in others:
                assert np.abs(other.stylize(picture, style) - expected).max() <= 1


def test_compiled_files_hold_the_constants_that_they_were_made_with(scene: UInt8) -> None:
    pytest.importorskip("openvino")
    network, image = load_shipped("small"), scene[:64, :64]
    embedding = gallery_style("starry-night").embedding(network)[None]

    def paint(make: Any) -> Any:
        engine = base.load_engine(
            network.graph, "openvino", 1, "f32", True, cache=True, constants={NOISE: make}
        )
        return engine.run(image[None], embedding)

    silent = paint(lambda height, width: np.zeros_like(noise_at(height, width)))
    noisy = paint(noise_at)
    assert (noisy != silent).any()
    np.testing.assert_array_equal(paint(noise_at), noisy)  # now from its file


@pytest.mark.slow
def test_small_pictures_of_many_sizes_share_one_graph(
    scene: UInt8, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino = pytest.importorskip("openvino")
    compiled: list[bool] = []
    real = openvino.Core.compile_model

    def compile_model(core: Any, model: Any, *arguments: Any) -> Any:
        compiled.append(model.is_dynamic())
        return real(core, model, *arguments)

    monkeypatch.setattr(openvino.Core, "compile_model", compile_model)
    monkeypatch.setattr("impasto.engines.compiled_files.home", lambda: None)  # compile all anew
    # pictures have that margin, and frames are compared with them below
    monkeypatch.setattr(prepared_style, "FRAME_MARGIN", prepared_style.MARGIN)
    sizes = [(40 + 3 * number, 50 + 5 * number) for number in range(12)]
    many = Stylizer("small", "openvino", precision="f32")
    prepared = many.prepare("udnie")
    for height, width in sizes:
        picture = scene[:height, :width]
        found = many.stylize(picture, "udnie")
        # the same as in a process of its own, and to one level as in a graph for its size
        alone = Stylizer("small", "openvino", precision="f32").stylize(picture, "udnie")
        assert np.array_equal(found, alone)
        frame = prepared.for_frames().paint(picture)
        assert np.abs(found.astype(int) - frame).max() <= 1
    assert compiled.count(True) == 1 + len(sizes)  # one here, and one in each that is alone
    compiled.clear()
    monkeypatch.setattr("impasto.engines.openvino.MAX_ANY_SIZE_PIXELS", 100)
    many.stylize(scene, "udnie")
    assert compiled == [False]


def test_bf16_comes_near_f32(stylizer: Stylizer, scene: UInt8) -> None:
    try:
        half = Stylizer(stylizer.network, precision="bf16")
        assert half.engine.precision == "bf16"
    except NetworkError as error:
        pytest.skip(str(error))
    painted = [
        each.stylize(scene, "starry-night").astype(int)
        for each in (half, Stylizer(stylizer.network, precision="f32"))
    ]
    assert 0 < np.abs(painted[0] - painted[1]).mean() < 4


@each_engine
def test_an_engine_says_what_it_is_and_keeps_its_results(stylizer: Stylizer, engine: str) -> None:
    loaded = base.load_engine(stylizer.network.graph, engine, 1, "f32")
    assert (loaded.name, loaded.precision) == (engine, "f32")
    image = np.linspace(0, 1, 3 * 64 * 80, dtype=np.float32).reshape(1, 3, 64, 80)
    embedding = np.zeros((1, stylizer.network.embedding_size), np.float32)
    noise = [noise_at(64, 80)] if NOISE in loaded.inputs else []
    first = loaded.run(image, embedding, *noise)
    kept = first.copy()
    assert first.shape == image.shape
    loaded.run(1 - image, embedding + 1, *noise)
    assert np.array_equal(first, kept), "a later run wrote over an earlier result"


@pytest.mark.slow
def test_many_sizes_in_turn(stylizer: Stylizer) -> None:
    """More than an engine keeps ready."""
    engine = base.load_engine(stylizer.network.graph, threads=1)
    embedding = np.zeros((1, stylizer.network.embedding_size), np.float32)
    for _ in range(2):
        for width in range(64, 64 + 16 * 6, 16):
            noise = [noise_at(64, width)] if NOISE in engine.inputs else []
            assert engine.run(np.zeros((1, 3, 64, width), np.float32), embedding, *noise).shape == (
                1,
                3,
                64,
                width,
            )


@each_engine
def test_streams_give_the_same_pictures_to_threads_that_paint_at_once(
    stylizer: Stylizer, engine: str
) -> None:
    graph, size = stylizer.network.graph, stylizer.network.embedding_size
    embedding, rng = np.ones((1, size), np.float32), np.random.default_rng(0)
    pictures = [
        rng.integers(256, size=(1, 64, width, 3), dtype=np.uint8) for width in (64, 96, 80) * 4
    ]
    loaded = base.load_engine(graph, engine, 2, "f32", pixels=True, streams=2)

    def paint(picture: UInt8) -> UInt8:
        noise = [noise_at(64, picture.shape[2])] if NOISE in loaded.inputs else []
        painted: UInt8 = loaded.run(picture, embedding, *noise)
        return painted

    expected = [paint(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        painted = list(threads.map(paint, pictures))
    for one, other in zip(painted, expected, strict=True):
        assert np.array_equal(one, other)


# What cannot be had


def test_unknown_names() -> None:
    assert (
        refused(b"", "tensorrt")
        == "no engine is called 'tensorrt'; there are auto, openvino, onnxruntime, torch"
    )
    assert (
        refused(b"", precision="f8")
        == "no precision is called 'f8'; there are auto, bf16, f16, f32, int8"
    )


@pytest.mark.parametrize("engine", base.ENGINES)
def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    hide(monkeypatch, engine)
    package = "'impasto[train]'" if engine == "torch" else engine
    assert refused(b"", engine) == f"the engine {engine} is not installed; pip install {package}"


def test_no_engine_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, *base.ENGINES)
    assert base.available_engines() == []
    assert refused(b"") == "the engine openvino is not installed; pip install openvino"


def test_auto_takes_the_first_that_is_there(
    monkeypatch: pytest.MonkeyPatch, stylizer: Stylizer
) -> None:
    pytest.importorskip("onnxruntime")
    hide(monkeypatch, "openvino")
    assert Stylizer(stylizer.network).engine.name == "onnxruntime"


def test_onnxruntime_has_no_bf16(stylizer: Stylizer) -> None:
    pytest.importorskip("onnxruntime")
    message = refused(stylizer.network.graph, "onnxruntime", precision="bf16")
    assert "f32" in message
    assert "--engine openvino" in message


@each_engine
@pytest.mark.parametrize(
    "graph", [b"", b"Dear Sir or Madam,\n" * 100, b"\x08\x07" + b"\xff" * 500, "cut"]
)
def test_a_broken_graph(stylizer: Stylizer, engine: str, graph: bytes | str) -> None:
    broken = stylizer.network.graph[:100_000] if isinstance(graph, str) else graph
    assert "cannot load this network: " in refused(broken, engine)


SIGNAL_STACK = """
import ctypes
from impasto.stylizer import Stylizer
from impasto.engines.openvino import _SignalStack

def stack():
    found = _SignalStack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found)) == 0
    return found.pointer, found.flags, found.size

before = stack()
Stylizer("small", "openvino").engine
print(stack() == before)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="sigaltstack as Linux has it")
def test_openvino_leaves_the_stack_for_signals_alone() -> None:
    """It would leave one too small for Python's handler, and Ctrl-C would be a crash."""
    pytest.importorskip("openvino")
    done = python("-c", SIGNAL_STACK)
    assert (done.out.strip(), done.code) == ("True", 0), done.err


# What is compiled is kept


@pytest.mark.slow
def test_what_is_compiled_is_kept_for_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino = pytest.importorskip("openvino")
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    graph, embedding = (
        load_shipped("small").graph,
        np.ones((1, load_shipped("small").embedding_size), np.float32),
    )

    def painted(side: int) -> np.ndarray:
        engine = base.load_engine(graph, "openvino", pixels=True, cache=True)
        more = [noise_at(64, side)] if NOISE in engine.inputs else []
        result: np.ndarray = engine.run(np.full((1, 64, side, 3), 90, np.uint8), embedding, *more)
        return result

    first = painted(64)
    files = (tmp_path / "home" / "openvino").iterdir()
    (kept,) = (path for path in files if "inputs" not in path.name)
    whole = kept.read_bytes()
    line = whole.partition(b"\n")[0]
    foreign = b"no such thing" * 100
    digest = hashlib.sha256(foreign).hexdigest()
    of_another_build = json.dumps({**json.loads(line), "sha256": digest}).encode() + b"\n" + foreign
    for content in (whole, b"", foreign, whole[:9000], of_another_build):
        kept.write_bytes(content)
        assert np.array_equal(painted(64), first)

    def fail(*_: object) -> None:
        raise AssertionError("it need not be read")

    monkeypatch.setattr(openvino.Core, "read_model", fail)
    assert np.array_equal(painted(64), first)


BEGIN_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from impasto.engines.base import run_each
from impasto.models.network import load_shipped
patch = np.full((1, 3, 272, 272), 0.5, np.float32)
first, *others = run_each(load_shipped("small").predictor, [patch] * 4)
print(all(np.array_equal(first, other) for other in others))
"""


@pytest.mark.process
def test_threads_may_begin_at_once(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    for _ in range(3):  # OpenVINO's first use from two threads would hang in most processes
        done = python("-c", BEGIN_AT_ONCE, IMPASTO_HOME=str(tmp_path))
        assert (done.code, done.out, done.err) == (0, "True\n", "")


def test_a_home_that_takes_no_file_is_no_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    graph = load_shipped("small")
    engine = base.load_engine(graph.graph, "openvino", pixels=True, cache=True)
    more = [noise_at(64, 64)] if NOISE in engine.inputs else []
    assert (
        engine.run(
            np.zeros((1, 64, 64, 3), np.uint8),
            np.ones((1, graph.embedding_size), np.float32),
            *more,
        ).shape[1]
        == 64
    )
