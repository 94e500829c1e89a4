"""How long to wait before the next attempt."""

from __future__ import annotations

import random

from fednet import limits


def backoff_seconds(failures: int) -> float:
    """The wait after so many failures in a row: doubling, capped, with full jitter, in seconds.

    Full jitter: M. Brooker, "Exponential backoff and jitter", 2015.
    """
    longest = min(limits.retry_seconds_max, limits.retry_seconds_first * 2 ** min(failures, 20))
    return random.uniform(0, longest)  # noqa: S311  jitter is no secret
