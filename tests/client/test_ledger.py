"""The ledger: each task is answered once, whatever is repeated, and whenever the process dies."""

import threading
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.client.ledger import Ledger
from fednet.errors import InvalidInput, LimitExceeded
from fednet.wire import tasks_pb2

IDS = [str(uuid.UUID(int=number)) for number in range(1, 4)]


def task_of(task_id):
    return tasks_pb2.Task(task_id=task_id)


def validation_of(task_id):
    validation = tasks_pb2.Validation(metrics_json="{}")
    return tasks_pb2.TaskResult(task_id=task_id, validation=validation)


def update_of(ledger, task_id):
    ledger.update_path(task_id).write_bytes(b"an update")
    return tasks_pb2.TaskResult(task_id=task_id, update=tasks_pb2.Update(num_examples=1))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "answers"


@pytest.fixture
def ledger(folder):
    return Ledger(folder)


class Agent:
    """What an agent does with a ledger, one step at a time, and what becomes of it."""

    def __init__(self, folder):
        self.folder = folder
        self.ledger = Ledger(folder)
        self.finished = dict.fromkeys(IDS, 0)
        self.receipted = set()

    def offer(self, task_id):
        """The combiner offers no task whose answer it has receipted."""
        if task_id not in self.receipted:
            answer = self.ledger.offer(task_of(task_id))
            assert answer is None or answer.task_id == task_id

    def serve(self, task_id, survives=2):
        """Serve what waits; the process dies after so many steps."""
        del task_id
        if not self.ledger._waiting:
            return
        task = self.ledger.next()
        result = self.ledger.kept(task.task_id) or update_of(self.ledger, task.task_id)
        if survives > 0 and not self.ledger.kept(task.task_id):
            self.ledger.keep(result)
            self.finished[task.task_id] += 1
        if survives > 1:
            self.ledger.delivered(task.task_id)
        else:
            self.restart(task.task_id)

    def die_before_keeping(self, task_id):
        self.serve(task_id, survives=0)

    def die_before_delivery(self, task_id):
        self.serve(task_id, survives=1)

    def restart(self, _task_id):
        self.ledger = Ledger(self.folder)

    def receipt(self, task_id):
        """A receipt comes for what was delivered."""
        if any(result.task_id == task_id for result in self.ledger.owed()):
            self.ledger.forget(task_id)
            self.receipted.add(task_id)


STEPS = ["offer", "serve", "die_before_keeping", "die_before_delivery", "restart", "receipt"]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(IDS)), max_size=40))
def test_no_work_that_was_kept_is_done_twice(tmp_path_factory, steps):
    """Whatever is offered again, and wherever the process dies."""
    agent = Agent(tmp_path_factory.mktemp("ledger"))

    for step, task_id in steps:
        getattr(agent, step)(task_id)

    assert set(agent.finished.values()) <= {0, 1}


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(IDS)), max_size=40))
def test_every_task_that_is_offered_is_answered_in_the_end(tmp_path_factory, steps):
    """And once all receipts are in, nothing is left in the folder."""
    agent = Agent(tmp_path_factory.mktemp("ledger"))
    for step, task_id in steps:
        getattr(agent, step)(task_id)

    for task_id in IDS:
        agent.offer(task_id)
    while agent.ledger._waiting:
        agent.serve("")
    for task_id in IDS:
        agent.receipt(task_id)
    agent.ledger.close()
    agent.ledger.next()

    assert set(agent.finished.values()) == {1}
    assert names_in(agent.folder) == []


def test_tasks_come_in_their_order(ledger):
    """First offered, first served; what is offered twice comes once."""
    for task_id in [IDS[1], IDS[0], IDS[1], IDS[2]]:
        ledger.offer(task_of(task_id))

    assert [ledger.next().task_id for _ in range(3)] == [IDS[1], IDS[0], IDS[2]]


def test_a_delivered_answer_is_given_again(ledger):
    """To a combiner that offers its task again."""
    ledger.offer(task_of(IDS[0]))
    ledger.next()
    ledger.keep(validation_of(IDS[0]))
    ledger.delivered(IDS[0])

    assert ledger.offer(task_of(IDS[0])) == validation_of(IDS[0])
    assert ledger.owed() == [validation_of(IDS[0])]


def test_an_answer_is_not_given_before_its_update_is_delivered(ledger):
    """The combiner would look for an update that it does not have."""
    ledger.offer(task_of(IDS[0]))
    ledger.next()
    ledger.keep(update_of(ledger, IDS[0]))

    assert ledger.offer(task_of(IDS[0])) is None
    assert ledger.owed() == []


def test_a_task_that_is_forgotten_while_it_waits_never_comes(ledger):
    """Its place is taken by the next."""
    for task_id in IDS[:2]:
        ledger.offer(task_of(task_id))
    ledger.forget(IDS[0])

    assert ledger.next().task_id == IDS[1]


def test_a_task_that_is_forgotten_in_hand_keeps_its_files_until_it_is_put_away(ledger, folder):
    """Somebody may be reading them: an upload."""
    ledger.offer(task_of(IDS[0]))
    ledger.next()
    ledger.keep(update_of(ledger, IDS[0]))
    ledger.forget(IDS[0])
    assert not ledger.is_wanted()
    assert names_in(folder) == [f"{IDS[0]}.result", f"{IDS[0]}.update"]

    ledger.close()
    ledger.next()

    assert names_in(folder) == []


def test_half_written_and_foreign_files_are_cleared_away(folder):
    """What is no whole answer of a known form is not kept for ever."""
    ledger = Ledger(folder)
    ledger.keep(validation_of(IDS[0]))
    ledger.keep(update_of(ledger, IDS[1]))
    ledger.update_path(IDS[1]).unlink()
    ledger.update_path(IDS[2]).write_bytes(b"half")
    for name in (
        f"{IDS[2]}.result",
        ".x.update.1.tmp",
        f"{IDS[0]}.tmp",
        "notes.result",
        "notes.update",
    ):
        (folder / name).write_bytes(b"\xff")

    reopened = Ledger(folder)

    assert names_in(folder) == [f"{IDS[0]}.result"]
    assert reopened.next().task_id == IDS[0]
    assert reopened.kept(IDS[0]) == validation_of(IDS[0])


def test_too_many_tasks_are_refused_at_once(ledger, monkeypatch):
    """The combiner's stream is never held up."""
    monkeypatch.setattr(limits, "queue_messages_max", 2)
    for task_id in IDS[:2]:
        ledger.offer(task_of(task_id))

    with pytest.raises(LimitExceeded, match="2 tasks"):
        ledger.offer(task_of(IDS[2]))


def test_close_wakes_whoever_waits(ledger):
    """The thread that serves comes to its end."""
    served = []
    server = threading.Thread(target=lambda: served.append(ledger.next()))
    server.start()
    ledger.close()
    server.join(10)

    assert served == [None]


def test_nothing_is_begun_after_close(ledger, folder):
    """What waits comes again to the next process."""
    ledger.offer(task_of(IDS[0]))
    ledger.close()
    ledger.offer(task_of(IDS[1]))

    assert ledger.next() is None
    assert names_in(folder) == []


@pytest.mark.parametrize("task_id", ["", "x", "../../etc/passwd", IDS[0].replace("-", ""), "🙂"])
@pytest.mark.parametrize("method", ["offer", "forget", "update_path", "kept"])
def test_an_id_that_is_none_never_becomes_a_path(ledger, method, task_id):
    """The combiner's word is checked as well."""
    with pytest.raises(InvalidInput, match="no id of a task"):
        getattr(ledger, method)(task_of(task_id) if method == "offer" else task_id)
