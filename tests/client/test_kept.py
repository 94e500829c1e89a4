"""The table of kept answers: it decides with the time as an argument, without a disk and without a network."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.client.kept import Kept
from fednet.client.tasks import Answer, Failure, Task, Update, Validation
from fednet.digests import Digest

IDS = [str(uuid.UUID(int=number)) for number in range(1, 5)]
FILE = Digest.read("0" * 64, 9)


def task_of(task_id):
    return Task(
        task_id, "TRAIN", BlobRef("MODEL", "m", Digest.read("0" * 64, 1)), None, 1, "npz", {}, None
    )


def update_of(task_id):
    return Answer(task_id, Update(1.0, {}))


def put(kept, task_id, answer=None, *, deadline=None, update=FILE):
    answer, task = answer or update_of(task_id), task_of(task_id)
    kept.put(answer, update, deadline=deadline, combiner="combiner-1", task=task)


@pytest.fixture
def kept():
    table = Kept()
    table.connected("combiner-1", 1)
    return table


def deliver(kept, now=0.0, *, is_whole=True):
    delivery = kept.due(now)
    assert kept.sending(delivery, delivery.answer, is_whole=is_whole)
    return delivery


def test_an_answer_is_due_once_per_stream(kept):
    """Its receipt is waited for."""
    put(kept, IDS[0])

    assert deliver(kept).answer == update_of(IDS[0])
    assert kept.due(1e9) is None
    assert kept.next_due() is None


def test_a_new_stream_makes_every_answer_due_at_once(kept):
    """The pause of an answer whose delivery has failed ends, too."""
    for task_id in IDS[:2]:
        put(kept, task_id)
    deliver(kept)
    kept.postponed(kept.due(0.0), 0.0)

    kept.connected("combiner-1", 1)

    assert {deliver(kept).answer.task_id, deliver(kept).answer.task_id} == set(IDS[:2])


def test_the_pause_between_deliveries_grows_to_a_cap(kept, monkeypatch):
    """Each failure doubles the longest pause."""
    monkeypatch.setattr("fednet.backoff.random.uniform", lambda _, longest: longest)
    put(kept, IDS[0])
    now, pauses = 0.0, []
    for _ in range(10):
        kept.postponed(kept.due(now), now)
        pauses.append(kept.next_due() - now)
        now = kept.next_due()

    assert pauses[:3] == pytest.approx([0.2, 0.4, 0.8])
    assert pauses[-1] == limits.retry_seconds_max


def test_an_answer_is_not_due_in_its_pause(kept, monkeypatch):
    """Another one is delivered meanwhile."""
    monkeypatch.setattr("fednet.backoff.random.uniform", lambda _, longest: longest)
    put(kept, IDS[0])
    kept.postponed(kept.due(0.0), 0.0)
    put(kept, IDS[1])

    assert deliver(kept).answer.task_id == IDS[1]
    assert kept.due(0.1) is None
    assert kept.due(0.3).answer.task_id == IDS[0]


def test_an_offer_makes_an_answer_due_again(kept):
    """Its combiner may have lost it."""
    put(kept, IDS[0])
    deliver(kept)

    assert kept.offered(task_of(IDS[0]), None)
    assert kept.due(0.0).is_again
    assert not kept.offered(task_of(IDS[1]), None)


@pytest.mark.parametrize("between", ["connected", "offered", "retired", "put"])
def test_a_delivery_is_void_after_a_change(kept, between):
    """The answer is not sent twice, and not to a combiner that did not ask for it."""
    put(kept, IDS[0])
    delivery = kept.due(0.0)
    match between:
        case "connected":
            kept.connected("combiner-1", 1)
        case "offered":
            kept.offered(task_of(IDS[0]), None)
        case "retired":
            kept.retire(IDS[0], 0.0)
            kept.offered(task_of(IDS[0]), None)
        case "put":
            put(kept, IDS[0])

    kept.postponed(delivery, 1e9)

    assert not kept.sending(delivery, delivery.answer, is_whole=True)
    assert not kept.is_current(delivery)
    assert kept.due(0.0).answer == delivery.answer


def test_a_cancelled_answer_is_delivered_when_its_task_is_offered_again(kept):
    """A later attempt of the round costs no second training."""
    put(kept, IDS[0])

    assert kept.retire(IDS[0], 5.0) == []
    assert kept.due(6.0) is None
    assert kept.offered(task_of(IDS[0]), None)
    assert kept.due(6.0).answer == update_of(IDS[0])


def test_a_failure_does_not_retire(kept):
    """Its task is worth another try."""
    put(kept, IDS[0], Answer(IDS[0], Failure("boom", "")), update=None)

    assert kept.retire(IDS[0], 0.0) == [IDS[0]]
    assert not kept.offered(task_of(IDS[0]), None)


def test_an_answer_retires_at_its_deadline(kept):
    """Nobody waits for it any more."""
    put(kept, IDS[0], deadline=10.0)

    assert kept.next_end() == 10.0
    assert kept.expire(9.9) == []
    assert kept.due(9.9) is not None
    assert kept.expire(10.0) == []
    assert kept.due(10.0) is None
    assert IDS[0] in kept


def test_a_retired_answer_is_forgotten_after_a_while(kept):
    """An update is not kept for ever for a round that is over."""
    put(kept, IDS[0])
    kept.retire(IDS[0], 5.0)

    assert kept.next_end() == 5.0 + limits.retired_answer_seconds_max
    assert kept.expire(kept.next_end()) == [IDS[0]]
    assert IDS[0] not in kept


def test_few_answers_are_retired_at_once(kept, monkeypatch):
    """The longest retired goes first."""
    monkeypatch.setattr(limits, "retired_answers_max", 2)
    for task_id in IDS[:3]:
        put(kept, task_id)

    gone = [
        kept.retire(task_id, float(now)) for now, task_id in enumerate([IDS[1], IDS[0], IDS[2]])
    ]

    assert gone == [[], [], [IDS[1]]]


def test_a_refusal_forgets_an_answer_whose_task_is_offered(kept):
    """The combiner knows the task, and does not want this answer."""
    put(kept, IDS[0])
    deliver(kept)

    assert kept.refused(IDS[0], 0.0, is_offered=True) == [IDS[0]]


def test_an_answer_waits_at_another_combiner(kept):
    """The answer waits until that combiner offers the task, or the first one is back."""
    put(kept, IDS[0])
    put(kept, IDS[1])

    kept.connected("combiner-2", 2)
    assert (kept.due(0.0), kept.next_due()) == (None, None)
    kept.offered(task_of(IDS[0]), None)
    assert deliver(kept).answer.task_id == IDS[0]
    kept.connected("combiner-1", 3)

    assert (deliver(kept).answer.task_id, kept.due(0.0)) == (IDS[1], None)


def test_a_delivery_knows_its_stream(kept):
    """A delivery is sent on its own stream only."""
    put(kept, IDS[0])
    first = kept.due(0.0)
    kept.connected("combiner-1", 7)

    assert (first.stream, kept.due(0.0).stream) == (1, 7)


def test_a_refusal_by_a_combiner_that_lost_the_task_only_retires_an_answer(kept):
    """The task may be offered again."""
    put(kept, IDS[0])
    kept.connected("combiner-1", 2)
    deliver(kept, is_whole=False)

    assert kept.refused(IDS[0], 0.0, is_offered=False) == []
    assert kept.offered(task_of(IDS[0]), None)


def test_a_refusal_by_the_combiner_that_took_it_forgets_an_answer(kept):
    """Its round is over; only the receipt was lost."""
    put(kept, IDS[0])
    deliver(kept)
    kept.connected("combiner-1", 1)
    deliver(kept, is_whole=False)

    assert kept.refused(IDS[0], 0.0, is_offered=False) == [IDS[0]]


def test_the_oldest_answers_make_room(kept, monkeypatch):
    """The limit counts answers; retired ones go before awaited ones."""
    monkeypatch.setattr(limits, "kept_answers_max", 2)
    for task_id in IDS[:3]:
        put(kept, task_id)
    kept.retire(IDS[1], 0.0)

    assert kept.overflow() == [IDS[1]]
    put(kept, IDS[3])
    assert kept.overflow() == [IDS[0]]


def test_the_newest_answer_is_kept_whatever_its_size(kept, monkeypatch):
    """The limit counts bytes; an answer without an update takes none."""
    monkeypatch.setattr(limits, "kept_answers_bytes_max", 100)
    put(kept, IDS[0], update=Digest.read("0" * 64, 60))
    put(kept, IDS[1], Answer(IDS[1], Validation({})), update=None)
    put(kept, IDS[2], update=Digest.read("0" * 64, 60))
    assert kept.overflow() == []

    put(kept, IDS[3], update=Digest.read("0" * 64, 1000))

    assert kept.overflow() == [IDS[0]]


def test_another_answer_takes_the_place_of_one_that_cannot_be_delivered(kept):
    """The other answer is delivered at once."""
    put(kept, IDS[0], deadline=3.0)
    failure = Answer(IDS[0], Failure("too large", ""))

    assert kept.replace(kept.due(0.0), failure)
    assert kept.due(0.0).answer == failure
    assert kept.due(0.0).update is None
    assert kept.deadline_of(IDS[0]) == 3.0


class Table:
    """A table that gets one event after the other."""

    def __init__(self):
        self.kept = Kept()
        self.now = 0.0
        self.stream("")

    def put(self, task_id):
        put(self.kept, task_id, deadline=self.now + 30.0)

    def offer(self, task_id):
        return self.kept.offered(task_of(task_id), self.now + 30.0)

    def deliver(self, _task_id):
        return self.kept.due(self.now) and deliver(self.kept, self.now).answer.task_id

    def postpone(self, _task_id):
        if delivery := self.kept.due(self.now):
            self.kept.postponed(delivery, self.now)

    def cancel(self, task_id):
        self.kept.retire(task_id, self.now)

    def refuse(self, task_id):
        self.kept.refused(task_id, self.now, is_offered=False)

    def stream(self, _task_id):
        self.kept.connected("combiner-1", 1)

    def move(self, _task_id):
        self.kept.connected("combiner-2", 2)

    def wait(self, _task_id):
        self.now += 20.0
        self.kept.expire(self.now)


EVENTS = ["put", "offer", "deliver", "postpone", "cancel", "refuse", "stream", "move", "wait"]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(IDS)), max_size=60))
def test_an_offered_answer_is_due_in_whatever_order_things_happen(events):
    """Each answer that is in the table is delivered, and a table that waits knows until when."""
    table = Table()
    for event, task_id in events:
        getattr(table, event)(task_id)

    offered = {task_id for task_id in IDS if table.offer(task_id)}
    delivered = {task_id for _ in IDS if (task_id := table.deliver(""))}

    assert offered == delivered == {task_id for task_id in IDS if task_id in table.kept}
    assert table.kept.next_due() is None
    assert table.kept.next_end() is None or table.kept.next_end() > table.now
