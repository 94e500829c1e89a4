"""What a user may ask of a session: FEDn's options, checked before anything is written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fednet import limits

_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # so that it fits into an address
_WORDS_OF_THE_API = frozenset({"continue", "count", "list", "pause", "resume", "start", "stop"})


def _is_free(session_id: str) -> str:
    if session_id in _WORDS_OF_THE_API:
        raise ValueError(f"{session_id!r} is a word of the API: choose another id")
    return session_id


class SessionOptions(BaseModel):
    """The configuration of one session."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )

    session_id: Annotated[str, AfterValidator(_is_free)] | None = Field(
        default=None, pattern=_ID, max_length=limits.name_characters_max, alias="id"
    )
    """The session's id, unique in the network; by default a new UUID."""

    name: str | None = Field(default=None, min_length=1, max_length=limits.name_characters_max)
    """A name for people; by default the id."""

    aggregator: str = "fedavg"
    """The name of the aggregator."""

    aggregator_kwargs: dict[str, Any] | None = None
    """The aggregator's settings."""

    model_id: str | None = None
    """The id of the model to begin with; by default the active model."""

    round_timeout: float = Field(default=180, gt=0, le=limits.round_seconds_max)
    """How long a round waits for updates, in seconds."""

    rounds: int = Field(default=5, ge=1, le=limits.session_rounds_max)
    """The number of rounds."""

    round_buffer_size: int = Field(default=-1, ge=-1)
    """How many updates are enough to aggregate; -1 for those of all selected clients."""

    delete_models: bool = True
    """Whether updates and partials are deleted after each round."""

    validate_models: bool = Field(default=True, alias="validate")
    """Whether clients validate the model of each round."""

    helper: str | None = None
    """The format of the model file; by default that of the model to begin with, and no other will do."""

    min_clients: int = Field(default=1, ge=1, le=limits.session_clients_max)
    """How many clients must answer, in the whole network, for a round to count."""

    requested_clients: int = Field(default=8, ge=1, le=limits.session_clients_max)
    """How many clients are asked in each round, at the most."""


class PredictionOptions(BaseModel):
    """The configuration of a session in which clients predict."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )

    session_id: Annotated[str, AfterValidator(_is_free)] | None = Field(
        default=None, pattern=_ID, max_length=limits.name_characters_max, alias="prediction_id"
    )
    """The id of the prediction session, unique in the network; by default a new UUID."""

    model_id: str | None = None
    """The id of the model to predict with; by default the active model."""

    requested_clients: int | None = Field(default=None, ge=1, le=limits.session_clients_max)
    """How many clients are asked, at the most; by default all that can predict."""

    round_timeout: float = Field(default=180, gt=0, le=limits.round_seconds_max)
    """How long the clients may take, in seconds."""
