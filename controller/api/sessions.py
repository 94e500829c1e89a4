"""Sessions: start one, steer it, and watch it without polling."""

from collections.abc import Sequence
from typing import Any, Literal

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.contract import Permission, SessionOptions, requires
from fednet.errors import Conflict
from fednet.storage import Document

from ..feed.entries import EntryKind, Interest
from ..rest.later import Look, answer_when
from ..sessions.machine.state import Status
from ..sessions.naming import name_session
from .access import caller
from .resource import Asked, ById, Maker, Resource, Shown, add_list_routes
from .services import services


class Wait(Asked):
    """The event to wait for, if any, and the time to wait."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    wait_for: Literal["change", "end"] = "change"
    """Answer when the session has changed, or only when it has ended."""

    after_version: int | None = Field(None, ge=0)
    """A change is a version above this one; without it the session has always changed."""

    wait_seconds: float = Field(0, ge=0, le=limits.wait_seconds_max, allow_inf_nan=False)
    """Answer after so many seconds in any case."""


class More(BaseModel):
    """The rounds to add to a session."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    rounds: int = Field(ge=1, le=limits.session_rounds_max)
    """How many rounds are to be added."""

    rounds_total: int | None = Field(None, ge=1)
    """How many it is to have then; with it the call may be sent again without adding them twice."""


class Progress(BaseModel):
    """The progress of a session's present round."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    phase: str
    """waiting, planning, training, reducing, draining, predicting or ended."""

    answers: int
    """The number of answers that are in."""

    clients: int
    """How many clients were asked."""

    awaiting_approval: dict[str, int] = {}
    """The number of clients that wait for their owner's approval, by the digest of the package or the settings."""


class ShownSession(Shown):
    """A number of rounds under one configuration."""

    session_id: str
    """The id that it was started with."""

    name: str

    task: Literal["training", "prediction"]
    """What its clients do: train round by round, or predict once."""

    status: Literal["INITIALIZED", "STARTED", "PAUSED", "FINISHED", "FAILED", "TERMINATED"]

    reason: str
    """Why it has ended."""

    options: dict[str, Any]
    """The options that it was started with."""

    committed_at: str
    """When it was started: ISO 8601, UTC."""

    created_by: Maker | None = None
    """The principal who started it; None for a session of version 0.1.0."""

    round_number: int
    """The round that is under way, or the last one."""

    rounds_total: int
    model_id: str
    """Its newest model."""

    progress: Progress

    owner: dict[str, str]
    """The controller that drives it: its name, and its incarnation, which is another after each start."""

    term: int
    """The number of controllers that have driven it, one after the other."""


class SessionChange(BaseModel):
    """The fields of a session that can be changed; the others were agreed at its start or record its history."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=limits.name_characters_max)


class SessionStarted(BaseModel):
    """The session is written down and will run."""

    success: Literal[True]
    message: str
    session_id: str
    config: dict[str, Any]


_CHANGES = frozenset({EntryKind.SESSION_CHANGED})
_FINAL = frozenset(str(status) for status in Status if status.is_final)
_OF_THE_ENGINE = {"state", "projections", "is_settled"}


def for_people(sessions: Sequence[Document]) -> list[Document]:
    """Return the sessions without what only the engine understands."""
    return [
        {name: session[name] for name in session if name not in _OF_THE_ENGINE}
        for session in sessions
    ]


RESOURCE = Resource("sessions", Permission.SESSIONS_READ, completed=for_people, shape=ShownSession)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)


@api.post("/", summary="Start a session", responses={"201": SessionStarted})
@requires(Permission.SESSIONS_WRITE)
def start(body: SessionOptions) -> tuple[dict[str, Any], int]:
    """Start a session; the same session_id with the same options may be sent again."""
    session = services().sessions.start(caller(), body)
    return {
        "success": True,
        "message": "Session started.",
        "session_id": session["session_id"],
        "config": session["options"],
    }, 201


@api.get(
    "/<string:id>",
    summary="One session: now, when it has changed, or when it has ended",
    responses={"200": ShownSession},
)
@requires(Permission.SESSIONS_READ)
def get(path: ById, query: Wait) -> Any:
    """Answer with the session; with something to wait for, once that is so or the time is over."""
    if query.after_version is None and query.wait_for == "change":
        return RESOURCE.show(RESOURCE.get(path.id))
    return _wait(path.id, query)


@api.put("/<string:id>", summary="Name a session", responses={"200": ShownSession})
@requires(Permission.SESSIONS_WRITE)
def put(path: ById, body: SessionChange) -> Document:
    """Give a session that has ended another name for people."""
    return _rename(path.id, body.name)


@api.patch("/<string:id>", summary="Name a session", responses={"200": ShownSession})
@requires(Permission.SESSIONS_WRITE)
def patch(path: ById, body: SessionChange) -> Document:
    """Give a session that has ended another name for people."""
    return _rename(path.id, body.name)


@api.post("/<string:id>/stop", summary="End a session", responses={"200": ShownSession})
@requires(Permission.SESSIONS_WRITE)
def stop(path: ById) -> Document:
    """Let the session end with what it has; its round is given up."""
    return RESOURCE.show(services().sessions.stop(caller(), path.id))


@api.post("/<string:id>/pause", summary="Let a session rest", responses={"200": ShownSession})
@requires(Permission.SESSIONS_WRITE)
def pause(path: ById) -> Document:
    """Finish the round that is under way, and begin no other until it is resumed."""
    return RESOURCE.show(services().sessions.pause(caller(), path.id))


@api.post(
    "/<string:id>/resume", summary="Let a paused session go on", responses={"200": ShownSession}
)
@requires(Permission.SESSIONS_WRITE)
def resume(path: ById) -> Document:
    """Go on where it was paused."""
    return RESOURCE.show(services().sessions.resume(caller(), path.id))


@api.post(
    "/<string:id>/continue", summary="Add rounds to a session", responses={"200": ShownSession}
)
@requires(Permission.SESSIONS_WRITE)
def extend(path: ById, body: More) -> Document:
    """Let the session run for more rounds; one that has ended goes on from its newest model."""
    session = RESOURCE.get(path.id)
    if body.rounds_total is not None:
        if session["rounds_total"] == body.rounds_total:
            return RESOURCE.show(session)
        _check_total(session["rounds_total"] + body.rounds, body.rounds_total)
    return RESOURCE.show(services().sessions.extend(caller(), path.id, body.rounds))


def _rename(session_id: str, name: str) -> Document:
    parts = services()
    session = name_session(caller(), parts.records, parts.feed, session_id, name)
    return RESOURCE.show(session)


def _check_total(found: int, expected: int) -> None:
    if found != expected:
        raise Conflict(
            f"With these rounds the session would have {found}, not {expected}: somebody else has "
            "added some. Read it again and decide anew.",
            field="rounds_total",
        )


def _wait(session_id: str, asked: Wait) -> Any:
    """Answer with the session once it is as awaited, or as it is then; at once where nobody more can wait."""
    statuses = _FINAL if asked.wait_for == "end" else None
    interest = Interest(_CHANGES, services().sessions.document(session_id)["session_id"], statuses)

    def look() -> Look:
        document = services().sessions.document(session_id)
        is_final = Status(document["status"]).is_final
        # A version below the one that is known is an earlier state, restored from a backup.
        has_changed = document["version"] != (asked.after_version or 0)
        is_awaited = is_final if asked.wait_for == "end" else has_changed
        return Look(RESOURCE.show(document), is_awaited)

    return answer_when(
        request.environ, asked.wait_seconds, lambda: services().feed.listen(interest), look
    )
