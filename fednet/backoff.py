"""The pause before the next attempt."""

from __future__ import annotations

import random

from fednet import limits


def backoff_seconds(failures: int) -> float:
    """Return the pause after a number of failures in a row: doubling up to a maximum, with full jitter, in seconds.

    Full jitter: M. Brooker, "Exponential backoff and jitter", 2015.
    """
    longest = min(limits.retry_seconds_max, limits.retry_seconds_first * 2 ** min(failures, 20))
    return random.uniform(0, longest)  # noqa: S311  jitter is no secret
