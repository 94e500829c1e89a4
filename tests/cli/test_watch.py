"""How a session's progress and its rounds are told."""

import pytest

from fednet.cli._rounds import round_results, rounds_table
from fednet.cli._watch import TimeLeft, watch_session

ROUND = {
    "id": "r1",
    "session_id": "s",
    "clients": 2,
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

    def __init__(self, validations, changes=(), answers=(), **fields):
        self._validations = validations
        self._changes = changes
        self._answers = answers
        self._fields = fields

    def get_rounds(self, session_id, **_):
        assert session_id == "s"
        return {"result": [{**ROUND, **self._fields}]}

    def get_round_answers(self, round_id, **_):
        assert round_id == "r1"
        return {"result": self._answers}

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
    columns, rows = rounds_table([result])
    assert dict(zip(columns, rows[0], strict=True)) == {
        "round": 1, "status": "FINISHED", "clients": 2, "examples": 40, "accuracy": 0.8, "failed": None,
        "seconds": 1.5, "plan": 0.062, "validate": None, "train": 1.25, "reduce": 0.125, "commit": None,
    }  # fmt: skip


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
    assert rounds_table([result])[1][0][4] == 0.6


def test_a_round_that_nobody_validated_has_no_accuracy():
    """Other metrics are no accuracy."""
    (result,) = round_results(Api([validation(loss=0.1)] * 2), "s")

    assert result.accuracy is None


def test_a_table_of_rounds_has_every_metric_or_the_chosen_ones():
    """In the order in which clients report them; what is no finite number is no metric."""
    reported = {"loss": 0.5, "f1": 0.25, "note": "x", "odd": float("nan"), "num_examples": 1}
    results = round_results(Api([validation(f1=0.75), validation(**reported)]), "s")

    assert rounds_table(results)[0][4:7] == ["loss", "f1", "failed"]
    assert rounds_table(results)[1][0][4:6] == [0.5, 0.5]
    assert rounds_table(results, ["f1", "auc"])[0][4:7] == ["f1", "auc", "failed"]
    assert rounds_table(results, ["f1", "auc"])[1][0][4:6] == [0.5, None]


def answer(name, outcome):
    return {"client": {"name": name}, "outcome": outcome}


def test_clients_whose_answers_do_not_count_are_named():
    """Once each, with the outcome if it is another than `failed`; many are counted."""
    some = [
        answer("b", "failed"),
        answer("a", "late"),
        answer("b", "failed"),
        answer("c", "counted"),
    ]
    many = [answer(f"site-{number}", "failed") for number in range(1, 9)]

    (few,) = round_results(Api([], answers=some, clients=3), "s")
    (more,) = round_results(Api([], answers=many, clients=8), "s")

    assert rounds_table([few])[1][0][4] == "a (late), b"
    assert rounds_table([more])[1][0][4] == "site-1, site-2, site-3, site-4, site-5, 3 more"


def test_a_client_that_only_fails_to_validate_is_named_too():
    """Fewer validations than updates show that one is missing."""
    api = Api([validation(loss=1.0)], answers=[answer("b", "failed"), answer("a", "counted")])

    assert round_results(api, "s")[0].failures == ["b"]


def test_progress_says_round_clients_and_metrics():
    """Each as soon as it is known; no time, before a round was seen whole."""
    changes = [
        session(0, status="INITIALIZED"),
        session(1, progress={"phase": "train", "answers": 1, "clients": 5}),
        session(2),
    ]
    shown = []

    api = Api([validation(accuracy=0.5, num_examples=10)] * 2, changes)
    last = watch_session(api, "s", lambda done, total, text: shown.append((done, total, text)))

    assert last is changes[-1]
    assert [steps[:2] for steps in shown] == [(0, 2), (0, 2), (1, 2)]
    assert shown[0][2] == "initialized"
    assert shown[1][2] == "round 1/2, train: 1 of 5 clients in, accuracy 0.500"
    assert shown[2][2] == "round 2/2, accuracy 0.500"


def test_progress_says_what_clients_wait_for():
    """Also before the first round, in which there may be no client to ask."""
    progress = {"phase": "waiting", "answers": 0, "clients": 0, "awaiting_approval": {"abc": 3}}
    shown = []

    api = Api([], [session(0, progress=progress), session(1, progress=progress)])
    watch_session(api, "s", lambda _done, _total, text: shown.append(text))

    assert shown == [
        "started, waiting for the approval of abc: 3",
        "round 1/2, waiting for the approval of abc: 3",
    ]


def test_progress_shows_the_first_metric_where_there_is_no_accuracy_or_the_chosen_ones():
    """A chosen metric that nobody reports is left out."""
    shown = []
    api = Api([validation(loss=0.25, f1=0.5)] * 2, [session(1)])

    for metrics in ([], ["f1", "auc"]):
        watch_session(api, "s", lambda *said: shown.append(said[2]), metrics)

    assert shown == ["round 1/2, loss 0.250", "round 1/2, f1 0.500"]


def estimates(*states):
    """Return the time left after each state: its time, its round, its other fields."""
    left, found = TimeLeft(), []
    for now, number, fields in states:
        state = session(number, rounds_total=4, **fields)
        left.note(state, now)
        found.append(left.seconds(state, now))
    return found


def test_the_time_left_counts_down_and_ends():
    """It is the mean of the rounds seen, less the time of this round; a round that takes longer has none."""
    draining = {"progress": {"phase": "draining"}}

    found = estimates(
        (0, 0, {"status": "INITIALIZED"}), (1, 1, {}), (3, 1, {}), (11, 2, {}), (15, 2, {}),
        (20, 2, {}), (22, 2, {}), (31, 3, {}), (46, 4, {}), (56, 4, {}), (58, 4, draining),
        (59, 4, {"status": "FINISHED"}),
    )  # fmt: skip

    assert found == [None, None, None, 30, 26, 21, None, 30, 15, 5, None, None]


def test_no_time_is_left_of_a_session_that_is_paused_or_was_seen_in_part():
    """A round counts only if it was seen from its begin to its end, without a pause."""
    paused = {"status": "PAUSED"}

    assert estimates((0, 1, {}), (5, 1, {}), (7, 2, {}), (8, 2, {})) == [None] * 4
    assert estimates((0, 1, {}), (7, 2, {}), (17, 3, {}))[-1] == 20
    assert estimates((0, 1, {}), (7, 2, {}), (9, 2, paused), (90, 2, {}), (99, 3, {})) == [None] * 5


def test_the_spent_privacy_of_a_session_is_shown():
    """In the table of its rounds, and while it is watched; other sessions have no such column."""
    shown = []
    spent = {"epsilon": 1.23456, "delta": 1e-5}
    api = Api([], [session(2)], [], privacy=spent, clients=2)

    watch_session(api, "s", lambda *state: shown.append(state[-1]))
    columns, (row,) = rounds_table(round_results(api, "s"))
    others, _ = rounds_table(round_results(Api([]), "s"))

    assert "ε 1.235" in shown[-1]
    assert dict(zip(columns, row, strict=True))["ε"] == 1.235
    assert "ε" not in others
