"""Jobs: their states, events, results, and their end."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from server.conftest import Gate, Running, detail_of

ASYNC = {"Prefer": "respond-async"}


def post(client: httpx.Client, picture: bytes, **headers: str) -> httpx.Response:
    """Send a picture to be painted as a job."""
    files = {"image": ("photo.png", picture)}
    data = {"style": "great-wave"}
    return client.post("/v1/stylize", data=data, files=files, headers=ASYNC | headers)


def events_of(client: httpx.Client, id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Follow a job to its end."""
    with client.stream("GET", f"/v1/jobs/{id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            if key == "data":
                yield name, json.loads(value)


def wait_for(client: httpx.Client, id: str, *states: str) -> dict[str, Any]:
    """Ask for a job until it is in one of these states."""
    for _ in range(600):
        record: dict[str, Any] = client.get(f"/v1/jobs/{id}").json()
        if record["state"] in states:
            return record
        time.sleep(0.05)
    raise AssertionError(record)


def test_a_job_from_its_beginning_to_its_end(client: httpx.Client, picture: bytes) -> None:
    answer = post(client, picture)
    record = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{record['id']}"
    assert record["kind"] == "stylize"
    *_, (name, last) = events_of(client, record["id"])
    assert name == last["state"] == "done"
    assert last["progress"] == {"done": 1, "total": 1, "seconds_left": 0}
    result = client.get("/" + last["result"])
    sync = client.post(
        "/v1/stylize", data={"style": "great-wave"}, files={"image": ("photo.png", picture)}
    )
    assert result.content == sync.content
    assert result.headers["x-impasto-style"] == "great-wave"
    assert client.delete(f"/v1/jobs/{record['id']}").json()["state"] == "done"
    gone = client.get(f"/v1/jobs/{record['id']}")
    assert gone.status_code == 404
    assert "cannot find the job" in detail_of(gone)


def test_events_tell_places_and_progress(own: Running, picture: bytes, gate: Gate) -> None:
    first = post(own.client, picture).json()["id"]
    assert gate.begun.acquire(timeout=60)
    second = post(own.client, picture).json()
    assert second["state"] == "queued"
    assert second["place"] == 1
    seen = []
    for name, record in events_of(own.client, second["id"]):
        seen.append((name, record["place"]))
        if len(seen) == 1:
            gate.open()
    assert seen[0] == ("queued", 1)
    assert seen[-1] == ("done", 0)
    progress = [record["progress"]["done"] for _, record in events_of(own.client, first)]
    assert progress == [1]


def test_a_job_that_waits_is_cancelled_at_once(own: Running, picture: bytes, gate: Gate) -> None:
    post(own.client, picture)
    assert gate.begun.acquire(timeout=60)
    ids = [post(own.client, picture).json()["id"] for _ in range(2)]
    assert own.client.delete(f"/v1/jobs/{ids[0]}").json()["state"] == "cancelled"
    assert own.client.get(f"/v1/jobs/{ids[1]}").json()["place"] == 1
    answer = own.client.get(f"/v1/jobs/{ids[0]}/result")
    assert answer.status_code == 409
    assert "was cancelled" in detail_of(answer)
    gate.open()
    wait_for(own.client, ids[1], "done")
    assert len(gate.painted) == 2


def test_a_job_in_work_stops_between_tiles(own: Running, picture: bytes, gate: Gate) -> None:
    id = post(own.client, picture).json()["id"]
    assert gate.begun.acquire(timeout=60)
    early = own.client.get(f"/v1/jobs/{id}/result")
    assert early.status_code == 409
    assert "is not done" in detail_of(early)
    own.client.delete(f"/v1/jobs/{id}")
    *_, (name, record) = events_of(own.client, id)  # the gate stays closed
    assert name == record["state"] == "cancelled"


def test_a_job_that_fails(client: httpx.Client, picture: bytes) -> None:
    files = {"image": ("photo.png", picture), "style_file": ("a.safetensors", b"broken")}
    id = client.post("/v1/stylize", files=files, headers=ASYNC).json()["id"]
    *_, (name, record) = events_of(client, id)
    assert name == "failed"
    assert record["error"]["status"] == 422
    assert "cannot read a.safetensors" in record["error"]["detail"]
    answer = client.get(f"/v1/jobs/{id}/result")
    assert answer.status_code == 422
    assert detail_of(answer) == record["error"]["detail"]


def test_a_job_that_never_was(client: httpx.Client) -> None:
    for path in ("", "/events", "/result"):
        assert client.get(f"/v1/jobs/..%2fetc{path}").status_code == 404
        assert client.get(f"/v1/jobs/none{path}").status_code == 404
    assert client.delete("/v1/jobs/none").status_code == 404


def test_a_picture_that_a_client_waits_for_is_no_job(own: Running, picture: bytes) -> None:
    own.client.post("/v1/stylize", data={"style": "adele"}, files={"image": picture})
    assert len(own.studio.store) == 0


def test_the_same_key_gives_the_same_job(own: Running, picture: bytes, gate: Gate) -> None:
    answers = [post(own.client, picture, **{"Idempotency-Key": "one"}) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    gate.open()
    id = answers[0].json()["id"]
    wait_for(own.client, id, "done")
    # also after the end, and for a client that waits for the painting
    files = {"image": ("photo.png", picture)}
    headers = {"Idempotency-Key": "one"}
    data = {"style": "great-wave"}
    again = own.client.post("/v1/stylize", data=data, files=files, headers=headers)
    assert again.status_code == 200
    assert len(gate.painted) == 1
    other = own.client.post("/v1/stylize", data={"style": "adele"}, files=files, headers=headers)
    assert other.status_code == 422
    assert "another request had it" in detail_of(other)
    empty = own.client.post("/v1/stylize", data=data, files=files, headers={"Idempotency-Key": ""})
    assert empty.status_code == 422


def test_a_cancelled_key_is_done_again(own: Running, picture: bytes, gate: Gate) -> None:
    first = post(own.client, picture, **{"Idempotency-Key": "one"}).json()["id"]
    own.client.delete(f"/v1/jobs/{first}")
    gate.open()
    second = post(own.client, picture, **{"Idempotency-Key": "one"}).json()["id"]
    assert second != first
    wait_for(own.client, second, "done")


@pytest.mark.parametrize("limits", [(1, 10**9, 3600.0), (256, 1, 3600.0), (256, 10**9, 0.0)])
def test_results_have_a_cap_and_an_age(
    own: Running, picture: bytes, limits: tuple[int, int, float]
) -> None:
    ids = []
    for _ in range(3):
        ids.append(post(own.client, picture).json()["id"])
        wait_for(own.client, ids[-1], "done")
    own.studio.store._limits = limits
    own.on_loop(own.studio.store.tidy)
    kept = [id for id in ids if own.client.get(f"/v1/jobs/{id}").status_code == 200]
    assert kept == (ids[-1:] if limits[0] == 1 else [])
