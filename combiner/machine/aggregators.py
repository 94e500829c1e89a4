"""The choice of the aggregator that an order asks for."""

from __future__ import annotations

from fednet.aggregation import (
    Aggregator,
    Collecting,
    CountingWithinClip,
    aggregator,
    check_supports_privacy,
)
from fednet.errors import InvalidInput
from fednet.secure.masked_sum import MaskedSums
from fednet.secure.terms import SecureTerms

from .assignment import Assignment
from .orders import Reduction
from .values import TaskKind


def aggregator_of(order: Assignment | Reduction) -> Aggregator:
    """Return the aggregator that an order names; if server functions aggregate, one that only keeps updates.

    Raises:
        InvalidInput: There is no such aggregator, it has no such settings, or it does not support the privacy or the
            secure aggregation that the order asks for.
    """
    if _is_masked(order):
        return _mean_for_secure_aggregation(order)
    is_private, counts = _privacy_of(order)
    if _keeps(order) and not is_private:
        return Collecting()
    kind = aggregator(order.aggregator, order.aggregator_settings.value)
    if is_private:
        check_supports_privacy(kind)
    return CountingWithinClip(kind) if counts else kind


def sum_of_updates(terms: SecureTerms) -> MaskedSums:
    """Return the aggregator of the masked updates of a round."""
    return MaskedSums(terms.clients)


def sum_of_masks(terms: SecureTerms) -> MaskedSums:
    """Return the aggregator of the sums of masks that sum participants send."""
    return MaskedSums(terms.sum_participants)


def folds_into(kind: TaskKind, terms: SecureTerms) -> MaskedSums:
    """Return the aggregator of a phase whose answers are words of a ring."""
    return sum_of_masks(terms) if kind is TaskKind.SUM_MASKS else sum_of_updates(terms)


def _is_masked(order: Assignment | Reduction) -> bool:
    return order.kind.is_masked if isinstance(order, Assignment) else order.unmasking is not None


def _mean_for_secure_aggregation(order: Assignment | Reduction) -> Aggregator:
    """Return the aggregator that makes a model of the mean; it sees no single update."""
    kind = aggregator(order.aggregator, order.aggregator_settings.value)
    if _keeps(order) or not kind.supports_privacy:
        raise InvalidInput(
            "With secure aggregation nobody sees single updates, so the aggregator may use nothing but their mean. "
            "Choose fedavg, fedavgm, fedopt or fedprox, and server functions without aggregate.",
            field="aggregator",
        )
    return kind


def _keeps(order: Assignment | Reduction) -> bool:
    return order.keep_updates if isinstance(order, Assignment) else order.functions is not None


def _privacy_of(order: Assignment | Reduction) -> tuple[bool, bool]:
    """Return True for an order with differential privacy, and True if updates within the clip are counted."""
    if isinstance(order, Assignment):
        return order.privacy is not None, bool(order.privacy and order.privacy.counts)
    noise = order.noise
    return noise is not None, bool(noise and noise.count_deviation is not None)
