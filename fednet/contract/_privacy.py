"""The declaration of the session option `dp`: differential privacy for clients.

REST and the command line check the option with this model, and the table in docs/privacy.md is made from its fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fednet import limits
from fednet.contract._numbers import NO_TRUTH_VALUE

_Norm = Annotated[
    float, Field(ge=limits.privacy_clip_units_min, le=limits.privacy_clip_units_max), NO_TRUTH_VALUE
]


class PrivacyOptions(BaseModel):
    """Client-level differential privacy of the models of a session.

    McMahan, Ramage, Talwar and Zhang, "Learning Differentially Private Recurrent Language Models", ICLR 2018,
    arXiv:1710.06963: DP-FedAvg with uniform weights. Each client's difference to the global model is clipped to `clip`
    (L2 norm over all arrays of floats), so one client changes the sum of the differences by at most `clip`: the
    sensitivity. Gaussian noise of noise_multiplier * clip is added to the sum, or at each client to its difference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mechanism: Literal["central", "local", "distributed"] = "central"
    """central: one combiner adds noise to the sum, and the network's operators are trusted; local: each client adds
    noise before its update leaves the site; distributed: each client adds a part of the noise, and with secure
    aggregation only the sum is seen, which has enough."""

    clip: _Norm
    """The largest L2 norm of a client's difference to the global model; with adaptive clipping, that of round 1."""

    clipping: Literal["fixed", "adaptive"] = "fixed"
    """fixed, or adaptive: the clip follows a quantile of the clients' norms; only with the central mechanism."""

    noise_multiplier: Annotated[
        float,
        Field(ge=limits.privacy_noise_multiples_min, le=limits.privacy_noise_multiples_max),
        NO_TRUTH_VALUE,
    ]
    """The standard deviation of the noise in clips; it decides ε, with delta and the number of rounds."""

    delta: Annotated[
        float, Field(gt=0, le=limits.privacy_delta_probabilities_max), NO_TRUTH_VALUE
    ] = 1e-5
    """δ of the guarantee: less than one over the number of clients that could take part."""

    epsilon_max: (
        Annotated[float, Field(gt=0, le=limits.privacy_epsilon_nats_max), NO_TRUTH_VALUE] | None
    ) = None
    """The budget: no round and no attempt begins that would bring ε above it. With the local mechanism, losses within a
    round may. By default there is none."""

    target_quantile: Annotated[float, Field(ge=0, le=1), NO_TRUTH_VALUE] = 0.5
    """The share of clients whose norm should lie within an adaptive clip."""

    clip_learning_rate: Annotated[float, Field(gt=0, le=10), NO_TRUTH_VALUE] = 0.2
    """The speed of an adaptive clip: each round multiplies it by
    exp(-clip_learning_rate * (share within the clip - target_quantile))."""

    count_noise: (
        Annotated[float, Field(gt=0, le=limits.session_clients_max), NO_TRUTH_VALUE] | None
    ) = None
    """The standard deviation of the noise on the number of clients within an adaptive clip, above noise_multiplier. By
    default a twentieth of requested_clients, and at least twice noise_multiplier."""

    @property
    def is_adaptive(self) -> bool:
        """True if the clip follows the clients' norms."""
        return self.clipping == "adaptive"


def checked_privacy(given: dict[str, Any]) -> dict[str, Any]:
    """Return the option with all its values, as JSON.

    Raises:
        ValueError: It is not valid; names the value.
    """
    try:
        return PrivacyOptions.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise ValueError(f"{name}: {first['msg']}") from error
