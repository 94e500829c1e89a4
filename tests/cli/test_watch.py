"""How a session's progress and its rounds are told."""

import pytest

from fednet.cli._rounds import round_results
from fednet.cli._watch import watch_session

ROUND = {
    "session_id": "s",
    "number": 1,
    "status": "Finished",
    "updates": 2,
    "examples": 40,
    "model_id": "m1",
    "started_at": "2026-01-31T12:00:00+00:00",
    "ended_at": "2026-01-31T12:00:01.500000+00:00",
    "seconds": {"round": 1.5, "plan": 0.0625, "train": 1.25, "reduce": 0.125},
}


class Api:
    """Says what a controller would have said of a session of two rounds."""

    def __init__(self, validations, changes=()):
        self._validations = validations
        self._changes = changes

    def get_rounds(self, **_):
        return {"result": [{**ROUND, "session_id": "another"}, ROUND]}

    def get_validations(self, session_id, **_):
        assert session_id == "s"
        return {"result": self._validations}

    def wait_session(self, _, on_change):
        for change in self._changes:
            on_change(change)
        return self._changes[-1]


def validation(**metrics):
    return {"model_id": "m1", "metrics": metrics}


def session(number, **fields):
    return {"status": "STARTED", "round_number": number, "rounds_total": 2, **fields}


def test_a_round_has_the_accuracy_of_its_model_over_all_held_out_examples():
    """A client with three times the examples counts three times."""
    api = Api(
        [validation(accuracy=0.5, num_examples=10), validation(accuracy=0.9, num_examples=30)]
    )

    (result,) = round_results(api, "s")

    assert result.accuracy == pytest.approx(0.8)
    assert result.row() == [1, "FINISHED", 2, 40, 0.8, 1.5, 0.062, 1.25, 0.125, None]


@pytest.mark.parametrize("odd", [10**400, None, "0.9", True, [1], {}, float("nan"), float("inf")])
def test_whatever_is_stored_the_rounds_are_shown(odd):
    """A value that is no finite number counts neither as accuracy nor as a number of examples."""
    api = Api(
        [
            validation(accuracy=odd, num_examples=10),
            validation(accuracy=0.5, num_examples=odd),
            validation(accuracy=0.7),
            {"model_id": "m1", "metrics": "no JSON"},
            {"model_id": "m1", "metrics": None},
        ]
    )

    (result,) = round_results(api, "s")

    assert result.accuracy == pytest.approx(0.6)
    assert result.row()[4] == 0.6


def test_a_round_that_nobody_validated_has_no_accuracy():
    """Other metrics are no accuracy."""
    (result,) = round_results(Api([validation(loss=0.1)]), "s")

    assert result.accuracy is None


def test_progress_says_round_clients_accuracy_and_time_left():
    """Each as soon as it is known."""
    changes = [
        session(0, status="INITIALIZED"),
        session(1, progress={"phase": "train", "answers": 1, "clients": 5}),
        session(2),
    ]
    shown = []

    api = Api([validation(accuracy=0.5, num_examples=10)], changes)
    last = watch_session(api, "s", lambda done, total, text: shown.append((done, total, text)))

    assert last is changes[-1]
    assert [steps[:2] for steps in shown] == [(0, 2), (0, 2), (1, 2)]
    assert shown[0][2] == "initialized"
    assert shown[1][2] == "round 1/2, train: 1 of 5 clients in, accuracy 0.500"
    assert shown[2][2] == "round 2/2, accuracy 0.500, about 0 s left"
