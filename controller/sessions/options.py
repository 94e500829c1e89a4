"""The options of a session: FEDn's, checked before anything is written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from fednet import limits
from fednet.errors import InvalidInput
from fednet.names import NAME_PATTERN
from fednet.server_functions import check_source

_WORDS_OF_THE_API = frozenset({"continue", "count", "list", "pause", "resume", "start", "stop"})


def _is_free(session_id: str) -> str:
    if session_id in _WORDS_OF_THE_API:
        raise ValueError(f"{session_id!r} is a word of the API: choose another id")
    return session_id


def _is_no_truth_value(given: Any) -> Any:
    """Refuse a truth value: Python counts True as 1, so its sender has mixed up two options."""
    if isinstance(given, bool):
        raise ValueError("this is a number, not true or false")  # noqa: TRY004  what pydantic takes for a refusal
    return given


_Id = Annotated[
    str,
    Field(pattern=NAME_PATTERN, max_length=limits.name_characters_max),
    AfterValidator(_is_free),
]
"""An id that fits into an address."""

_Whole = Annotated[int, BeforeValidator(_is_no_truth_value)]
_Number = Annotated[float, BeforeValidator(_is_no_truth_value)]
_Seed = Annotated[_Whole, Field(ge=0, lt=2**limits.session_seed_bits_max)]


def _is_class(source: str) -> str:
    try:
        check_source(source)
    except InvalidInput as error:
        raise ValueError(error.message) from error
    return source


class SessionOptions(BaseModel):
    """The configuration of one session; numbers may come as texts, as some of FEDn's clients send them."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )

    session_id: _Id | None = Field(default=None, alias="id")
    """The session's id, unique in the network; by default a new UUID."""

    name: str | None = Field(default=None, min_length=1, max_length=limits.name_characters_max)
    """A name for people; by default the id."""

    aggregator: str = Field(default="fedavg", max_length=limits.name_characters_max)
    """The rule that makes the round's model from updates, by name."""

    aggregator_kwargs: dict[str, Any] | None = None
    """The aggregator's settings, by name."""

    model_id: str | None = Field(default=None, max_length=limits.name_characters_max)
    """The id of the model to begin with; by default the active model."""

    round_timeout: _Number = Field(default=180, gt=0, le=limits.round_seconds_max)
    """The time that a round waits for updates, in seconds. Then it goes on if at least min_clients have answered.
    With an aggregator that takes stale updates, each client's training has as long, too."""

    rounds: _Whole = Field(default=5, ge=1, le=limits.session_rounds_max)
    """The number of rounds."""

    round_buffer_size: _Whole = Field(default=-1, ge=-1, le=limits.session_clients_max)
    """The number of updates that is enough to aggregate; -1 for all selected clients. With an aggregator that takes
    stale updates, -1 is for half of requested_clients, at most 10 and at least min_clients."""

    round_retries: _Whole = Field(default=3, ge=0, le=limits.round_retries_max)
    """The number of times that a round with too few answers is repeated before the session has failed."""

    delete_models: bool = True
    """True if combiners delete a round's updates when the round is over; else they keep them in their data folder."""

    validate_models: bool = Field(default=True, alias="validate")
    """True if clients validate the model of each round."""

    helper: str | None = Field(default=None, max_length=limits.name_characters_max)
    """The format of the model file; by default that of the model to begin with, and no other will do."""

    min_clients: _Whole = Field(default=1, ge=1, le=limits.session_clients_max)
    """The number of clients that must answer, in the whole network, for a round to count."""

    requested_clients: _Whole = Field(default=8, ge=1, le=limits.session_clients_max)
    """The largest number of clients asked in each round; drawn at random if more are connected. With an
    aggregator that takes stale updates, the number that train at once."""

    server_functions: Annotated[str, AfterValidator(_is_class)] | None = None
    """The source of a class that chooses clients, gives them settings or aggregates; see server-functions.md."""

    seed: _Seed | None = None
    """The seed of the draw: the same seed draws the same of the same clients. By default the session's id."""


class PredictionOptions(BaseModel):
    """The configuration of a session in which clients predict."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )

    session_id: _Id | None = Field(default=None, alias="prediction_id")
    """The id of the prediction session, unique in the network; by default a new UUID."""

    model_id: str | None = Field(default=None, max_length=limits.name_characters_max)
    """The id of the model to predict with; by default the active model."""

    requested_clients: _Whole | None = Field(default=None, ge=1, le=limits.session_clients_max)
    """The largest number of clients asked; by default all that can predict."""

    round_timeout: _Number = Field(default=180, gt=0, le=limits.round_seconds_max)
    """The time that the clients may take, in seconds."""
