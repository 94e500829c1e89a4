"""The metrics of rounds, from what a session commits."""

import pytest

from fednet.controller.measures import ControllerMetrics
from fednet.controller.sessions.engine.session_metrics import RoundCounts
from fednet.controller.sessions.machine.orders import Projection


@pytest.fixture
def metrics():
    return ControllerMetrics()


@pytest.fixture
def retries(metrics):
    """Returns the number of repeated attempts so far."""
    return lambda: metrics.registry.get_sample_value("fednet_controller_round_retries_total")


def pending(number, attempt):
    """Return the document of a round whose attempt begins."""
    return Projection(
        "rounds", str(number), {"status": "Pending", "number": number, "attempt": attempt}
    )


def test_a_repeated_attempt_counts_once_though_it_is_planned_first(metrics, retries):
    """Its document is written when it is planned, and again when clients are asked."""
    counts = RoundCounts(metrics)
    for number, attempt in ((1, 0), (1, 1), (1, 2), (2, 0), (2, 1)):
        counts.add([pending(number, attempt)])
        counts.add([Projection("models", "m", {}), pending(number, attempt)])

    assert retries() == 3
