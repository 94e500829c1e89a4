"""Bounds for callers: budgets, so much at once and then so much a second; and slots, so many at the same time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from fednet import limits


class Budget:
    """The budget of one caller (a token bucket).

    Args:
        at_once: The full budget.
        per_second: The part of it that comes back each second.
        clock: Returns the time in seconds.
    """

    def __init__(self, at_once: float, per_second: float, clock: Callable[[], float]) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._clock = clock
        self._left = at_once
        self._at = clock()

    @property
    def is_full(self) -> bool:
        """True if nothing of it is spent."""
        self._refill()
        return self._left >= self._at_once

    def spend(self, amount: float = 1.0) -> bool:
        """Spend an amount; return False, and spend nothing, if less is left."""
        self._refill()
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def seconds_short(self, amount: float = 1.0) -> float:
        """Spend an amount in any case; return the seconds until the budget covers it."""
        self._refill()
        self._left -= amount
        return max(0.0, -self._left / self._per_second)

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_second)
        self._at = now


class CallerBudgets:
    """One budget for each caller, which outlives its connections; for any thread.

    Args:
        at_once: The full budget of a caller.
        per_second: The part of it that comes back each second.
        clock: Returns the time in seconds.
    """

    def __init__(self, at_once: float, per_second: float, clock: Callable[[], float]) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._clock = clock
        self._budgets: dict[str, Budget] = {}
        self._lock = threading.Lock()

    def spend(self, caller_id: str, amount: float = 1.0) -> bool:
        """Spend an amount of a caller's budget; return False, and spend nothing, if less is left."""
        with self._lock:
            return self._of(caller_id).spend(amount)

    def is_full(self, caller_id: str) -> bool:
        """Return True if nothing of a caller's budget is spent."""
        with self._lock:
            return self._of(caller_id).is_full

    def _of(self, caller_id: str) -> Budget:
        if caller_id not in self._budgets:
            if len(self._budgets) >= limits.caller_budgets_max:
                self._forget_full()
            self._budgets[caller_id] = Budget(self._at_once, self._per_second, self._clock)
        return self._budgets[caller_id]

    def _forget_full(self) -> None:
        """Forget budgets of which nothing is spent; if all are in use, forget all."""
        used = {id_: each for id_, each in self._budgets.items() if not each.is_full}
        self._budgets = used if len(used) < limits.caller_budgets_max else {}


class CallerSlots:
    """The slots of callers, who take one for each thing that they do at the same time; for any thread."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller_id: str, count_max: int) -> bool:
        """Take one of a caller's slots, of which it has `count_max`; return False if none is left."""
        with self._lock:
            if self._taken[caller_id] >= count_max:
                return False
            self._taken[caller_id] += 1
            return True

    def give_back(self, caller_id: str) -> None:
        """Give a slot back that was taken."""
        with self._lock:
            self._taken[caller_id] -= 1
            if not self._taken[caller_id]:
                del self._taken[caller_id]
