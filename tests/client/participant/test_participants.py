"""Participants of both kinds, over HTTP, with a coordinator in the same process."""

import json
import logging
import queue
import threading

import numpy as np
import pytest
from small_coordinator import SECONDS_MAX, SmallCoordinator, identities, seed_for, serving

from fednet.client.participant import (
    GlobalModelDataTypeMisMatch,
    GlobalModelUnavailable,
    LocalModelDataTypeMisMatch,
    LocalModelLengthMisMatch,
    ParticipantABC,
    ParticipantInit,
    ParticipantRestore,
    UninitializedParticipant,
    spawn_async_participant,
    spawn_participant,
)
from fednet.xaynet import BoundType, DataType, GroupType, MaskConfig, ModelType

MODELS = {1: [0.1, 0.2, 0.3, 0.4], 2: [0.5, -0.5, 0.25, 1.0], 3: [-1.0, 0.0, 0.125, 0.75]}
SCALARS = {1: 1.0, 2: 0.5, 3: 0.25}
MEAN = sum(SCALARS[each] * np.array(MODELS[each]) for each in MODELS) / sum(SCALARS.values())


class Site(ParticipantABC):
    """Returns always the same model, and remembers each call."""

    def __init__(self, model=(0.0, 0.0, 0.0, 0.0), *, takes_part=True, fails_in=None):
        self.model, self.takes_part, self.fails_in = model, takes_part, fails_in
        self.calls = []
        self.threads = set()
        self.called = threading.Condition()

    def _note(self, *call):
        with self.called:
            self.calls.append(call)
            self.threads.add(threading.current_thread())
            self.called.notify_all()
        if call[0] == self.fails_in:
            raise RuntimeError(f"{call[0]} is out of order")

    def wait_for(self, name, times=1):
        with self.called:
            names = lambda: [call[0] for call in self.calls].count(name)  # noqa: E731
            assert self.called.wait_for(lambda: names() >= times, SECONDS_MAX)

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    def train_round(self, training_input):
        self._note("train", training_input)
        return self.model

    def serialize_training_result(self, training_result):
        return training_result

    def deserialize_training_input(self, global_model):
        self._note("deserialize", global_model)
        return global_model

    def participate_in_update_task(self):
        self._note("participate")
        return self.takes_part

    def on_new_global_model(self, global_model):
        self._note("model", global_model)

    def on_stop(self):
        self._note("stop")


@pytest.fixture
def spawned(url, stopped, state_of):
    """Return a function that starts a participant with a known key; it returns the handle and the user's object."""

    def spawn(number, site=Site, **options):
        made = []

        def make(*args, **kwargs):
            made.append(site(*args, **kwargs))
            return made[0]

        options = {"state": state_of(number, SCALARS.get(number, 1.0))} | options
        return stopped(spawn_participant(url, make, **options)), made[0]

    return spawn


def test_two_rounds_give_the_weighted_mean(coordinator, spawned):
    """One sum participant and three update participants with other scalars; each sees the models of both rounds."""
    sites = [spawned(number, args=(MODELS.get(number),))[1] for number in range(4)]

    coordinator.wait_until(lambda: len(coordinator.models) == 2)
    sites[1].wait_for("model", 3)

    assert np.allclose(coordinator.models[0].weights(), MEAN, rtol=0, atol=1e-7)
    assert sites[1].named("train")[0] == (None,)
    assert np.allclose(sites[1].named("train")[1][0], MEAN, rtol=0, atol=1e-7)
    assert all(type(weight) is float for weight in sites[1].named("train")[1][0])
    assert sites[0].named("train") == []


def test_callbacks_come_in_xaynets_order_and_in_the_participants_thread(spawned):
    """The global model first, then the question, then the training; on_stop at the end."""
    handle, site = spawned(1, args=(MODELS[1],))
    site.wait_for("train")
    handle.stop()

    assert [call[0] for call in site.calls] == ["model", "participate", "train", "stop"]
    assert site.threads == {handle}
    assert not handle.is_alive()


def test_keyword_arguments_reach_the_constructor(spawned):
    """Xaynet's own SDK passes their names instead."""
    _, site = spawned(1, args=([1.0, 0.0, 0.0, 0.0],), kwargs={"takes_part": False})

    assert site.model == [1.0, 0.0, 0.0, 0.0]
    assert site.takes_part is False


def test_an_error_of_the_constructor_is_raised_by_spawn(url):
    """As the documentation of Xaynet promises."""
    with pytest.raises(TypeError, match="unknown"):
        spawn_participant(url, Site, kwargs={"unknown": 1})


def test_who_does_not_take_part_is_asked_again_and_never_trains(spawned):
    """Its round goes on; a battery may be full later."""
    _, site = spawned(1, kwargs={"takes_part": False})

    site.wait_for("participate", 3)

    assert site.named("train") == []


@pytest.mark.parametrize("callback", ["model", "participate", "train"])
def test_a_failing_callback_ends_the_participant(spawned, caplog, callback):
    """`join` returns, the log has the traceback, and `stop` still gives the state."""
    handle, site = spawned(1, kwargs={"fails_in": callback})
    handle.join(SECONDS_MAX)

    assert not handle.is_alive()
    assert f"{callback} is out of order" in caplog.text
    assert site.calls[-1] == ("stop",)
    assert handle.stop()


def test_a_failing_on_stop_does_not_cost_the_state(spawned, caplog):
    """It is in the log."""
    handle, _ = spawned(1, kwargs={"fails_in": "stop"})

    assert handle.stop()
    assert "stop is out of order" in caplog.text


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ([0.1] * 5, "LocalModelLengthMisMatch"),
        ([0.1, 0.2, 0.3, float("nan")], "LocalModelDataTypeMisMatch"),
        (None, "LocalModelDataTypeMisMatch"),
    ],
)
def test_a_wrong_model_is_told_and_not_trained_again_in_its_round(
    coordinator, spawned, caplog, model, name
):
    """The next round is another chance."""
    _, site = spawned(1, args=(model,))
    site.wait_for("train")
    coordinator.next_round()
    site.wait_for("train", 2)

    assert name in caplog.text
    assert len(site.named("train")) == 2


def test_stop_waits_for_the_training_under_way(spawned):
    """Its state comes afterwards, and every further call is refused."""
    goes_on, is_done = threading.Event(), threading.Event()

    class Slow(Site):
        def train_round(self, training_input):
            super().train_round(training_input)
            assert goes_on.wait(SECONDS_MAX)
            is_done.set()
            return self.model

    handle, site = spawned(1, site=Slow)
    site.wait_for("train")
    threading.Timer(0.2, goes_on.set).start()
    state = handle.stop()

    assert is_done.is_set()
    assert json.loads(json.dumps(state)) == state
    with pytest.raises(UninitializedParticipant):
        handle.stop()


def test_a_callback_may_stop_its_participant(spawned):
    """It ends after that callback."""
    handles, states = queue.SimpleQueue(), []

    class Stops(Site):
        def on_new_global_model(self, global_model):
            super().on_new_global_model(global_model)
            states.append(handles.get().stop())

    handle, site = spawned(1, site=Stops)
    handles.put(handle)
    handle.join(SECONDS_MAX)

    assert len(states) == 1
    assert site.calls == [("model", None), ("stop",)]


def test_a_restored_participant_goes_on_in_its_round(coordinator, spawned):
    """A sum participant keeps its key of the round; the others seal their seeds for it."""
    handle, _ = spawned(0)
    coordinator.wait_until(lambda: bool(coordinator.sums))
    key = dict(coordinator.sums)
    state = handle.stop()
    for number in (1, 2, 3):
        spawned(number, args=(MODELS[number],))
    coordinator.wait_until(lambda: len(coordinator.updates) == 3)
    spawned(0, state=json.loads(json.dumps(state)))
    coordinator.wait_until(lambda: bool(coordinator.models))

    assert len(key) == 1
    assert np.allclose(coordinator.models[0].weights(), MEAN, rtol=0, atol=1e-7)


def test_a_restored_update_participant_trains_on_the_global_model(coordinator, spawned):
    """It gets the model although its round is not new; the scalar is that of the state."""
    for number in range(4):
        spawned(number, args=(MODELS.get(number),))[1].wait_for("model")
    coordinator.wait_until(lambda: len(coordinator.models) == 2)
    handle, idle = spawned(1, kwargs={"takes_part": False})
    idle.wait_for("participate")
    _, site = spawned(1, state=handle.stop(), scalar=0.9)
    site.wait_for("train")

    assert np.allclose(site.named("train")[0][0], MEAN, rtol=0, atol=1e-7)
    assert site.named("model") == []


def test_participants_outlive_a_coordinator_that_is_away(coordinator, stopped, state_of, caplog):
    """They ask again, and one line of the log says so."""
    coordinator.status = 503
    with serving(coordinator) as url:
        handle, notifier = spawn_async_participant(url, state_of(1))
        stopped(handle)
        with pytest.raises(GlobalModelUnavailable):
            handle.get_global_model()
        assert not notifier.is_set()
        coordinator.status = 200
        assert notifier.wait(SECONDS_MAX)
        handle.stop()

    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(told) <= 1


@pytest.fixture
def asynchronous(url, stopped, state_of):
    """Return a function that starts an asynchronous participant with a known key."""

    def spawn(number, **options):
        handle, notifier = spawn_async_participant(
            url, **({"state": state_of(number, SCALARS.get(number, 1.0))} | options)
        )
        return stopped(handle), notifier

    return spawn


def test_asynchronous_participants_finish_a_round(coordinator, asynchronous):
    """Models are given before the participant knows its task, and as arrays or lists."""
    handles = [asynchronous(number) for number in range(4)]
    for number in (1, 2, 3):
        model = MODELS[number]
        handles[number][0].set_local_model(np.array(model) if number == 2 else model)
    coordinator.wait_until(lambda: len(coordinator.models) == 1)
    handle, notifier = handles[1]
    assert notifier.wait(SECONDS_MAX)
    model = handle.get_global_model()

    assert np.allclose(model, MEAN, rtol=0, atol=1e-7)
    assert all(type(weight) is float for weight in model)


def test_the_notifier_is_set_in_the_first_round_and_reset_by_the_download(
    coordinator, asynchronous
):
    """The model is None then."""
    handle, notifier = asynchronous(1)

    assert notifier.wait(SECONDS_MAX)
    assert handle.get_global_model() is None
    assert not notifier.is_set()
    coordinator.next_round()
    assert notifier.wait(SECONDS_MAX)


def test_a_local_model_is_used_once(coordinator, asynchronous):
    """It waits over a round without a task, and the next update needs another one."""
    coordinator.counts = (1, 1, 1)
    handle, _ = asynchronous(1)
    handle.set_local_model(MODELS[2])
    handle.set_local_model(MODELS[1])
    sum_handle, _ = asynchronous(0)
    coordinator.wait_until(lambda: bool(coordinator.updates))
    coordinator.next_round()
    coordinator.wait_until(lambda: bool(coordinator.sums))
    sum_handle.stop()

    assert handle.is_alive()
    assert coordinator.updates == {}


def test_a_wrong_local_model_is_refused(asynchronous):
    """By its length or by its elements."""
    handle, _ = asynchronous(1)

    with pytest.raises(LocalModelLengthMisMatch, match="3 elements"):
        handle.set_local_model([1.0, 2.0, 3.0])
    with pytest.raises(LocalModelDataTypeMisMatch):
        handle.set_local_model(["1", "2", "3", "4"])


def test_a_model_that_comes_before_the_coordinator_is_checked_later(coordinator, asynchronous, log):
    """A wrong one is dropped and told of, and a right one takes its place."""
    coordinator.status = 503
    coordinator.counts = (1, 1, 1)
    handle, _ = asynchronous(1)
    handle.set_local_model([1.0])
    coordinator.status = 200
    asynchronous(0)
    log.wait_for("LocalModelLengthMisMatch")
    handle.set_local_model(MODELS[1])

    coordinator.wait_until(lambda: bool(coordinator.updates))


def test_a_stopped_asynchronous_participant_refuses_every_call(asynchronous):
    """Its notifier stays quiet."""
    handle, notifier = asynchronous(1)
    assert notifier.wait(SECONDS_MAX)
    state = handle.stop()

    assert not notifier.is_set()
    assert state
    for call in (handle.stop, handle.get_global_model, lambda: handle.set_local_model([])):
        with pytest.raises(UninitializedParticipant):
            call()


def test_a_saved_local_model_is_used_after_the_restore(coordinator, asynchronous):
    """It is part of the state."""
    coordinator.counts = (1, 1, 1)
    handle, notifier = asynchronous(1)
    assert notifier.wait(SECONDS_MAX)
    handle.set_local_model(MODELS[1])
    asynchronous(1, state=handle.stop())
    asynchronous(0)

    coordinator.wait_until(lambda: bool(coordinator.updates))


@pytest.mark.parametrize("scalar", [-1.0, float("nan"), float("inf"), "much"])
def test_an_invalid_scalar_is_refused(url, scalar):
    """By both functions."""
    with pytest.raises(ParticipantInit, match="scalar"):
        spawn_participant(url, Site, scalar=scalar)
    with pytest.raises(ParticipantInit, match="scalar"):
        spawn_async_participant(url, scalar=scalar)


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://127.0.0.1", "http://", "http://h:99999", 7])
def test_an_invalid_address_is_refused(url):
    """Before a thread begins."""
    with pytest.raises(ParticipantInit):
        spawn_async_participant(url)


def test_a_state_that_is_none_is_refused(url):
    """The message says why."""
    with pytest.raises(ParticipantRestore, match="not the state"):
        spawn_participant(url, Site, state=[1, 2, 3])


def test_a_sum_participant_does_not_answer_for_few_updates(coordinator, spawned, log):
    """With one seed its mask would show that participant's model; see the attack in docs/xaynet.md."""
    coordinator.seeds_shown = lambda seeds: dict(list(seeds.items())[:1])
    sites = [spawned(number, args=(MODELS.get(number),))[1] for number in range(4)]
    coordinator.wait_until(lambda: len(coordinator.updates) == 3)
    log.wait_for("below 3")
    coordinator.next_round()
    sites[0].wait_for("model", 2)

    assert coordinator.masks == {}


def test_a_bad_seed_is_named(coordinator, spawned, log):
    """The sum cannot be computed without it, so the participant says whose it is and waits for the next round."""
    sites = [spawned(number, args=(MODELS.get(number),))[1] for number in range(4)]
    named = []

    def damaged(seeds):
        named[:] = [sorted(seeds)[1].hex()]
        return seeds | {sorted(seeds)[1]: bytes(80)}

    coordinator.seeds_shown = damaged
    coordinator.wait_until(lambda: len(coordinator.updates) == 3)
    log.wait_for("Their public keys")
    coordinator.next_round()
    sites[0].wait_for("model", 2)

    assert named[0] in log.text
    assert coordinator.masks == {}
    assert coordinator.models == []


@pytest.mark.parametrize(
    "answer", [b"x", b"\x00" * 136, b"\xff" * 136, b"x" * 10_000], ids=["short", "0", "f", "long"]
)
def test_documents_that_cannot_be_used_are_asked_for_again(coordinator, asynchronous, log, answer):
    """A participant neither ends nor spins."""
    coordinator.raw["/params"] = answer
    handle, notifier = asynchronous(1)
    log.wait_for("cannot be used at present")
    del coordinator.raw["/params"]

    assert notifier.wait(SECONDS_MAX)
    assert handle.is_alive()


def test_a_global_model_of_another_form_is_told(coordinator, asynchronous):
    """Its exception has Xaynet's name."""
    handle, _ = asynchronous(1)
    coordinator.raw["/model"] = b"\x05" + bytes(7)

    with pytest.raises(GlobalModelDataTypeMisMatch):
        handle.get_global_model()


def test_a_round_of_integers(stopped, state_of):
    """Wide masks, and Python's ints on both sides."""
    keys = identities(4)
    wide = MaskConfig(GroupType.Power2, DataType.I64, BoundType.Bmax, ModelType.M6)
    coordinator = SmallCoordinator([seed_for(keys[:1], keys[1:])], config=wide, length=2)
    with serving(coordinator) as url:
        handles = [stopped(spawn_async_participant(url, state_of(each))[0]) for each in range(4)]
        for handle in handles[1:]:
            with pytest.raises(LocalModelDataTypeMisMatch):
                handle.set_local_model([0.5, 1.0])
            handle.set_local_model([2**62, -7])
        coordinator.wait_until(lambda: bool(coordinator.models))
        model = handles[0].get_global_model()
        for handle in handles:
            handle.stop()

    assert model == [2**62, -7]
    assert all(type(weight) is int for weight in model)
