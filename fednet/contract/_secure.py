"""The declaration of the session option `secure`: secure aggregation.

REST and the command line check the option with this model, and the table in docs/secure-aggregation.md is made from its
fields.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fednet import limits
from fednet.contract._numbers import NO_TRUTH_VALUE

_Participants = Annotated[int, Field(ge=1, le=limits.secure_sum_participants_max), NO_TRUTH_VALUE]


class SecureOptions(BaseModel):
    """Secure aggregation: combiners and controllers see the sum of the updates of a round, and no single one.

    Threshold PET (`pet`) shares each client's masks among a few sum participants, after Xaynet's protocol. SecAgg+
    (`secagg+`) masks between pairs of clients: Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving
    Machine Learning", CCS 2017; Bell et al., "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead", CCS
    2020.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    protocol: Literal["pet", "secagg+"]
    """pet: sum participants hold the masks; secagg+: all clients hold shares of them."""

    sum_participants: _Participants = 3
    """With pet, the number of clients in each round that add up the masks."""

    threshold: _Participants = 2
    """With pet, the number of sum participants that together could read single updates: with one less, and all servers,
    they learn nothing. sum_participants - threshold of them may drop out."""

    quorum: _Participants | None = None
    """With pet, the number of sum participants that must sign the set of updates before any of them tells a mask; by
    default more than half. A controller that lies, together with threshold - 1 of them, gets no second set signed if
    2 * quorum - sum_participants is at least threshold: with 4 sum participants, a threshold of 2 and a quorum of 3."""

    ring: Annotated[Literal[32, 64], NO_TRUTH_VALUE] = 32
    """The number of bits of each masked number. 64 is more exact, and twice as large."""

    clip: Annotated[
        float,
        Field(ge=limits.secure_clip_units_min, le=limits.secure_clip_units_max),
        NO_TRUTH_VALUE,
    ] = 8.0
    """The largest difference of a parameter to the global model; larger ones count as so much. A smaller clip is more
    exact."""

    cipher: Literal["chacha20", "aes-ctr"] = "chacha20"
    """The cipher whose stream masks updates; aes-ctr is faster where processors have AES instructions."""

    exchange_timeout: Annotated[float, Field(gt=0, le=limits.round_seconds_max), NO_TRUTH_VALUE] = (
        30
    )
    """The time that a round waits for the small messages of its clients, in seconds."""

    @property
    def least_quorum(self) -> int:
        """More than half: with less, two different sets of updates could be signed by honest sum participants."""
        return self.sum_participants // 2 + 1

    @property
    def signers(self) -> int:
        """The quorum that counts: the given one, or the least."""
        return self.quorum or self.least_quorum

    @model_validator(mode="after")
    def _is_sound(self) -> SecureOptions:
        if self.protocol == "pet":
            self._check_threshold()
            self._check_quorum()
        return self

    def _check_threshold(self) -> None:
        participants, threshold = self.sum_participants, self.threshold
        if threshold > participants:
            raise ValueError(
                f"threshold ({threshold}) must be at most sum_participants ({participants})"
            )
        seeds = math.comb(participants, threshold - 1)
        if seeds > limits.secure_subsets_max:
            raise ValueError(
                f"each client would need {seeds} seeds, and {limits.secure_subsets_max} are allowed: choose fewer "
                "sum_participants, a lower threshold, or secagg+"
            )

    def _check_quorum(self) -> None:
        if self.quorum is None:
            return
        if not self.least_quorum <= self.quorum <= self.sum_participants:
            raise ValueError(
                f"quorum ({self.quorum}) must be from {self.least_quorum} to {self.sum_participants}: with less, two "
                "different sets of updates could both be signed"
            )


def secure_from_word(given: Any) -> Any:
    """Return the option with the protocol alone, if that is all that is given."""
    return {"protocol": given} if isinstance(given, str) else given


def checked_secure(given: dict[str, Any]) -> dict[str, Any]:
    """Return the option with all its values, as JSON.

    Raises:
        ValueError: It is not valid; names the value.
    """
    try:
        return SecureOptions.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        problem = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{name}: {problem}" if name else problem) from error
