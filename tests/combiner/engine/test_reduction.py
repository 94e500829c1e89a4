"""Reducing with aggregators that remember, or that need all updates at once."""

import asyncio
import uuid

import numpy as np
import pytest

from fednet.combiner.engine.reduction import Reducer
from fednet.combiner.machine.values import Blob, BlobKind
from fednet.digests import Digest
from fednet.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from fednet.parameters import load_parameters
from fednet.wire import common_pb2, rounds_pb2

ROBUST = ["fedmedian", "geometric_median", "krum", "multikrum"]


async def run(combiner, phase, answers):
    """Run a phase to its end; answers are (client, values, metadata)."""
    await combiner.acknowledge_all()
    await combiner.start(phase)
    for client, values, metadata in answers:
        combiner.upload(phase, client, *values)
        result = combiner.says.update(phase, client, 1.0, metadata)
        combiner.result(client, result)
    await combiner.until("phase_closed")


@pytest.fixture
def reduction_of():
    """Return a function that makes a reduction of the partials of phases, given as (phase, combiner)."""

    def make(*shares, **changes):
        [(first, _), *_] = shares
        reduction = rounds_pb2.Reduction(
            model_id=str(uuid.uuid4()),
            base=first.model,
            aggregator=first.aggregator,
            helper=first.helper,
            **changes,
        )
        for phase, combiner in shares:
            updates = len(phase.clients)
            reduction.partials.add(
                phase_id=phase.phase_id,
                combiner=combiner.name,
                updates=updates,
                weight=updates,
                digest=combiner.partial_of(phase),
            )
        return reduction

    return make


@pytest.fixture
def model(store, tmp_path):
    """Return a function that reads a model that was reduced."""

    def read(reduced):
        path = tmp_path / "reduced.npz"
        path.write_bytes(b"".join(store.read(f"models/{reduced.model.id}")))
        return load_parameters(path)[0].tolist()

    return read


@pytest.fixture
def speaking(combiner, says):
    combiner.says = says
    return combiner


async def test_momentum_is_stored_with_the_model_and_goes_into_the_next(
    speaking, phase_of, reduction_of, model
):
    """1 and then 1.9: the second step is 0.9 of the first, though the update is the base itself."""
    await speaking.restart()
    phase = phase_of("a", aggregator="fedavgm")
    await run(speaking, phase, [("a", (1, 1, 1), "")])
    first = await speaking.reduce(reduction_of((phase, speaking)))
    following = phase_of("a", aggregator="fedavgm", model=first.model)
    await run(speaking, following, [("a", (1, 1, 1), "")])

    second = await speaking.reduce(reduction_of((following, speaking), state=first.state))

    assert model(first) == [1, 1, 1]
    assert model(second) == pytest.approx([1.9] * 3)
    assert (first.state.id, second.state.id) == (first.model.id, second.model.id)
    assert first.state.kind == common_pb2.BlobRef.STATE
    await speaking.close()


async def test_a_repeated_reduction_repeats_its_state(speaking, phase_of, reduction_of):
    """Another process makes neither the model nor the state anew."""
    await speaking.restart()
    phase = phase_of("a", aggregator="fedopt")
    await run(speaking, phase, [("a", (1, 2, 3), "")])
    reduction = reduction_of((phase, speaking))

    first = await speaking.reduce(reduction)
    await speaking.close()
    await speaking.restart()
    second = await speaking.reduce(reduction)

    assert (first.model, first.state) == (second.model, second.state)
    await speaking.close()


async def test_a_reduction_asked_for_twice_at_once_is_done_once(
    speaking, phase_of, reduction_of, monkeypatch
):
    """A partial is for one thread at a time: the second request waits, and finds the model."""
    await speaking.restart()
    phase = phase_of("a", "b", "c", "d", "e", aggregator="krum")
    await run(speaking, phase, [(client, (ord(client), 0, 0), "") for client in "abcde"])
    written, write = [], Reducer._written

    def write_and_note(reducer, request, *rest):
        written.append(request.model_id)
        return write(reducer, request, *rest)

    monkeypatch.setattr(Reducer, "_written", write_and_note)
    reduction = reduction_of((phase, speaking))

    first, second = await asyncio.gather(*[speaking.reduce(reduction) for _ in "12"])

    assert written == [reduction.model_id]
    assert first.model == second.model
    await speaking.close()


async def test_a_state_is_deleted_once_nobody_will_ask_for_it(
    speaking, phase_of, reduction_of, store
):
    """The state that the next reduction needs stays."""
    await speaking.restart()
    phase = phase_of("a", aggregator="fedavgm")
    await run(speaking, phase, [("a", (1, 2, 3), "")])
    first = await speaking.reduce(reduction_of((phase, speaking)))
    second = await speaking.reduce(reduction_of((phase, speaking), state=first.state))
    obsolete = {"state": second.state, "obsolete_state_id": first.state.id}

    third = await speaking.reduce(reduction_of((phase, speaking), **obsolete))

    assert set(store.list("states/")) == {f"states/{ref.state.id}" for ref in (second, third)}
    await speaking.close()


async def test_the_model_of_an_abandoned_attempt_is_deleted(
    speaking, phase_of, reduction_of, store
):
    """The aggregator's memory is deleted with it; the next attempt is under way."""
    await speaking.restart()
    phase = phase_of("a", aggregator="fedavgm")
    await run(speaking, phase, [("a", (1, 2, 3), "")])
    first = await speaking.reduce(reduction_of((phase, speaking)))

    abandoned = [first.model.id, str(uuid.uuid4())]
    second = await speaking.reduce(reduction_of((phase, speaking), abandoned_model_ids=abandoned))

    models = {f"models/{phase.model.id}", f"models/{second.model.id}"}
    assert set(store.list("models/")) == models
    assert set(store.list("states/")) == {f"states/{second.state.id}"}
    await speaking.close()


async def test_a_model_that_cannot_be_deleted_holds_up_no_round(
    speaking, phase_of, reduction_of, store, monkeypatch, caplog
):
    """The model stays, and the log names it."""
    await speaking.restart()
    phase = phase_of("a")
    await run(speaking, phase, [("a", (1, 2, 3), "")])
    first = await speaking.reduce(reduction_of((phase, speaking)))

    def refuse(key):
        raise PermissionDenied(f"{key} stays.")

    monkeypatch.setattr(store, "delete", refuse)
    abandoned = [first.model.id]
    second = await speaking.reduce(reduction_of((phase, speaking), abandoned_model_ids=abandoned))

    assert second.model.id != first.model.id
    assert first.model.id in caplog.text
    await speaking.close()


async def test_a_state_that_is_not_what_was_stored_is_refused(
    speaking, phase_of, reduction_of, store
):
    """A missing state, and one of another kind or with another digest or none, are refused."""
    await speaking.restart()
    phase = phase_of("a", aggregator="fedavgm")
    await run(speaking, phase, [("a", (1, 2, 3), "")])
    state = (await speaking.reduce(reduction_of((phase, speaking)))).state
    gone = common_pb2.BlobRef(kind=state.kind, id=str(uuid.uuid4()), digest=state.digest)
    without_digest = common_pb2.BlobRef(kind=state.kind, id=state.id)

    with pytest.raises(NotFound):
        await speaking.reduce(reduction_of((phase, speaking), state=gone))
    with pytest.raises(InvalidInput, match="Invalid"):
        await speaking.reduce(reduction_of((phase, speaking), state=without_digest))
    with pytest.raises(InvalidInput, match="another kind"):
        await speaking.reduce(reduction_of((phase, speaking), state=phase.model))
    with pytest.raises(InvalidInput, match="obsolete_state_id"):
        await speaking.reduce(reduction_of((phase, speaking), obsolete_state_id="../x"))
    store.put(f"states/{state.id}", [b"something else"])
    with pytest.raises(Conflict, match="not the one that the controller recorded"):
        await speaking.reduce(reduction_of((phase, speaking), state=state))
    await speaking.close()


async def test_a_partial_that_is_not_what_its_combiner_shared_is_refused(
    speaking, another_combiner, phase_of, reduction_of, store, model
):
    """Another combiner's partial is read only with the digest that its combiner told; nothing is written else."""
    other = another_combiner("combiner-2")
    other.says = speaking.says
    phase = phase_of("a", share_partial=True)
    for each in (speaking, other):
        await each.restart()
        await run(each, phase, [("a", (1, 2, 3), "")])
    reduction = reduction_of((phase, speaking), (phase, other))
    key = f"partials/{phase.phase_id}/combiner-2"
    without_digest = rounds_pb2.Reduction.FromString(reduction.SerializeToString())
    without_digest.partials[1].ClearField("digest")
    content = b"".join(store.read(key))
    mine = b"".join(store.read(f"partials/{phase.phase_id}/combiner-1"))

    with pytest.raises(Conflict, match="no digest"):
        await speaking.reduce(without_digest)
    store.put(key, [mine + b"x"])
    with pytest.raises(Conflict, match="not the one that the controller recorded"):
        await speaking.reduce(reduction)
    assert store.size(f"models/{reduction.model_id}") is None
    store.put(key, [content])

    assert model(await speaking.reduce(reduction)) == [1, 2, 3]
    for each in (speaking, other):
        await each.close()


async def test_clients_are_given_no_states(speaking, phase_of, reduction_of):
    """The memory of an aggregator is for combiners alone, also while it is in use."""
    await speaking.restart()
    phase = phase_of("a", aggregator="fedavgm")
    await run(speaking, phase, [("a", (1, 2, 3), "")])
    state = (await speaking.reduce(reduction_of((phase, speaking)))).state
    blob = Blob(BlobKind.STATE, state.id, Digest.read(state.digest, state.size_bytes))
    speaking.engine.local.acquire(blob)

    with pytest.raises(NotFound):
        speaking.engine.local.path(blob.kind, blob.id)
    await speaking.close()


@pytest.mark.parametrize("aggregator", ROBUST)
async def test_one_and_two_combiners_make_the_same_of_all_updates(
    speaking, another_combiner, says, phase_of, reduction_of, model, aggregator
):
    """The combiner that reduces sees every update, wherever it came in; a restart loses none."""
    other = another_combiner("combiner-2")
    other.says = says
    await speaking.restart()
    await other.restart()
    rows = np.random.default_rng(0).normal(size=(6, 3)).round(2)
    answers = [(client, row, "") for client, row in zip("abcdef", rows, strict=True)]
    alone = phase_of(*"abcdef", aggregator=aggregator)
    shared = {"aggregator": aggregator, "share_partial": True, "model": alone.model}
    left, right = phase_of(*"ab", **shared), phase_of(*"cdef", **shared)
    await run(speaking, alone, answers)
    await run(other, left, answers[:2])
    await run(speaking, right, answers[2:])
    await speaking.close()
    await speaking.restart()

    one = await speaking.reduce(reduction_of((alone, speaking)))
    two = await speaking.reduce(reduction_of((left, other), (right, speaking)))

    assert model(two) == pytest.approx(model(one), rel=1e-6)
    assert not one.HasField("state")
    await speaking.close()
    await other.close()


@pytest.mark.parametrize("combiners", [1, 3])
async def test_updates_of_several_ages_come_together_wherever_they_are(
    speaking, another_combiner, says, phase_of, reduction_of, model, put_model, combiners
):
    """Each update counts from its own base: 1 + (3 + 4/√2 + 6/2) / 3, and the same after a restart."""
    others = [another_combiner(f"combiner-{number}") for number in range(2, combiners + 1)]
    places = [speaking, *others, speaking, speaking][:3]
    for each in (speaking, *others):
        each.says = says
        await each.restart()
    bases = [put_model(np.full(3, value, np.float32)) for value in (1, 0, -1)]
    phases = []
    for place, base, value in zip(places, bases, (4, 4, 5), strict=True):
        phase = phase_of("a", aggregator="fedbuff", share_partial=True, model=base)
        await run(place, phase, [("a", (value, value, value), "")])
        phases.append(phase)
    await speaking.close()
    await speaking.restart()
    reduction = reduction_of(*zip(phases, places, strict=True))
    for partial, base, staleness in zip(reduction.partials[1:], bases[1:], (1, 3), strict=True):
        partial.base.CopyFrom(base)
        partial.staleness = staleness

    reduced = await speaking.reduce(reduction)

    assert model(reduced) == pytest.approx([1 + (3 + 4 / 2**0.5 + 3) / 3] * 3)
    for each in (speaking, *others):
        await each.close()


async def test_a_base_without_its_age_is_refused(speaking, phase_of, reduction_of):
    """An age without a base, and a base that is no model, are refused too."""
    await speaking.restart()
    phase = phase_of("a", aggregator="fedbuff")
    package = common_pb2.BlobRef(kind=common_pb2.BlobRef.PACKAGE, id=str(uuid.uuid4()))

    for age in ({"base": phase.model}, {"staleness": 1}, {"base": package, "staleness": 1}):
        reduction = reduction_of((phase, speaking))
        reduction.partials[0].MergeFrom(rounds_pb2.Partial(**age))
        with pytest.raises(InvalidInput) as refused:
            await speaking.reduce(reduction)
        assert refused.value.field == "partials"
    await speaking.close()


async def test_what_a_client_says_beside_its_examples_reaches_the_aggregator(
    speaking, phase_of, reduction_of, model
):
    """FedNova counts the steps of an update, and refuses an update that does not report them."""
    await speaking.restart()
    phase = phase_of("a", "b", "silent", aggregator="fednova")
    answers = [("a", (1, 1, 1), '{"num_steps": 1}'), ("b", (10, 10, 10), '{"num_steps": 10}')]

    await run(speaking, phase, [*answers, ("silent", (1, 1, 1), "")])
    [refused] = await speaking.until("unanswered")
    reduction = reduction_of((phase, speaking))
    reduction.partials[0].updates = 2
    reduced = await speaking.reduce(reduction)

    assert "num_steps" in refused.unanswered.message
    assert model(reduced) == pytest.approx([5.5] * 3)
    await speaking.close()
