"""The ledger: each task is answered once, whatever is repeated, and whenever the process dies."""

import threading
import time
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.client import answer_files
from fednet.client.ledger import Ledger
from fednet.client.tasks import Answer, Failure, Receipt, Task, Update, Validation
from fednet.digests import Algorithm, Digest
from fednet.errors import InvalidInput, LimitExceeded

IDS = [str(uuid.UUID(int=number)) for number in range(1, 4)]


def task_of(task_id, seconds_left=None):
    model = BlobRef("MODEL", "m", Digest.read("0" * 64, 1))
    return Task(task_id, "TRAIN", model, None, 1, "numpyhelper", {}, seconds_left)


def validation_of(task_id):
    return Answer(task_id, Validation({"accuracy": 0.5}))


def failure_of(task_id):
    return Answer(task_id, Failure("boom", "line 1"))


def update_of(ledger, task_id):
    ledger.update_path(task_id).write_bytes(b"an update")
    return Answer(task_id, Update(1.0, {"loss": 0.5}), 1.0, 2.0)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def receipt_of(task_id, *, accepted=True):
    return Receipt(task_id, accepted, "" if accepted else "No running round waits for this task.")


def work_at(ledger, task_id, answer_of=update_of, **options):
    """Offer a task, take it in hand and keep its answer."""
    ledger.offer(task_of(task_id, **options))
    assert ledger.next().id == task_id
    answer = answer_of(ledger, task_id) if answer_of is update_of else answer_of(task_id)
    ledger.keep(answer)
    return answer


def deliver(ledger):
    """Deliver one answer that is due."""
    delivery = ledger.next_delivery()
    if not ledger.is_whole(delivery):
        return None
    assert ledger.sending(delivery, delivery.answer, is_whole=True)
    return delivery.answer


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "answers"


@pytest.fixture
def ledger(folder):
    opened = Ledger(folder)
    opened.connected("combiner-1", 1)
    return opened


class Agent:
    """The steps of an agent with a ledger, one at a time, and the end of each task."""

    def __init__(self, folder):
        self.folder = folder
        self.finished = dict.fromkeys(IDS, 0)
        self.receipted = set()
        self.sent = set()
        self.restart("")

    def restart(self, _task_id):
        self.ledger = Ledger(self.folder)
        self.reconnect("")

    def reconnect(self, _task_id):
        self.ledger.connected("combiner-1", 1)

    def offer(self, task_id):
        """Offer a task, unless its answer has a receipt."""
        if task_id not in self.receipted:
            self.ledger.offer(task_of(task_id))

    def work(self, _task_id, *, keeps=True):
        if not self.ledger._waiting:
            return
        task = self.ledger.next()
        answer = update_of(self.ledger, task.id)
        if keeps:
            self.ledger.keep(answer)
            self.finished[task.id] += 1
        else:
            self.restart(task.id)

    def die_in_work(self, task_id):
        self.work(task_id, keeps=False)

    def deliver(self, _task_id):
        if self.ledger._kept.due(time.monotonic()):
            self.sent.add(deliver(self.ledger).task_id)

    def receipt(self, task_id):
        """Take a receipt for an answer that was sent."""
        if task_id in self.sent:
            self.ledger.receipted(receipt_of(task_id))
            self.receipted.add(task_id)


STEPS = ["offer", "work", "die_in_work", "deliver", "restart", "reconnect", "receipt"]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(IDS)), max_size=40))
def test_no_work_that_was_kept_is_done_twice(tmp_path_factory, steps):
    """No work is repeated, whatever is offered again and wherever the process dies."""
    agent = Agent(tmp_path_factory.mktemp("ledger"))

    for step, task_id in steps:
        getattr(agent, step)(task_id)

    assert set(agent.finished.values()) <= {0, 1}


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(IDS)), max_size=40))
def test_every_task_that_is_offered_is_answered_in_the_end(tmp_path_factory, steps):
    """Once all receipts are in, nothing is left in the folder."""
    agent = Agent(tmp_path_factory.mktemp("ledger"))
    for step, task_id in steps:
        getattr(agent, step)(task_id)

    for task_id in IDS:
        agent.offer(task_id)
    while agent.ledger._waiting:
        agent.work("")
    for _ in IDS:
        agent.deliver("")
    for task_id in IDS:
        agent.receipt(task_id)
    agent.ledger.close()
    agent.ledger.next()

    assert set(agent.finished.values()) == {1}
    assert names_in(agent.folder) == []


# Work


def test_tasks_come_in_their_order(ledger):
    """The first task offered is the first served; a task that is offered twice comes once."""
    for task_id in [IDS[1], IDS[0], IDS[1], IDS[2]]:
        ledger.offer(task_of(task_id))

    assert [ledger.next().id for _ in range(3)] == [IDS[1], IDS[0], IDS[2]]


def test_a_task_that_is_cancelled_while_it_waits_never_comes(ledger):
    """Its place is taken by the next."""
    for task_id in IDS[:2]:
        ledger.offer(task_of(task_id))
    ledger.cancel(IDS[0])

    assert ledger.next().id == IDS[1]


def test_a_task_that_is_cancelled_in_hand_and_offered_again_is_done_again(ledger, folder):
    """The work that is broken off leaves nothing; its failure is no answer."""
    ledger.offer(task_of(IDS[0]))
    ledger.next()
    ledger.cancel(IDS[0])
    assert not ledger.is_wanted()
    ledger.offer(task_of(IDS[0]))
    ledger.update_path(IDS[0]).write_bytes(b"half")
    ledger.keep(failure_of(IDS[0]))

    assert ledger.next().id == IDS[0]
    assert ledger.is_wanted()
    assert names_in(folder) == []


def test_a_cancelled_task_that_ends_all_the_same_is_not_done_again(ledger):
    """Its answer is delivered where the task was offered again meanwhile."""
    ledger.offer(task_of(IDS[0]))
    ledger.next()
    ledger.cancel(IDS[0])
    ledger.offer(task_of(IDS[0]))
    answer = update_of(ledger, IDS[0])
    ledger.keep(answer)
    ledger.offer(task_of(IDS[1]))

    assert ledger.next().id == IDS[1]
    assert deliver(ledger) == answer


def test_a_task_that_is_offered_again_after_its_refusal_is_done_again(ledger):
    """The task is done again even if its offer comes before the thread that works asks for the next one."""
    work_at(ledger, IDS[0])
    deliver(ledger)
    ledger.receipted(receipt_of(IDS[0], accepted=False))
    ledger.offer(task_of(IDS[0]))

    assert ledger.next().id == IDS[0]


def test_too_many_tasks_are_refused_at_once(ledger, monkeypatch):
    """The combiner's stream is never held up."""
    monkeypatch.setattr(limits, "queue_messages_max", 2)
    for task_id in IDS[:2]:
        ledger.offer(task_of(task_id))

    with pytest.raises(LimitExceeded, match="2 tasks"):
        ledger.offer(task_of(IDS[2]))


@pytest.mark.parametrize("task_id", ["", "x", "../../etc/passwd", IDS[0].replace("-", ""), "🙂"])
@pytest.mark.parametrize("method", ["offer", "cancel", "receipted", "update_path"])
def test_an_id_that_is_none_never_becomes_a_path(ledger, method, task_id):
    """The combiner's word is checked as well."""
    given = {"offer": task_of(task_id), "receipted": receipt_of(task_id)}.get(method, task_id)

    with pytest.raises(InvalidInput, match="Invalid task_id"):
        getattr(ledger, method)(given)


# Deliveries


def test_an_answer_is_delivered_while_the_next_task_is_in_hand(ledger):
    """Neither waits for the other."""
    answer = work_at(ledger, IDS[0])
    ledger.offer(task_of(IDS[1]))
    ledger.next()

    assert deliver(ledger) == answer


def test_nothing_is_delivered_without_a_stream(ledger):
    """The delivery begins when the next one is open."""
    ledger.disconnected()
    work_at(ledger, IDS[0])
    delivered, waits = [], threading.Event()

    def wait_and_deliver():
        waits.set()
        delivered.append(ledger.next_delivery())

    deliverer = threading.Thread(target=wait_and_deliver)
    deliverer.start()
    waits.wait()
    deliverer.join(0.2)
    assert delivered == []
    ledger.connected("combiner-1", 1)
    deliverer.join(10)

    assert delivered[0].answer.task_id == IDS[0]


def test_an_accepted_answer_is_forgotten(ledger, folder):
    """The answer's files are deleted."""
    work_at(ledger, IDS[0])
    deliver(ledger)
    ledger.receipted(receipt_of(IDS[0]))

    assert names_in(folder) == []


def test_a_refused_answer_is_forgotten_where_its_task_was_offered(ledger, folder):
    """The combiner knows the task."""
    work_at(ledger, IDS[0])
    deliver(ledger)
    ledger.receipted(receipt_of(IDS[0], accepted=False))

    assert names_in(folder) == []


@pytest.mark.parametrize("answer_of", [validation_of, update_of])
@pytest.mark.parametrize("restarts", [True, False])
def test_an_answer_waits_at_another_combiner_until_that_offers_the_task(
    ledger, folder, answer_of, restarts
):
    """The task follows its client; it is not done again, also not by the next process."""
    answer = work_at(ledger, IDS[0], answer_of)
    if restarts:
        ledger = Ledger(folder)
    ledger.connected("combiner-2", 2)
    work_at(ledger, IDS[1], validation_of)
    assert deliver(ledger) == validation_of(IDS[1])
    ledger.offer(task_of(IDS[0]))

    assert deliver(ledger) == answer
    assert ledger._waiting == {}


def test_a_postponed_answer_is_delivered_again(ledger):
    """The answer is delivered after a pause that the ledger waits for."""
    answer = work_at(ledger, IDS[0])
    ledger.postponed(ledger.next_delivery())

    assert deliver(ledger) == answer


def test_an_answer_past_its_deadline_is_not_delivered(folder):
    """The answer waits until its task is offered again, with another deadline."""
    now = [100.0]
    ledger = Ledger(folder, clock=lambda: now[0])
    ledger.connected("combiner-1", 1)
    answer = work_at(ledger, IDS[0], seconds_left=5.0)
    now[0] += 5.0
    work_at(ledger, IDS[1], validation_of)
    assert deliver(ledger) == validation_of(IDS[1])

    ledger.offer(task_of(IDS[0], seconds_left=5.0))

    assert deliver(ledger) == answer


def test_a_deadline_outlives_the_process(folder):
    """A deadline is kept by the wall's clock."""
    Ledger(folder).close()
    work_at(Ledger(folder), IDS[0], seconds_left=100.0)

    deadline = Ledger(folder)._kept.deadline_of(IDS[0]) - time.monotonic()

    assert 0 < deadline <= 100.0


def test_a_failure_takes_the_place_of_an_update_that_cannot_be_delivered(ledger, folder):
    """The failure is kept, and the update's file is deleted."""
    work_at(ledger, IDS[0])
    ledger.replace(ledger.next_delivery(), failure_of(IDS[0]))

    assert names_in(folder) == [f"{IDS[0]}.answer"]
    assert deliver(ledger) == failure_of(IDS[0])
    assert deliver_after_restart(folder) == failure_of(IDS[0])


def test_the_oldest_answers_make_room_with_a_warning(ledger, folder, monkeypatch, caplog):
    """The oldest answers go with their files."""
    monkeypatch.setattr(limits, "kept_answers_max", 1)
    work_at(ledger, IDS[0])
    work_at(ledger, IDS[1], validation_of)

    assert names_in(folder) == [f"{IDS[1]}.answer"]
    assert f"dropped the answer to task {IDS[0]}" in caplog.text


# Restarts


def deliver_after_restart(folder):
    ledger = Ledger(folder)
    ledger.connected("combiner-1", 1)
    return deliver(ledger)


@pytest.mark.parametrize("answer_of", [validation_of, failure_of, update_of])
def test_an_answer_comes_back_as_it_was_kept(ledger, folder, answer_of):
    """Every kind of outcome, with its times."""
    answer = work_at(ledger, IDS[0], answer_of)

    assert deliver_after_restart(folder) == answer


def test_half_written_and_foreign_files_are_cleared_away(ledger, folder):
    """A file that is no whole answer of a known form is not kept for ever."""
    work_at(ledger, IDS[0], validation_of)
    work_at(ledger, IDS[1])
    ledger.update_path(IDS[1]).unlink()
    ledger.update_path(IDS[2]).write_bytes(b"half")
    for name in (f"{IDS[2]}.answer", ".x.update.1.tmp", f"{IDS[0]}.tmp", "notes.answer"):
        (folder / name).write_bytes(b"\xff")

    reopened = Ledger(folder)
    reopened.connected("combiner-1", 1)

    assert names_in(folder) == [f"{IDS[0]}.answer"]
    assert deliver(reopened) == validation_of(IDS[0])


def test_an_answer_of_version_0_1_0_is_cleared_away(folder):
    """Its task is done again."""
    folder.mkdir()
    (folder / f"{IDS[0]}.result").write_bytes(b"\n$" + IDS[0].encode() + b"\x1a\x04\n\x02{}")
    (folder / f"{IDS[0]}.update").write_bytes(b"an update")

    ledger = Ledger(folder)
    ledger.offer(task_of(IDS[0]))

    assert names_in(folder) == []
    assert ledger.next().id == IDS[0]


def zeros(content):
    return bytes(len(content))


def a_mebibyte_of_zeros(_content):
    return bytes(limits.MIB)


def truncated(content):
    return content[:-1]


def one_bit_off(content):
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


DAMAGES = [zeros, a_mebibyte_of_zeros, truncated, one_bit_off, lambda _: b""]


def damaged(folder, suffix, damage):
    path = folder / f"{IDS[0]}.{suffix}"
    path.write_bytes(damage(path.read_bytes()))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffix", ["answer", "update"])
def test_a_damaged_file_is_dropped_and_its_task_done_again(ledger, folder, suffix, damage):
    """The bytes that a power cut leaves never reach a combiner."""
    work_at(ledger, IDS[0])
    damaged(folder, suffix, damage)

    reopened = Ledger(folder)
    reopened.connected("combiner-1", 1)
    reopened.offer(task_of(IDS[0]))
    if IDS[0] in reopened._kept:  # the digest of a large update is compared before its delivery
        assert deliver(reopened) is None

    assert reopened.next().id == IDS[0]
    assert names_in(folder) == []


def test_a_damaged_update_that_was_not_offered_is_only_dropped(ledger, folder):
    """Its combiner offers the task if it still waits for it."""
    work_at(ledger, IDS[0])
    damaged(folder, "update", zeros)

    assert deliver_after_restart(folder) is None
    assert names_in(folder) == []


def test_the_update_of_this_process_is_not_read_again_before_its_delivery(ledger):
    """Its digest goes with it, and the combiner compares."""
    work_at(ledger, IDS[0])
    delivery = ledger.next_delivery()

    assert delivery.is_checked
    assert (delivery.update.size_bytes, delivery.update.algorithm) == (9, Algorithm.BLAKE3)


# Ends


def test_close_wakes_whoever_waits(ledger):
    """Both threads come to their end."""
    served = []
    waiting = [
        threading.Thread(target=lambda wait=wait: served.append(wait()))
        for wait in (ledger.next, ledger.next_delivery)
    ]
    for each in waiting:
        each.start()
    ledger.close()
    for each in waiting:
        each.join(10)

    assert served == [None, None]


def test_nothing_is_begun_after_close(ledger, folder):
    """Waiting tasks come again to the next process."""
    ledger.offer(task_of(IDS[0]))
    ledger.close()
    ledger.offer(task_of(IDS[1]))

    assert ledger.next() is None
    assert names_in(folder) == []


def test_a_task_that_a_stop_breaks_off_has_no_answer(ledger, folder):
    """The next process does it; a finished one is kept for it."""
    ledger.offer(task_of(IDS[0]))
    ledger.next()
    ledger.close()
    ledger.keep(failure_of(IDS[0]))
    assert names_in(folder) == []

    answer = replace(update_of(ledger, IDS[0]), work_seconds=3.0)
    ledger.keep(answer)

    assert deliver_after_restart(folder) == answer


def test_an_update_is_forced_to_the_disk_once_its_first_delivery_has_failed(ledger, monkeypatch):
    """Not before: a disk that is slow holds up no upload."""
    forced = []
    monkeypatch.setattr(answer_files, "sync", lambda path: forced.append(path.suffix))
    work_at(ledger, IDS[0])
    delivery = ledger.next_delivery()
    assert forced == []

    ledger.postponed(delivery)

    assert forced == [".update", ".answer", ""]
