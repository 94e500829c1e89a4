"""Orders as calls to combiners, and their answers as events of sessions."""

import json
from dataclasses import replace

import pytest

from fednet import limits
from fednet.blob_ref import BlobRef as SignedRef
from fednet.controller.sessions.engine.requests import Authority, Pool, call_of, fixed, outcome
from fednet.controller.sessions.machine.events import (
    PhaseBegun,
    PhaseRefused,
    Planned,
    Reduced,
    ReduceRefused,
    Unheard,
    Withdrawn,
)
from fednet.controller.sessions.machine.orders import (
    ClosePhase,
    PlanRound,
    ReduceRound,
    ReleasePhase,
    StartPhase,
    WithdrawClients,
)
from fednet.controller.sessions.machine.scene import model_id_in
from fednet.controller.sessions.machine.state import (
    BlobRef,
    Functions,
    Kind,
    Phase,
    Round,
    Session,
    Share,
)
from fednet.digests import Digest
from fednet.errors import InvalidInput, LimitExceeded, Unavailable
from fednet.identity import Warrant
from fednet.secure.masks import MaskKey
from fednet.traces import round_place
from fednet.wire import common_pb2, rounds_pb2

STATE = BlobRef("state-1", Digest.read("a" * 64, 7))
RIGHT = Authority("c", 3)


def sign(warrant):
    """Return a text in the place of a signature; the machine's requests only hand it on."""
    return repr(warrant)


@pytest.fixture
def phase():
    return Phase(
        "p", "TRAIN", 1, BlobRef("m", Digest.read("0" * 64, 1)), {"k": Share(["x"], True, 1, 5)}
    )


@pytest.fixture
def current(phase):
    return Round("r", 2, 0, "new-model", 0.0, parts=[phase])


def start(phase, clients=("x",), attempt=0):
    return StartPhase("k", phase, attempt, clients, "r", 9.0)


def test_a_round_is_one_trace_at_any_controller(new_session, phase):
    """A controller that takes the session over orders in the same trace; another round is another trace."""
    session, later = new_session(), replace(phase, number=2)
    places = [
        call_of(session, start(each), right, sign).message.traceparent
        for each in (phase, later)
        for right in (RIGHT, Authority("other", 4))
    ]

    assert places[0] == places[1] == round_place(session.document_id, 1).traceparent
    assert places[2] == places[3] != places[0]


def test_every_order_is_one_call_with_its_authority(new_session, phase, current):
    """The controller, the term and the session; the combiner refuses an older term."""
    session = new_session(functions=Functions(["client_settings"]))
    orders = {
        "Start": start(phase),
        "Close": ClosePhase("k", "p"),
        "Withdraw": WithdrawClients("k", "p", ("x",)),
        "Release": ReleasePhase("k", "p"),
        "Plan": PlanRound("k", current, ("x",)),
        "Reduce": ReduceRound("k", current),
    }

    for method, order in orders.items():
        call = call_of(session, order, RIGHT, sign)
        right = call.message.authority
        assert call.method == method
        assert (right.controller, right.term, right.session_id) == ("c", 3, "s")


def test_a_phase_carries_the_warrant_of_its_tasks(new_session, phase):
    """The controller signs the phase, the kind, the round, the model and the package; each once for a combiner."""
    package = BlobRef("q", Digest.read("1" * 64, 2))
    session = new_session(package=package)

    bare = call_of(new_session(), start(phase), RIGHT, sign).message.warrant
    whole = call_of(session, start(replace(phase, kind="VALIDATE")), RIGHT, sign).message.warrant

    model = SignedRef("MODEL", "m", Digest.read("0" * 64, 1))
    assert bare == sign(Warrant("s", "p", 1, "TRAIN", session.helper, model, None))
    signed = SignedRef("PACKAGE", "q", Digest.read("1" * 64, 2))
    assert whole == sign(Warrant("s", "p", 1, "VALIDATE", session.helper, model, signed))


def test_a_call_has_the_deadline_and_the_threads_of_its_kind(new_session, phase, current):
    """Server functions may take a round's time, and hold up no other call."""
    functions = Functions(["aggregate"])

    short = call_of(new_session(), start(phase), RIGHT, sign)
    merged = call_of(new_session(), ReduceRound("k", current), RIGHT, sign)
    theirs = call_of(new_session(functions=functions), ReduceRound("k", current), RIGHT, sign)

    assert (short.pool, short.seconds_max) == (Pool.CONTROL, limits.call_seconds_max)
    assert (merged.pool, merged.seconds_max) == (Pool.REDUCING, 10.0)
    assert theirs.pool is Pool.FUNCTIONS


def test_a_start_asks_the_listed_clients_with_their_settings(new_session, phase):
    """No settings of other clients are sent along."""
    phase.client_settings = {"x": {"lr": 1}, "y": {"lr": 2}}

    message = call_of(new_session(), start(phase, attempt=2), RIGHT, sign).message

    assert (list(message.clients), message.attempt, message.seconds_max) == (["x"], 2, 9.0)
    assert dict(message.client_settings_json) == {"x": '{"lr": 1}'}


def test_a_reduction_carries_the_aggregators_memory(new_session, current):
    """The reduction names the memory before too, which is deleted."""
    session = new_session(aggregator_state=STATE, obsolete_state_id="state-0")

    message = call_of(session, ReduceRound("k", current), RIGHT, sign).message
    without = call_of(new_session(), ReduceRound("k", current), RIGHT, sign).message

    assert (message.state.id, message.state.kind) == ("state-1", common_pb2.BlobRef.STATE)
    assert (message.state.size_bytes, message.obsolete_state_id) == (7, "state-0")
    assert not without.HasField("state")


def test_a_reduction_names_the_models_that_earlier_attempts_may_have_left(new_session, current):
    """The models are the last ones of this round; the first attempt names none."""
    session = new_session()
    first = call_of(session, ReduceRound("k", current), RIGHT, sign).message
    later = replace(current, attempt=limits.abandoned_models_max + 5)

    message = call_of(session, ReduceRound("k", later), RIGHT, sign).message

    ids = [model_id_in(session, current.number, number) for number in range(5, later.attempt)]
    assert list(first.abandoned_model_ids) == []
    assert list(message.abandoned_model_ids) == ids


def test_a_reopened_session_names_the_models_from_before_its_end(new_session, current):
    """They are others than the one that it makes now."""
    session = new_session(round_retries=1, reopened=1)

    message = call_of(session, ReduceRound("k", current), RIGHT, sign).message

    before = [model_id_in(session, current.number, attempt, reopened=0) for attempt in (0, 1)]
    assert list(message.abandoned_model_ids) == before
    assert model_id_in(session, current.number, 0) not in before


def test_a_partial_says_how_old_its_base_is(new_session, current):
    """The round before began with the model that it names."""
    [partial] = call_of(new_session(), ReduceRound("k", current), RIGHT, sign).message.partials

    assert (partial.staleness, partial.base.id, partial.updates) == (1, "m", 1)


def test_each_client_of_a_secure_phase_has_its_own_message(new_session, phase):
    """The terms go to the combiner and into the warrant; messages to clients that are not asked stay here."""
    phase.kind, phase.secure = "TRAIN_MASKED", "the terms"
    phase.messages = {"x": {"seeds": [1, 2]}, "y": {"seeds": [3]}}

    message = call_of(new_session(), start(phase), RIGHT, sign).message

    assert (message.kind, message.secure) == (
        rounds_pb2.Phase(kind="TRAIN_MASKED").kind,
        "the terms",
    )
    assert dict(message.client_messages_json) == {"x": '{"seeds": [1, 2]}'}
    assert "secure='the terms'" in message.warrant
    assert not message.HasField("examples_max")
    assert (message.update_codec, message.retain_updates) == ("", False)


def test_an_order_that_fits_into_no_message_ends_the_session(new_session, phase):
    """Its clients would be asked in vain at each attempt; the reason says what to change."""
    phase.messages = {client: {"shares": "x" * 100_000} for client in map(str, range(50))}

    with pytest.raises(LimitExceeded, match="for 50 clients of one combiner"):
        call_of(new_session(), start(phase, tuple(phase.messages)), RIGHT, sign)


def test_a_reduction_of_masked_updates_says_how_to_unmask_them(new_session, phase, current):
    """It has the sums of masks and the keys; a round without secure aggregation has neither."""
    plain = call_of(new_session(), ReduceRound("k", current), RIGHT, sign).message
    phase.secure = "the terms"
    current.mask_parts = [replace(phase, phase_id="masks"), replace(phase, phase_id="late")]
    current.mask_parts[1].shares = {"k": Share(["y"], True, 0)}
    current.mask_keys = [MaskKey(b"k" * 32, subtract=True)]

    masked = call_of(new_session(), ReduceRound("k", current), RIGHT, sign).message

    assert not plain.HasField("unmasking")
    assert [each.phase_id for each in masked.partials] == ["p"]
    assert masked.unmasking.secure == "the terms"
    assert [each.phase_id for each in masked.unmasking.masks] == ["masks"]
    assert masked.unmasking.keys[0] == rounds_pb2.MaskKey(key=b"k" * 32, subtract=True)


def test_messages_and_keys_of_masks_are_not_stored(new_session, phase, current):
    """They follow from the answers, and are as secret as these; the terms and the sums of masks are stored."""
    phase.secure, phase.messages = "the terms", {"x": {"seed": "secret"}}
    current.phase = phase
    current.mask_parts, current.mask_keys = [replace(phase, phase_id="masks")], [MaskKey(b"k" * 32)]
    session = new_session(round=current)

    stored = session.to_dict()
    read = Session.from_dict(stored).round

    assert "secret" not in json.dumps(stored)
    assert (read.phase.secure, read.phase.messages, read.mask_keys) == ("the terms", {}, [])
    assert [each.phase_id for each in read.mask_parts] == ["masks"]
    assert "secret" not in repr(session)


def test_an_answer_brings_the_aggregators_memory(current):
    """The answer names the memory with the model, or none."""
    order = ReduceRound("k", current)
    model = common_pb2.BlobRef(id="new-model", size_bytes=2, digest="b" * 64)
    state = common_pb2.BlobRef(id="new-model", size_bytes=7, digest="blake3:" + "a" * 64)

    with_state = outcome(order, rounds_pb2.Reduced(model=model, state=state, seconds=0.5))
    without = outcome(order, rounds_pb2.Reduced(model=model, seconds=0.5))

    assert with_state.state == BlobRef("new-model", Digest.read("blake3:" + "a" * 64, 7))
    assert without == Reduced(BlobRef("new-model", Digest.read("b" * 64, 2)), 0.5)


def test_the_answer_to_an_order_is_about_the_attempt_that_gave_it(current):
    """The round may be in its next attempt when the answer comes."""
    plan, reduce = fixed(PlanRound("k", current, ("x",))), fixed(ReduceRound("k", current))
    current.attempt, current.model_id = 1, "next-model"

    planned = outcome(plan, rounds_pb2.Planned(settings_json="{}"))
    refused = outcome(reduce, InvalidInput("No."))

    assert planned == Planned("r", 0, [], {})
    assert refused == ReduceRefused("new-model", "No.")


def test_a_combiner_that_has_heard_a_start_has_sent_its_tasks(phase):
    """It answers when they are out."""
    assert outcome(start(phase), rounds_pb2.PhaseStarted()) == PhaseBegun("k", "p")


def test_a_withdrawal_brings_the_clients_that_have_not_answered():
    """They may be asked elsewhere."""
    order = WithdrawClients("k", "p", ("x", "y"))

    assert outcome(order, rounds_pb2.Withdrawn(clients=["y"])) == Withdrawn("k", "p", {"y"})


def test_an_error_that_may_pass_is_an_order_unheard_and_any_other_a_refusal(phase):
    """The session asks again, or takes it as the answer."""
    order = start(phase, attempt=1)

    assert outcome(order, Unavailable("Away.")) == Unheard(order)
    assert outcome(order, InvalidInput("No.")) == PhaseRefused("k", "p", "k: No.", 1)


@pytest.mark.parametrize("delete_models", [True, False])
def test_updates_are_retained_where_the_session_asks_for_it(new_session, phase, delete_models):
    """A training retains updates; a validation has none."""
    session = new_session(delete_models=delete_models)
    phases = (phase, replace(phase, kind="VALIDATE"))

    asked = [call_of(session, start(each), RIGHT, sign).message.retain_updates for each in phases]

    assert asked == [not delete_models, False]


def test_tasks_carry_the_aggregators_settings_for_clients(new_session, phase):
    """The settings have mu with fedprox, beside the round, and nothing more with fedavg."""
    prox = new_session(aggregator="fedprox", aggregator_kwargs={"mu": 0.5})

    settings = json.loads(call_of(prox, start(phase), RIGHT, sign).message.settings_json)
    plain = json.loads(call_of(new_session(), start(phase), RIGHT, sign).message.settings_json)

    assert settings == plain | {"mu": 0.5}


def test_a_prediction_has_no_aggregator_and_no_rounds(new_session, phase):
    """Clients are told the session alone."""
    session = new_session(kind=Kind.PREDICTION)

    message = call_of(session, start(replace(phase, kind="PREDICT")), RIGHT, sign).message

    assert (message.aggregator, json.loads(message.settings_json)) == ("", {"session_id": "s"})
