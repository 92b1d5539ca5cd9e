"""Chunks of a plan: painted from and to files and objects, each once, with a report."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import make_clip
from pictures import names, save

fsspec = pytest.importorskip("fsspec")

from impasto.batch.chunks import ChunkPainter, Job, cut, installed_version
from impasto.batch.object_store import address_lister, fetch
from impasto.batch.outputs import BatchPlan, plan_files
from impasto.batch.results import FileResult, parse_record
from impasto.batch.runner import BatchOptions
from impasto.errors import ImpastoError, OutputError
from impasto.files import address, file_digest
from impasto.images.reading import decode, read
from impasto.inference.record import read_record
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer

UDNIE, WAVE = parse_settings("udnie"), parse_settings("great-wave")


@pytest.fixture(scope="module")
def small() -> Stylizer:
    return Stylizer("small", precision="f32", threads=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """A store in memory with three pictures, of which one is broken."""
    store = fsspec.filesystem("memory")
    for path in save(tmp_path / "files", "a.png", "b.png", "x/c.png"):
        store.pipe_file(f"/in/{path.relative_to(tmp_path / 'files')}", path.read_bytes())
    store.pipe_file("/in/b.png", b"no picture")
    yield store
    store.store.clear()


def painter(small: Stylizer, plan: BatchPlan, styles: list[Any]) -> ChunkPainter:
    job = Job((small, small), styles, BatchOptions(), plan.protected, Path.cwd())
    return ChunkPainter(pickle.dumps(job), installed_version())


def paint(small: Stylizer, plan: BatchPlan, reports: str, size: int = 9) -> list[FileResult]:
    chunks, styles = cut(plan.tasks, size, reports, "run")
    worker = painter(small, plan, styles)
    return [
        result for chunk in chunks for result in worker.paint(pickle.loads(pickle.dumps(chunk)))
    ]


def test_plans_are_cut_into_chunks_of_one_size_in_order(tmp_path: Path) -> None:
    paths = save(tmp_path, "a.png", "b.png", "c.png")
    plan = plan_files(paths, [UDNIE, WAVE], tmp_path / "out")
    chunks, styles = cut(plan.tasks, 4, "reports", "run")
    assert [chunk.report for chunk in chunks] == [
        "reports/run-000000.jsonl",
        "reports/run-000001.jsonl",
    ]
    tasks = [task for chunk in chunks for task in chunk.tasks]
    assert [len(chunk.tasks) for chunk in chunks] == [4, 2] and styles == [UDNIE, WAVE]
    assert [(task.source, task.style) for task in tasks] == [
        (str(path), style) for path in paths for style in (0, 1)
    ]


def test_relative_paths_count_from_the_folder_of_the_driver(
    small: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node runs in another folder. Results and records name files as the user did."""
    driver, node = tmp_path / "driver", tmp_path / "node"
    save(driver, "in/a.png", "in/b.png", "style.png", "mask.png")
    (driver / "in" / "b.png").write_text("no picture")
    node.mkdir()
    monkeypatch.chdir(driver)
    styles = [parse_settings("style.png", mask="mask.png")]
    plan = plan_files(["in", "gone.png"], styles, "out/")
    chunks, styles = cut(plan.tasks, 9, str(driver / "reports"), "run")
    worker = painter(small, plan, styles)
    monkeypatch.chdir(node)
    painted, broken, gone = worker.paint(chunks[0])
    assert (painted.source, painted.target) == (Path("in/a.png"), Path("out/a.style.png"))
    assert str(broken.error).startswith("cannot read in/b.png: ")
    assert str(gone.error) == "cannot read gone.png: there is no such file; check the name"
    assert not any(str(driver) in json.dumps(result.record()) for result in (painted, broken, gone))
    assert all(note.startswith(("in/a.png ", "the mask")) for note in painted.notes)
    assert not names(node)
    record = read_record(driver / "out" / "a.style.png")
    assert record and record["styles"][0]["sha256"] == file_digest(driver / "style.png")
    assert record["mask"] == {"file": "mask.png", "sha256": file_digest(driver / "mask.png")}


def test_a_relative_style_file_is_protected_on_every_node(
    small: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "in/a.png", "out/a.udnie.png")
    monkeypatch.chdir(tmp_path)
    styles = [parse_settings("udnie", mask="out/a.udnie.png")]
    plan = plan_files(["in"], styles, "out/")
    chunks, styles = cut(plan.tasks, 9, str(tmp_path / "reports"), "run")
    worker = painter(small, plan, styles)
    monkeypatch.chdir("/")
    (refused,) = worker.paint(chunks[0])
    assert "cannot write out/a.udnie.png: it is a style or a mask" in str(refused.error)


def test_objects_are_painted_as_files_are(small: Stylizer, store: Any, tmp_path: Path) -> None:
    lister = address_lister("memory://out/")
    plan = plan_files(["memory://in/"], [UDNIE], "memory://out/", list_address=lister)
    results = paint(small, plan, "memory://out/.impasto", size=2)
    assert [address(result.source) for result in results] == [
        "memory://in/a.png",
        "memory://in/b.png",
        "memory://in/x/c.png",
    ]
    first, broken, last = results
    assert str(broken.error).startswith("cannot read memory://in/b.png: ")
    assert broken.record()["input"] == "memory://in/b.png"
    assert last.record()["output"] == "memory://out/x/c.udnie.png" and last.width == 30
    painted = decode(store.cat_file("/out/a.udnie.png"), "a").rgb
    expected = small.stylize(read(tmp_path / "files" / "a.png").rgb, "udnie")
    assert np.array_equal(painted, expected)
    assert first.error is None and not store.exists("/out/b.udnie.png")
    reports = [store.cat_file(key).decode() for key in sorted(store.find("/out/.impasto"))]
    records = [json.loads(line) for text in reports for line in text.splitlines()]
    assert records == [result.record() for result in results] and len(reports) == 2


def test_objects_that_are_missing_or_cannot_be_written_fail_alone(
    small: Stylizer, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lister = address_lister("memory://out/")
    names = ["memory://in/a.png", "memory://in/gone.png", "memory://in/x/c.png"]
    plan = plan_files(names, [UDNIE], "memory://out/", list_address=lister)
    real = type(store).put_file

    def put_file(self: Any, source: str, target: str, **options: Any) -> None:
        if "c.udnie" in target:
            raise PermissionError("Forbidden")
        real(self, source, target, **options)

    monkeypatch.setattr(type(store), "put_file", put_file)
    first, gone, refused = paint(small, plan, "memory://reports")
    assert first.error is None
    assert "cannot read memory://in/gone.png: there is no such object" in str(gone.error)
    assert "cannot write memory://out/c.udnie.png: Forbidden" in str(refused.error)


def test_many_objects_are_fetched_ahead_and_none_stays(
    small: Stylizer, store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    data = store.cat_file("/in/a.png")
    for number in range(20):
        store.pipe_file(f"/many/{number:02}.png", data)
    lister = address_lister("memory://out/")
    plan = plan_files(["memory://many/"], [UDNIE], "memory://out/", list_address=lister)
    results = paint(small, plan, "memory://reports")
    assert [result.source.name for result in results] == [f"{n:02}.png" for n in range(20)]
    assert len(store.find("/out")) == 20 and not any(result.error for result in results)
    assert names(tmp_path / "temporary") == []


def test_files_are_painted_in_place_and_kept_where_they_exist(
    small: Stylizer, tmp_path: Path
) -> None:
    paths = save(tmp_path / "in", "a.png", "b.png")
    make_clip(tmp_path / "in" / "c.mp4")
    out = tmp_path / "out"
    plan = plan_files([tmp_path / "in"], [UDNIE], out)
    out.mkdir()
    (out / "a.udnie.png").write_bytes(b"mine")
    kept, painted, clip = paint(small, plan, str(out / ".impasto"))
    assert kept.skipped and (out / "a.udnie.png").read_bytes() == b"mine"
    assert painted.target == out / "b.udnie.png" and painted.source == paths[1]
    assert clip.clip and clip.clip.frames == 12 and read(out / "b.udnie.png").height == 21
    assert names(out) == [".impasto/run-000000.jsonl", "a.udnie.png", "b.udnie.png", "c.udnie.mp4"]


def test_a_chunk_with_a_report_is_not_painted_again(small: Stylizer, tmp_path: Path) -> None:
    """Its node was lost, or the answer, after it was painted."""
    save(tmp_path / "in", "a.png", "b.png")
    (tmp_path / "in" / "b.png").write_text("no picture")
    make_clip(tmp_path / "in" / "c.mp4")
    plan = plan_files([tmp_path / "in"], [UDNIE], tmp_path / "out")
    results = paint(small, plan, str(tmp_path / "reports"))
    for result in results:
        if result.error is None and result.target:
            result.target.unlink()
    again = paint(small, plan, str(tmp_path / "reports"))
    assert [result.record() for result in again] == [result.record() for result in results]
    assert not names(tmp_path / "out")


def test_a_picture_that_kills_its_workers_fails_and_the_others_are_painted(
    small: Stylizer, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that lacks memory: the system kills the process, and Ray starts another."""
    data = store.cat_file("/in/a.png")
    for name in ("b", "d"):
        store.pipe_file(f"/in/{name}.png", data)
    lister = address_lister("memory://out/")
    plan = plan_files(["memory://in/"], [UDNIE], "memory://out/", list_address=lister)
    real = fetch

    def deadly(source: str, target: Path) -> None:
        real(source, target)
        if source.endswith(("b.png", "d.png")):
            raise SystemExit  # nothing handles it, so the chunk ends as with its process

    monkeypatch.setattr("impasto.batch.object_store.fetch", deadly)
    (chunk,), styles = cut(plan.tasks, 9, "memory://reports", "run")
    worker = painter(small, plan, styles)
    for _ in range(3):
        with pytest.raises(SystemExit):
            worker.paint(chunk)
    results = {result.source.name: result for result in worker.paint(chunk)}
    assert [name for name, result in results.items() if result.error] == ["b.png", "d.png"]
    assert "cannot paint memory://in/d.png: its worker died twice" in str(results["d.png"].error)
    assert sorted(store.find("/out")) == ["/out/a.udnie.png", "/out/x/c.udnie.png"]
    assert store.find("/reports") == ["/reports/run-000000.jsonl"]


def test_records_become_results_again() -> None:
    for record in (
        {"input": "a.jpg", "error": "cannot read a.jpg"},
        {"input": "a.jpg", "output": "b.jpg", "style": "udnie", "network": "small", "skipped": "x"},
    ):
        result = parse_record(record)
        assert result.record().keys() == record.keys() and result.skipped == ("skipped" in record)


def test_a_report_that_cannot_be_written_ends_the_run(small: Stylizer, tmp_path: Path) -> None:
    save(tmp_path / "in", "a.png")
    (tmp_path / "reports").write_text("a file")
    plan = plan_files([tmp_path / "in"], [UDNIE], tmp_path / "out")
    with pytest.raises((OutputError, ImpastoError), match="reports"):
        paint(small, plan, str(tmp_path / "reports"))


def test_nodes_with_another_version_say_so() -> None:
    with pytest.raises(ImpastoError, match=r"it has impasto .*; install impasto==9.9.9 on every"):
        ChunkPainter(b"", "9.9.9")
