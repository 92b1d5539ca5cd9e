"""Batches on a Ray cluster of this machine; `make test-cluster` installs Ray and runs these."""

import io
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Run, surroundings
from pictures import names, save

from impasto.batch import ray as cluster_batch
from impasto.batch.chunks import Job, cut, installed_version
from impasto.batch.ray import ClusterOptions, plan_on_cluster, run_on_cluster, stylize_dataset
from impasto.batch.runner import BatchOptions
from impasto.errors import ArgumentError, ImpastoError
from impasto.images.reading import decode, read
from impasto.inference.record import read_record
from impasto.inference.settings import parse_settings
from impasto.progress import Progress
from impasto.stylizer import Stylizer

UDNIE = parse_settings("udnie")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# Without Ray


def test_options_are_checked() -> None:
    wrong: list[dict[str, Any]] = [{"threads": 0}, {"actors": 0}, {"actors": 1.5}, {"address": 3}]
    for values in wrong:
        with pytest.raises(ArgumentError):
            ClusterOptions(**values)


def test_arguments_of_a_wrong_type_are_argument_errors() -> None:
    wrong: list[dict[str, Any]] = [{"inputs": 3}, {"output": 3}, {"report": 3}, {"cluster": 3}]
    for values in wrong:
        with pytest.raises(ArgumentError, match=f"as {next(iter(values))}"):
            stylize_dataset(**({"inputs": "in", "output": "out", "style": "udnie"} | values))


def test_a_missing_ray_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any package that the extra brings along is asked for, and nothing is written."""
    save(tmp_path, "in/a.png")
    for missing in (["ray"], ["fsspec"], ["ray", "fsspec"]):
        with monkeypatch.context() as patched:
            for name in missing:
                patched.setitem(sys.modules, name, None)
            with pytest.raises(
                ImpastoError,
                match=r"cannot use a cluster: Ray is missing; pip install 'impasto\[cluster\]'",
            ):
                list(stylize_dataset(tmp_path / "in", tmp_path / "out", "udnie", network="small"))
    assert not (tmp_path / "out").exists()


def test_a_broken_ray_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ImpastoError, match=r"Ray Data is missing \(.*pip install"),
        cluster_batch._connected(ClusterOptions()),
    ):
        pass


def test_what_is_done_needs_no_cluster_and_what_was_not_told_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that was killed left paintings, and reports of chunks that it did not read."""
    pytest.importorskip("fsspec")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster_batch, "_check_installed", lambda: None)
    monkeypatch.setattr(cluster_batch, "_connected", None)
    save(Path(), "in/a.png", "in/b.png")
    painting = {"input": "in/a.png", "output": "out/a.udnie.png", "style": "udnie", "network": "x"}
    other = {"input": "else.png", "error": "cannot read else.png"}
    Path("out/.impasto").mkdir(parents=True)
    text = "".join(json.dumps(row) + "\n" for row in (painting, other))
    Path("out/.impasto/run-000000.jsonl").write_text(text)
    for name in "ab":
        Path(f"out/{name}.udnie.png").write_bytes(b"painted")
    results = list(
        stylize_dataset(["in", "*.none"], "out", "udnie", network="small", report="r.jsonl")
    )
    assert [result.skipped for result in results] == [False, True, True]
    failed, *kept = rows(Path("r.jsonl"))
    assert "*.none" in failed["error"] and kept[0] == painting
    assert [row["input"] for row in kept] == ["in/a.png", "in/b.png"] and "skipped" in kept[1]
    assert [
        result.repeated for result in stylize_dataset("*.none", "out", "udnie", report="r.jsonl")
    ] == [True]


def test_actors_answer_with_results_or_with_the_error_that_ends_the_run(
    small: Stylizer, tmp_path: Path
) -> None:
    pytest.importorskip("fsspec")
    paths = save(tmp_path, "in/a.png", "in/b.png")
    plan = plan_on_cluster([str(tmp_path / "in")], [UDNIE], str(tmp_path / "out"))
    chunks, styles = cut(plan.tasks, 1, str(tmp_path / "reports"), "run")
    job = pickle.dumps(Job((small, small), styles, BatchOptions(), (), tmp_path))
    batch = {"chunk": np.array([pickle.dumps(chunk) for chunk in chunks], dtype=object)}

    def answers(version: str) -> list[Any]:
        return list(map(pickle.loads, cluster_batch._Actor(job, version)(batch)["results"]))

    assert [result.source for (result,) in answers(installed_version())] == paths
    for error in answers("9.9.9"):
        assert isinstance(error, ImpastoError) and "9.9.9" in str(error)
    (tmp_path / "reports" / "run-000000.jsonl").unlink()
    (tmp_path / "reports" / "run-000000.jsonl").mkdir()
    failed, (done,) = answers(installed_version())
    assert isinstance(failed, ImpastoError) and done.source == paths[1]


def test_nothing_waits_for_a_cluster_that_is_not_there() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        server.listen()
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "auto", "local"):
            cluster_batch._check_reachable(address)
    with pytest.raises(OSError):
        cluster_batch._check_reachable(f"127.0.0.1:{port}")


def test_lines_of_rays_log_are_caught_and_others_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    caught = io.StringIO()
    line = "[2026-11-27 16:24:36,549 I 24697 24697] logging.cc:303: Set ray log level to 3\n"
    with pytest.raises(KeyError), cluster_batch._ray_stderr(caught):
        os.write(2, f"{line}mine\n".encode())
        raise KeyError
    assert (caught.getvalue(), capfd.readouterr().err) == (line, "mine\n")


def test_wrong_usage_is_one_line(impasto: Run, photo_file: Path) -> None:
    arguments = ("stylize", photo_file, "-s", "udnie")
    local = ("--cluster", "local")
    for more, message in (
        (("--actors", "2"), "give --cluster too"),
        (local, "--cluster needs -o"),
        ((*local, "-o", "out", "--shard", "1/2"), "--shard and --cluster: choose one"),
        ((*local, "-o", "out", "--minutes", "1"), "--minutes and --cluster: choose one"),
        (("--column", "path"), "give --list too"),
    ):
        assert message in impasto(*arguments, *more).usage()
    pipe = impasto("stylize", "-", "-s", "udnie", *local, "-o", "out")
    assert "--cluster takes files" in pipe.usage()


def test_a_dry_run_on_a_cluster_lists_addresses(impasto: Run) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.pipe_file("/in/a.png", b"")
    done = impasto(
        *("stylize", "memory://in/", "-s", "udnie", "--cluster", "local", "-o", "memory://out"),
        *("--dry-run", "--json"),
    )
    store.store.clear()
    (record,) = done.records
    assert record["input"] == "memory://in/a.png"
    assert record["output"] == "memory://out/a.udnie.png"


# With Ray


@pytest.fixture(scope="module")
def ray(s3: Any) -> Iterator[Any]:
    """A cluster of two cores, to which all tests of this module connect, in reach of `s3`."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=cluster_batch.LOCAL_STORE,
    )
    yield ray
    ray.shutdown()


cluster_test = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore"),  # of Ray's own
]


def with_ray(test: Any) -> Any:
    for mark in cluster_test:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def small() -> Stylizer:
    return Stylizer("small", threads=1)


@with_ray
def test_a_cluster_paints_what_a_local_batch_paints(
    ray: Any, small: Stylizer, tmp_path: Path
) -> None:
    paths = save(tmp_path, *[f"in/{number}.png" for number in range(9)])
    paths[4].write_text("no picture")
    told: list[Progress] = []
    report, out = tmp_path / "report.jsonl", tmp_path / "out"
    results = list(
        stylize_dataset(
            tmp_path / "in", out, "udnie", network="small", report=report, on_progress=told.append
        )
    )
    assert sorted(result.source for result in results) == paths
    (broken,) = [result for result in results if result.error]
    assert broken.source == paths[4] and str(paths[4]) in str(broken.error)
    assert sorted(row["input"] for row in rows(report)) == sorted(map(str, paths))
    for path in [*paths[:4], *paths[5:]]:
        painted = read(out / f"{path.stem}.udnie.png").rgb
        assert np.array_equal(painted, small.stylize(read(path).rgb, "udnie"))
    steps = [state.step for state in told]
    assert len(steps) == 5 and steps == sorted(steps) and steps[-1] == told[-1].steps == 9
    assert not any(name.startswith(".impasto-") for name in names(out))

    again = list(stylize_dataset(tmp_path / "in", out, "udnie", network="small", report=report))
    assert [result.skipped or result.repeated for result in again] == [True] * 9
    assert len(rows(report)) == 9
    fresh = list(
        stylize_dataset(
            tmp_path / "in",
            out,
            "udnie",
            network="small",
            report=report,
            overwrite=True,
            cluster=ClusterOptions(actors=1),
        )
    )
    assert sum(not result.skipped and not result.error for result in fresh) == 8
    assert len(rows(report)) == 9 and len(list((out / ".impasto").iterdir())) == 3


@with_ray
def test_relative_paths_are_those_of_the_driver(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster of this module was started in another folder."""
    began = Path.cwd()
    monkeypatch.chdir(tmp_path)
    save(Path(), "in/a.png", "style.png")
    arguments = ("in", "./out", "style.png")
    (result,) = stylize_dataset(*arguments, network="small", report="r.jsonl", embed_settings=False)
    assert result.error is None and result.target == Path("out/a.style.png")
    assert read_record("out/a.style.png") is None, "no settings were asked for"
    assert not (began / "out").exists()
    assert [row["input"] for row in rows(Path("r.jsonl"))] == ["in/a.png"]
    assert next(stylize_dataset(*arguments, network="small")).skipped


@with_ray
def test_objects_of_s3_are_painted_into_s3(
    ray: Any, small: Stylizer, tmp_path: Path, s3: Any
) -> None:
    paths = save(tmp_path, "a.png", "b.png", "x/c.png")
    for path in paths:
        s3.pipe_file(f"photos/in/{path.relative_to(tmp_path)}", path.read_bytes())
    s3.pipe_file("photos/in/b.png", b"no picture")
    arguments = ("s3://photos/in/", "s3://photos/out", "udnie")
    results = {
        result.source.name: result for result in stylize_dataset(*arguments, network="small")
    }
    assert "cannot read s3://photos/in/b.png" in str(results["b.png"].error)
    assert results["c.png"].record()["output"] == "s3://photos/out/x/c.udnie.png"
    painted = decode(s3.cat_file("photos/out/x/c.udnie.png"), "c").rgb
    assert np.array_equal(painted, small.stylize(read(paths[2]).rgb, "udnie"))
    again = stylize_dataset(*arguments, network="small")
    assert sorted(result.skipped for result in again) == [False, True, True]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A bucket "photos" of a server of moto, which actors find by environment variables."""
    s3fs = pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    names = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patched:
        for name, value in names.items():
            patched.setenv(name, value)
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            store = s3fs.S3FileSystem()
            store.mkdir("photos")
            yield store
        finally:
            server.terminate()
            server.wait()


@with_ray
def test_the_command_line_paints_a_column_of_a_parquet_file(
    ray: Any, impasto: Run, tmp_path: Path
) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    paths = save(tmp_path, "a.png", "b.png", "c.png")
    paths[1].write_text("no picture")
    parquet.write_table(arrow.table({"path": list(map(str, paths))}), tmp_path / "list.parquet")
    done = impasto(
        *("stylize", "--list", tmp_path / "list.parquet", "--column", "path", "-s", "udnie"),
        *("-n", "small", "--cluster", "auto", "--actors", "1", "-o", tmp_path / "out", "--json"),
    )
    assert done.code == 1
    assert sorted(record["input"] for record in done.records) == sorted(map(str, paths))
    assert [record["input"] for record in done.records if "error" in record] == [str(paths[1])]
    assert read(tmp_path / "out" / "a.udnie.png").width == 30
    again = stylize_dataset(
        tmp_path / "list.parquet", tmp_path / "out", "udnie", column="path", network="small"
    )
    assert sorted(result.skipped for result in again) == [False, True, True]


@with_ray
def test_nodes_with_another_version_end_the_run_with_a_clear_error(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "in/a.png")
    monkeypatch.setattr(cluster_batch, "installed_version", lambda: "9.9.9")
    with pytest.raises(ImpastoError, match=r"cannot paint on the node .*install impasto==9\.9\.9"):
        list(stylize_dataset(tmp_path / "in", tmp_path / "out", "udnie", network="small"))
    assert not names(tmp_path / "out")


@with_ray
def test_a_worker_that_is_killed_loses_no_picture(
    ray: Any, small: Stylizer, tmp_path: Path
) -> None:
    paths = save(tmp_path, *[f"in/{number:02}.png" for number in range(40)])
    plan = plan_on_cluster([str(tmp_path / "in")], [UDNIE], str(tmp_path / "out"))
    batch = BatchOptions(report=tmp_path / "report.jsonl")
    run = run_on_cluster(plan, str(tmp_path / "out"), (small, small), batch, ClusterOptions())
    results = [next(run)]
    (victim, *_) = painters()
    os.kill(victim, signal.SIGKILL)
    results += run
    assert sorted(result.source for result in results) == paths
    assert not any(result.error for result in results)
    assert all(read(tmp_path / "out" / f"{path.stem}.udnie.png").width == 30 for path in paths)


def painters() -> list[int]:
    """Processes of actors that paint, by the titles that Ray gives its workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::MapWorker"):
            found.append(int(folder.name))
    return found


@with_ray
def test_a_dead_cluster_that_auto_finds_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    from ray._private import services

    with socket.socket() as server:  # a port where nothing answers
        server.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", dead)
    with pytest.raises(ImpastoError, match=rf"{dead} \(RAY_ADDRESS names it\): .*refused"):
        cluster_batch._connect("auto")
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(services, "find_gcs_addresses", set)  # of clusters of other programs
    with pytest.raises(ImpastoError, match=r"cannot find a Ray cluster: .*`ray start --head`"):
        cluster_batch._connect("auto")
    for folder in (tmp_path, tmp_path / "ray"):  # by the version of Ray
        folder.mkdir(exist_ok=True)
        (folder / "ray_current_cluster").write_text(dead)
    with pytest.raises(ImpastoError, match=rf"{dead} \(the last that was started on .*refused"):
        cluster_batch._connect("auto")


@with_ray
def test_a_cluster_that_asks_for_a_token_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def init(*_: Any, **options: Any) -> None:
        os.write(2, b"[2026-11-27 16:32:22,244 W 9796 9796] gcs_client.cc:210: InvalidAuthToken\n")
        raise ConnectionError("Failed to connect")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ImpastoError, match=r"it asks for a token .* set RAY_AUTH_MODE=token"):
        cluster_batch._connect("local")


@with_ray
def test_a_cluster_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    save(tmp_path, "in/a.png")
    code = (
        "from impasto.cli import main; import sys;"
        f"sys.argv = ['impasto', 'stylize', {str(tmp_path / 'in')!r}, '-s', 'udnie', '-n', 'small',"
        f" '--cluster', '127.0.0.1:1', '-o', {str(tmp_path / 'out')!r}]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error: cannot reach the Ray cluster 127.0.0.1:1" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
