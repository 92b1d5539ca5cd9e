"""A run over many files: its results, its notes, its report, and its early end."""

import contextlib
import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import names, save

from impasto.batch.outputs import plan_files
from impasto.batch.results import FileResult
from impasto.batch.runner import BatchOptions, run_plan, stylize_files
from impasto.images import reading, writing
from impasto.images.reading import read
from impasto.inference import file_pipeline, pipeline
from impasto.inference.file_pipeline import FileOptions
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.record import read_record
from impasto.inference.settings import parse_settings
from impasto.progress import Progress
from impasto.stylizer import Stylizer

UDNIE, WAVE = parse_settings("udnie"), parse_settings("great-wave")
MANY = [f"{number:02}.png" for number in range(40)]  # more than are begun ahead on any machine


@pytest.fixture(scope="module")
def small() -> Stylizer:
    return Stylizer("small", precision="f32")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_input_has_one_result_in_order(small: Stylizer, tmp_path: Path) -> None:
    paths = save(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "b.png").write_text("no picture")
    (tmp_path / "c.udnie.png").write_bytes(b"mine")
    results = list(stylize_files([*paths, "*.none"], UDNIE, small))
    missing, painted, broken, kept = results
    assert missing.text == "*.none" and missing.error and missing.target is None
    assert (painted.source, painted.target) == (paths[0], tmp_path / "a.udnie.png")
    assert (painted.style, painted.network, painted.engine) == ("udnie", "small", small.engine.name)
    assert (painted.width, painted.height, painted.error) == (30, 20, None)
    assert painted.seconds > 0 and painted.beyond_fraction is None and painted.clip is None
    assert broken.source == paths[1] and "no picture" in str(broken.error)
    assert kept.skipped and (tmp_path / "c.udnie.png").read_bytes() == b"mine"
    assert np.array_equal(
        read(tmp_path / "a.udnie.png").rgb, small.stylize(read(paths[0]).rgb, "udnie")
    )


def test_every_input_is_painted_in_every_style(small: Stylizer, tmp_path: Path) -> None:
    paths = save(tmp_path / "in", "a.png", "b.jpg")
    results = list(stylize_files(paths, [UDNIE, WAVE], small, tmp_path / "out"))
    assert [(result.source, result.style) for result in results] == [
        (path, style) for path in paths for style in ("udnie", "great-wave")
    ]
    assert names(tmp_path / "out") == [
        "a.great-wave.png",
        "a.udnie.png",
        "b.great-wave.jpg",
        "b.udnie.jpg",
    ]


def test_an_input_that_fails_in_every_style_is_reported_once(
    small: Stylizer, tmp_path: Path
) -> None:
    (path,) = save(tmp_path, "a.png")
    path.write_text("no picture")
    options = BatchOptions(report=tmp_path / "report.jsonl")
    first, second = stylize_files([path], [UDNIE, WAVE], small, options=options)
    assert first.error and second.error
    assert (first.repeated, second.repeated) == (False, True)
    assert rows(tmp_path / "report.jsonl") == [first.record()]


@pytest.mark.parametrize("kind", [ValueError, KeyError, AssertionError, UnicodeDecodeError])
def test_whatever_a_library_raises_fails_one_input(
    kind: type[Exception], small: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = save(tmp_path, "a.png", "b.png", "c.png", "d.png")
    error = kind("utf-8", b"", 0, 1, "why") if kind is UnicodeDecodeError else kind("why")

    def fail_at(number: int, real: Any) -> Any:
        calls = iter(range(100))

        def call(*arguments: Any, **options: Any) -> Any:
            if next(calls) == number:
                raise error
            return real(*arguments, **options)

        return call

    monkeypatch.setattr(reading, "read", fail_at(1, reading.read))
    monkeypatch.setattr(file_pipeline, "build_pipeline", fail_at(2, pipeline.build_pipeline))
    monkeypatch.setattr(writing, "write", fail_at(1, writing.write))
    report = tmp_path / "report.jsonl"
    results = list(stylize_files(paths, UDNIE, small, options=BatchOptions(report=report)))
    failed = [result for result in results if result.error]
    assert [result.source for result in results] == paths
    assert len(failed) == 3 and all("why" in str(result.error) for result in failed)
    assert not any("\n" in str(result.error) for result in failed)
    assert len(rows(report)) == 4


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, OSError])
def test_an_exception_of_the_callback_ends_the_run(
    kind: type[Exception], small: Stylizer, tmp_path: Path
) -> None:
    """Pictures that are painted by then are whole and reported, and no other is begun."""
    paths, report = save(tmp_path / "in", *MANY), tmp_path / "report.jsonl"

    def stop(_: Progress) -> None:
        raise kind("enough")

    options = BatchOptions(report=report)
    with pytest.raises(kind, match="enough"):
        list(stylize_files(paths, UDNIE, small, tmp_path / "out", options, on_progress=stop))
    check_part(tmp_path / "out", report)


def test_closing_a_run_early_ends_it_in_order(small: Stylizer, tmp_path: Path) -> None:
    """What is painted is written and reported, nothing is half written, and threads end."""
    paths, report = save(tmp_path / "in", *MANY), tmp_path / "report.jsonl"
    threads = threading.active_count()
    results = stylize_files(paths, UDNIE, small, tmp_path / "out", BatchOptions(report=report))
    assert isinstance(results, Iterator)
    first = next(results)
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert threading.active_count() == threads
    assert first.source == paths[0]
    done = check_part(tmp_path / "out", report)
    assert paths[0].name in done
    rest = list(stylize_files(paths, UDNIE, small, tmp_path / "out", BatchOptions(report=report)))
    assert [result.source for result in rest] == paths
    assert [result.source.name for result in rest if result.skipped] == done
    assert sorted(Path(row["input"]) for row in rows(report)) == sorted(paths)


def interrupt_at(call: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Press Ctrl-C while a network runs for the `call`th time; return the numbers of its runs."""
    paint, numbers, runs = PreparedStyle.paint, itertools.count(), list[int]()
    # shells start processes in the background without it
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def painted(prepared: PreparedStyle, *arguments: Any) -> Any:
        runs.append(number := next(numbers))
        if number == call:
            os.kill(os.getpid(), signal.SIGINT)
        if number >= call:
            time.sleep(0.5)  # until the thread that runs the batch has noticed
        return paint(prepared, *arguments)

    monkeypatch.setattr(PreparedStyle, "paint", painted)
    return runs


def test_ctrl_c_keeps_what_is_painted(
    small: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, report = save(tmp_path / "in", *MANY), tmp_path / "report.jsonl"
    runs = interrupt_at(12, monkeypatch)  # when all threads have started
    results = stylize_files(paths, UDNIE, small, tmp_path / "out", BatchOptions(report=report))
    # closing: Ctrl-C may also arrive between two results
    with pytest.raises(KeyboardInterrupt), contextlib.closing(results):  # type: ignore[type-var]
        list(results)
    assert len(check_part(tmp_path / "out", report)) == len(runs)


def test_ctrl_c_gives_up_a_picture_that_takes_several_runs_of_a_network(
    small: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, settings = save(tmp_path / "in", *MANY), parse_settings("udnie", mask="left-right")
    interrupt_at(0, monkeypatch)
    results = stylize_files(paths, settings, small, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt), contextlib.closing(results):  # type: ignore[type-var]
        list(results)
    assert not (tmp_path / "out").exists()


def check_part(out: Path, report: Path) -> list[str]:
    """Check that paintings are whole, and those of the report; return the names of their inputs."""
    done = [row["output"] for row in rows(report)]
    assert sorted(done) == [str(out / name) for name in names(out)]
    assert 0 < len(done) < len(MANY)
    for path in done:
        assert read(path).width == 30
    return [Path(row["input"]).name for row in rows(report)]


def test_no_time_leaves_all_but_what_is_done(small: Stylizer, tmp_path: Path) -> None:
    paths = save(tmp_path, "a.png", "b.png")
    (tmp_path / "a.udnie.png").write_bytes(b"")
    (result,) = stylize_files(paths, UDNIE, small, options=BatchOptions(minutes=0))
    assert result.skipped and names(tmp_path) == ["a.png", "a.udnie.png", "b.png"]


def test_progress_is_that_of_the_file_in_work(small: Stylizer, tmp_path: Path) -> None:
    paths = save(tmp_path, "a.png", "b.png")
    states: list[Progress] = []
    list(stylize_files(paths, UDNIE, small, on_progress=states.append))
    for path in paths:
        fractions = [state.fraction for state in states if state.name == path.name]
        assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)


def test_notes_of_a_run_are_given_once(small: Stylizer, tmp_path: Path) -> None:
    paths = save(tmp_path, "a.png", "b.png", "mask/white.png")
    settings = parse_settings("udnie", mask=str(paths.pop()))
    first, second = stylize_files(paths, settings, small)
    assert len(first.notes) == 2 and second.notes == ()
    assert "is resized to 30x20" in first.notes[0] or "is stretched" in first.notes[0]
    assert "less than 64x64 shows little of a style" in first.notes[1]


def test_records(small: Stylizer, tmp_path: Path) -> None:
    (path,) = save(tmp_path, "a.png")
    settings = parse_settings("udnie", color="luminance")
    plan = plan_files([path], [settings], tmp_path / "out.png")
    (painted,) = run_plan(plan, small, BatchOptions(FileOptions(size=10)))
    assert list(painted.record()) == [
        *("input", "output", "style", "network", "engine", "precision"),
        *("width", "height", "seconds", "beyond"),
    ]
    assert painted.record()["beyond"] == round(painted.beyond_fraction or 0, 5)
    (kept,) = run_plan(plan, small)
    assert kept.record() == {
        "input": str(path),
        "output": str(tmp_path / "out.png"),
        "style": "udnie",
        "network": "small",
        "skipped": "the output exists; --overwrite paints it anew",
    }
    failed = FileResult(path, error=MemoryError())
    assert failed.record() == {"input": str(path), "error": f"{path}: out of memory"}


@pytest.mark.parametrize("count", [2, 3])
def test_many_pictures_have_a_precision_of_their_own(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr("impasto.batch.runner.MANY_PICTURES", 3)
    monkeypatch.setattr("impasto.engines.openvino.is_int8_faster", lambda graph: True)
    stylizer = Stylizer("small", "openvino", threads=2, device="cpu")
    alone = stylizer.engine.precision
    paths = save(tmp_path, *(f"{number}.png" for number in range(count)))
    plan = plan_files(paths, [UDNIE])
    painted = list(run_plan(plan, stylizer))
    expected = alone if count < 3 else "int8"
    assert [result.precision for result in painted] == [expected] * count
    records = [read_record(result.target) for result in painted if result.target]
    assert [record and record["precision"] for record in records] == [expected] * count
