"""Aggregators by name, as a session's configuration asks for them."""

from __future__ import annotations

from dataclasses import is_dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from fednet.aggregation._coordinates import FedMedian, FedTrimmedAvg
from fednet.aggregation._fedavg import FedAvg
from fednet.aggregation._fedbuff import FedBuff
from fednet.aggregation._fednova import FedNova
from fednet.aggregation._fedprox import FedProx
from fednet.aggregation._geometric_median import GeometricMedian
from fednet.aggregation._krum import Bulyan, Krum, MultiKrum
from fednet.aggregation._optimizers import FedAvgM, FedOpt
from fednet.aggregation._protocols import Aggregator
from fednet.aggregation._settings import settings_of
from fednet.errors import FailedPrecondition, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUP: Final = "fednet.aggregators"
_KINDS: Final[tuple[Any, ...]] = (
    FedAvg,
    FedAvgM,
    FedOpt,
    FedProx,
    FedNova,
    FedMedian,
    FedTrimmedAvg,
    GeometricMedian,
    Krum,
    MultiKrum,
    Bulyan,
    FedBuff,
)
BUILT_IN: Final[dict[str, Any]] = {kind.name: kind for kind in _KINDS}


def aggregator(name: str, settings: Mapping[str, Any] | None = None) -> Aggregator:
    """The aggregator of that name.

    Args:
        name: One of `aggregator_names()`.
        settings: Its settings by name; None for the defaults.

    Raises:
        InvalidInput: There is no such aggregator (field `aggregator`), or a setting is not known or
            not within its limits (field `aggregator_kwargs`).
        FailedPrecondition: It is installed here, but cannot be used.
    """
    kind = BUILT_IN.get(name) or _installed(name)
    known = settings_of(kind)
    if unknown := [key for key in settings or {} if key not in known]:
        raise InvalidInput(
            f"The aggregator {name!r} has no setting {unknown[0]!r}. It has: "
            f"{', '.join(known) or 'none'}.",
            field="aggregator_kwargs",
        )
    try:
        made: Aggregator = kind(**settings or {})
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"The aggregator {name!r} cannot be made of these settings: {error}.",
            field="aggregator_kwargs",
        ) from error
    return made


def aggregator_names() -> list[str]:
    """The names of all aggregators, sorted: those of fednet and those installed beside it."""
    return sorted({*BUILT_IN, *entry_points(group=_GROUP).names})


def _installed(name: str) -> Any:
    """What a distribution on this machine offers under the name; no other is loaded."""
    for entry_point in entry_points(group=_GROUP, name=name):
        try:
            kind = entry_point.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module does on import
            raise FailedPrecondition(
                f"The aggregator {name!r} is installed as {entry_point.value!r} and cannot be "
                f"loaded: {type(error).__name__}: {error}.",
                field="aggregator",
            ) from error
        if not (isinstance(kind, type) and is_dataclass(kind) and Aggregator in kind.__mro__):
            raise FailedPrecondition(
                f"The aggregator {name!r} is installed as {entry_point.value!r}, which is no "
                "dataclass that inherits from fednet.aggregation.Aggregator. Make its settings the "
                "fields of one.",
                field="aggregator",
            )
        return kind
    raise InvalidInput(
        f"There is no aggregator {name!r}. Choose one of: {', '.join(aggregator_names())}.",
        field="aggregator",
    )
