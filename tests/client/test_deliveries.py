"""Deliveries to real combiners: a finished update is delivered, whatever is in its way meanwhile."""

import logging
import queue
import signal
import subprocess
import sys
import threading
import uuid

import numpy as np
import pytest
from agents import Trainer, Watched, told_to
from orders import Orders, new_phase

from fednet import limits
from fednet.client.ledger import Ledger
from fednet.wire import tasks_pb2

WAIT_SECONDS = 60.0


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Let pauses between attempts be short, so that many fit into a test."""
    monkeypatch.setattr(limits, "retry_seconds_max", 0.05)


@pytest.fixture
def orders(net):
    return Orders(net)


class Spool:
    """The place of one update in a combiner's spool, which takes nothing while it is blocked."""

    def __init__(self, net, phase_id, combiner="combiner-1"):
        self._phase = net.data_dir / combiner / "spool" / "phases" / phase_id
        self._blocked = None

    def block(self, task_id):
        self._blocked = self._phase / f"{task_id}.part"
        self._blocked.symlink_to(self._phase / "missing" / "folder")

    def free(self):
        self._blocked.unlink()


@pytest.fixture
def task_in_work(tmp_path):
    """Return a function that tells which task the client has begun."""

    def task_id():
        [note] = (tmp_path / "client" / "a" / "begun").iterdir()
        return note.name

    return task_id


@pytest.fixture
def stuck(net, start, orders, monkeypatch, task_in_work):
    """Return a client with an update that its combiner refuses again and again."""
    phase_id = new_phase()
    spool = Spool(net, phase_id)
    train = Trainer(lambda: spool.block(task_in_work()))
    one = start(train, validate=lambda *_: {"accuracy": 0.5}, preferred_combiner="combiner-1")
    one.spool, one.train, one.phase_id = spool, train, phase_id
    one.watched = Watched(one.agent, monkeypatch)
    orders.start("combiner-1", phase_id)
    one.watched.postponed.get(timeout=WAIT_SECONDS)
    return one


def files_of(tmp_path, name="a"):
    return sorted(path.suffix for path in (tmp_path / "client" / name / "answers").iterdir())


def test_an_update_is_offered_until_its_combiner_takes_it(stuck, tmp_path):
    """The update is offered again, however often its combiner refuses it."""
    for _ in range(20):
        stuck.watched.postponed.get(timeout=WAIT_SECONDS)
    stuck.spool.free()

    assert stuck.watched.receipts.get(timeout=WAIT_SECONDS).accepted
    assert stuck.train.calls == 1
    assert files_of(tmp_path) == []


def test_a_client_works_while_an_update_waits_for_its_delivery(stuck, orders):
    """The answer to a later task overtakes it."""
    orders.start("combiner-1", new_phase(), kind="VALIDATE")
    later = stuck.watched.receipts.get(timeout=WAIT_SECONDS)
    stuck.spool.free()
    earlier = stuck.watched.receipts.get(timeout=WAIT_SECONDS)

    assert later.accepted
    assert earlier.accepted
    assert later.task_id != earlier.task_id
    assert stuck.train.calls == 1


@pytest.mark.parametrize("offered", ["before it comes", "after it comes"])
def test_an_update_is_delivered_to_the_combiner_that_takes_over(stuck, net, orders, offered):
    """An answer waits for its task, so the combiner refuses none, and nothing is trained again."""
    net.add_combiner("combiner-2")
    if offered == "before it comes":
        orders.start("combiner-2", stuck.phase_id)
    net.remove_combiner("combiner-1")
    assert stuck.ready.get(timeout=WAIT_SECONDS)["combiner"] == "combiner-2"
    if offered == "after it comes":
        orders.start("combiner-2", stuck.phase_id)

    assert stuck.watched.receipts.get(timeout=WAIT_SECONDS).accepted
    assert stuck.train.calls == 1


def test_an_update_that_a_combiner_has_goes_to_the_one_that_takes_over(
    net, start, orders, monkeypatch
):
    """The first one has it whole, and goes away before its receipt comes."""
    net.add_combiner("combiner-2")
    phase_id, train = new_phase(), Trainer()
    one = start(train, preferred_combiner="combiner-1")
    watched = Watched(one.agent, monkeypatch)
    sent, send = threading.Event(), one.agent._connection.send_answer

    def lose(answer, stream):
        if sent.is_set():
            send(answer, stream)
        sent.set()

    monkeypatch.setattr(one.agent._connection, "send_answer", lose)
    orders.start("combiner-1", phase_id)
    assert sent.wait(WAIT_SECONDS)
    orders.start("combiner-2", phase_id)
    net.remove_combiner("combiner-1")

    assert watched.receipts.get(timeout=WAIT_SECONDS).accepted
    assert one.ready.get(timeout=WAIT_SECONDS)["combiner"] == "combiner-2"
    assert train.calls == 1


def test_a_cancelled_update_is_delivered_when_its_task_is_offered_again(stuck, orders, tmp_path):
    """A later attempt of the round costs no second training."""
    orders.release("combiner-1", stuck.phase_id)
    assert stuck.watched.cancels.get(timeout=WAIT_SECONDS)
    orders.start("combiner-1", stuck.phase_id)

    assert stuck.watched.receipts.get(timeout=WAIT_SECONDS).accepted
    assert stuck.train.calls == 1
    assert files_of(tmp_path) == []


@pytest.mark.parametrize("suffix", ["update", "answer"])
@pytest.mark.parametrize("damage", [lambda _: bytes(limits.MIB), lambda content: content[:-100]])
def test_a_damaged_file_is_trained_again_after_a_restart(
    stuck, start, monkeypatch, tmp_path, suffix, damage
):
    """A file that a power cut filled with zeros or truncated is never delivered; the combiner gets a whole update."""
    stuck.stop()
    [path] = (tmp_path / "client" / "a" / "answers").glob(f"*.{suffix}")
    path.write_bytes(damage(path.read_bytes()))
    stuck.spool.free()
    train, receipts = Trainer(), queue.Queue()
    monkeypatch.setattr(Ledger, "receipted", told_to(receipts, Ledger.receipted))
    start(train)

    assert receipts.get(timeout=WAIT_SECONDS).accepted
    assert (stuck.train.calls, train.calls) == (1, 1)
    assert files_of(tmp_path) == []


def test_a_file_that_is_damaged_while_it_waits_is_trained_again(stuck, tmp_path):
    """The combiner compares digests, and the client sees why they differ."""
    stuck.train.act = lambda: None
    [path] = (tmp_path / "client" / "a" / "answers").glob("*.update")
    path.write_bytes(bytes(path.stat().st_size))
    stuck.spool.free()

    assert stuck.watched.receipts.get(timeout=WAIT_SECONDS).accepted
    assert stuck.train.calls == 2


def test_an_update_that_no_combiner_can_take_is_a_failure(start, orders, monkeypatch, tmp_path):
    """It is larger than an update of its model may be; its task ends."""
    too_large = [np.zeros((500, 500), np.float32)]
    one = start(lambda *_: (too_large, {"num_examples": 1}))
    watched = Watched(one.agent, monkeypatch)
    orders.start("combiner-1", new_phase())
    receipt = watched.receipts.get(timeout=WAIT_SECONDS)

    assert not receipt.accepted
    assert "one of this model has at most" in receipt.reason
    assert files_of(tmp_path) == []


def test_a_task_that_cannot_be_read_is_answered(start, orders, monkeypatch):
    """The stream goes on, and the next task is done."""
    one = start()
    watched = Watched(one.agent, monkeypatch)
    unreadable = tasks_pb2.Task(task_id=str(uuid.UUID(int=1)), settings_json="{")
    one.agent._connection._hand_on(tasks_pb2.CombinerMessage(task=unreadable))
    refusal = watched.receipts.get(timeout=WAIT_SECONDS)
    orders.start("combiner-1", new_phase())

    assert refusal.task_id == unreadable.task_id
    assert watched.receipts.get(timeout=WAIT_SECONDS).accepted


def test_the_log_has_a_line_for_each_task_and_each_connection(
    net, start, orders, monkeypatch, caplog
):
    """Each line has the ids, at the level INFO."""
    caplog.set_level(logging.INFO, "fednet.client")
    one = start()
    watched = Watched(one.agent, monkeypatch)
    orders.start("combiner-1", new_phase())
    task_id = watched.receipts.get(timeout=WAIT_SECONDS).task_id
    one.stop()
    address = net._combiners["combiner-1"].address

    lines = [record.getMessage() for record in caplog.records]
    assert f"connected to the combiner combiner-1 at {address}" in lines
    task = f"task {task_id} (TRAIN, round 1 of session s) has ended"
    assert [line for line in lines if line.startswith(task) and line.endswith(": update")]
    assert "disconnected from the combiner combiner-1: the client stops" in lines


# Deaths

DYING = """
import os, signal, sys
from fednet.client import Client
client = Client(sys.argv[1], name="a", token=sys.argv[2], data_dir=sys.argv[3])
@client.train
def train(parameters, settings):
    os.kill(os.getpid(), signal.SIGKILL)
client.run()
"""


@pytest.fixture
def endless():
    """Return a train function that runs until it is broken off, and says when it has begun."""
    train = Trainer()
    train.begun = queue.Queue()

    def run():
        train.begun.put(True)
        while True:
            pass

    train.act = run
    return train


@pytest.fixture
def session(net, start, endless):
    """Return a session of one round; its only client has begun its task, and has stopped cleanly."""
    one = start(endless)
    answer = net.api.start_session(
        "s", rounds=1, validate=False, round_retries=0, round_timeout=300
    )
    assert answer["success"], answer
    assert endless.begun.get(timeout=WAIT_SECONDS)
    one.stop()


@pytest.mark.timeout(600)  # it starts four processes, one after the other
@pytest.mark.usefixtures("session")
def test_a_task_at_which_the_process_dies_is_given_up(net, tmp_path):
    """The round is told why, instead of a client that comes and goes until the deadline."""
    command = [sys.executable, "-c", DYING, net.api_url, net.token, str(tmp_path / "client")]
    deaths = [
        subprocess.run(command, check=False, timeout=WAIT_SECONDS).returncode
        for _ in range(limits.task_deaths_max)
    ]
    with subprocess.Popen(command) as survivor:
        ended = net.api.wait_session("s", timeout=WAIT_SECONDS)
        survivor.terminate()

    assert deaths == [-signal.SIGKILL] * limits.task_deaths_max
    assert ended["status"] == "FAILED"
    statuses = net.api.get_statuses(session_id="s")["result"]
    assert any("has died 3 times at this task" in str(status) for status in statuses)


@pytest.mark.usefixtures("session")
def test_a_clean_stop_is_no_death(net, start, endless):
    """A site that restarts its client often loses no task."""
    for _ in range(limits.task_deaths_max):
        one = start(endless)
        assert endless.begun.get(timeout=WAIT_SECONDS)
        one.stop()
    start(Trainer())

    assert net.api.wait_session("s", timeout=WAIT_SECONDS)["status"] == "FINISHED"
