"""Secure aggregation at a combiner: the sum of masked updates, and its way back to a model. For worker threads.

A combiner sees words of a ring that look random. Only their sum becomes numbers, once the masks are removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from fednet.aggregation import Aggregator, Partial
from fednet.parameters import ModelFile, model_format
from fednet.secure.masked_sum import MaskedSum
from fednet.secure.masks import add_masks
from fednet.secure.ring import RingQuantiser
from fednet.secure.terms import SecureTerms

from ..machine.aggregators import folds_into, sum_of_updates
from ..machine.orders import Unmasking
from ..machine.values import TaskKind
from .folding import Folding, structure_of

_FORM: Final = model_format("numpyhelper")
"""The format of words of a ring, whatever that of the models."""


def masked_folding(kind: TaskKind, terms: SecureTerms, helper: str, model: Path) -> Folding:
    """Return the folding of a phase whose answers are words of a ring.

    Args:
        kind: The kind of its tasks.
        terms: The terms of secure aggregation.
        helper: The format of the global model.
        model: Its file.
    """
    structure = structure_of(model, model_format(helper))
    words = RingQuantiser(terms, structure).masked_structure
    return Folding(folds_into(kind, terms), words, _FORM, is_masked=True)


def unmasked(
    order: Unmasking, updates: Sequence[Partial], masks: Sequence[Partial]
) -> np.ndarray[Any, Any]:
    """Return the sum of updates without their masks; the partials stay as they are, because a later attempt needs them.

    Args:
        order: The way to remove the masks.
        updates: The sums of masked updates, at least one.
        masks: The sums of masks.
    """
    first, *others = map(_words, updates)
    total = sum_of_updates(order.terms).partial(first.structure)
    for each in (first, *others):
        total.merge(each)
    for each in map(_words, masks):
        np.subtract(total.vector, each.vector, out=total.vector)
    add_masks(total.vector, order.keys, order.terms.cipher)
    return total.vector


def folded_mean(
    aggregator: Aggregator, ring: RingQuantiser, words: np.ndarray[Any, Any], base: ModelFile
) -> Partial:
    """Return the partial of a session's aggregator in which the mean of the updates is the only one.

    Args:
        aggregator: The aggregator; it makes a model of nothing but the mean.
        ring: The ring.
        words: The sum of the updates.
        base: The global model.

    Raises:
        InvalidModel: There are masks in the sum.
    """
    arrays, examples = ring.mean(words, base.arrays)
    partial = aggregator.partial(base.structure)
    partial.accumulate(arrays, examples)  # type: ignore[arg-type]  # a mean reads its updates in blocks
    return partial


def _words(partial: Partial) -> MaskedSum:
    assert isinstance(partial, MaskedSum), "so the aggregators of masked updates promise"
    return partial
