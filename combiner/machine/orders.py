"""Orders of a controller, checked, and their results."""

from __future__ import annotations

from dataclasses import dataclass, field

from fednet.digests import Digest
from fednet.secure.masks import MaskKey
from fednet.secure.terms import SecureTerms

from .values import Authority, Blob, JsonObject, PhaseContext


@dataclass(frozen=True)
class FunctionsOrder:
    """A user's class whose methods choose clients, give them settings or aggregate, for one round."""

    about: PhaseContext
    source: str
    seconds_max: float
    helper: str
    obsolete_state_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanOrder:
    """Let server functions choose clients and their settings."""

    authority: Authority
    functions: FunctionsOrder
    model: Blob
    state: Blob | None
    clients: tuple[str, ...]


@dataclass(frozen=True)
class FunctionsFailure:
    """Server functions failed, or gave nothing that can be taken."""

    message: str
    traceback: str


@dataclass(frozen=True)
class Plan:
    """The clients and settings that server functions chose; with a failure nothing else counts."""

    clients: tuple[str, ...] = ()
    settings_json: str = ""
    state: Blob | None = None
    failure: FunctionsFailure | None = None


@dataclass(frozen=True)
class ReportedPartial:
    """A combiner's partial as the controller was told of it."""

    phase_id: str
    combiner: str
    updates: int
    weight: float
    base: Blob | None = None
    staleness: int = 0
    digest: Digest | None = None
    """Size and digest of its blob; None where it was not shared."""


@dataclass(frozen=True)
class Noise:
    """Gaussian noise for the sum of the updates.

    Attributes:
        key: The key of the noise, for this model alone.
        deviation: The standard deviation for each number.
        count_deviation: That for the number of updates within the clip; None if nobody counts them.
    """

    key: str = field(repr=False)
    deviation: float
    count_deviation: float | None = None


@dataclass(frozen=True)
class Unmasking:
    """The way from the sum of masked updates to that of the updates.

    Attributes:
        terms: The terms of secure aggregation.
        masks: The sums of masks that are to be subtracted.
        keys: The keys of the masks that are to be added.
    """

    terms: SecureTerms
    masks: tuple[ReportedPartial, ...] = ()
    keys: tuple[MaskKey, ...] = ()


@dataclass(frozen=True)
class Reduction:
    """Merge the partials of one round and write the new model."""

    authority: Authority
    model_id: str
    base: Blob
    helper: str
    aggregator: str
    aggregator_settings: JsonObject
    partials: tuple[ReportedPartial, ...]
    state: Blob | None = None
    obsolete_state_id: str = ""
    functions: FunctionsOrder | None = None
    abandoned_model_ids: tuple[str, ...] = ()
    noise: Noise | None = None
    unmasking: Unmasking | None = None
    round_number: int = 0
    traceparent: str = ""

    @property
    def all_partials(self) -> tuple[ReportedPartial, ...]:
        """The partials of updates, and those of masks."""
        return (*self.partials, *(self.unmasking.masks if self.unmasking else ()))


@dataclass(frozen=True)
class Reduced:
    """The new model, or the reason why there is none.

    Attributes:
        share_within_clip: The share of the updates within the clip, with noise; None if nobody counts them.
    """

    model: Blob | None = None
    state: Blob | None = None
    seconds: float = 0.0
    failure: FunctionsFailure | None = field(default=None)
    share_within_clip: float | None = None
