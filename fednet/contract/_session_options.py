"""The options of a session, and of a session in which clients predict. This is their only declaration.

REST checks requests with these models. The flags of `fednet session start`, `APIClient.start_session`, the table in
docs/sessions.md, the options in a session's state and the settings of clients are all made from the fields. So a new
option is a field here, and the step that uses it.

Arguments that `APIClient.start_session` takes by position come first. New options go to the end.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from fednet import limits
from fednet.contract._function_source import check_source
from fednet.contract._given_settings import check_given_settings
from fednet.contract._numbers import NO_TRUTH_VALUE
from fednet.contract._options import OptionTraits, options_of
from fednet.contract._privacy import PrivacyOptions, checked_privacy
from fednet.contract._secure import SecureOptions, checked_secure, secure_from_word
from fednet.contract._settings_form import SettingsForm
from fednet.errors import InvalidInput
from fednet.names import NAME_PATTERN
from fednet.update_codec import codec_names, codec_of

_WORDS_OF_THE_API = frozenset({"continue", "count", "list", "pause", "resume", "start", "stop"})


def _is_free(session_id: str) -> str:
    if session_id in _WORDS_OF_THE_API:
        raise ValueError(f"{session_id!r} is a word of the API: choose another id")
    return session_id


def _is_server_functions(source: str) -> str:
    try:
        check_source(source)
    except InvalidInput as error:
        raise ValueError(error.message) from error
    return source


def _are_settings(settings: dict[str, Any]) -> dict[str, Any]:
    try:
        check_given_settings(settings)
    except InvalidInput as error:
        raise ValueError(error.message.removesuffix(".")) from error
    return settings


def _is_codec(name: str) -> str:
    try:
        return str(codec_of(name))
    except InvalidInput as error:
        raise ValueError(error.message) from error


_Name = Annotated[str, Field(max_length=limits.name_characters_max)]
_Id = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        max_length=limits.name_characters_max,
        json_schema_extra={"not": {"enum": sorted(_WORDS_OF_THE_API)}},
    ),
    AfterValidator(_is_free),
]
"""An id that fits into an address."""

_Codec = Annotated[_Name, Field(json_schema_extra={"enum": list(codec_names())})]
_Clients = Annotated[int, Field(ge=1, le=limits.session_clients_max), NO_TRUTH_VALUE]
_Seconds = Annotated[float, Field(gt=0, le=limits.round_seconds_max), NO_TRUTH_VALUE]
_Source = Annotated[str, AfterValidator(_is_server_functions)]
_Settings = Annotated[dict[str, Any], AfterValidator(_are_settings), SettingsForm()]
_Privacy = Annotated[
    dict[str, Any],
    AfterValidator(checked_privacy),
    WithJsonSchema(PrivacyOptions.model_json_schema()),
]
_Secure = Annotated[
    dict[str, Any],
    BeforeValidator(secure_from_word),
    AfterValidator(checked_secure),
    WithJsonSchema(
        {
            "anyOf": [
                SecureOptions.model_json_schema(),
                {"type": "string", "enum": ["pet", "secagg+"]},
            ]
        }
    ),
]


class _Options(BaseModel):
    """Options that are checked; numbers may come as texts."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )


class SessionOptions(_Options):
    """The configuration of one session; numbers may come as texts."""

    session_id: _Id | None = Field(default=None, alias="id")
    """The session's id, unique in the network; by default a new UUID."""

    aggregator: Annotated[_Name, OptionTraits(fedn="aggregator")] = "fedavg"
    """The name of the rule that makes a round's model from updates."""

    aggregator_kwargs: Annotated[dict[str, Any] | None, OptionTraits(fedn="aggregator_kwargs")] = (
        None
    )
    """The aggregator's settings, by name."""

    model_id: _Name | None = None
    """The id of the model to begin with; by default the active model."""

    round_timeout: Annotated[_Seconds, OptionTraits(fedn="round_timeout")] = 180
    """The time that a round waits for updates, in seconds. Then it goes on if at least min_clients have answered.
    With an aggregator that takes stale updates, each client's training has as long, too."""

    rounds: Annotated[
        int,
        Field(ge=1, le=limits.session_rounds_max),
        NO_TRUTH_VALUE,
        OptionTraits(fedn="rounds", is_for_clients=True),
    ] = 5
    """The number of rounds."""

    round_buffer_size: Annotated[
        int,
        Field(ge=-1, le=limits.session_clients_max),
        NO_TRUTH_VALUE,
        OptionTraits(fedn="buffer_size"),
    ] = -1
    """The number of updates that is enough to aggregate; -1 for all selected clients. With an aggregator that takes
    stale updates, -1 is for half of requested_clients, at most 10 and at least min_clients."""

    delete_models: Annotated[
        bool, OptionTraits(fedn="delete_models_storage", flag="--delete-models/--keep-models")
    ] = True
    """True if combiners delete a round's updates when the round is over; else they keep them in their data folder."""

    validate_models: Annotated[bool, OptionTraits(fedn="validate")] = Field(
        default=True, alias="validate"
    )
    """True if clients validate the model of each round."""

    helper: Annotated[_Name | None, OptionTraits(fedn="helper_type")] = None
    """The format of the model file; by default that of the model to begin with, and no other is accepted."""

    min_clients: Annotated[_Clients, OptionTraits(fedn="clients_required")] = 1
    """The number of clients that must answer, in the whole network, for a round to count."""

    requested_clients: Annotated[_Clients, OptionTraits(fedn="clients_requested")] = 8
    """The largest number of clients asked in each round; drawn at random if more are connected. With an
    aggregator that takes stale updates, the number that train at once."""

    name: Annotated[_Name | None, Field(min_length=1)] = None
    """A name for people; by default the id."""

    round_retries: Annotated[int, Field(ge=0, le=limits.round_retries_max), NO_TRUTH_VALUE] = 3
    """The number of times that a round with too few answers is repeated before the session has failed."""

    seed: Annotated[int, Field(ge=0, lt=2**limits.session_seed_bits_max), NO_TRUTH_VALUE] | None = (
        None
    )
    """The seed of the draw: the same seed draws the same of the same clients. By default the session's id."""

    server_functions: Annotated[_Source | None, OptionTraits(is_source=True)] = None
    """The source of a class that chooses clients, gives them settings or aggregates; see server-functions.md."""

    settings: Annotated[_Settings | None, OptionTraits(is_in_a_file=True)] = None
    """Hyperparameters, JSON values by name, that the code of clients gets with each task. The aggregator's and the
    server functions' settings of the same name replace them."""

    update_codec: Annotated[_Codec, AfterValidator(_is_codec)] = "plain"
    """The codec of updates on their way to a combiner: plain, or parts of delta+bf16+zstd and delta+int8+zstd in this
    order; see codecs.md. A client that does not know the codec sends plain updates."""

    examples_max: (
        Annotated[float, Field(gt=0, le=limits.update_examples_max), NO_TRUTH_VALUE] | None
    ) = None
    """The largest number of examples for which an update counts: one that reports more counts as so many. By default
    each update counts as it reports; a status names the clients that report far more than others."""

    dp: _Privacy | None = None
    """Differential privacy for clients: an object with clip, noise_multiplier and more; see privacy.md. By default
    there is none."""

    models_kept: (
        Annotated[int, Field(ge=1, le=limits.session_rounds_max), NO_TRUTH_VALUE] | None
    ) = None
    """The number of the session's newest models that keep their files; by default all do. The older models stay in the
    trail without a file, except for the active one, pinned ones, and those that the session still uses."""

    secure: Annotated[_Secure | None, OptionTraits(word_for="protocol")] = None
    """Secure aggregation, so that nobody sees a single update: pet, secagg+, or an object with protocol and more; see
    secure-aggregation.md. By default combiners see each update."""

    def for_clients(self) -> dict[str, Any]:
        """Return the options that clients get with each task, by name."""
        return {
            option.name: getattr(self, option.field_name)
            for option in options_of(type(self))
            if option.traits.is_for_clients
        }

    @property
    def privacy(self) -> PrivacyOptions | None:
        """The option dp as a value; None without it."""
        return PrivacyOptions.model_construct(**self.dp) if self.dp else None

    @property
    def secrecy(self) -> SecureOptions | None:
        """The option secure as a value; None without it."""
        return SecureOptions.model_construct(**self.secure) if self.secure else None


class PredictionOptions(_Options):
    """The configuration of a session in which clients predict."""

    session_id: Annotated[_Id | None, OptionTraits(flag="--id")] = Field(
        default=None, alias="prediction_id"
    )
    """The id of the prediction session, unique in the network; by default a new UUID."""

    model_id: _Name | None = None
    """The id of the model to predict with; by default the active model."""

    requested_clients: _Clients | None = None
    """The largest number of clients asked; by default all that can predict."""

    round_timeout: _Seconds = 180
    """The time that the clients may take, in seconds."""

    settings: Annotated[_Settings | None, OptionTraits(is_in_a_file=True)] = None
    """JSON values by name that the code of clients gets with the task."""
