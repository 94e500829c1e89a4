"""A client that is told to stop."""

import threading

SECONDS = 120


class Trainer:
    """A train function that waits until it may end."""

    def __init__(self):
        self.calls = 0
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, parameters, _settings):
        self.calls += 1
        self.begun.set()
        assert self.may_end.wait(SECONDS)
        return parameters, {"num_examples": 5}


def test_a_client_ends_its_task_and_delivers_the_answer(net):
    """It begins no further one: the round counts it, and the next round goes on without it."""
    trainer, other = Trainer(), Trainer()
    other.may_end.set()
    net.add_client("leaving", train=trainer)
    net.add_client("staying", train=other)
    agent, thread = net._clients["leaving"]._agent, net._clients["leaving"]._thread
    net.api.start_session("s", rounds=2, min_clients=1, round_timeout=20, validate=False)
    assert trainer.begun.wait(SECONDS)

    agent.drain()
    assert agent.unready() == "The client stops."
    trainer.may_end.set()
    thread.join(SECONDS)
    session = net.api.wait_session("s", timeout=SECONDS)

    assert not thread.is_alive()
    assert session["status"] == "FINISHED", session["reason"]
    assert (trainer.calls, other.calls) == (1, 2)
    first = min(net.api.get_rounds(session_id="s")["result"], key=lambda each: each["number"])
    assert first["updates"] == 2


def test_a_client_without_a_task_stops_at_once(net):
    """Nothing is to be finished."""
    net.add_client("idle", train=Trainer())
    agent, thread = net._clients["idle"]._agent, net._clients["idle"]._thread

    agent.drain()
    thread.join(SECONDS)

    assert not thread.is_alive()


def test_a_stop_ends_a_client_that_drains(net):
    """As the end of its time does: the task is given back, and is offered to the next process."""
    trainer = Trainer()
    net.add_client("slow", train=trainer)
    agent, thread = net._clients["slow"]._agent, net._clients["slow"]._thread
    net.api.start_session("s", rounds=1, round_timeout=SECONDS, validate=False)
    assert trainer.begun.wait(SECONDS)

    agent.drain()
    agent.stop()
    trainer.may_end.set()
    thread.join(SECONDS)

    assert not thread.is_alive()
    assert net.api.get_session("s")["status"] == "STARTED"
