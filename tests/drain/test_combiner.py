"""A combiner that is told to stop."""

import threading

import pytest

SECONDS = 120


class Trainer:
    """A train function that counts its calls, and waits in the first one if it has to."""

    def __init__(self, *, waits=False):
        self.calls = 0
        self.begun, self.may_end = threading.Event(), threading.Event()
        if not waits:
            self.may_end.set()

    def __call__(self, parameters, _settings):
        self.calls += 1
        self.begun.set()
        assert self.may_end.wait(SECONDS)
        return parameters, {"num_examples": 5}


@pytest.fixture
def leaving(net, start, tmp_path):
    """A second combiner, in a process of its own."""
    flags = ["--name", "leaving", "--api-url", net.api_url, "--token", net.token]
    server = start(*("combiner", "start", *flags, "--port", 0, "--data-dir", tmp_path / "leaving"))
    assert net._controller.presence.wait_for_combiner("leaving", SECONDS)
    return server


def test_clients_and_tasks_go_to_another_combiner(net, leaving):
    """A session goes on, and nobody trains twice in one round: not who has answered, and not who is at work."""
    quick, slow, elsewhere = Trainer(), Trainer(waits=True), Trainer()
    net.add_client("quick", train=quick, preferred_combiner="leaving")
    net.add_client("slow", train=slow, preferred_combiner="leaving")
    net.add_client("elsewhere", train=elsewhere, preferred_combiner="combiner-1")
    net.api.start_session("s", rounds=2, min_clients=3, round_timeout=SECONDS, round_retries=0)
    assert slow.begun.wait(SECONDS)
    assert quick.begun.wait(SECONDS)

    leaving.tell_to_stop()
    assert leaving.has_ended() == 0
    slow.may_end.set()
    session = net.api.wait_session("s", timeout=SECONDS)

    assert session["status"] == "FINISHED", session["reason"]
    assert [each.calls for each in (quick, slow, elsewhere)] == [2, 2, 2]
    assert {each["combiner"] for each in net.api.get_clients()["result"]} == {"combiner-1"}


def test_a_combiner_without_work_stops_at_once(net, leaving):
    """Its client is sent to another one; nothing else is to be waited for."""
    net.add_client("idle", train=Trainer(), preferred_combiner="leaving")

    leaving.tell_to_stop()

    assert leaving.has_ended() == 0
    assert "all clients have left" in leaving.log()


def test_without_another_combiner_the_tasks_wait_for_the_next_process(net, leaving):
    """A client that works meanwhile delivers to whoever comes."""
    net.remove_combiner("combiner-1")
    trainer = Trainer(waits=True)
    net.add_client("slow", train=trainer)
    net.api.start_session("s", rounds=1, round_timeout=SECONDS, round_retries=0)
    assert trainer.begun.wait(SECONDS)

    leaving.tell_to_stop()
    assert leaving.has_ended() == 0
    trainer.may_end.set()
    net.add_combiner("combiner-1")
    session = net.api.wait_session("s", timeout=SECONDS)

    assert session["status"] == "FINISHED", session["reason"]
    assert trainer.calls == 1
