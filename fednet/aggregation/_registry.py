"""Aggregators by name, as a session's configuration asks for them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from fednet.aggregation._fedavg import FedAvg
from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fednet.aggregation._protocols import Aggregator

_BUILT_IN: Final = {FedAvg.name: FedAvg}


def aggregator(name: str, settings: Mapping[str, Any] | None = None) -> Aggregator:
    """The aggregator of that name.

    Args:
        name: One of `aggregator_names()`.
        settings: Its settings by name; None for the defaults.

    Raises:
        InvalidInput: There is no such aggregator (field `aggregator`), or it has no such setting
            (field `aggregator_kwargs`).
    """
    kind = _BUILT_IN.get(name)
    if kind is None:
        raise InvalidInput(
            f"There is no aggregator {name!r}. Choose one of: {', '.join(aggregator_names())}.",
            field="aggregator",
        )
    known = [field.name for field in fields(kind)]
    if unknown := [key for key in settings or {} if key not in known]:
        raise InvalidInput(
            f"The aggregator {name!r} has no setting {unknown[0]!r}. It has: "
            f"{', '.join(known) or 'none'}.",
            field="aggregator_kwargs",
        )
    return kind(**settings or {})


def aggregator_names() -> list[str]:
    """The names of all aggregators, sorted."""
    return sorted(_BUILT_IN)
