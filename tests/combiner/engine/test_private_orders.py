"""Orders with differential privacy, as a combiner obeys them on the wire."""

import uuid

import numpy as np
import pytest

from fednet.errors import InvalidInput
from fednet.parameters import load_parameters
from fednet.privacy import PrivacyTerms
from fednet.wire import rounds_pb2

TERMS = PrivacyTerms(clip=1.0).to_text()


@pytest.fixture
def reduction_of():
    """Return a function that makes a reduction of one phase's partial, with noise."""

    def make(combiner, phase):
        reduction = rounds_pb2.Reduction(
            model_id=str(uuid.uuid4()),
            base=phase.model,
            aggregator=phase.aggregator,
            helper=phase.helper,
            noise=rounds_pb2.Noise(key="ab" * 32, deviation=1.0),
        )
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
def speaking(combiner, says):
    combiner.says = says
    return combiner


async def answered(combiner, phase, values, metadata=""):
    await combiner.acknowledge_all()
    await combiner.start(phase)
    for client in phase.clients:
        combiner.upload(phase, client, *values)
        combiner.result(client, combiner.says.update(phase, client, 77.0, metadata))
    await combiner.until("phase_closed")


async def test_a_merge_after_a_crash_gives_the_same_model_though_the_first_one_is_lost(
    speaking, phase_of, reduction_of, store, tmp_path
):
    """A process that dies before its model is stored released nothing; the next one draws the same noise."""
    await speaking.restart()
    phase = phase_of("a", "b", kind="TRAIN_PRIVATELY", privacy=TERMS, aggregator="fedavgm")
    await answered(speaking, phase, (100, 100, 100))
    order = reduction_of(speaking, phase)

    first = await speaking.reduce(order)
    (tmp_path / "first.npz").write_bytes(b"".join(store.read(f"models/{first.model.id}")))
    store.delete(f"models/{first.model.id}")
    await speaking.close()
    await speaking.restart()
    second = await speaking.reduce(order)

    assert second.model == first.model
    (numbers,) = load_parameters(tmp_path / "first.npz")
    assert not np.allclose(numbers, np.full(3, 1 / 3**0.5))
    await speaking.close()


@pytest.mark.parametrize("store", ["memory"], indirect=True)
async def test_a_partial_of_another_combiner_is_fetched_once(
    speaking, another_combiner, phase_of, reduction_of, store, monkeypatch
):
    """Both the model and the share within the clip are of it; a repeated merge tells the same share."""
    other = another_combiner("combiner-2")
    other.says = speaking.says
    terms = PrivacyTerms(clip=1.0, counts=True).to_text()
    phase = phase_of("a", "b", kind="TRAIN_PRIVATELY", privacy=terms, share_partial=True)
    for each in (speaking, other):
        await each.restart()
    await answered(other, phase, (1, 2, 3))
    order = reduction_of(other, phase)
    order.noise.count_deviation = 1.0
    read, fetched = store.read, []
    monkeypatch.setattr(store, "read", lambda key: fetched.append(key) or read(key))

    first = await speaking.reduce(order)
    partials = [key for key in fetched if key.startswith("partials/")]
    second = await speaking.reduce(order)

    assert partials == [f"partials/{phase.phase_id}/combiner-2"]
    assert first.HasField("share_within_clip")
    assert second.share_within_clip == first.share_within_clip
    for each in (speaking, other):
        await each.close()


async def test_a_controller_hears_nothing_that_a_client_says_of_its_training(speaking, phase_of):
    """A client that does not know the rule may say what it likes: it counts as one, and says nothing."""
    await speaking.restart()
    phase = phase_of("a", kind="TRAIN_PRIVATELY", privacy=TERMS)
    await answered(speaking, phase, (1, 2, 3), '{"loss": 0.5}')
    *_, told = await speaking.until("update_folded")

    assert told.update_folded.num_examples == 1.0
    assert told.update_folded.metadata_json == ""
    await speaking.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "TRAIN_PRIVATELY"},
        {"kind": "TRAIN", "privacy": TERMS},
        {"kind": "TRAIN_PRIVATELY", "privacy": TERMS, "aggregator": "fedmedian"},
        {"kind": "TRAIN_PRIVATELY", "privacy": '{"clip": 0}'},
    ],
)
async def test_an_order_that_breaks_the_guarantee_is_refused(speaking, phase_of, changes):
    """A combiner checks what a controller of another version might not."""
    await speaking.restart()

    with pytest.raises(InvalidInput):
        await speaking.start(phase_of("a", **changes))
    await speaking.close()
