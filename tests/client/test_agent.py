"""The agent in a real network, over links that break: it answers each task once, and always ends on request."""

import os
import queue
import signal
import subprocess
import sys
import threading

import pytest
from agents import SOON_SECONDS, Trainer, Watched

from fednet.client.agent import Agent, serve
from fednet.client.runtime import CallbackRuntime
from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput, Unauthenticated
from fednet.packages import create_package
from fednet.processes import is_locked
from fednet.settings import ClientSettings
from fednet.testing import FaultProxy


@pytest.fixture
def session(net):
    """Return a function that runs a session of one round of training to its end."""

    def run(name, **options):
        begin(net, name, **options)
        return net.api.wait_session(name, timeout=200)

    return run


def begin(net, name, **options):
    net._controller.presence.wait_for_clients("TRAIN", 1, SOON_SECONDS)
    answer = net.api.start_session(name, **{"rounds": 1, "validate": False} | options)
    assert answer["success"], answer


def answers(tmp_path, name="a"):
    return sorted(path.name for path in (tmp_path / "client" / name / "answers").iterdir())


# Links that break

# The model has 10 kB: the cuts are in its upload, in the result, in its receipt, and after that.
CUTS = [1, 500, 9_000, 10_200, 10_300, 10_400, 10_500, 10_600, 10_700, 10_800, 11_000, 20_000]


@pytest.mark.parametrize("cut_at", CUTS)
def test_an_update_is_trained_once_wherever_its_link_breaks(start, session, link, cut_at):
    """The agent trains once and goes on: the next round comes to it."""
    train = Trainer(lambda: link.cut_after(cut_at))
    start(train)

    assert session("first")["status"] == "FINISHED"
    assert train.calls == 1

    train.act = lambda: None
    assert session("second")["status"] == "FINISHED"
    assert train.calls == 2


def test_an_answer_whose_receipt_is_lost_is_kept_and_sent_again(
    start, session, link, tmp_path, monkeypatch
):
    """The combiner counted it once; the client forgets it when the receipt has come at last."""
    stalled = threading.Event()
    train = Trainer()
    one = start(train)
    receipts = Watched(one.agent, monkeypatch).receipts
    send = one.agent._connection.send_answer

    def send_and_lose_the_receipt(answer, stream):
        if not stalled.is_set():
            stalled.set()
            link.stall(down=True, up=False)
        send(answer, stream)

    one.agent._connection.send_answer = send_and_lose_the_receipt
    assert session("first")["status"] == "FINISHED"
    kept = answers(tmp_path)
    link.cut()
    link.restore()
    one.ready.get(timeout=200)
    assert session("second")["status"] == "FINISHED"
    receipted = {receipts.get(timeout=200).task_id for _ in range(2)}

    assert [name.partition(".")[2] for name in kept] == ["answer", "update"]
    assert {name.partition(".")[0] for name in kept} < receipted
    assert train.calls == 2
    assert answers(tmp_path) == []


def test_a_finished_update_is_not_trained_again_by_the_next_process(net, start, link):
    """An agent that ends in the middle of its upload leaves it to its successor."""
    train, again = Trainer(link.stall), Trainer()
    one = start(train)
    kept = when_kept(one.agent)
    begin(net, "first")
    assert kept.wait(200)
    one.agent.stop()
    assert one.has_ended_soon()
    link.cut()
    link.restore()

    start(again)

    assert net.api.wait_session("first", timeout=200)["status"] == "FINISHED"
    assert (train.calls, again.calls) == (1, 0)


def when_kept(agent):
    """Return an event that is set once the agent has kept an answer and is about to deliver it."""
    kept, keep = threading.Event(), agent._ledger.keep

    def keep_and_tell(answer):
        keep(answer)
        kept.set()

    agent._ledger.keep = keep_and_tell
    return kept


def test_it_comes_back_when_its_combiner_does(net, start, session):
    """The agent finds its combiner at its new address."""
    train = Trainer()
    one = start(train)
    net.remove_combiner("combiner-1")
    net.add_combiner("combiner-1")

    assert one.ready.get(timeout=200)["combiner"] == "combiner-1"
    assert session("first")["status"] == "FINISHED"


def test_a_mark_in_its_folder_says_that_it_is_connected(start, tmp_path):
    """The mark serves supervisors of the process; it goes when the agent does."""
    mark = tmp_path / "client" / "a" / "connected"

    one = start()
    was_there = mark.exists()
    one.agent.stop()
    ended = one.has_ended_soon()

    assert (was_there, ended, mark.exists()) == (True, True, False)


def test_it_waits_for_a_controller_that_is_away(net, start):
    """An agent with the right address waits until the controller comes."""
    with FaultProxy(net.api_url.removeprefix("http://")) as proxy:
        proxy.refuse()
        one = start(api_url=f"http://{proxy.address}", waits=False)
        with pytest.raises(queue.Empty):
            one.ready.get(timeout=0.3)
        proxy.restore()

        assert one.ready.get(timeout=200)["name"] == "a"


# Tasks that fail


@pytest.mark.parametrize(
    "error", [ValueError("bad digits"), ValueError("\udce9"), KeyError(), MemoryError()]
)
def test_a_function_that_fails_is_reported_and_survived(net, start, session, error):
    """The traceback comes in a status; the next task is served."""

    def fail():
        raise error

    train = Trainer(fail)
    start(train)

    assert session("first", round_timeout=20, round_retries=0)["status"] == "FAILED"
    statuses = net.api.get_statuses(session_id="first")["result"]
    assert any("in fail" in str(status) for status in statuses)

    train.act = lambda: None
    assert session("second")["status"] == "FINISHED"


def test_a_disk_that_takes_no_answer_costs_no_agent(start, session, tmp_path, caplog):
    """An answer that cannot be kept is sent all the same, and the client's log names the folder."""
    folder = tmp_path / "client" / "a" / "answers"

    def block():
        (folder / f"{task_in_work(tmp_path)}.answer").mkdir()

    train = Trainer(block)
    start(train)

    assert session("first")["status"] == "FINISHED"
    assert session("second")["status"] == "FINISHED"
    assert train.calls == 2
    assert f" in {folder} (Is a directory)" in caplog.text


def test_an_update_that_finds_the_disk_full_is_a_failure(net, start, session, tmp_path, caplog):
    """The client's log and the network's people are told."""
    folder = tmp_path / "client" / "a"

    def fill():
        (folder / "answers" / f"{task_in_work(tmp_path)}.update").symlink_to("/dev/full")

    train = Trainer(fill)
    start(train)

    assert session("first", round_timeout=20, round_retries=0)["status"] == "FAILED"
    assert f"the disk of {folder} is full" in caplog.text
    statuses = net.api.get_statuses(session_id="first")["result"]
    assert any("No space left on device" in str(status) for status in statuses)

    train.act = lambda: None
    assert session("second")["status"] == "FINISHED"


def task_in_work(tmp_path, name="a"):
    """Return the id of the task that the client has begun."""
    [note] = (tmp_path / "client" / name / "begun").iterdir()
    return note.name


def test_what_nobody_foresaw_fails_the_task_only(start, session, monkeypatch):
    """A fault of ours is reported like one of the user's code."""
    one = start()
    files = one.agent._files
    monkeypatch.setattr(files, "model", lambda _ref: 1 / 0)

    assert session("first", round_timeout=20, round_retries=0)["status"] == "FAILED"

    monkeypatch.undo()
    assert session("second")["status"] == "FINISHED"


def test_a_task_that_is_not_wanted_any_more_is_broken_off(start, session):
    """The round has gone on without the client's answer, and so does the client."""
    begun, let_go, ended = threading.Event(), threading.Event(), threading.Event()

    def endless():
        try:
            begun.set()  # from here on it may be broken off at any line
            while not let_go.wait(0.001):  # which leaves the processor to the network
                pass
        finally:
            ended.set()

    slow, fast = Trainer(endless), Trainer(lambda: begun.wait(200))
    start(slow, name="slow")
    start(fast, name="fast")

    assert session("first", round_buffer_size=1, min_clients=1)["status"] == "FINISHED"
    assert ended.wait(200)
    assert not let_go.is_set()

    slow.act = fast.act = lambda: None
    assert session("second", min_clients=2)["status"] == "FINISHED"
    assert slow.calls == fast.calls == 2


# Refusals


def test_a_second_agent_with_the_same_folder_ends_at_once(start, tmp_path):
    """Its error names the folder and the process that has it."""
    first = start()

    with pytest.raises(FailedPrecondition) as caught:
        start()

    assert str(tmp_path / "client" / "a") in caught.value.message
    assert f"process {os.getpid()}" in caught.value.message
    assert first.thread.is_alive()


def test_an_agent_that_has_ended_gives_its_folder_back(start):
    """The next one begins where it was."""
    start().stop()

    assert start().thread.is_alive()


def test_a_name_that_is_taken_is_refused(start):
    """The message says what to do, and the first client stays."""
    first = start()
    second = start(data_dir=first.agent._settings.data_dir / "elsewhere", waits=False)

    assert second.has_ended_soon()
    assert isinstance(second.problem, AlreadyExists)
    assert "Choose another name" in second.problem.message
    assert first.thread.is_alive()


@pytest.mark.parametrize("token", ["wrong", None])
def test_a_token_that_is_none_is_refused(start, token):
    """The agent ends and says so."""
    one = start(token=token, waits=False)

    assert one.has_ended_soon()
    assert isinstance(one.problem, Unauthenticated)


@pytest.mark.parametrize("name", ["../x", "/etc", ".", "..", "a/b", "a\0b", "é", "a b", "-x"])
def test_a_name_never_becomes_a_path(tmp_path, name):
    """The name is refused before anything is written; the error names the field."""
    settings = ClientSettings(name=name, api_url="http://127.0.0.1:1", data_dir=tmp_path / "data")

    with pytest.raises(InvalidInput, match="Invalid name") as caught:
        Agent(settings)

    assert caught.value.field == "name"
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_cannot_be_used_is_named(tmp_path):
    """The error of the operating system is mapped."""
    (tmp_path / "file").write_text("in the way")
    settings = ClientSettings(name="a", api_url="http://127.0.0.1:1", data_dir=tmp_path / "file")

    with pytest.raises(FailedPrecondition, match="--data-dir"):
        Agent(settings)


# Ends


def test_stop_before_run_ends_it_at_once(start):
    """Nothing is begun."""
    one = start()
    one.agent.stop()
    assert one.has_ended_soon()
    assert one.problem is None


def test_stop_does_not_wait_for_a_controller_that_is_away(start):
    """The agent ends although nobody listens at the controller's address."""
    one = start(api_url="http://127.0.0.1:1", waits=False)
    one.agent.stop()

    assert one.has_ended_soon()
    assert one.problem is None


@pytest.mark.parametrize("silent", ["controller", "combiner"])
def test_stop_does_not_wait_for_an_answer(net, start, link, silent):
    """The agent ends although the controller accepts connections and says nothing."""
    with FaultProxy(net.api_url.removeprefix("http://")) as proxy:
        (proxy if silent == "controller" else link).stall()
        one = start(api_url=f"http://{proxy.address}", waits=False)
        with pytest.raises(queue.Empty):
            one.ready.get(timeout=0.5)
        one.agent.stop()

        assert one.has_ended_soon()


def test_stop_breaks_off_the_users_code(net, start):
    """Python code of the user is interrupted."""
    begun = threading.Event()

    def endless():
        begun.set()
        while True:
            pass

    one = start(Trainer(endless))
    begin(net, "first")
    assert begun.wait(200)
    one.agent.stop()

    assert one.has_ended_soon()


@pytest.mark.parametrize("fault", ["stall", "refuse"])
def test_stop_breaks_off_an_upload(net, start, link, fault):
    """The agent ends whether its bytes do not move or it waits for a new link."""
    one = start(Trainer(getattr(link, fault)))
    kept = when_kept(one.agent)
    begin(net, "first")
    assert kept.wait(200)
    one.agent.stop()

    assert one.has_ended_soon()


def test_no_thread_of_an_agent_outlives_it(start):
    """The connection, the deliveries and the request for a place have all ended."""
    before = set(threading.enumerate())
    one = start()
    one.agent.stop()
    assert one.has_ended_soon()

    ours = {"a-connection", "a-deliveries", "enrolment", "stop"}
    assert [each for each in set(threading.enumerate()) - before if each.name in ours] == []


def test_serve_works_with_the_package_of_the_network(net, tmp_path):
    """The package is served until `stop` is set; the next package takes the place of the first."""
    stop, ready = threading.Event(), queue.Queue()
    settings = ClientSettings(
        name="p",
        api_url=net.api_url,
        token=net.token,
        data_dir=tmp_path / "client",
        policy="any",
    )
    serving = threading.Thread(target=serve, args=(settings, ready.put, stop))
    serving.start()
    try:
        ready.get(timeout=200)
        for name, examples in (("first", 3), ("second", 4)):
            set_package(net, tmp_path / name, examples)
            begin(net, name)
            assert net.api.wait_session(name, timeout=200)["status"] == "FINISHED"
    finally:
        stop.set()
        serving.join(SOON_SECONDS)

    assert not serving.is_alive()


def set_package(net, folder, examples):
    folder.mkdir()
    (folder / "fednet.yaml").write_text("entry_points: {train: {command: sh train.sh}}\n")
    script = f'cp "$1" "$2" && echo \'{{"num_examples": {examples}}}\' > "$2-metadata"\n'
    (folder / "train.sh").write_text(script)
    archive = folder.with_suffix(".tgz")
    create_package(folder, archive)
    answer = net.api.set_active_package(str(archive), helper="numpyhelper", name=folder.name)
    assert answer["success"], answer


def test_a_process_ends_with_its_agent_running(net, tmp_path):
    """A notebook that is closed does not hang."""
    script = f"""
import threading
from fednet.client import Client
client = Client({net.api_url!r}, name="x", token={net.token!r})
client.train(lambda parameters, settings: (parameters, {{"num_examples": 1}}))
threading.Thread(target=client.run, daemon=True).start()
begun = threading.Event()
begun.wait(1.5)
print("end of the main thread")
"""
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    assert process.stdout == "end of the main thread\n"
    assert process.returncode not in {-signal.SIGSEGV, -signal.SIGABRT}


def test_an_agent_that_cannot_be_made_leaves_its_folder(tmp_path):
    """A program may try again with other settings."""
    given = {"name": "a", "api_url": "http://127.0.0.1:1", "data_dir": tmp_path}
    runtime = CallbackRuntime(Trainer(), None)

    with pytest.raises(InvalidInput) as caught:
        Agent(ClientSettings(**given, policy="signed"), runtime)

    assert caught.value.field == "trusted_keys"
    assert not is_locked(tmp_path / "a")
