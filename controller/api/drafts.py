"""FEDn 0.33's way to start a session: first its configuration is sent, then it is started.

What was sent first is kept as a draft, and stays kept: starting the same draft again answers with
the session that is there. fednet's own way needs one call; see `sessions.start`.
"""

import json
from typing import Any, Literal, NoReturn

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, field_validator

from fednet import limits
from fednet.contract import Permission, requires

from ..records import timestamp
from ..sessions.machine.state import Status
from ..sessions.options import SessionOptions
from .openapi import operation_id
from .problems import REFUSALS
from .refusals import NOT_THERE, not_there
from .resource import Succeeded
from .services import services


class FednConfig(BaseModel):
    """A session's configuration in FEDn 0.33's words."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    aggregator: str = "fedavg"
    aggregator_kwargs: dict[str, Any] | None = None
    round_timeout: float = 180
    """In seconds."""

    buffer_size: int = -1
    rounds: int = 5
    delete_models_storage: bool = True
    clients_required: int = 1
    requested_clients: int = 8
    validate_models: bool = Field(default=True, alias="validate")
    helper_type: str | None = None
    model_id: str | None = None
    server_functions: str | None = None
    """The source of a class; see server-functions.md."""

    @field_validator("aggregator_kwargs", mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """FEDn also takes the settings as JSON in a text."""
        return json.loads(given) if isinstance(given, str) else given


class NewSession(SessionOptions):
    """A session to be started; or, with session_config, FEDn 0.33's draft of one."""

    session_config: FednConfig | None = None
    """The configuration of a draft, which a second call starts."""

    seed_model_id: str | None = None
    """FEDn 0.33's word for model_id."""

    @property
    def options(self) -> SessionOptions:
        """What is asked of a session that is to be started at once."""
        given = self.model_dump(include=set(SessionOptions.model_fields))
        return SessionOptions.model_validate(
            {**given, "model_id": self.model_id or self.seed_model_id}
        )


class StartedDraft(BaseModel):
    """Which draft to start, or which ended session to continue."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    session_id: str
    rounds: int | None = Field(default=None, ge=1, le=limits.session_rounds_max)
    """How many; by default those of the draft, or 5 more."""

    round_timeout: float | None = Field(default=None, gt=0, le=limits.round_seconds_max)
    """In seconds, by default that of the draft; a session that is continued keeps its own."""


class Draft(BaseModel):
    """A session that is kept until it is started."""

    id: str
    session_id: str
    name: str | None
    status: Literal["Created"]
    session_config: dict[str, Any]
    seed_model_id: str | None
    committed_at: str


class DraftStarted(Succeeded):
    """The session will run."""

    session_id: str


api = APIBlueprint(
    "drafts",
    __name__,
    url_prefix="/api/v1/sessions",
    abp_tags=[{"name": "sessions"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.post(
    "/start", summary="Start a draft, or continue an ended session", responses={"200": DraftStarted}
)
@requires(Permission.SESSIONS_WRITE)
def start(body: StartedDraft) -> dict[str, Any]:
    """Start what was sent as a draft before; where its session has ended, add rounds to it."""
    session = services().records.lookup_natural("sessions", body.session_id)
    if session and Status(session["status"]).is_final:
        services().sessions.extend(body.session_id, body.rounds or FednConfig().rounds)
    else:
        services().sessions.start(_options_of_draft(body))
    return {"success": True, "message": "Session started", "session_id": body.session_id}


@api.post("/start_splitlearning_session", summary="FEDn's split learning", responses=NOT_THERE)
@requires(Permission.SESSIONS_WRITE)
def start_splitlearning_session() -> NoReturn:
    """Refuse: there is no split learning here."""
    not_there("fednet has no split learning. Start a session with another aggregator.")


def keep_draft(wanted: NewSession, config: FednConfig) -> dict[str, Any]:
    """Keep a draft and show it.

    Raises:
        InvalidInput: It can be no session; names the option.
    """
    options = _options_in_our_words(wanted, config)
    draft = services().records.insert(
        "drafts", {"options": options.model_dump(mode="json"), "committed_at": timestamp()}
    )
    return {
        "id": draft["id"],
        "session_id": draft["id"],
        "name": options.name,
        "status": "Created",
        "session_config": config.model_dump(mode="json", by_alias=True),
        "seed_model_id": options.model_id,
        "committed_at": draft["committed_at"],
    }


def _options_in_our_words(wanted: NewSession, config: FednConfig) -> SessionOptions:
    """The options of a draft; FEDn never read how many clients were requested, so too few pass."""
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
