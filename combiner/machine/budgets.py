"""Budgets of clients: so much at once, and then so much a second."""

from __future__ import annotations

from collections.abc import Callable

from fednet import limits


class Budget:
    """The budget of one client (a token bucket).

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


class ClientBudgets:
    """One budget for each client, which outlives its connections.

    Args:
        at_once: The full budget of a client.
        per_second: The part of it that comes back each second.
        clock: Returns the time in seconds.
    """

    def __init__(self, at_once: float, per_second: float, clock: Callable[[], float]) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._clock = clock
        self._budgets: dict[str, Budget] = {}

    def of(self, client_id: str) -> Budget:
        """Return the budget of a client."""
        if client_id not in self._budgets:
            if len(self._budgets) >= limits.client_budgets_max:
                self._forget_full()
            self._budgets[client_id] = Budget(self._at_once, self._per_second, self._clock)
        return self._budgets[client_id]

    def _forget_full(self) -> None:
        """Forget budgets of which nothing is spent; if all are in use, forget all."""
        used = {id_: each for id_, each in self._budgets.items() if not each.is_full}
        self._budgets = used if len(used) < limits.client_budgets_max else {}
