"""Parts of the server that requests seldom reach."""

import asyncio
import io

import httpx
import pytest
from pictures import photo
from PIL import Image

from impasto.errors import StyleError
from impasto.server.jobs import Job, Result
from impasto.server.lanes import Lane
from impasto.server.problems import Problem, explain_validation, problem_of
from impasto.server.recipes import reduced_preview
from impasto.server.store import JobStore
from impasto.server.studio import Studio
from impasto.server.uploads import Upload, clean_name, read_style_upload
from server.conftest import QUICK, Gate, Running, detail_of, png


def _nothing(_: Job) -> Result:
    return Result.of_bytes(b"a", "text/plain", "a.txt", {})


def test_a_job_runs_once() -> None:
    async def run() -> None:
        job = Job("stylize", _nothing, 1, listed=False)
        assert job.run().size == 1
        with pytest.raises(AssertionError):
            job.run()
        assert not await job.finish(0.01)
        JobStore().remove(job)

    asyncio.run(run())


def test_a_lane_takes_as_many_jobs_as_it_has_places() -> None:
    async def run() -> None:
        lane = Lane("tested", 0)
        with pytest.raises(Problem) as refused:
            lane.submit(Job("stylize", _nothing, 1, listed=False))
        assert refused.value.status == 503
        lane.close(lambda _: False)

    asyncio.run(run())


def test_a_studio_that_warms_up_is_not_ready() -> None:
    studio = Studio(QUICK)
    studio.is_warm = False
    with pytest.raises(Problem, match="loads its networks"):
        studio.check_ready()
    studio.pictures.capacity = 0
    with pytest.raises(Problem, match="try again"):
        studio.check_room("stylize", None)
    studio.check_room("stylize", "a key")
    studio.close()


def test_closing_stops_the_work(own: Running, picture: bytes, gate: Gate) -> None:
    files = {"image": ("photo.png", picture)}
    headers = {"Prefer": "respond-async"}
    own.client.post("/v1/stylize", data={"style": "adele"}, files=files, headers=headers)
    assert gate.begun.acquire(timeout=60)
    own.on_loop(own.studio.close)  # the gate stays closed
    assert own.studio.is_idle
    assert len(own.studio.store) == 0


def test_names_of_uploads() -> None:
    assert clean_name("../../etc/passwd", "it") == "passwd"
    assert clean_name("C:\\evil\\a.png", "it") == "a.png"
    assert clean_name("a\x1b[31m\n.png", "it") == "a[31m.png"
    for nothing in (None, "", "..", "/", "\n"):
        assert clean_name(nothing, "it") == "it"
    assert len(clean_name("a" * 500, "it")) == 80


def test_a_style_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.server.uploads.MAX_STYLE_BYTES", 10)
    with pytest.raises(StyleError, match="it has 11 bytes, and 10 are the most"):
        read_style_upload(Upload("a.safetensors", b"a" * 11))


def test_previews_are_small() -> None:
    small = Image.open(io.BytesIO(reduced_preview(png(photo(600, 900)))))
    assert (small.format, small.size) == ("JPEG", (768, 512))
    assert Image.open(io.BytesIO(reduced_preview(png(photo(48, 64))))).size == (64, 48)


def test_weights_of_pictures_alone(client: httpx.Client, picture: bytes) -> None:
    files = [
        ("image", ("photo.png", picture)),
        ("style_image", ("a.png", picture)),
        ("style_image", ("b.png", png(photo(60, 80)))),
    ]
    answer = client.post("/v1/stylize", data={"style_weights": "0.3,0.7"}, files=files)
    assert answer.headers["x-impasto-style"] == "a-30-b-70"
    wrong = client.post("/v1/stylize", data={"style_weights": "0.3,-1"}, files=files)
    assert "'-1' is no weight" in detail_of(wrong)


def test_errors_without_a_place() -> None:
    assert "cannot use the request: it is wrong" in explain_validation([{"input": 3}])
    problem = Problem(404, "a")
    assert problem_of(problem) is problem
