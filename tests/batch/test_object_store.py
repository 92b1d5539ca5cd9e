"""Inputs and outputs in object stores, here in fsspec's store in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

fsspec = pytest.importorskip("fsspec")

from impasto.batch import object_store
from impasto.batch.inputs import find_files, read_column
from impasto.batch.outputs import plan_files
from impasto.errors import OutputError, PictureError
from impasto.files import address
from impasto.inference.settings import parse_settings

UDNIE = parse_settings("udnie")


@pytest.fixture
def store() -> Iterator[Any]:
    store = fsspec.filesystem("memory")
    yield store
    store.store.clear()


def put(store: Any, *names: str) -> None:
    for name in names:
        store.pipe_file(f"/{name}", b"")


def found(text: str, output: str = "memory://out/") -> list[tuple[str, str]]:
    files = object_store.address_lister(output)(text)
    return [(address(file.path), str(file.below)) for file in files]


def test_a_prefix_holds_pictures_and_videos_without_hidden_files_and_paintings(store: Any) -> None:
    put(
        store, "in/a.jpg", "in/x/b.PNG", "in/x/c.mp4", "in/.cache/d.jpg", "in/e.txt", "in/out/f.jpg"
    )
    expected = [
        ("memory://in/a.jpg", "."),
        ("memory://in/x/b.PNG", "x"),
        ("memory://in/x/c.mp4", "x"),
    ]
    for text in ("memory://in", "memory://in/"):
        assert found(text, "memory://in/out") == expected
    with pytest.raises(PictureError, match="it holds no pictures"):
        found("memory://empty/")


def test_globs_and_single_objects(store: Any) -> None:
    put(store, "in/a.jpg", "in/b.png")
    assert found("memory://in/*.jpg") == [("memory://in/a.jpg", ".")]
    # of a list of millions none is asked for
    assert found("memory://in/absent.jpg") == [("memory://in/absent.jpg", ".")]


def test_addresses_that_paths_would_change_are_refused(store: Any) -> None:
    put(store, "in//a.jpg")
    for text in ("memory://in//a.jpg", "memory://in/"):
        with pytest.raises(PictureError, match=r"a part of the address is empty, \. or \.\."):
            found(text)
    with pytest.raises(PictureError, match="numbered pictures are read from folders only"):
        found("memory://in/%05d.png")


def test_plans_name_the_paintings_of_objects_as_those_of_files(store: Any) -> None:
    put(store, "in/a.jpg", "in/x/b.heic", "in/c.mp4", "in/c.udnie.mp4")
    lister = object_store.address_lister("memory://out/")
    plan = plan_files(["memory://in/"], [UDNIE], "memory://out/", list_address=lister)
    assert [(address(task.target), task.is_clip) for task in plan.tasks] == [
        ("memory://out/a.udnie.jpg", False),
        ("memory://out/c.udnie.mp4", True),
        ("memory://out/x/b.udnie.jpg", False),
    ]
    assert [address(path) for path in plan.left_out] == ["memory://in/c.udnie.mp4"]


def test_local_runs_refuse_addresses_with_a_remedy() -> None:
    with pytest.raises(OutputError, match="--cluster"):
        plan_files(["a.jpg"], [UDNIE], "s3://bucket/out/")
    _, ((text, error),) = find_files(["gs://bucket/a.jpg"])
    assert text == "gs://bucket/a.jpg" and "impasto does not download" in str(error)


def test_files_come_and_go_whole(store: Any, tmp_path: Path) -> None:
    path, copy = tmp_path / "a.jpg", tmp_path / "b.jpg"
    path.write_bytes(b"picture")
    object_store.upload(path, "memory://out/x/a.jpg")
    object_store.fetch("memory://out/x/a.jpg", copy)
    assert copy.read_bytes() == b"picture"
    with pytest.raises(PictureError, match=r"memory://out/none.jpg: there is no such object"):
        object_store.fetch("memory://out/none.jpg", copy)
    with pytest.raises(PictureError, match=r"cannot write memory://out/b.jpg: .*No such file"):
        object_store.upload(tmp_path / "none.jpg", "memory://out/b.jpg")
    assert object_store.list_outputs("memory://out") == {"memory://out/x/a.jpg"}


@pytest.mark.parametrize("place", ["memory://reports", "folder"])
def test_reports_are_written_and_read_in_any_place(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(object_store.read_texts(place)) == []
    assert object_store.read_text(f"{place}/a.jsonl") is None
    object_store.write_text(f"{place}/b.jsonl", "ü\n")
    object_store.write_text(f"{place}/a.jsonl", "1")
    object_store.write_text(f"{place}/below/c.jsonl", "2")
    assert list(object_store.read_texts(place)) == ["1", "ü\n"]
    assert object_store.read_text(f"{place}/b.jsonl") == "ü\n"
    object_store.write_text(f"{place}/a.begun", "3")
    assert list(object_store.read_texts(place)) == ["1", "ü\n"]
    files = ("a.jsonl", "a.begun", "b.jsonl", "below/c.jsonl")
    assert object_store.list_outputs(place) == {f"{place}/{name}" for name in files}
    for _ in range(2):
        object_store.remove(place)
    assert list(object_store.read_texts(place)) == []


def test_errors_of_a_store_are_one_line_with_the_address(
    store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("Access\nDenied")

    put(store, "x/a", "x/b.jpg")
    for name in ("get_file", "put_file", "pipe_file", "cat", "cat_file", "find", "glob", "rm"):
        monkeypatch.setattr(type(store), name, fail)
    calls: list[tuple[Any, ...]] = [
        (object_store.fetch, "memory://x/a", tmp_path / "a"),
        (object_store.upload, tmp_path / "a", "memory://x/a"),
        (object_store.read_text, "memory://x/a"),
        (lambda place: list(object_store.read_texts(place)), "memory://x"),
        (object_store.list_outputs, "memory://x"),
        (found, "memory://x/"),
        (found, "memory://x/*"),
    ]
    for call, *arguments in calls:
        with pytest.raises(PictureError, match=r"memory://x.*Access Denied; check the address"):
            call(*arguments)
    with pytest.raises(OutputError, match="Access Denied"):
        object_store.write_text("memory://x/a", "")
    with pytest.raises(OutputError, match="Access Denied"):
        object_store.remove("memory://x")


def test_unknown_stores_and_missing_packages_name_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureError, match="check the address"):
        object_store.open_store("nonsense://x")

    def missing(_: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(PictureError, match=r"Install s3fs.*impasto\[cluster\]"):
        object_store.open_store("s3://x")


@pytest.mark.cluster
def test_columns_of_parquet_files_are_lists(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "list.parquet"
    parquet.write_table(arrow.table({"path": ["a.jpg", None, "b.jpg"], "label": [1, 2, 3]}), path)
    assert read_column(str(path), "path") == ["a.jpg", "b.jpg"]
    with pytest.raises(PictureError, match="it has no column url; use one of path, label"):
        read_column(str(path), "url")
    (tmp_path / "text").write_text("a.jpg")
    with pytest.raises(PictureError, match="give a Parquet file"):
        read_column(str(tmp_path / "text"), "path")


def test_columns_need_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(PictureError, match=r"pip install 'impasto\[cluster\]'"):
        read_column("list.parquet", "path")
