"""Routes of jobs: their state, their events, their results, and their end."""

import base64
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from impasto.server.answers import result_response
from impasto.server.jobs import FINAL, Job
from impasto.server.schemas import JobRecord, binary, problems
from impasto.server.work_routes import studio_of

router = APIRouter(tags=["jobs"])
NONE = problems(_404="There is no such job, or no longer.")


def find_job(request: Request, id: Annotated[str, Path(max_length=64)]) -> Job:
    """Return the job that a path names."""
    return studio_of(request).store.get(id)


Found = Annotated[Job, Depends(find_job)]


@router.get("/v1/jobs/{id}", summary="Show a job", response_model=JobRecord, responses=NONE)
async def show(job: Annotated[Job, Depends(find_job)]) -> JSONResponse:
    """Show where a job stands."""
    return JSONResponse(job.record())


@router.get(
    "/v1/jobs/{id}/events",
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses=NONE,
)
async def events(job: Found) -> AsyncIterator[ServerSentEvent]:
    """Send an event at each change: queued, progress, preview, done, failed or cancelled.

    The data of a preview is {"image": data URL of a JPEG file}, that of others the job.
    """
    previews = 0
    change = job.listen()
    try:
        while True:
            change.clear()
            if job.previews != previews and job.preview is not None:
                previews = job.previews
                image = f"data:image/jpeg;base64,{base64.b64encode(job.preview).decode()}"
                yield ServerSentEvent(event="preview", data={"image": image})
            record = job.record()  # once, as another thread changes the state
            state = record["state"]
            yield ServerSentEvent(event="progress" if state == "running" else state, data=record)
            if state in FINAL:
                return
            await change.wait()
    finally:
        job.ignore(change)


@router.get(
    "/v1/jobs/{id}/result",
    summary="Get the result of a job",
    response_class=Response,
    responses=binary("The file that the job made.", "application/octet-stream")
    | problems(_404="There is no such job, or no longer.", _409="The job is not done."),
)
async def result(request: Request, job: Found) -> Response:
    """Get the file that a job made; if it failed, the problem."""
    return result_response(job, studio_of(request))


@router.delete("/v1/jobs/{id}", summary="Cancel a job", response_model=JobRecord, responses=NONE)
async def cancel(request: Request, job: Found) -> Any:
    """Cancel a job, or drop its result if it is done.

    Work stops between tiles, frames or steps; the event `cancelled` tells when.
    """
    studio = studio_of(request)
    if job.is_final:
        studio.store.remove(job)
    else:
        studio.cancel(job)
    return JSONResponse(job.record())
