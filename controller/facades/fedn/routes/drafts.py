"""FEDn 0.33's way to start a session: first its configuration is sent, then it is started.

What was sent first is kept as a draft, and stays kept: starting the same draft again answers with
the session that is there. Our own way needs one call; see `sessions.start`.
"""

import json
from functools import wraps
from typing import Any, Final, NoReturn

from flask import Flask, request
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.contract import Permission, SessionOptions, requires

from ....api.access import caller
from ....api.services import services
from ....records import timestamp
from ....sessions.machine.state import Status
from ..dialect import is_fedns
from ..options import in_fedns_words, in_our_words, with_clients_enough
from ..refusals import not_there
from .parts import v1_blueprint


class NewDraft(BaseModel):
    """A draft as FEDn sends it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str | None = Field(None, min_length=1, max_length=limits.name_characters_max)
    session_id: str | None = None
    seed_model_id: str | None = None
    session_config: dict[str, Any]
    """The options, in FEDn's words."""


class StartedDraft(BaseModel):
    """The draft to start, or the ended session to continue."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    session_id: str
    rounds: int | None = Field(default=None, ge=1, le=limits.session_rounds_max)
    """By default those of the draft, or 5 more."""

    round_timeout: float | None = Field(default=None, gt=0, le=limits.round_seconds_max)
    """In seconds, by default that of the draft; a session that is continued keeps its own."""


_DEFAULT_ROUNDS: Final = SessionOptions.model_fields["rounds"].default

api = v1_blueprint("drafts", "sessions")


@api.post("/start")
@requires(Permission.SESSIONS_WRITE)
def start(body: StartedDraft) -> dict[str, Any]:
    """Start what was sent as a draft before; where its session has ended, add rounds to it."""
    session = services().records.lookup_natural("sessions", body.session_id)
    if session and Status(session["status"]).is_final:
        services().sessions.extend(caller(), body.session_id, body.rounds or _DEFAULT_ROUNDS)
    else:
        services().sessions.start(caller(), _options_of_draft(body))
    return {"success": True, "message": "Session started", "session_id": body.session_id}


@api.post("/start_splitlearning_session")
@requires(Permission.SESSIONS_WRITE)
def start_splitlearning_session() -> NoReturn:
    """Refuse: there is no split learning here."""
    not_there("fednet has no split learning. Start a session with another aggregator.")


def accept(app: Flask) -> None:
    """Take FEDn's drafts where sessions are started: on the same route of an app."""
    start_session = app.view_functions["sessions.start"]

    @wraps(start_session)
    def start_or_keep(**path: Any) -> Any:
        return (_keep(), 201) if _is_draft() else start_session(**path)

    app.view_functions["sessions.start"] = start_or_keep


def _is_draft() -> bool:
    body = request.get_json(silent=True)
    return is_fedns(request) and isinstance(body, dict) and "session_config" in body


def _keep() -> dict[str, Any]:
    """Keep a draft and show it.

    Raises:
        InvalidInput: It can be no session; names the option.
    """
    wanted = NewDraft.model_validate(request.get_json())
    options = _options_of(wanted)
    draft = services().records.insert(
        "drafts", {"options": options.model_dump(mode="json"), "committed_at": timestamp()}
    )
    return {
        "id": draft["id"],
        "session_id": draft["id"],
        "name": options.name,
        "status": "Created",
        "session_config": in_fedns_words(options.model_dump(mode="json", by_alias=True)),
        "seed_model_id": options.model_id,
        "committed_at": draft["committed_at"],
    }


def _options_of(wanted: NewDraft) -> SessionOptions:
    """Return the options of a draft; the settings of the aggregator may be JSON in a text."""
    config = in_our_words(wanted.session_config)
    config["name"] = wanted.name
    config["model_id"] = config.get("model_id") or wanted.seed_model_id
    config["aggregator_kwargs"] = _from_text(config.get("aggregator_kwargs"))
    return with_clients_enough(SessionOptions.model_validate(config))


def _from_text(given: Any) -> Any:
    """Return the value of a JSON text; anything else stays as it is, for the options' own check."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given


def _options_of_draft(asked: StartedDraft) -> SessionOptions:
    draft = services().records.get("drafts", asked.session_id)
    changes = asked.model_dump(exclude_none=True)
    return SessionOptions.model_validate({**draft["options"], **changes})
