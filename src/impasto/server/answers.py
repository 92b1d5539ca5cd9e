"""Answers of the API: jobs, files of results, and waiting for them."""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from impasto.server.jobs import Job, Result
from impasto.server.problems import Problem
from impasto.server.studio import Studio

POLL_SECONDS = 0.25  # between looks at whether a client hung up
BLOCK_BYTES = 1 << 18
CLOSED_REQUEST = 499  # the status of a client that hung up, in logs


def wants_job(prefer: str | None) -> bool:
    """Tell whether the header Prefer asks for a job (RFC 7240)."""
    words = (word.strip().lower() for word in re.split("[,;]", prefer or ""))
    return "respond-async" in words


def key_of(key: str | None) -> str | None:
    """Return an idempotency key.

    Raises:
        Problem: 422, as it is empty.
    """
    if key is not None and not key.strip():
        raise Problem(422, "cannot use an empty Idempotency-Key; make up a word, or leave it out")
    return key


def accepted(job: Job) -> JSONResponse:
    """Answer with a job."""
    headers = {"Location": f"/v1/jobs/{job.id}"}
    return JSONResponse(job.record(), 202, headers)


async def answer(request: Request, studio: Studio, job: Job) -> Response:
    """Wait for a job, and answer with its result; if the client hangs up, cancel the job.

    Raises:
        Problem: the job failed, or was cancelled.
    """
    job.waiting += 1
    try:
        while not await job.finish(POLL_SECONDS):
            if await request.is_disconnected():
                return Response(status_code=CLOSED_REQUEST)
    finally:
        job.waiting -= 1
        if not job.is_final and not job.waiting and not job.listed:
            studio.cancel(job)
    return result_response(job, studio)


def result_response(job: Job, studio: Studio) -> Response:
    """Answer with the result of a job that came to its end.

    Raises:
        Problem: it failed, was cancelled, or is not done.
    """
    if job.problem:
        raise job.problem
    if job.state == "cancelled":
        if studio.is_draining:
            headers = {"Retry-After": "5"}
            raise Problem(503, "cannot paint: impasto shuts down; try again later", headers)
        raise Problem(409, "cannot send the result: the job was cancelled; send the request again")
    if job.result is None:
        raise Problem(409, "cannot send the result: the job is not done; wait for its event done")
    return _file_response(job.result)


def _file_response(result: Result) -> Response:
    name = quote(result.filename, safe="")
    headers = {
        **result.headers,
        "Content-Length": str(result.size),
        "Content-Disposition": f"inline; filename*=UTF-8''{name}",
    }
    return StreamingResponse(_blocks(result), headers=headers, media_type=result.media_type)


async def _blocks(result: Result) -> AsyncIterator[bytes]:
    """Yield the bytes of a result; several clients may read it at once."""
    position = 0
    while position < result.size:
        result.file.seek(position)  # nothing else runs between this and the reading
        block = result.file.read(BLOCK_BYTES)
        position += len(block)
        yield block
