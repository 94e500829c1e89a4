"""Rounds with secure aggregation, as a combiner carries them out."""

import itertools
import json
import uuid

import numpy as np
import pytest

from fednet.combiner.machine.assignment import task_id_of
from fednet.errors import InvalidInput, InvalidModel, NotFound
from fednet.parameters import Structure, load_parameters, write_model
from fednet.secure.masks import MaskKey, add_masks
from fednet.secure.ring import RingQuantiser
from fednet.secure.terms import SecureTerms
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

BASE = [np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), np.array([7], np.int64)]
COMMON = {"min_clients": 3, "clip": 8.0, "examples_max": 100, "cipher": "chacha20"}
PET = SecureTerms(
    "pet",
    clients=5,
    ring_bits=32,
    sum_participants=3,
    threshold=2,
    quorum=3,
    neighbours=0,
    **COMMON,
)
SECAGG = SecureTerms(
    "secagg+", clients=5, ring_bits=64, sum_participants=0, threshold=3, quorum=3, neighbours=4,
    **COMMON,
)  # fmt: skip
TRAINED = {
    client: [BASE[0] + np.float32(step), BASE[1] + count]
    for client, step, count in (("a", 0.25, 1), ("b", -0.5, 2), ("c", 1.5, 6))
}
EXAMPLES = {"a": 10, "b": 20, "c": 40}
HELLO = tasks_pb2.Hello(kinds=["TRAIN_MASKED", "SUM_MASKS", "EXCHANGE_SECURELY"])
BY_TWO = {"combiner-1": ("a",), "combiner-2": ("b", "c")}


def keys_of(number):
    """The keys of one client's masks."""
    return [MaskKey(bytes([number, part]) * 16) for part in (1, 2)]


KEYS = {client: keys_of(number) for number, client in enumerate(TRAINED)}


def masked(client, terms):
    """A client's update as it leaves the client."""
    ring = RingQuantiser(terms, Structure.of(BASE))
    vector = ring.quantised(TRAINED[client], BASE, EXAMPLES[client])
    add_masks(vector, KEYS[client], terms.cipher)
    return vector


def sum_of_masks(terms, which=(0, 1)):
    """The vector of a sum participant that has these keys of each client."""
    total = np.zeros(7 + 1, f"uint{terms.ring_bits}")
    for keys in KEYS.values():
        add_masks(total, [keys[part] for part in which], terms.cipher)
    return total


def plain_model(terms, clients=tuple(TRAINED)):
    """The model of the same updates without masks."""
    ring = RingQuantiser(terms, Structure.of(BASE))
    total = np.zeros(ring.count, f"uint{terms.ring_bits}")
    for client in clients:
        total += ring.quantised(TRAINED[client], BASE, EXAMPLES[client])
    arrays, _ = ring.mean(total, BASE)
    return [
        np.concatenate(list(array.flat_blocks())).reshape(array.shape).astype(before.dtype)
        for array, before in zip(arrays, BASE, strict=True)
    ]


def read(store, ref, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(b"".join(store.read(f"models/{ref.id}")))
    return load_parameters(path)


@pytest.fixture
def combiners(combiner, another_combiner):
    """Two combiners on the same blob store, by name."""
    return {"combiner-1": combiner, "combiner-2": another_combiner("combiner-2")}


@pytest.fixture
def says_words(says):
    """Return a function that lets a client upload words of a ring and say so."""

    def send(combiner, phase, client, words):
        place = combiner.upload_place(client, task_id_of(phase.phase_id, client))
        digest = write_model(place.path, [words])
        combiner.engine.uploads.arrived(place, digest)
        combiner.result(client, says.update(phase, client, 1.0))

    return send


@pytest.fixture
def digests():
    """The digests of shared partials, by phase, as combiners have told them."""
    return {}


@pytest.fixture
def collected(combiners, phase_of, put_model, says_words, digests):
    """Return a function that begins a phase on combiners and lets its clients answer with words of the ring."""
    model = put_model(*BASE)

    async def collect(kind, terms, shares, words_of, **changes):
        phases = {}
        for name, clients in shares.items():
            phases[name] = phase_of(
                *clients, kind=kind, model=model, secure=terms.text, share_partial=len(shares) > 1, **changes
            )  # fmt: skip
            combiner = combiners[name]
            await combiner.start(phases[name])
            for client in clients:
                says_words(combiner, phases[name], client, words_of(client))
            await combiner.until("phase_closed")
            digests[phases[name].phase_id] = combiner.partial_of(phases[name])
            await combiner.acknowledge_all()
        return phases

    return collect


@pytest.fixture
def reduction_of(digests):
    """Return a function that makes the order to reduce masked phases."""

    def add(partials, phases):
        for name, phase in phases.items():
            updates = len(phase.clients)
            partials.add(
                phase_id=phase.phase_id,
                combiner=name,
                updates=updates,
                weight=updates,
                digest=digests[phase.phase_id],
            )

    def make(terms, trained, masks=(), keys=()):
        one = next(iter(trained.values()))
        order = rounds_pb2.Reduction(
            model_id=str(uuid.uuid4()), base=one.model, aggregator="fedavg", helper=one.helper
        )
        add(order.partials, trained)
        order.unmasking.secure = terms.text
        for each in masks:
            add(order.unmasking.masks, each)
        order.unmasking.keys.extend(rounds_pb2.MaskKey(**vars(key)) for key in keys)
        return order

    return make


async def begin(combiners):
    for combiner in combiners.values():
        await combiner.restart()


async def close(combiners):
    for combiner in combiners.values():
        await combiner.close()


@pytest.mark.parametrize("shares", [{"combiner-1": ("a", "b", "c")}, BY_TWO])
async def test_sums_of_masks_give_the_mean_exactly(
    combiners, collected, reduction_of, store, tmp_path, shares
):
    """The model has the bytes of the mean without masks, wherever the clients and the sum participants are."""
    await begin(combiners)
    trained = await collected("TRAIN_MASKED", PET, shares, lambda client: masked(client, PET))
    parts = {"a": (0,), "b": (1,)}
    masks = await collected(
        "SUM_MASKS",
        PET,
        {name: clients[:1] for name, clients in BY_TWO.items()},
        lambda client: sum_of_masks(PET, parts[client]),
    )

    reduced = await combiners["combiner-1"].reduce(reduction_of(PET, trained, [masks]))

    for made, expected in zip(read(store, reduced.model, tmp_path), plain_model(PET), strict=True):
        assert made.dtype == expected.dtype
        assert np.array_equal(made, expected)
    await close(combiners)


@pytest.mark.parametrize("shares", [{"combiner-1": ("a", "b", "c")}, BY_TWO])
async def test_keys_of_masks_give_the_mean_exactly(
    combiners, collected, reduction_of, store, tmp_path, shares
):
    """Masks whose keys the controller knows are removed by the combiner that merges."""
    await begin(combiners)
    trained = await collected("TRAIN_MASKED", SECAGG, shares, lambda client: masked(client, SECAGG))
    keys = [MaskKey(key.key, subtract=True) for key in itertools.chain(*KEYS.values())]

    reduced = await combiners["combiner-1"].reduce(reduction_of(SECAGG, trained, keys=keys))

    for made, expected in zip(
        read(store, reduced.model, tmp_path), plain_model(SECAGG), strict=True
    ):
        assert np.array_equal(made, expected)
    await close(combiners)


async def test_masked_sums_are_the_same_after_a_kill(
    combiners, collected, reduction_of, store, tmp_path
):
    """A combiner that dies after the round's answers folds them again, and a repeated merge gives the same model."""
    await begin(combiners)
    everybody = {"combiner-1": ("a", "b", "c")}
    trained = await collected("TRAIN_MASKED", PET, everybody, lambda client: masked(client, PET))
    masks = await collected("SUM_MASKS", PET, {"combiner-1": ("a",)}, lambda _: sum_of_masks(PET))
    order = reduction_of(PET, trained, [masks])
    first = await combiners["combiner-1"].reduce(order)
    model = read(store, first.model, tmp_path)
    store.delete(f"models/{first.model.id}")

    await combiners["combiner-1"].restart()
    second = await combiners["combiner-1"].reduce(order)

    assert second.model == first.model
    assert all(map(np.array_equal, model, plain_model(PET)))
    await close(combiners)


async def test_a_missing_sum_of_masks_ends_the_merge(combiners, collected, reduction_of):
    """No model is made of a sum with masks in it, and the reason says so."""
    await begin(combiners)
    everybody = {"combiner-1": ("a", "b", "c")}
    trained = await collected("TRAIN_MASKED", PET, everybody, lambda client: masked(client, PET))
    half = await collected(
        "SUM_MASKS", PET, {"combiner-1": ("a",)}, lambda _: sum_of_masks(PET, (0,))
    )

    with pytest.raises(InvalidModel, match="masks were not removed"):
        await combiners["combiner-1"].reduce(reduction_of(PET, trained, [half]))
    with pytest.raises(InvalidInput, match="removes masks by the sums"):
        await combiners["combiner-1"].reduce(reduction_of(PET, trained))
    lost = reduction_of(PET, trained, [half])
    lost.unmasking.masks[0].combiner = "combiner-2"
    lost.unmasking.masks[0].digest.CopyFrom(common_pb2.Digest(text="0" * 64))
    with pytest.raises(NotFound):
        await combiners["combiner-1"].reduce(lost)
    await close(combiners)


async def test_a_client_is_told_the_terms_and_its_own_message(combiner, phase_of, sent):
    """One client's message of the protocol is no other client's business."""
    await combiner.restart()
    stream = combiner.connect("a", HELLO)
    messages = {"a": '{"step": "keys", "for": "a"}', "b": '{"step": "keys", "for": "b"}'}
    phase = phase_of(
        "a", "b", kind="EXCHANGE_SECURELY", secure=PET.text, client_messages_json=messages
    )
    await combiner.start(phase)

    ((_, task),) = [each for each in sent(stream) if each[0] == "task"]

    assert (task.kind, task.secure) == (tasks_pb2.EXCHANGE_SECURELY, PET.text)
    assert json.loads(task.message_json) == {"step": "keys", "for": "a"}
    await combiner.close()


async def test_clients_that_are_asked_later_have_their_messages(combiner, phase_of, sent):
    """Also after a restart: the messages lie on the disk with the order."""
    await combiner.restart()
    phase = phase_of(
        "a", kind="EXCHANGE_SECURELY", secure=PET.text, client_messages_json={"a": '{"n": 1}'}
    )
    await combiner.start(phase)
    later = rounds_pb2.Phase()
    later.CopyFrom(phase)
    later.ClearField("client_messages_json")
    later.client_messages_json["b"] = '{"n": 2}'
    later.clients.append("b")
    await combiner.start(later)

    await combiner.restart()
    streams = [combiner.connect(client, HELLO) for client in "ab"]

    told = [
        json.loads(task.message_json)
        for each in streams
        for kind, task in sent(each)
        if kind == "task"
    ]
    assert told == [{"n": 1}, {"n": 2}]
    await combiner.close()


async def test_an_exchange_is_handed_to_the_controller(combiner, phase_of, says):
    """The combiner reads nothing of it, and it needs no model."""
    await combiner.restart()
    phase = phase_of("a", kind="EXCHANGE_SECURELY", secure=PET.text)
    phase.ClearField("model")
    await combiner.start(phase)
    combiner.result("a", says.exchange(phase, "a", '{"key": "abc"}'))

    (told,) = await combiner.until("exchange")

    assert json.loads(told.exchange.value_json) == {"key": "abc"}
    await combiner.close()


async def test_a_masked_update_counts_as_one_and_says_nothing(combiner, phase_of, put_model, says):
    """Its weight is below the mask, so the news have neither the examples nor the metadata that a client adds."""
    await combiner.restart()
    phase = phase_of("a", kind="TRAIN_MASKED", model=put_model(*BASE), secure=PET.text)
    await combiner.start(phase)
    place = combiner.upload_place("a", task_id_of(phase.phase_id, "a"))
    combiner.engine.uploads.arrived(place, write_model(place.path, [masked("a", PET)]))
    combiner.result("a", says.update(phase, "a", 77.0, '{"loss": 0.5}'))

    (told,) = await combiner.until("update_folded")

    assert (told.update_folded.num_examples, told.update_folded.metadata_json) == (1.0, "")
    await combiner.close()


@pytest.mark.parametrize(
    "words",
    [
        np.zeros(7, np.float64),
        np.zeros(8, np.uint64),
        np.zeros(8, np.float32),
        np.zeros(9, np.uint32),
    ],
)
async def test_words_of_another_ring_or_length_are_refused(
    combiner, phase_of, put_model, says_words, words
):
    """An update that is no vector of the agreed ring is not added to the sum."""
    await combiner.restart()
    phase = phase_of("a", kind="TRAIN_MASKED", model=put_model(*BASE), secure=PET.text)
    await combiner.start(phase)
    says_words(combiner, phase, "a", words)

    (told,) = await combiner.until("unanswered")

    assert told.unanswered.why == rounds_pb2.TaskUnanswered.REFUSED
    await combiner.close()


async def test_the_largest_upload_is_that_of_the_words(combiner, phase_of, put_model):
    """A client cannot fill the disk with wider numbers than the ring has."""
    await combiner.restart()
    count = 1_000_000
    phase = phase_of(
        "a", kind="TRAIN_MASKED", model=put_model(np.zeros(count, np.float32)), secure=PET.text
    )
    await combiner.start(phase)

    place = combiner.upload_place("a", task_id_of(phase.phase_id, "a"))

    assert 4 * count < place.bytes_max < 4.1 * count
    await combiner.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "TRAIN_MASKED"}, "secure"),
        ({"kind": "EXCHANGE_SECURELY"}, "secure"),
        ({"kind": "TRAIN", "secure": PET.text}, "secure"),
        ({"kind": "TRAIN_MASKED", "secure": '{"clients": 1}'}, "secure"),
        ({"kind": "TRAIN_MASKED", "secure": PET.text, "aggregator": "krum"}, "aggregator"),
        ({"kind": "TRAIN_MASKED", "secure": PET.text, "keep_updates": True}, "aggregator"),
        (
            {"kind": "SUM_MASKS", "secure": PET.text, "client_messages_json": {"a": "[1]"}},
            "client_messages_json",
        ),
    ],
)
async def test_an_order_that_does_not_fit_is_refused(combiner, phase_of, changes, field):
    """A combiner checks what a controller of another version might not; the error names the field."""
    await combiner.restart()

    with pytest.raises(InvalidInput) as refusal:
        await combiner.start(phase_of("a", **changes))

    assert refusal.value.field == field
    await combiner.close()


async def test_the_terms_of_a_phase_cannot_change(combiner, phase_of, put_model):
    """Answers under other terms would be words of another ring."""
    await combiner.restart()
    phase = phase_of("a", kind="TRAIN_MASKED", model=put_model(*BASE), secure=PET.text)
    await combiner.start(phase)
    phase.attempt, phase.secure = 1, SECAGG.text

    with pytest.raises(InvalidInput, match="another secure"):
        await combiner.start(phase)
    await combiner.close()
