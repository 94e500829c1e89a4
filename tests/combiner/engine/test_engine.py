"""The engine on real files and stores: nothing is lost, stuck or done twice, whatever ends when."""

import asyncio
import gc
import threading
import uuid

import numpy as np
import pytest

from fednet import limits
from fednet.combiner.machine.assignment import task_id_of
from fednet.combiner.machine.values import BlobKind
from fednet.errors import (
    Conflict,
    FailedPrecondition,
    InvalidInput,
    InvalidModel,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from fednet.wire import rounds_pb2, tasks_pb2


async def next_message(stream):
    message = await stream.outgoing.get()
    kind = message.WhichOneof("message")
    return kind, getattr(message, kind)


def files_in(combiner):
    return [path for path in combiner.folder.rglob("*") if path.is_file()]


async def test_a_phase_runs_from_its_tasks_to_its_end(combiner, phase_of, sent, tmp_path):
    """Tasks go out, answers are receipted and told, the end names them, the model is their mean by weight."""
    await combiner.restart()
    phase = phase_of("a", "b", settings_json='{"lr": 1}', helper="numpyhelper", round_number=3)
    a = combiner.connect("a")
    await combiner.start(phase)
    combiner.connect("b")

    combiner.answer(phase, "a", 1, 2, 3, num_examples=1)
    combiner.answer(phase, "b", 5, 6, 7, num_examples=3)
    [closed] = await combiner.until("phase_closed")

    welcome, task, receipt = sent(a)
    assert welcome[1].combiner == "combiner-1"
    assert (task[1].settings_json, task[1].round_number) == ('{"lr": 1}', 3)
    assert (receipt[0], receipt[1].accepted) == ("receipt", True)
    assert (closed.phase_closed.answers, closed.phase_closed.weight) == (2, 4.0)
    [mean] = await combiner.reduced(phase, tmp_path, updates=2, weight=4)
    np.testing.assert_allclose(mean, [4, 5, 6])
    await combiner.close()


async def test_start_is_idempotent(combiner, phase_of, sent):
    """The same phase asked for again, also at the same time, sends each task once."""
    await combiner.restart()
    phase = phase_of("a")
    a = combiner.connect("a")

    await asyncio.gather(combiner.start(phase), combiner.start(phase))
    await combiner.start(phase)

    assert [kind for kind, _ in sent(a)] == ["welcome", "task"]
    await combiner.close()


async def test_a_client_that_comes_back_gets_its_task_again(combiner, phase_of, sent):
    """An open task is sent on each new stream; the older stream ends."""
    await combiner.restart()
    await combiner.start(phase_of("a"))
    first = combiner.connect("a")
    second = combiner.connect("a")
    combiner.disconnect(first)

    assert sent(first) == [(None, None)]
    assert [kind for kind, _ in sent(second)] == ["welcome", "task"]
    assert list(combiner.snapshot().clients) == ["a"]
    await combiner.close()


async def test_a_killed_combiner_gives_the_same_mean(combiner, phase_of, tmp_path):
    """Updates in the spool are folded again after a restart, once, and the phase goes on."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")

    await combiner.restart()
    combiner.result("a", tasks_pb2.TaskResult(task_id=task_id_of(phase.phase_id, "a")))
    combiner.answer(phase, "b", 3, 4, 5)
    [closed] = await combiner.until("phase_closed")

    assert closed.phase_closed.answers == 2
    [mean] = await combiner.reduced(phase, tmp_path, updates=2, weight=2)
    np.testing.assert_allclose(mean, [2, 3, 4])
    await combiner.close()


async def test_a_killed_combiner_waits_for_its_partial_before_it_reduces(
    combiner, phase_of, tmp_path
):
    """A reduction that comes while the spool is folded again does not take half of it."""
    await combiner.restart()
    clients = [f"client-{number}" for number in range(20)]
    phase = phase_of(*clients)
    await combiner.start(phase)
    for number, client in enumerate(clients):
        combiner.answer(phase, client, number, number, number)
    await combiner.until("phase_closed")

    await combiner.restart()
    [mean] = await combiner.reduced(phase, tmp_path, updates=20, weight=20)

    np.testing.assert_allclose(mean, [9.5] * 3)
    await combiner.close()


async def test_answers_that_came_in_time_count_after_a_restart_past_the_deadline(
    combiner, phase_of, hours_later
):
    """An answer receipted before the kill is not late because the combiner was away."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")

    hours_later()
    await combiner.restart()
    [closed] = await combiner.until("phase_closed")
    [unanswered] = await combiner.until("unanswered")

    assert closed.phase_closed.answers == 1
    assert unanswered.client_id == "b"
    await combiner.close()


async def test_a_closed_phase_stays_closed_after_a_restart(combiner, phase_of, sent, tmp_path):
    """A client that was reported unanswered is not asked again, and cannot count after all."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.close_early(phase)
    await combiner.until("phase_closed")

    await combiner.restart()
    b = combiner.connect("b")
    with pytest.raises(NotFound):
        combiner.upload(phase, "b", 3, 4, 5)
    [closed] = await combiner.until("phase_closed")

    assert [kind for kind, _ in sent(b)] == ["welcome"]
    assert closed.phase_closed.answers == 1
    [mean] = await combiner.reduced(phase, tmp_path, updates=1, weight=1)
    np.testing.assert_allclose(mean, [1, 2, 3])
    await combiner.close()


async def test_a_task_that_failed_is_not_sent_again_after_a_restart(combiner, phase_of, says, sent):
    """A failure is an answer, and is kept as one."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.result("a", says.failure(phase, "a"))

    await combiner.restart()
    a = combiner.connect("a")

    assert [kind for kind, _ in sent(a)] == ["welcome"]
    await combiner.close()


async def test_a_phase_whose_model_is_gone_does_not_keep_the_combiner_from_starting(
    combiner, phase_of
):
    """The phase is dropped, and the rest of the spool goes on."""
    await combiner.restart()
    lost, kept = phase_of("a"), phase_of("a")
    await combiner.start(lost)
    await combiner.start(kept)
    combiner.store.delete(f"models/{lost.model.id}")

    await combiner.restart()

    assert combiner.phases() == [kept.phase_id]
    await combiner.close()


async def test_a_phase_closes_at_its_deadline_by_itself(combiner, phase_of):
    """A phase closes at its deadline without an order."""
    await combiner.restart()
    await combiner.start(phase_of("a", seconds_max=0.05))

    [closed] = await combiner.until("phase_closed")
    [unanswered] = await combiner.until("unanswered")

    assert closed.phase_closed.answers == 0
    assert unanswered.unanswered.why == rounds_pb2.TaskUnanswered.GONE
    await combiner.close()


async def test_a_timer_that_fires_early_is_set_again(combiner, phase_of, hours_later):
    """The loop's clock may run ahead of ours; the phase closes when it is time by ours."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)
    running = combiner.engine._phases.get(phase.phase_id)
    early = running._timer

    early._run()
    assert running.is_open
    assert running._timer is not early

    hours_later()
    running._timer._run()
    assert not running.is_open
    early.cancel()
    await combiner.close()


@pytest.mark.parametrize(
    ("values", "num_examples", "reason"),
    [
        ([1, 2], 1.0, "shape"),
        ([1, 2, np.nan], 1.0, "NaN"),
        ([1, 2, 3], 0.0, "num_examples"),
        ([1, 2, 3], -1.0, "num_examples"),
        ([1, 2, 3], np.inf, "num_examples"),
        ([1, 2, 3], np.nan, "num_examples"),
    ],
)
async def test_an_update_that_is_no_good_is_refused_with_a_reason(
    combiner, phase_of, sent, values, num_examples, reason
):
    """The client and the controller are told why, and the phase ends without it."""
    await combiner.restart()
    phase = phase_of("a")
    a = combiner.connect("a")
    await combiner.start(phase)

    combiner.answer(phase, "a", *values, num_examples=num_examples)
    [closed] = await combiner.until("phase_closed")
    [unanswered] = await combiner.until("unanswered")

    [*_, (_, receipt)] = sent(a)
    assert not receipt.accepted
    assert reason in receipt.reason
    assert unanswered.unanswered.message == receipt.reason
    assert unanswered.unanswered.why == rounds_pb2.TaskUnanswered.REFUSED
    assert closed.phase_closed.answers == 0
    await combiner.close()


async def test_a_result_without_its_upload_is_refused(combiner, phase_of, says):
    """It says what was missing, and names no path of this machine."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)

    combiner.result("a", says.update(phase, "a"))
    [unanswered] = await combiner.until("unanswered")

    assert "never uploaded" in unanswered.unanswered.message
    await combiner.close()


@pytest.mark.parametrize(
    "error", [MemoryError("no room"), ValueError("a bug"), OSError(24, "many")]
)
async def test_no_error_of_a_worker_leaves_a_phase_stuck(combiner, phase_of, monkeypatch, error):
    """The update is refused and the phase ends, whatever error folding raises."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)

    def fold(*_):
        raise error

    monkeypatch.setattr(combiner.engine._phases.get(phase.phase_id).folding, "fold", fold)
    combiner.answer(phase, "a", 1, 2, 3)
    [closed] = await combiner.until("phase_closed")

    assert closed.phase_closed.answers == 0
    await combiner.close()


async def test_a_partial_that_cannot_be_shared_is_told_as_a_failure(
    combiner, phase_of, monkeypatch
):
    """The controller hears of it with the end of the phase, and nothing is left behind."""
    await combiner.restart()
    phase = phase_of("a", share_partial=True)
    await combiner.start(phase)

    def refuse(*_):
        raise FailedPrecondition("The store refuses.")

    monkeypatch.setattr(combiner.store, "put_file", refuse)
    combiner.answer(phase, "a", 1, 2, 3)
    [closed] = await combiner.until("phase_closed")

    assert closed.phase_closed.failure == "The store refuses."
    await combiner.release(phase)
    assert files_in(combiner) == []
    await combiner.close()


async def test_a_partial_is_shared_again_until_the_deadline_while_the_store_is_away(
    combiner, phase_of, hours_later, monkeypatch
):
    """After it, the controller hears why it is not there."""
    await combiner.restart()
    phase = phase_of("a", share_partial=True)
    await combiner.start(phase)
    attempts = []

    def away(*_):
        attempts.append("one more")
        if len(attempts) == 3:
            hours_later()
        raise Unavailable("The store is away.")

    monkeypatch.setattr(combiner.store, "put_file", away)
    combiner.answer(phase, "a", 1, 2, 3)
    [closed] = await combiner.until("phase_closed")

    assert closed.phase_closed.failure == "The store is away."
    assert len(attempts) == 3
    await combiner.close()


async def test_a_combiner_that_stops_does_not_wait_for_a_store_that_is_away(
    combiner, phase_of, monkeypatch
):
    """The next process shares the partial again."""
    await combiner.restart()
    phase = phase_of("a", share_partial=True)
    await combiner.start(phase)
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def away(*_):
        loop.call_soon_threadsafe(asked.set)
        raise Unavailable("The store is away.")

    with monkeypatch.context() as outage:
        outage.setattr(combiner.store, "put_file", away)
        combiner.answer(phase, "a", 1, 2, 3)
        await asked.wait()
        await combiner.close()
    await combiner.restart()
    [closed] = await combiner.until("phase_closed")

    assert closed.phase_closed.failure == ""
    assert len(list(combiner.store.list("partials/"))) == 1
    await combiner.close()


async def test_a_validation_is_receipted_once_the_controller_has_it(combiner, phase_of, says, sent):
    """Before that the client keeps it, and may say it again without being counted twice."""
    await combiner.restart()
    phase = phase_of("a", kind="VALIDATE")
    a = combiner.connect("a")
    await combiner.start(phase)
    sent(a)

    combiner.result("a", says.validation(phase, "a"))
    combiner.result("a", says.validation(phase, "a"))
    [told] = await combiner.until("validation")
    assert told.validation.metrics_json == '{"accuracy": 0.5}'
    assert sent(a) == []

    await combiner.acknowledge_all()
    [(_, receipt)] = sent(a)
    assert receipt.accepted
    [closed] = await combiner.until("phase_closed")
    assert closed.phase_closed.answers == 1
    await combiner.close()


async def test_a_prediction_is_receipted_once_the_controller_has_it(combiner, phase_of, says, sent):
    """A prediction is kept until then, counted once, and told again after a restart."""
    await combiner.restart()
    phase = phase_of("a", kind="PREDICT")
    await combiner.start(phase)
    combiner.result("a", says.prediction(phase, "a"))

    await combiner.restart()
    a = combiner.connect("a")
    combiner.result("a", says.prediction(phase, "a"))
    [told] = await combiner.until("prediction")
    assert told.prediction.result_json == '{"labels": [1, 2]}'
    assert [kind for kind, _ in sent(a)] == ["welcome"]

    await combiner.acknowledge_all()
    [(_, receipt)] = sent(a)
    assert receipt.accepted
    [closed] = await combiner.until("phase_closed")
    assert closed.phase_closed.answers == 1
    await combiner.close()


async def test_a_validation_that_was_not_acknowledged_is_told_again_after_a_restart(
    combiner, phase_of, says
):
    """The client need not validate once more."""
    await combiner.restart()
    phase = phase_of("a", kind="VALIDATE")
    await combiner.start(phase)
    combiner.result("a", says.validation(phase, "a"))

    await combiner.restart()
    [told] = await combiner.until("validation")

    assert told.task_id == task_id_of(phase.phase_id, "a")
    await combiner.close()


async def test_release_leaves_nothing_behind(combiner, phase_of, sent):
    """Files, copies of blobs and the shared partial go; open tasks are cancelled; a second release is nothing."""
    await combiner.restart()
    phase = phase_of("a", "b", share_partial=True)
    combiner.connect("a")
    b = combiner.connect("b")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")
    sent(b)

    await combiner.release(phase)
    await combiner.release(phase)

    assert [kind for kind, _ in sent(b)] == ["cancel"]
    assert files_in(combiner) == []
    assert combiner.engine.local._held == {}
    assert combiner.phases() == []
    assert list(combiner.store.list("partials/")) == []
    await combiner.restart()
    assert combiner.phases() == []
    await combiner.close()


async def test_the_memory_of_sums_serves_the_next_phase_and_goes_when_none_comes(
    combiner, phase_of, monkeypatch
):
    """A phase that ends leaves as much memory as the next one needs; an idle combiner has none of it."""
    await combiner.restart()
    memory = combiner.engine._phases._memory.sums
    for seconds in (60, 0):
        monkeypatch.setattr(limits, "spare_memory_seconds", seconds)
        phase = phase_of("a")
        await combiner.start(phase)
        combiner.answer(phase, "a", 1, 2, 3)
        await combiner.until("update_folded")
        assert memory.spare_bytes == 0
        await combiner.release(phase)
        await combiner.acknowledge_all()
        gc.collect()
        assert seconds == 0 or memory.spare_bytes == 3 * 8

    await asyncio.sleep(0)

    assert memory.spare_bytes == 0
    await combiner.close()


async def test_a_release_while_an_update_is_checked_says_no_more_to_the_controller(
    combiner, phase_of, sent
):
    """The client is told that the round is over; the result of the check comes to nothing."""
    await combiner.restart()
    phase = phase_of("a", share_partial=True)
    a = combiner.connect("a")
    await combiner.start(phase)

    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.release(phase)
    await combiner.close()

    assert [kind for kind, _ in sent(a)] == [None]
    told = {event.WhichOneof("event") for event in combiner.kept()}
    assert told == {"task_sent"}
    assert list(combiner.store.list("partials/")) == []


async def test_a_release_waits_for_a_partial_on_its_way_to_the_store(
    combiner, phase_of, monkeypatch
):
    """A release that did not wait would leave the partial in the store."""
    await combiner.restart()
    phase = phase_of("a", share_partial=True)
    await combiner.start(phase)
    put, go_on = combiner.store.put_file, threading.Event()
    monkeypatch.setattr(combiner.store, "put_file", lambda *to: go_on.wait(10) and put(*to))
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")

    releasing = asyncio.create_task(combiner.release(phase))
    done, _ = await asyncio.wait([releasing], timeout=0.05)
    assert not done
    go_on.set()
    await releasing

    assert list(combiner.store.list("partials/")) == []
    await combiner.close()


async def test_a_release_while_the_phase_begins_wins(combiner, phase_of):
    """A phase that nobody wants any more does not stay."""
    await combiner.restart()
    phase = phase_of("a")

    starting = asyncio.create_task(combiner.start(phase))
    await asyncio.sleep(0)
    await combiner.release(phase)
    await starting

    assert combiner.phases() == []
    assert files_in(combiner) == []
    await combiner.close()


async def test_partials_of_two_combiners_make_one_model_and_make_it_once(
    combiner, another_combiner, phase_of
):
    """The result is the mean by weight; asked again, the same model is answered although the partials have gone."""
    other = another_combiner("combiner-2")
    await combiner.restart()
    await other.restart()
    phase = phase_of("a", share_partial=True)
    for each, values, examples in ((combiner, (1, 2, 3), 1), (other, (5, 6, 7), 3)):
        await each.start(phase)
        each.answer(phase, "a", *values, num_examples=examples)
        await each.until("phase_closed")
    reduction = rounds_pb2.Reduction(
        model_id=str(uuid.uuid4()),
        base=phase.model,
        aggregator="fedavg",
        helper="numpyhelper",
    )
    for each, weight in ((combiner, 1), (other, 3)):
        reduction.partials.add(
            phase_id=phase.phase_id,
            combiner=each.name,
            updates=1,
            weight=weight,
            digest=each.partial_of(phase),
        )

    first = await combiner.reduce(reduction)
    await combiner.release(phase)
    await other.release(phase)
    second = await other.reduce(reduction)

    assert first.model == second.model
    assert first.model.size_bytes == combiner.store.size(f"models/{reduction.model_id}")
    await combiner.close()
    await other.close()


async def test_reduce_refuses_what_is_not_what_the_controller_was_told(
    combiner, phase_of, tmp_path
):
    """An open phase, a partial of another number of updates, a missing one and an empty list are refused."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)

    with pytest.raises(FailedPrecondition, match="closed"):
        await combiner.reduced(phase, tmp_path, updates=1, weight=1)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("phase_closed")
    with pytest.raises(Conflict, match="1 updates, not the 2"):
        await combiner.reduced(phase, tmp_path, updates=2, weight=2)
    with pytest.raises(InvalidInput, match="empty"):
        await combiner.reduced(phase, tmp_path, updates=0, weight=0)
    with pytest.raises(NotFound):
        await combiner.reduced(phase_of("b", model=phase.model), tmp_path, updates=1, weight=1)
    assert combiner.engine.local._held.keys() == {(BlobKind.MODEL, phase.model.id)}
    await combiner.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phase_id": "../escape"}, "phase_id"),
        ({"phase_id": str(uuid.uuid4()).upper()}, "phase_id"),
        ({"model": {"kind": "MODEL", "id": "../escape"}}, "model"),
        ({"model": {"kind": "PACKAGE", "id": str(uuid.uuid4())}}, "model"),
        ({"package": {"kind": "MODEL", "id": str(uuid.uuid4())}}, "package"),
        ({"kind": "TASK_KIND_UNSPECIFIED"}, "kind"),
        ({"seconds_max": 0.0}, "seconds_max"),
        ({"seconds_max": float("nan")}, "seconds_max"),
        ({"seconds_max": float("inf")}, "seconds_max"),
        ({"aggregator": "no such"}, "aggregator"),
        ({"aggregator_settings_json": "no json"}, "aggregator_kwargs"),
        ({"aggregator_settings_json": "[1]"}, "aggregator_kwargs"),
        ({"aggregator_settings_json": "[" * 100_000}, "aggregator_kwargs"),
    ],
)
async def test_start_refuses_what_makes_no_sense(combiner, phase_of, changes, field):
    """The error names the field, and nothing is left behind."""
    await combiner.restart()

    with pytest.raises(InvalidInput) as refusal:
        await combiner.start(phase_of("a", **changes))

    assert refusal.value.field == field
    assert files_in(combiner) == []
    await combiner.close()


async def test_a_phase_that_cannot_begin_lets_go_of_what_it_held(combiner, phase_of, put_model):
    """A missing or wrong model leaves neither files nor blobs in use; the phase may be tried again."""
    await combiner.restart()
    package = {"kind": "PACKAGE", "id": str(uuid.uuid4()), "digest": "0" * 64}
    no_model, changed = put_model(), put_model()
    put = combiner.store.put(f"models/{no_model.id}", [b"no model"])
    no_model.size_bytes, no_model.digest = put.size_bytes, put.text
    combiner.store.put(f"models/{changed.id}", [b"no model"])

    with pytest.raises(NotFound):
        await combiner.start(phase_of("a", package=package))
    with pytest.raises(InvalidModel):
        await combiner.start(phase_of("a", model=no_model))
    with pytest.raises(Conflict, match="not the one that the controller recorded"):
        await combiner.start(phase_of("a", model=changed))

    assert combiner.engine.local._held == {}
    assert files_in(combiner) == []
    await combiner.close()


async def test_start_is_refused_while_the_controller_is_too_far_behind(
    combiner, phase_of, monkeypatch
):
    """New work would only make more news, so it is refused."""
    monkeypatch.setattr(limits, "outbox_events_max", 2)
    await combiner.restart()

    with pytest.raises(LimitExceeded, match="no controller has stored yet"):
        await combiner.start(phase_of("a"))
    await combiner.close()


async def test_another_clients_task_is_nobodys_business(combiner, phase_of, says):
    """Neither an upload nor an answer to it is taken."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)

    with pytest.raises(PermissionDenied):
        combiner.upload_place("b", task_id_of(phase.phase_id, "a"))
    with pytest.raises(PermissionDenied):
        combiner.result("b", says.update(phase, "a"))
    await combiner.close()


async def test_there_is_no_place_for_an_update_that_nobody_waits_for(combiner, phase_of):
    """Unknown tasks, validations and answered tasks take no files."""
    await combiner.restart()
    validating, training = phase_of("a", kind="VALIDATE"), phase_of("a", "b")
    await combiner.start(validating)
    await combiner.start(training)
    combiner.answer(training, "a", 1, 2, 3)

    for task in (
        "unknown",
        task_id_of(validating.phase_id, "a"),
        task_id_of(training.phase_id, "a"),
    ):
        with pytest.raises(NotFound):
            combiner.upload_place("a", task)
    await combiner.close()


async def test_an_answer_that_nobody_waits_for_is_receipted(
    combiner, phase_of, says, sent, monkeypatch
):
    """A receipt lets the client forget the answer."""
    monkeypatch.setattr(limits, "unknown_task_seconds", 0.0)
    await combiner.restart()
    a = combiner.connect("a")
    sent(a)

    combiner.result("a", says.update(phase_of("a"), "a"))
    (kind, receipt) = await next_message(a)

    assert (kind, receipt.accepted) == ("receipt", False)
    combiner.result("a", says.update(phase_of("a"), "a"))
    assert [kind for kind, _ in sent(a)] == ["receipt"]
    await combiner.close()


async def test_a_task_follows_its_client(combiner, phase_of, says, sent):
    """A client that answers before its task has come with it is not refused; it gets the task, and answers again."""
    await combiner.restart()
    a = combiner.connect("a")
    phase = phase_of("a")

    combiner.result("a", says.update(phase, "a"))
    with pytest.raises(Unavailable, match="yet"):
        combiner.upload_place("a", task_id_of(phase.phase_id, "a"))
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("phase_closed")

    kinds = [(kind, getattr(message, "accepted", None)) for kind, message in sent(a)]
    assert kinds == [("welcome", None), ("task", None), ("receipt", True)]
    await combiner.close()


async def test_no_more_clients_than_allowed(combiner):
    """The next one is told to try another combiner; one that is here may come again."""
    await combiner.restart()
    for number in range(10):
        combiner.connect(f"client-{number}")

    combiner.connect("client-0")
    with pytest.raises(LimitExceeded, match="10 clients"):
        combiner.connect("one too many")
    await combiner.close()


async def test_a_client_that_does_not_read_is_cut_off(combiner, sent):
    """The queue of one client is bounded; its stream ends, and begins anew when it comes back."""
    await combiner.restart()
    a = combiner.connect("a")

    for _ in range(limits.queue_messages_max):
        a.welcome("combiner-1")

    assert sent(a) == [(None, None)]
    await combiner.close()


async def test_a_log_record_carries_its_task_only_if_it_is_the_clients_own(combiner, phase_of):
    """A record about a running task belongs to its session; other ids are left out."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)
    task = task_id_of(phase.phase_id, "a")

    for client, task_id in (("a", task), ("b", task), ("a", "x" * 100_000)):
        record = tasks_pb2.LogRecord(text="hello", task_id=task_id)
        combiner.log(client, record)
    own, others, unknown = await combiner.until("log", 3)

    assert (own.task_id, own.phase.session_id) == (task, "session")
    assert (others.task_id, others.phase.session_id) == ("", "")
    assert (unknown.task_id, unknown.log.task_id) == ("", "")
    await combiner.close()


async def test_the_snapshot_says_all_that_a_controller_needs(combiner, phase_of):
    """The snapshot has the epoch, the clients with their abilities, and the phases."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)
    hello = tasks_pb2.Hello(needs_package=True, kinds=[2, 1, 1, 99])
    combiner.connect("a", hello)

    snapshot = combiner.snapshot()

    assert snapshot.epoch == combiner.engine.outbox.epoch
    assert [(each.phase_id, each.session_id) for each in snapshot.phases] == [
        (phase.phase_id, "session")
    ]
    assert snapshot.clients["a"].needs_package
    assert list(snapshot.clients["a"].kinds) == [tasks_pb2.TRAIN, tasks_pb2.VALIDATE]
    await combiner.close()
