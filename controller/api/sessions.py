"""Sessions: start one, and watch it without polling."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from fednet import limits
from fednet.storage import Document

from ..sessions.options import SessionOptions
from .resource import Alternatives, ById, Filters, Resource, add_list_routes
from .services import services


class SessionFilters(Filters):
    """What sessions can be filtered by."""

    session_id: Alternatives = None
    name: Alternatives = None
    status: Alternatives = None


class Wait(BaseModel):
    """How long to wait for a change, if at all."""

    after_version: int | None = Field(None, ge=0)
    """Answer as soon as the session's version is above this one."""

    wait_seconds: float = Field(0, ge=0, le=limits.wait_seconds_max, allow_inf_nan=False)
    """Answer after so many seconds in any case."""


def present(sessions: Sequence[Document]) -> list[Document]:
    """Sessions without what only the engine understands."""
    return [
        {name: value for name, value in session.items() if name != "state"} for session in sessions
    ]


RESOURCE = Resource("sessions", SessionFilters, present=present)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)


@api.post("/", summary="Start a session")
def start(body: SessionOptions) -> tuple[dict[str, Any], int]:
    """Start a session; the same session_id with the same options may be sent again."""
    session = services().sessions.start(body)
    return {
        "success": True,
        "message": "Session started.",
        "session_id": session["session_id"],
        "config": session["session_config"][0],
    }, 201


@api.get("/<string:id>", summary="One session, now or when it has changed")
def get(path: ById, query: Wait) -> Document:
    """Answer with the session; with after_version, only once it has changed or the time is over."""
    if query.after_version is None:
        return RESOURCE.show(RESOURCE.get(path.id))
    return RESOURCE.show(_wait(path.id, query.after_version, query.wait_seconds))


def _wait(session_id: str, after_version: int, seconds: float) -> Document:
    """Wait for a change; where all places to wait are taken, answer at once."""
    has_place = services().waiting.acquire(blocking=False)
    try:
        return services().sessions.wait(session_id, after_version, seconds if has_place else 0)
    finally:
        if has_place:
            services().waiting.release()
