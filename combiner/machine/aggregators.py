"""The choice of the aggregator that an order asks for."""

from __future__ import annotations

from fednet.aggregation import Aggregator, Collecting, aggregator

from .assignment import Assignment
from .orders import Reduction


def aggregator_of(order: Assignment | Reduction) -> Aggregator:
    """Return the aggregator that an order names; if server functions aggregate, one that only keeps updates.

    Raises:
        InvalidInput: There is no such aggregator, or it has no such settings.
    """
    keeps = order.keep_updates if isinstance(order, Assignment) else order.functions
    if keeps:
        return Collecting()
    return aggregator(order.aggregator, order.aggregator_settings.value)
