"""The JSON of the API, for its description and its checks."""

from typing import Any

from pydantic import BaseModel, Field

from impasto.server.jobs import Kind, State


class NetworkRecord(BaseModel):
    """A network that paints."""

    name: str
    default: bool


class Limits(BaseModel):
    """The limits of a server."""

    max_upload: int = Field(description="Bytes of a request.")
    max_pixels: int = Field(description="Pixels of a picture.")
    queue: int = Field(description="Requests that may wait.")


class Features(BaseModel):
    """What a server can do beyond painting pictures."""

    video: bool
    train: bool
    optimize: bool


class Info(BaseModel):
    """Facts about a server."""

    version: str
    networks: list[NetworkRecord]
    default_network: str
    colors: list[str]
    engine: str
    threads: int
    limits: Limits
    features: Features
    token_required: bool
    authorized: bool = Field(description="Whether this request carried the token, if it needs one.")


class StyleRecord(BaseModel):
    """A style of the gallery."""

    name: str
    title: str | None = None
    artist: str | None = None
    year: str | None = None
    license: str | None = None
    networks: list[str]
    preview: str | None = Field(description="Address of a picture that shows it.")


class ProblemRecord(BaseModel):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(
        description="The line that the command line prints.",
        examples=["no style is called 'stary-night'; did you mean starry-night?"],
    )


class ProgressRecord(BaseModel):
    """Progress of a job."""

    done: float
    total: float
    seconds_left: float | None = None


class JobRecord(BaseModel):
    """A job."""

    id: str
    kind: Kind
    state: State
    place: int = Field(description="Place in the queue; 0 is in work.")
    progress: ProgressRecord
    created: float = Field(description="Seconds since 1970.")
    error: ProblemRecord | None = None
    result: str | None = Field(default=None, description="Address of the result, once it is done.")


Responses = dict[int | str, dict[str, Any]]


def problems(**reasons: str) -> Responses:
    """Describe the errors of a route, as in `problems(_422="...")`."""
    return {
        int(status.removeprefix("_")): {
            "model": ProblemRecord,
            "description": reason,
            "content": {"application/problem+json": {}},
        }
        for status, reason in reasons.items()
    }


BUSY = "The queue is full; the header Retry-After tells when to try again."
WRONG = "A field is missing or wrong, or a file cannot be read."
LARGE = "The request has too many bytes."
ASYNC: Responses = {
    202: {
        "model": JobRecord,
        "description": "With Prefer: respond-async: the job; Location is its address.",
    }
}
WORK: Responses = problems(_413=LARGE, _422=WRONG, _503=BUSY)


def binary(description: str, *media_types: str) -> Responses:
    """Describe an answer that is a file."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {
        200: {"description": description, "content": dict.fromkeys(media_types, schema)},
    }
