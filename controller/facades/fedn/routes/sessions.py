"""FEDn's root routes on sessions and their rounds."""

from collections.abc import Sequence
from typing import Any

from flask import Response, request
from pydantic import BaseModel

from fednet.contract import Permission, SessionOptions, requires
from fednet.errors import AlreadyExists, FailedPrecondition
from fednet.storage import Document, Query

from ....api.access import caller
from ....api.listing import documents, list_answer, object_answer
from ....api.services import services
from ..configs import session_configs
from ..dates import http_date
from ..options import with_clients_enough
from ..rounds import round_forms
from .parts import Slice, only, root_blueprint


class OfSession(BaseModel):
    """Names a session."""

    session_id: str


class OfRound(BaseModel):
    """Names a round."""

    round_id: str


api = root_blueprint("sessions")


@api.post("/start_session")
@requires(Permission.SESSIONS_WRITE)
def start_session() -> dict[str, Any]:
    """Start a session; what stands in its way is told with `success: false`, as FEDn does."""
    asked = SessionOptions.model_validate(request.get_json())
    if asked.session_id and services().records.lookup_natural("sessions", asked.session_id):
        return {"success": False, "message": "Session already exists."}
    try:
        session = services().sessions.start(caller(), with_clients_enough(asked))
    except (AlreadyExists, FailedPrecondition) as refusal:
        return {"success": False, "message": refusal.message}
    config = _configs([session])[0]
    return {"success": True, "message": "Session started successfully.", "config": config}


api.get("/start_session")(start_session)


@api.get("/list_sessions")
@requires(Permission.SESSIONS_READ)
def list_sessions(query: Slice) -> Response:
    """Return the configurations of all sessions."""
    return list_answer("sessions", query.query(), _configs)


@api.get("/get_session")
@requires(Permission.SESSIONS_READ)
def get_session(query: OfSession) -> dict[str, Any]:
    """Return a session's configuration and status."""
    session = services().records.get("sessions", query.session_id)
    config = _configs([session])[0]
    return {session["session_id"]: config, "status": session["status"].capitalize()}


@api.get("/list_rounds")
@requires(Permission.SESSIONS_READ)
def list_rounds() -> Response:
    """Return each combiner's part in the rounds, by the rounds' numbers."""
    found = documents("rounds", Query(descending=True))
    return object_answer(
        (each["round_id"], {"combiners": _combiners(each), "reducer": None}) for each in found
    )


@api.get("/get_round")
@requires(Permission.SESSIONS_READ)
def get_round(query: OfRound) -> dict[str, Any]:
    """Return each combiner's part in a round."""
    found = services().records.get("rounds", query.round_id)
    return {**only(found, "round_id"), "combiners": _combiners(found)}


def _configs(sessions: Sequence[Document]) -> list[dict[str, Any]]:
    return [
        {**config, "committed_at": http_date(config["committed_at"])}
        for config in session_configs(sessions)
    ]


def _combiners(found: Document) -> Any:
    return round_forms([found])[0]["combiners"]
