"""Orders as combiners are given them, and their answers as sessions hear them."""

import json
from dataclasses import replace

import pytest

from fednet.controller.sessions.events import PhaseBegun, Reduce, Reduced, StartPhase
from fednet.controller.sessions.orders import outcome, phase_request, reduction
from fednet.controller.sessions.state import BlobRef, Phase, Round, Session, Share
from fednet.wire import common_pb2, rounds_pb2

STATE = BlobRef("state-1", 7, "a" * 64)


@pytest.fixture
def current():
    phase = Phase("p", "TRAIN", 1, BlobRef("m", 1, "0" * 64), 9.0, {"c": Share(["x"], True, 1, 5)})
    return Round("r", 1, 0, "new-model", phase, 0.0)


def test_a_reduction_carries_what_the_aggregator_remembered(new_session, current):
    """And the name of what it remembered before, to be deleted."""
    session = new_session(aggregator_state=STATE, obsolete_state_id="state-0")

    request = reduction(session, Reduce("c", current))

    assert (request.state.id, request.state.kind) == ("state-1", common_pb2.BlobRef.STATE)
    assert (request.state.size_bytes, request.obsolete_state_id) == (7, "state-0")
    assert not reduction(new_session(), Reduce("c", current)).HasField("state")


def test_an_answer_brings_what_the_aggregator_remembers(current):
    """With the model, or nothing where nothing is remembered."""
    order = Reduce("c", current)
    model = common_pb2.BlobRef(id="new-model", size_bytes=2, sha256="b" * 64)
    state = common_pb2.BlobRef(id="new-model", size_bytes=7, sha256="a" * 64)

    with_state = outcome(order, rounds_pb2.Reduced(model=model, state=state, seconds=0.5))
    without = outcome(order, rounds_pb2.Reduced(model=model, seconds=0.5))

    assert with_state.state == BlobRef("new-model", 7, "a" * 64)
    assert without == Reduced(BlobRef("new-model", 2, "b" * 64), 0.5)


def test_a_combiner_that_has_heard_a_start_has_sent_its_tasks(current):
    """It answers when they are out."""
    order = StartPhase("c", current.phase, "r")

    assert outcome(order, rounds_pb2.PhaseStarted()) == PhaseBegun("c", current.phase.phase_id)


@pytest.mark.parametrize("delete_models", [True, False])
def test_updates_are_retained_where_the_session_asks_for_it(new_session, current, delete_models):
    """Of training; a validation has none."""
    session = new_session(delete_models=delete_models)
    validation = replace(current.phase, kind="VALIDATE")

    asked = [
        phase_request(session, StartPhase("c", phase, "r")).retain_updates
        for phase in (current.phase, validation)
    ]

    assert asked == [not delete_models, False]


def test_a_session_remembers_through_its_document(new_session):
    """What is stored at the commit is there again after a restart; older documents have nothing."""
    session = new_session(aggregator_state=STATE, obsolete_state_id="state-0")
    old = new_session().to_dict()
    del old["aggregator_state"], old["obsolete_state_id"]

    assert Session.from_dict(json.loads(json.dumps(session.to_dict()))) == session
    assert Session.from_dict(old).aggregator_state is None


def test_tasks_carry_what_the_aggregator_asks_of_clients(new_session, current):
    """With fedprox its mu, beside the round; with fedavg nothing more."""
    order = StartPhase("c", current.phase, "r")
    prox = new_session(aggregator="fedprox", aggregator_kwargs={"mu": 0.5})

    settings = json.loads(phase_request(prox, order).settings_json)
    plain = json.loads(phase_request(new_session(), order).settings_json)

    assert settings == plain | {"mu": 0.5}
