"""Differential privacy at a combiner: no update is longer than agreed, and noise is in the sum before a model is made.

Clients clip their updates themselves. Here they are clipped again, so that no client can change the sum by more than
the agreed sensitivity, whatever it sends. For worker threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from fednet.aggregation import Aggregator, Partial, WeightedMean
from fednet.parameters import ModelFormat, Structure
from fednet.privacy import Clipping, GaussianNoise, PrivacyTerms, derived_key

from ..machine.orders import Noise

_Array = np.ndarray[Any, Any]


class PrivateUpdates:
    """The updates of one phase under terms of privacy.

    Args:
        clipping: The clipping against the global model.
        terms: The terms.
    """

    def __init__(self, clipping: Clipping, terms: PrivacyTerms) -> None:
        self._clipping = clipping
        self._norm_max = terms.norm_max(clipping.numbers)

    @classmethod
    def of(cls, model: Path, form: ModelFormat, terms: PrivacyTerms) -> Self:
        """Return the updates against a model.

        Args:
            model: The file of the global model; its views stay.
            form: Its format.
            terms: The terms.
        """
        with form.open(model) as opened:
            return cls(Clipping(opened.structure, opened.arrays), terms)

    def clipped(self, arrays: Sequence[_Array]) -> Sequence[Any]:
        """Return an update of a client as it may count; see `fednet.privacy.Clipping.clipped`.

        The largest norm is that of an honest client: the clip, and the norm of the noise that it has added.
        """
        return self._clipping.clipped(arrays, self._norm_max)


def noisy(kind: Aggregator, structure: Structure, total: Partial, noise: Noise) -> WeightedMean:
    """Return the same sum with noise; the partial stays as it is, because a later attempt may need it without.

    Args:
        kind: The aggregator.
        structure: The structure of the model.
        total: The sum of all updates of the round, from however many combiners.
        noise: The noise; the same one gives the same sum again.
    """
    made = kind.partial(structure)
    assert isinstance(made, WeightedMean), "so an aggregator that supports privacy promises"
    made.merge(total)  # type: ignore[arg-type]  # of the same aggregator
    stream = GaussianNoise(derived_key(noise.key, "model"))
    made.add_noise(lambda count: stream.draw(noise.deviation, count))
    return made


def share_within_clip(partials: Sequence[Partial], noise: Noise) -> float | None:
    """Return the share of the updates within the clip, with noise; None if nobody counts them.

    Args:
        partials: All partials of the round.
        noise: The noise; the same one gives the same share again.
    """
    if noise.count_deviation is None:
        return None
    counts = [partial.within_clip or 0 for partial in partials if isinstance(partial, WeightedMean)]
    stream = GaussianNoise(derived_key(noise.key, "count"))
    (error,) = stream.draw(noise.count_deviation, 1)
    return float(sum(counts) + error) / sum(partial.updates for partial in partials)
