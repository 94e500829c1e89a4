"""States that earlier versions have stored, as they stored them, are read and go on."""

import json
from pathlib import Path

import pytest
from session_world import World

from fednet.controller.sessions.machine.kernel import Machine
from fednet.controller.sessions.machine.state import (
    BlobRef,
    Kind,
    Phase,
    Round,
    Session,
    Share,
    Status,
)
from fednet.digests import Algorithm, Digest

PARTIAL = Digest(Algorithm.SHA256, "1" * 64, 9)
STORED = Path(__file__).parent / "stored"


@pytest.fixture
def stored():
    """Return a function that reads a state which a version has stored."""

    def read(version, kind):
        return json.loads((STORED / f"{version}.json").read_text())[kind]

    return read


def test_options_beside_the_other_fields_are_read(stored):
    """They were stored as fields of the state, and the source of server functions with their memory."""
    session = Session.from_dict(stored("flat_options", "training"))

    options = session.options
    assert (options.rounds, options.round_timeout, options.requested_clients) == (2, 60.0, 8)
    assert (options.aggregator, options.aggregator_kwargs) == ("fedprox", {"mu": 0.1})
    assert (options.delete_models, options.validate_models, options.seed) == (False, True, 7)
    assert options.server_functions.startswith("class F:")
    assert (session.seed, session.helper) == ("7", "numpyhelper")


def test_a_round_under_way_goes_on(stored):
    """Its clients are not asked anew: the phase is that which the combiners hold."""
    session = Session.from_dict(stored("flat_options", "training"))
    phase_id, places = session.round.phase.phase_id, {"a": ["a1", "a2"], "b": ["b1"]}

    world = World(session, places, allowing=("a", "b"))
    world.begin()
    asked = {order.phase_id for order in world.orders}
    world.play()

    assert asked == {phase_id}
    assert (world.session.status, world.session.number) == (Status.FINISHED, 2)


def test_a_sha256_is_read_as_a_digest(new_session):
    """Earlier versions stored the size and the SHA-256 of each model, and of each partial."""
    session = new_session()
    session.round = Round("r", 1, 1, "m", 0.0, phase=Phase("p", "TRAIN", 1, session.model))
    session.round.phase.shares["a"] = Share(["a1"], partial=PARTIAL)
    values = session.to_dict()
    values["model"] = {"id": "m", "size_bytes": 7, "sha256": "0" * 64}
    share = values["round"]["phase"]["shares"]["a"]
    share["partial"] = {"size_bytes": PARTIAL.size_bytes, "sha256": PARTIAL.value}

    read = Session.from_dict(values)

    assert read.model == BlobRef("m", Digest(Algorithm.SHA256, "0" * 64, 7))
    assert read.round.phase.shares["a"].partial == PARTIAL


def test_a_prediction_under_way_is_read(stored):
    """Its seed was its id."""
    session = Session.from_dict(stored("flat_options", "prediction"))

    assert (session.kind, session.seed, session.options.seed) == (Kind.PREDICTION, "asked", None)
    assert session.options.requested_clients == 100_000


def test_an_ended_session_of_the_first_version_can_be_continued(stored):
    """That version stored no kind; it is a training session, or asynchronous."""
    values = stored("0.1.0", "training")
    session = Session.from_dict(values)

    session.reopen(1)

    assert (session.kind, session.options.rounds, session.seed) == (Kind.TRAINING, 3, "7")
    assert Machine(session).document()["rounds_total"] == 3
    assert Session.from_dict(values | {"staleness_max": 2}).kind is Kind.ASYNCHRONOUS


def test_an_ended_prediction_of_the_first_version_is_read(stored):
    """That version stored no kind; a prediction had fewer fields."""
    assert Session.from_dict(stored("0.1.0", "prediction")).kind is Kind.PREDICTION


def test_an_unfinished_session_of_the_first_version_is_refused(stored):
    """It had other steps."""
    with pytest.raises(ValueError, match="kind"):
        Session.from_dict(stored("0.1.0", "training") | {"status": "STARTED"})


def test_an_option_that_was_unknown_when_a_state_was_stored_has_its_default(new_session):
    """A state of today, read by the next version."""
    values = new_session(rounds=3).to_dict()
    del values["options"]["round_buffer_size"]

    options = Session.from_dict(values).options

    assert (options.rounds, options.round_buffer_size) == (3, -1)


def test_an_option_that_is_no_more_is_left_out(new_session):
    """A state of an earlier version with an option that was taken back."""
    values = new_session().to_dict()
    values["options"]["patience"] = 3

    assert Session.from_dict(values).to_dict() == new_session().to_dict()


def test_limits_hold_at_the_start_of_a_session_only(new_session):
    """A limit that is lowered ends no session that has begun."""
    values = new_session().to_dict()
    values["options"]["rounds"] = 10**9

    assert Session.from_dict(values).options.rounds == 10**9
