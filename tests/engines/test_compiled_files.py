"""Compiled graphs on disk: whole or none, also where processes share the folder."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from commands import python
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.engines import compiled_files
from impasto.engines.compiled_files import CompiledFiles

SHAPES = ((1, 64, 64, 3), (1, 4))
FACTS = {"precision": "f32"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "openvino"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=st.binary(), compiled=st.binary(), names=st.lists(st.text(max_size=9), max_size=3))
def test_what_is_written_is_read(
    folder: Path, graph: bytes, compiled: bytes, names: list[str]
) -> None:
    CompiledFiles(graph, FACTS).write(SHAPES, names, compiled)
    files = CompiledFiles(graph, FACTS)
    assert files.read(SHAPES) == compiled
    assert files.inputs == tuple(names)


def test_inputs_are_known_of_a_graph_that_was_never_compiled(folder: Path) -> None:
    CompiledFiles(b"graph", FACTS).write_inputs(["image", "embedding"])
    files = CompiledFiles(b"graph", FACTS)
    assert files.inputs == ("image", "embedding")
    assert files.read(SHAPES) is None
    assert CompiledFiles(b"another", FACTS).inputs == ()


def test_a_file_is_of_one_graph_one_size_and_its_facts(folder: Path) -> None:
    CompiledFiles(b"graph", FACTS).write(SHAPES, ["image"], b"compiled")
    assert CompiledFiles(b"graph", FACTS).read(((1, 64, 80, 3), (1, 4))) is None
    for graph, facts in ((b"another", FACTS), (b"graph", {"precision": "bf16"}), (b"graph", {})):
        assert CompiledFiles(graph, facts).read(SHAPES) is None
        assert CompiledFiles(graph, facts).inputs == ()


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"[1]\ncompiled", b"\xff" * 99])
def test_a_broken_file_is_none(folder: Path, content: bytes) -> None:
    CompiledFiles(b"graph", FACTS).write(SHAPES, ["image"], b"compiled" * 99)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for broken in (content, whole[:-1], whole[:200], whole[:-1] + b"x"):
        path.write_bytes(broken)
        assert CompiledFiles(b"graph", FACTS).read(SHAPES) is None
    path.write_bytes(content)
    assert CompiledFiles(b"graph", FACTS).inputs == ()


def test_the_files_that_were_used_least_lately_are_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_files, "MAX_BYTES", 4000)
    files = [CompiledFiles(bytes([number]), FACTS) for number in range(5)]
    for age, one in zip((50, 40, 30), files, strict=False):
        one.write(SHAPES, [], bytes(1000))
        newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1e9 - age, 1e9 - age))
    assert files[0].read(SHAPES)  # the oldest, and used again
    files[3].write(SHAPES, [], bytes(1000))
    assert [bool(one.read(SHAPES)) for one in files] == [True, False, True, True, False]


def test_a_process_keeps_few_sizes_of_a_graph(folder: Path) -> None:
    files = CompiledFiles(b"graph", FACTS)
    for side in range(9):
        files.write(((1, side, 64, 3),), [], b"compiled")
    assert len(list(folder.iterdir())) == compiled_files.MAX_NEW_FILES


def test_without_a_folder_nothing_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file")
    files = CompiledFiles(b"graph", FACTS)
    files.write(SHAPES, [], b"compiled")
    assert files.read(SHAPES) is None
    for name in ("IMPASTO_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(compiled_files, "home", lambda: None)  # a user without a home
    files = CompiledFiles(b"graph", FACTS)
    files.write(SHAPES, [], b"compiled")
    assert files.read(SHAPES) is None and files.inputs == ()


def test_a_folder_that_cannot_be_written_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CompiledFiles(b"graph", FACTS).write(SHAPES, [], b"compiled")

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(compiled_files, "write_atomically", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    files = CompiledFiles(b"graph", FACTS)
    files.write(((1, 80, 80, 3),), [], b"compiled")
    assert files.read(SHAPES) == b"compiled"
    assert files.read(((1, 80, 80, 3),)) is None


WRITE_AND_READ = """
import sys
from impasto.engines import compiled_files
from impasto.engines.compiled_files import CompiledFiles
compiled_files.MAX_BYTES = 1_000_000
read = 0
for turn in range(150):
    graph = bytes([turn // 2 % 5])  # twice in a row, as the folder has room for three of five
    expected = graph * 300_000
    files = CompiledFiles(graph, {})
    kept = files.read(((1,),))
    assert kept in (None, expected), len(kept)
    read += kept is not None
    if kept is None or turn % 3 == 0:
        files.write(((1,),), ["image"], expected)
print(read > 0)
"""


@pytest.mark.process
def test_processes_share_the_folder(folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: python("-c", WRITE_AND_READ), range(4)))
    assert [(one.code, one.out, one.err) for one in done] == [(0, "True\n", "")] * 4
    assert not list(folder.glob("*.tmp"))
