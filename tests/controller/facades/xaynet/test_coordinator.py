"""Whole rounds with participants: the model, restarts, faults of the stores, and two controllers."""

import numpy as np
import pytest
from xaynet_participants import Participant, crowd, mean_of, parameters_of
from xaynet_table import config_of

from fednet.controller.records import Records
from fednet.errors import FednetError, Unavailable
from fednet.parameters import model_format
from fednet.xaynet import DTYPES, Tag, model_from_bytes, seed_dictionary_to_bytes

NO_SEEDS = seed_dictionary_to_bytes({})


def messages_of(sums, updates):
    """Yield the messages of a round, each a function that makes and sends it, in their order."""
    for each in sums:
        yield lambda table, each=each: each.sum_message(parameters_of(table))
    for each in updates:
        yield lambda table, each=each: each.update_message(parameters_of(table), table.sums())
    for each in sums:
        yield lambda table, each=each: each.sum2_message(
            parameters_of(table), table.seeds(each.key.public)
        )


def begun(coordinator, steps=2):
    """Take up the state, and begin a round."""
    for _ in range(steps):
        coordinator.step()
    return coordinator


def finish(coordinator):
    """Unmask, and begin the next round."""
    for _ in range(3):
        coordinator.step()


def model_of(coordinator, config):
    document = b"".join(coordinator.model())
    return model_from_bytes(document, config.mask.config(), config.model.length)


def play(coordinator, sums, updates):
    """Play a round to its end."""
    for message in messages_of(sums, updates):
        coordinator.receive(message(coordinator))
        coordinator.step()
    finish(coordinator)


CONFIGS = {
    "default": {},
    "many-digits": {"data_type": "F64", "bound_type": "B2", "model_type": "M6"},
    "power-of-two": {"group_type": "Power2", "bound_type": "B6", "model_type": "M12"},
    "integers": {"group_type": "Integer", "data_type": "I32", "bound_type": "B4"},
    "unbounded": {"bound_type": "Bmax"},
}


@pytest.mark.parametrize("mask", CONFIGS.values(), ids=list(CONFIGS))
def test_a_round_gives_the_weighted_mean(table, mask):
    """Whatever the configuration: three updates, of which two count half and a quarter."""
    table.config = config_of(mask=mask)
    dtype = DTYPES[table.config.mask.config().data_type]
    whole = [[100, -7, 0], [8, 16, -24], [1, 1, 1]]
    models = [np.array(each, dtype) / (1 if dtype.kind == "i" else 128) for each in whole]
    models = [each.astype(dtype) for each in models]
    coordinator = begun(table.seat())
    sums, updates = crowd(parameters_of(coordinator), models)

    play(coordinator, sums, updates)

    found = model_of(coordinator, table.config)
    expected = mean_of(updates).astype(dtype)
    assert np.allclose(found, expected, rtol=0, atol=1 if dtype.kind == "i" else 1e-7)


def test_three_rounds_give_three_models_for_people(table, weights):
    """Each is a model of the network, and none becomes its active one."""
    coordinator = begun(table.seat())
    means = []
    for _ in range(3):
        sums, updates = crowd(parameters_of(coordinator), weights)
        play(coordinator, sums, updates)
        means.append(mean_of(updates))

    models = table.records.find("models")
    assert len({each["id"] for each in models}) == 3
    assert table.records.active()["model_id"] is None
    for document, mean in zip(models, means, strict=True):
        with (
            table.catalog._fetched("models", document) as path,
            model_format(document["helper"]).open(path) as opened,
        ):
            assert np.allclose(opened.arrays[0], mean, atol=1e-7)


@pytest.mark.parametrize("restart_at", range(9))
def test_a_restart_loses_nothing(table, weights, restart_at):
    """Another process takes the stored state up after any message, and in any phase; the round goes on."""
    coordinator = begun(table.seat())
    sums, updates = crowd(parameters_of(coordinator), weights, sums=2)
    table.config = config_of(
        pet={
            "sum": {"count": {"min": 2, "max": 10}},
            "sum2": {"count": {"min": 2, "max": 10}},
        }
    )
    coordinator = begun(table.seat(), steps=1)

    for number, message in enumerate(messages_of(sums, updates)):
        body = message(coordinator)
        if number == restart_at:
            coordinator = begun(table.seat(), steps=1)
        coordinator.receive(body)
        if number == restart_at:
            coordinator = begun(table.seat(), steps=1)
        coordinator.step()
    if restart_at >= 7:  # in the phase unmask
        coordinator = begun(table.seat(), steps=1)
    finish(coordinator)

    assert np.allclose(model_of(coordinator, table.config), mean_of(updates), atol=1e-7)
    assert len(table.records.find("models")) == 1


class Away:
    """A state store that is away for one write.

    Args:
        documents: The store.
        is_written: True if the write happens nevertheless, and only its answer is lost.

    Attributes:
        left: The number of writes before the one that fails; None if none fails.
    """

    def __init__(self, documents, is_written):
        self._documents = documents
        self._is_written = is_written
        self.left = None

    def __getattr__(self, name):
        call = getattr(self._documents, name)
        return self._failing(call) if name in {"insert", "update", "delete"} else call

    def _failing(self, call):
        def write(*arguments, **more):
            if self.left is None:
                return call(*arguments, **more)
            self.left -= 1
            if self.left != -1:
                return call(*arguments, **more)
            if self._is_written:
                call(*arguments, **more)
            raise Unavailable("the store is away")

        return write


@pytest.mark.parametrize("is_written", [False, True])
@pytest.mark.parametrize("at", range(14))
def test_a_store_that_is_away_for_one_write_loses_nothing(table, weights, at, is_written):
    """A participant that got no answer sends its message again, and it counts once."""
    coordinator = begun(table.seat())
    sums, updates = crowd(parameters_of(coordinator), weights)
    away = Away(table.records.documents, is_written)
    coordinator = begun(table.seat(records=Records(away)), steps=1)
    away.left = at

    for message in messages_of(sums, updates):
        body = message(coordinator)
        for _ in range(2):
            try:
                coordinator.receive(body)
                break
            except FednetError:
                coordinator.step()
        for _ in range(2):
            coordinator.step()
    for _ in range(5):
        coordinator.step()

    assert away.left < 0
    assert np.allclose(model_of(coordinator, table.config), mean_of(updates), atol=1e-7)


def test_one_controller_coordinates(table):
    """The other one answers that it does not, until the first one has released its lease."""
    leases, others = table.leases("a"), table.leases("b")
    first, second = begun(table.coordinator(leases)), begun(table.coordinator(others))
    parameters = first.parameters()

    with pytest.raises(Unavailable, match="Another controller"):
        second.parameters()
    leases.release()
    others.look()
    second.step()

    assert second.parameters() == parameters


def test_a_replaced_coordinator_changes_nothing(table, weights):
    """A process that stood still while another one took over cannot store a message."""
    first = begun(table.seat("a"))
    sums, _ = crowd(parameters_of(first), weights, sums=2)
    second = begun(table.seat("a"), steps=1)  # a newer process of this name

    with pytest.raises(FednetError):
        first.receive(sums[0].sum_message(parameters_of(first)))
    second.receive(sums[1].sum_message(parameters_of(second)))
    second.step()

    third = begun(table.seat("a"), steps=1)
    assert third.sums() == second.sums()
    assert sums[1].key.public in third.sums()
    assert sums[0].key.public not in third.sums()


def test_strangers_and_replays_do_not_count(table, weights):
    """Messages without a task, of another round, or that come twice are refused without a word."""
    coordinator = begun(table.seat())
    old = parameters_of(coordinator)
    sums, updates = crowd(old, weights)
    replayed = sums[0].sum_message(old)
    play(coordinator, sums, updates)
    parameters = parameters_of(coordinator)
    (chosen,), updates = crowd(parameters, weights)

    for body in (b"", b"x" * 300, replayed, updates[0].sum_message(parameters)):
        coordinator.receive(body)
        coordinator.step()
    assert coordinator.sums() is None
    coordinator.receive(chosen.sum_message(parameters))
    coordinator.step()
    for each in (updates[0], updates[0], chosen, updates[1]):
        coordinator.receive(each.update_message(parameters, coordinator.sums()))
        coordinator.step()
        assert coordinator.seeds(chosen.key.public) is None
    coordinator.receive(updates[2].update_message(parameters, coordinator.sums()))
    coordinator.step()
    assert coordinator.seeds(updates[0].key.public) is None
    coordinator.receive(chosen.sum2_message(parameters, coordinator.seeds(chosen.key.public)))
    coordinator.step()
    finish(coordinator)

    assert np.allclose(model_of(coordinator, table.config), mean_of(updates), atol=1e-7)


def test_masks_without_a_majority_end_the_round(table, weights):
    """The next round begins, and the model before stays."""
    table.config = config_of(
        pet={"sum": {"count": {"min": 2, "max": 2}}, "sum2": {"count": {"min": 2, "max": 2}}}
    )
    coordinator = begun(table.seat())
    sums, updates = crowd(parameters_of(coordinator), weights, sums=2)
    play(coordinator, sums, updates)
    before = b"".join(coordinator.model())
    parameters = parameters_of(coordinator)
    sums, updates = crowd(parameters, weights, sums=2)
    sums[0].sum2_payload = lambda *_: Participant.sum2_payload(sums[0], parameters, NO_SEEDS)

    play(coordinator, sums, updates)

    assert b"".join(coordinator.model()) == before
    assert parameters_of(coordinator).seed != parameters.seed


def test_masks_of_other_models_give_no_model(table, weights):
    """The scalars would add up to nothing, or weights would be no numbers: the round ends without a model."""
    coordinator = begun(table.seat())
    parameters = parameters_of(coordinator)
    (chosen,), updates = crowd(parameters, weights, scalars=(0.0,))

    play(coordinator, [chosen], updates)
    coordinator.step()

    assert coordinator.model() is None
    assert parameters_of(coordinator).seed != parameters.seed


def test_messages_in_parts_count_like_whole_ones(table, weights):
    """Also if the coordinator restarts between two of them, and if they come out of order."""
    coordinator = begun(table.seat())
    parameters = parameters_of(coordinator)
    (chosen,), updates = crowd(parameters, weights)
    bodies = chosen.in_parts(parameters, Tag.SUM, chosen.sum_payload(parameters), chunk_bytes=30)
    for body in reversed(bodies):
        coordinator.receive(body)
        coordinator = begun(table.seat(), steps=1)
    coordinator.step()

    for each in updates:
        payload = each.update_payload(parameters, coordinator.sums())
        for body in each.in_parts(parameters, Tag.UPDATE, payload):
            coordinator.receive(body)
        coordinator.step()
    coordinator.receive(chosen.sum2_message(parameters, coordinator.seeds(chosen.key.public)))
    coordinator.step()
    finish(coordinator)

    assert np.allclose(model_of(coordinator, table.config), mean_of(updates), atol=1e-7)


def test_a_finished_round_leaves_no_keys_and_numbers(table, weights):
    """Documents and blobs of earlier rounds are deleted, but for the newest model."""
    coordinator = begun(table.seat())
    for _ in range(2):
        sums, updates = crowd(parameters_of(coordinator), weights)
        play(coordinator, sums, updates)

    assert sorted(table.blobs.list("xaynet/")) == ["xaynet/models/2"]
    assert [each["id"] for each in table.records.find("xaynet")] == ["coordinator"]


def test_another_form_of_the_model_begins_a_new_round(table, weights):
    """The stored sums have the earlier form, so the round under way cannot go on."""
    coordinator = begun(table.seat())
    sums, updates = crowd(parameters_of(coordinator), weights)
    play(coordinator, sums, updates)
    table.config = config_of(model={"length": 4})

    changed = begun(table.seat())

    assert parameters_of(changed).model_length == 4
    assert changed.model() is None


@pytest.mark.parametrize("lost", ["total", "mask"])
def test_a_round_whose_numbers_are_lost_is_given_up(table, weights, lost):
    """The blob store has been damaged: the next round begins, and the coordinator does not wait for ever."""
    coordinator = begun(table.seat())
    before = parameters_of(coordinator)
    sums, updates = crowd(before, weights)
    for message in list(messages_of(sums, updates))[: 3 if lost == "total" else 5]:
        coordinator.receive(message(coordinator))
        coordinator.step()
    for key in list(table.blobs.list("xaynet/rounds/1/")):
        if lost in key:
            table.blobs.delete(key)

    coordinator = begun(table.seat(), steps=4)

    assert parameters_of(coordinator).seed != before.seed
    assert coordinator.model() is None
