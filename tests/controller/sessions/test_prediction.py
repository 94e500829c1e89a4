"""The machine of a prediction session: what each event brings, and laws for any order of them."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.controller.sessions.events import (
    Began,
    Broke,
    CombinerBack,
    NetworkChanged,
    PauseAsked,
    PhaseClosed,
    PhaseRefused,
    ReleasePhase,
    StartPhase,
    StopAsked,
    TimePassed,
    Unanswered,
    Unheard,
)
from fednet.controller.sessions.prediction import PredictionMachine
from fednet.controller.sessions.state import BlobRef, PredictionSession, Status

NOW = 1000.0
ABLE = frozenset({"PREDICT"})
NOBODY = NetworkChanged({"a": {"a1": frozenset({"TRAIN", "VALIDATE"})}})
TWO_COMBINERS = NetworkChanged({"a": {"a1": ABLE, "a2": ABLE}, "b": {"b1": ABLE}})


def new_machine(*events, **fields):
    """A machine that has heard these events."""
    figures = {
        "session_id": "s",
        "document_id": "document-of-s",
        "requested_clients": None,
        "round_timeout": 10.0,
        "helper": "numpyhelper",
        "model": BlobRef("model", 1, "0" * 64),
    }
    machine = PredictionMachine(PredictionSession(**{**figures, **fields}))
    for event in events:
        machine.handle(event, NOW)
    return machine


@pytest.fixture
def predicting():
    """A machine whose clients have been asked."""
    return new_machine(TWO_COMBINERS, Began())


def closed(machine, combiner, answers, failure=""):
    return PhaseClosed(combiner, machine.session.phase.phase_id, answers, 1.0 * answers, failure)


def asked(step):
    return {
        action.combiner: action.phase.shares[action.combiner].clients
        for action in step.actions
        if isinstance(action, StartPhase)
    }


def released(step):
    return [each.combiner for each in step.actions if isinstance(each, ReleasePhase)]


def test_all_clients_that_can_are_asked_at_once():
    """With the session's model, each by its combiner."""
    step = new_machine(TWO_COMBINERS).handle(Began(), NOW)

    assert asked(step) == {"a": ["a1", "a2"], "b": ["b1"]}
    assert {action.phase.kind for action in step.actions} == {"PREDICT"}
    assert {action.phase.model.id for action in step.actions} == {"model"}


def test_a_chosen_number_of_clients_is_asked_the_same_whenever_it_is_decided():
    """Sampled with the session's own seed."""
    draws = [new_machine(TWO_COMBINERS, Began(), requested_clients=2) for _ in range(3)]

    assert {draw.session.phase.clients for draw in draws} == {2}
    assert len({json.dumps(draw.session.to_dict()) for draw in draws}) == 1


def test_it_waits_for_a_client_that_can_predict():
    """Others count for nothing."""
    machine = new_machine(NOBODY, Began())

    assert machine.session.progress == {"phase": "waiting", "answers": 0, "clients": 0}
    assert machine.next_deadline() == NOW + 10
    assert len(asked(machine.handle(TWO_COMBINERS, NOW + 1))) == 2


def test_it_fails_if_none_comes():
    """With the reason."""
    machine = new_machine(NOBODY, Began())

    machine.handle(TimePassed(), NOW + 10)

    assert machine.session.status is Status.FAILED
    assert machine.session.reason == "no client that can predict was connected"


def test_it_is_finished_when_all_combiners_have_closed(predicting):
    """And then released by all of them."""
    first = predicting.handle(closed(predicting, "a", 2), NOW)
    last = predicting.handle(closed(predicting, "b", 1), NOW)

    assert not first.actions
    assert released(last) == ["a", "b"]
    assert predicting.session.status is Status.FINISHED
    assert predicting.session.reason == "3 of 3 clients predicted"
    assert predicting.session.progress == {"phase": "ended", "answers": 3, "clients": 3}


def test_one_answer_is_enough_and_the_reason_names_the_others(predicting):
    """People see who is missing, and why."""
    predicting.handle(Unanswered("p", "site-2", "KeyError: 'x'"), NOW)
    predicting.handle(closed(predicting, "a", 1), NOW)
    phase_id = predicting.session.phase.phase_id
    predicting.handle(PhaseRefused("b", phase_id, "b: no room"), NOW)

    assert predicting.session.status is Status.FINISHED
    reason = predicting.session.reason
    assert reason == "1 of 3 clients predicted (b: no room; site-2: KeyError: 'x')"


def test_without_any_answer_it_has_failed(predicting):
    """Silent combiners are named."""
    predicting.handle(closed(predicting, "a", 0), NOW)
    step = predicting.handle(TimePassed(), predicting.next_deadline())

    assert predicting.session.status is Status.FAILED
    assert "0 of 3 clients predicted (the combiner b was silent" in predicting.session.reason
    assert released(step) == ["a", "b"]


@pytest.mark.parametrize(
    ("event", "status"),
    [(StopAsked("enough"), Status.TERMINATED), (Broke("enough"), Status.FAILED)],
)
def test_it_can_be_ended_from_outside(predicting, event, status):
    """What was asked is taken back."""
    step = predicting.handle(event, NOW)

    assert (predicting.session.status, predicting.session.reason) == (status, "enough")
    assert released(step) == ["a", "b"]


def test_after_a_restart_it_asks_again_for_what_is_open_and_gives_time(predicting):
    """The ids are those of before, so that nobody predicts twice."""
    predicting.handle(closed(predicting, "a", 2), NOW)
    again = PredictionMachine(PredictionSession.from_dict(predicting.session.to_dict()))

    step = again.handle(Began(), NOW + 1000)

    assert asked(step) == {"b": ["b1"]}
    assert again.session.phase.phase_id == predicting.session.phase.phase_id
    assert again.next_deadline() == NOW + 1000 + limits.round_grace_seconds


def test_waiting_goes_on_after_a_restart():
    """For a moment at least: clients come back with their combiners."""
    waiting = new_machine(NOBODY, Began())
    again = PredictionMachine(PredictionSession.from_dict(waiting.session.to_dict()))

    again.handle(Began(), NOW + 1000)

    assert len(asked(again.handle(TWO_COMBINERS, NOW + 1001))) == 2


def test_a_combiner_that_is_back_or_did_not_hear_is_asked_again(predicting):
    """As long as its share is open and it is connected."""
    phase = predicting.session.phase
    order = StartPhase("b", phase, phase.phase_id)

    assert asked(predicting.handle(CombinerBack("b"), NOW)) == {"b": ["b1"]}
    assert asked(predicting.handle(Unheard(order), NOW)) == {"b": ["b1"]}
    predicting.handle(NetworkChanged({}), NOW)
    assert asked(predicting.handle(Unheard(order), NOW)) == {}


some_event = st.one_of(
    st.sampled_from([Began(), NOBODY, TWO_COMBINERS, NetworkChanged({}), TimePassed()]),
    st.sampled_from([CombinerBack("a"), PauseAsked(), StopAsked("x"), Broke("y")]),
    st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sampled_from(["", "no"])),
    st.sampled_from([PhaseClosed("a", "unknown", 1, 1.0), Unanswered("unknown", "c", "no")]),
)


@given(st.lists(st.tuples(some_event, st.sampled_from([0.0, 1.0, 9.0])), max_size=30))
def test_whatever_happens_it_ends_once_with_a_reason(events):
    """No action comes after the end, every phase that was started is released, time alone ends all."""
    machine, now = new_machine(Began()), NOW
    actions = Counter()

    def tell(event):
        was_final = machine.session.status.is_final
        step = machine.handle(event, now)
        assert not (was_final and step.actions)
        assert not step.records
        actions.update((type(each), each.combiner) for each in step.actions)

    for event, seconds in events:
        now += seconds
        phase = machine.session.phase
        if isinstance(event, tuple):
            combiner, answers, failure = event
            phase_id = phase.phase_id if phase else "none"
            event = PhaseClosed(combiner, phase_id, answers, 1.0, failure)  # noqa: PLW2901
        tell(event)
        copy = PredictionSession.from_dict(json.loads(json.dumps(machine.session.to_dict())))
        assert copy == machine.session
    while not machine.session.status.is_final:
        now = max(now, machine.next_deadline())
        tell(TimePassed())

    assert machine.session.reason
    assert machine.next_deadline() is None
    for kind, combiner in list(actions):
        if kind is StartPhase:
            assert actions[ReleasePhase, combiner] == 1
