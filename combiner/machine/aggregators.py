"""The choice of the aggregator that an order asks for."""

from __future__ import annotations

from fednet.aggregation import (
    Aggregator,
    Collecting,
    CountingWithinClip,
    aggregator,
    check_supports_privacy,
)

from .assignment import Assignment
from .orders import Reduction


def aggregator_of(order: Assignment | Reduction) -> Aggregator:
    """Return the aggregator that an order names; if server functions aggregate, one that only keeps updates.

    Raises:
        InvalidInput: There is no such aggregator, it has no such settings, or it does not support the privacy that the
            order asks for.
    """
    is_private, counts = _privacy_of(order)
    if _keeps(order) and not is_private:
        return Collecting()
    kind = aggregator(order.aggregator, order.aggregator_settings.value)
    if is_private:
        check_supports_privacy(kind)
    return CountingWithinClip(kind) if counts else kind


def _keeps(order: Assignment | Reduction) -> bool:
    return order.keep_updates if isinstance(order, Assignment) else order.functions is not None


def _privacy_of(order: Assignment | Reduction) -> tuple[bool, bool]:
    """Return True for an order with differential privacy, and True if updates within the clip are counted."""
    if isinstance(order, Assignment):
        return order.privacy is not None, bool(order.privacy and order.privacy.counts)
    noise = order.noise
    return noise is not None, bool(noise and noise.count_deviation is not None)
