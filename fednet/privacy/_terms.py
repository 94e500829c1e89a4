"""The terms under which a client's update counts: they travel with its task, and the controller signs them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Self

from fednet import limits
from fednet.errors import InvalidInput


@dataclass(frozen=True)
class PrivacyTerms:
    """The clip and the noise of one update.

    Attributes:
        clip: The largest L2 norm of the difference to the global model.
        deviation: The standard deviation of the noise that the client adds to each number; 0 for none.
        counts: True if the client tells whether its difference lay within the clip.
    """

    clip: float
    deviation: float = 0.0
    counts: bool = False

    def norm_max(self, numbers: int) -> float:
        """Return the largest L2 norm of an honest client's difference of so many numbers.

        The norm of standard Gaussian noise of n numbers is at most √n + t, but with probability exp(-t² / 2)
        (Boucheron, Lugosi and Massart, "Concentration Inequalities", 2013, theorem 5.6).
        """
        return self.clip + self.deviation * (math.sqrt(numbers) + limits.privacy_noise_deviations)

    def to_text(self) -> str:
        """Return the terms as a line of JSON, the same each time."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the terms.

        Raises:
            InvalidInput: They are no terms of privacy; the field is `privacy`.
        """
        try:
            terms = cls(**json.loads(text[: limits.privacy_terms_characters_max]))
            are_possible = terms._are_possible()
        except (ValueError, TypeError, RecursionError) as error:
            raise _refusal(str(error)) from error
        if not are_possible:
            raise _refusal("a number is out of range")
        return terms

    def _are_possible(self) -> bool:
        is_clip = limits.privacy_clip_units_min <= self.clip <= limits.privacy_clip_units_max
        most = limits.privacy_clip_units_max * limits.privacy_noise_multiples_max
        return is_clip and 0 <= self.deviation <= most and isinstance(self.counts, bool)


def _refusal(problem: str) -> InvalidInput:
    return InvalidInput(
        f"The terms of privacy are invalid: {problem}. Start the session again.", field="privacy"
    )
