"""FEDn 0.33's way to start a session: first its configuration is sent, then it is started.

What was sent first is kept as a draft, and stays kept: starting the same draft again answers with
the session that is there. Our own way needs one call; see `sessions.start`.
"""

import json
from functools import wraps
from typing import Any, NoReturn

from flask import Flask, request
from pydantic import BaseModel, ConfigDict, Field, field_validator

from fednet import limits
from fednet.contract import Permission, SessionOptions, requires

from ....api.access import caller
from ....api.services import services
from ....records import timestamp
from ....sessions.machine.state import Status
from ..dialect import is_fedns
from ..refusals import not_there
from .parts import v1_blueprint


class FednConfig(BaseModel):
    """A session's configuration in FEDn 0.33's words."""

    model_config = ConfigDict(extra="forbid")

    aggregator: str = "fedavg"
    aggregator_kwargs: dict[str, Any] | None = None
    round_timeout: float = 180
    buffer_size: int = -1
    rounds: int = 5
    delete_models_storage: bool = True
    clients_required: int = 1
    requested_clients: int = 8
    validate_models: bool = Field(default=True, alias="validate")
    helper_type: str | None = None
    model_id: str | None = None
    server_functions: str | None = None

    @field_validator("aggregator_kwargs", mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """FEDn also takes the settings as JSON in a text."""
        return json.loads(given) if isinstance(given, str) else given


class NewDraft(BaseModel):
    """A draft as FEDn sends it."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=limits.name_characters_max)
    session_id: str | None = None
    seed_model_id: str | None = None
    session_config: FednConfig


class StartedDraft(BaseModel):
    """The draft to start, or the ended session to continue."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    session_id: str
    rounds: int | None = Field(default=None, ge=1, le=limits.session_rounds_max)
    """By default those of the draft, or 5 more."""

    round_timeout: float | None = Field(default=None, gt=0, le=limits.round_seconds_max)
    """In seconds, by default that of the draft; a session that is continued keeps its own."""


api = v1_blueprint("drafts", "sessions")


@api.post("/start")
@requires(Permission.SESSIONS_WRITE)
def start(body: StartedDraft) -> dict[str, Any]:
    """Start what was sent as a draft before; where its session has ended, add rounds to it."""
    session = services().records.lookup_natural("sessions", body.session_id)
    if session and Status(session["status"]).is_final:
        services().sessions.extend(caller(), body.session_id, body.rounds or FednConfig().rounds)
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
    options = _options_in_our_words(wanted)
    draft = services().records.insert(
        "drafts", {"options": options.model_dump(mode="json"), "committed_at": timestamp()}
    )
    return {
        "id": draft["id"],
        "session_id": draft["id"],
        "name": options.name,
        "status": "Created",
        "session_config": wanted.session_config.model_dump(mode="json", by_alias=True),
        "seed_model_id": options.model_id,
        "committed_at": draft["committed_at"],
    }


def _options_in_our_words(wanted: NewDraft) -> SessionOptions:
    """Return the options of a draft; FEDn never read how many clients were requested, so too few pass."""
    config = wanted.session_config
    enough = max(config.requested_clients, config.clients_required, config.buffer_size)
    return SessionOptions(
        name=wanted.name,
        aggregator=config.aggregator,
        aggregator_kwargs=config.aggregator_kwargs,
        model_id=config.model_id or wanted.seed_model_id,
        round_timeout=config.round_timeout,
        rounds=config.rounds,
        round_buffer_size=config.buffer_size,
        delete_models=config.delete_models_storage,
        validate=config.validate_models,
        helper=config.helper_type,
        min_clients=config.clients_required,
        requested_clients=enough,
        server_functions=config.server_functions,
    )


def _options_of_draft(asked: StartedDraft) -> SessionOptions:
    draft = services().records.get("drafts", asked.session_id)
    changes = asked.model_dump(exclude_none=True)
    return SessionOptions.model_validate({**draft["options"], **changes})
