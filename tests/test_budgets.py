"""Budgets of clients: so much at once, then so much a second."""

import pytest

from fednet import limits
from fednet.budgets import Budget, CallerBudgets, CallerSlots


def test_a_budget_is_spent_at_once_and_comes_back_with_time(clock):
    """Not beyond its size."""
    budget = Budget(3, 2, clock)
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]

    clock.now = 0.5
    assert [budget.spend() for _ in range(2)] == [True, False]

    clock.now = 1000.0
    assert budget.is_full
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]


def test_an_amount_that_is_too_large_spends_nothing(clock):
    """Smaller ones still fit."""
    budget = Budget(3, 1, clock)

    assert [budget.spend(4), budget.spend(3)] == [False, True]


def test_spending_in_advance_costs_time(clock):
    """So many a second, on the whole."""
    budget = Budget(2, 10, clock)

    assert [budget.seconds_short() for _ in range(4)] == pytest.approx([0, 0, 0.1, 0.2])


def test_each_client_has_a_budget_of_its_own(clock):
    """It outlives the client's connections."""
    budgets = CallerBudgets(1, 1, clock)

    assert [budgets.spend("a"), budgets.spend("b"), budgets.spend("a")] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("spends", [True, False])
def test_the_number_of_budgets_is_bounded(clock, monkeypatch, spends):
    """Full ones are forgotten first."""
    monkeypatch.setattr(limits, "caller_budgets_max", 3)
    budgets = CallerBudgets(1, 1, clock)
    budgets.spend("first")
    for number in range(10):
        if spends:
            budgets.spend(str(number))
        else:
            assert budgets.is_full(str(number))

    assert len(budgets._budgets) <= 3
    assert spends or not budgets.spend("first")


def test_a_caller_takes_so_many_slots_at_the_same_time():
    """One that is given back is free for the next; other callers have their own, and nothing stays of the idle."""
    slots = CallerSlots()

    assert [slots.take(caller, 2) for caller in "aaab"] == [True, True, False, True]
    slots.give_back("a")
    assert slots.take("a", 2)
    for caller in "aab":
        slots.give_back(caller)
    assert not slots._taken
