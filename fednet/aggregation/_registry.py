"""Aggregators by name, for the options of a session."""

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
    """Return the aggregator with a name.

    Args:
        name: One of `aggregator_names()`.
        settings: The settings by name; None for the defaults.

    Raises:
        InvalidInput: The aggregator is unknown (field `aggregator`), or a setting is unknown or outside its limits
            (field `aggregator_kwargs`).
        FailedPrecondition: The aggregator is installed, but cannot be used.
    """
    kind = BUILT_IN.get(name) or _installed(name)
    known = settings_of(kind)
    if unknown := [key for key in settings or {} if key not in known]:
        raise InvalidInput(
            f"The aggregator {name!r} has no setting {unknown[0]!r}. Its settings are: "
            f"{', '.join(known) or 'none'}.",
            field="aggregator_kwargs",
        )
    try:
        made: Aggregator = kind(**{key: _frozen(value) for key, value in (settings or {}).items()})
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"The aggregator {name!r} does not accept these settings: {error}.",
            field="aggregator_kwargs",
        ) from error
    return made


def aggregator_names() -> list[str]:
    """Return the sorted names of all aggregators: those of fednet and other installed ones."""
    return sorted({*BUILT_IN, *entry_points(group=_GROUP).names})


def _frozen(value: Any) -> Any:
    """Return a list of JSON as a tuple, as it suits a frozen dataclass."""
    return tuple(value) if isinstance(value, list) else value


def _installed(name: str) -> Any:
    """Load the aggregator that an installed distribution offers under a name, and no other one."""
    for entry_point in entry_points(group=_GROUP, name=name):
        try:
            kind = entry_point.load()
        except (Exception, SystemExit) as error:  # the import may raise anything
            raise FailedPrecondition(
                f"Cannot load the aggregator {name!r}, which is installed as {entry_point.value!r}: "
                f"{type(error).__name__}: {error}.",
                field="aggregator",
            ) from error
        if not (isinstance(kind, type) and is_dataclass(kind) and Aggregator in kind.__mro__):
            raise FailedPrecondition(
                f"The aggregator {name!r} is installed as {entry_point.value!r}, which must be a "
                "dataclass that inherits from fednet.aggregation.Aggregator, with its settings as "
                "fields.",
                field="aggregator",
            )
        return kind
    raise InvalidInput(
        f"Unknown aggregator {name!r}. Choose one of: {', '.join(aggregator_names())}.",
        field="aggregator",
    )
