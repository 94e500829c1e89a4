"""A client in a few lines of Python."""

import asyncio
import queue
import signal
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from fednet.client import Client
from fednet.client.agent import Agent
from fednet.errors import InvalidInput, Unauthenticated
from fednet.parameters import write_model
from fednet.testing import Network

SECONDS = 200


@pytest.fixture
def net(tmp_path):
    with Network() as net:
        write_model(tmp_path / "seed.npz", [np.zeros((2, 3), np.float32)])
        assert net.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
        yield net


@pytest.fixture
def client(net):
    return Client(net.api_url, name="hospital-1", token=net.token)


def trains(client, then=lambda: None):
    """Register a train function; an event says when it is called, a list with what."""
    called, given = threading.Event(), []

    @client.train
    def train(parameters, settings):
        given.append((parameters, settings))
        called.set()
        then()
        return [array + 1 for array in parameters], {"num_examples": 120}

    return called, given


@pytest.fixture
def start_session(net, monkeypatch):
    """Return a function that starts a session of one round, as soon as a client has connected."""
    connected, of_agent = queue.Queue(), Agent._connected

    def tell(agent, place, number):
        of_agent(agent, place, number)
        connected.put(place)

    monkeypatch.setattr(Agent, "_connected", tell)

    def start(name="first", begin=lambda name: net.api.start_session(name, rounds=1)):
        connected.get(timeout=200)
        answer = begin(name)
        assert answer["success"], answer

    return start


class Starting:
    """A session that starts while `run` holds this thread."""

    def __init__(self, start, *names):
        self._thread = threading.Thread(target=start, args=names)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._thread.join(30)


class InThread:
    """`run` in a thread, stopped at the end of the block."""

    def __init__(self, client):
        self._client = client
        self._thread = threading.Thread(target=client.run)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._client.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_decorated_functions_train_and_validate(net, client, start_session):
    """The functions get arrays of their own, and their results count."""
    _called, given = trains(client)

    @client.validate
    def validate(parameters, _settings):
        return {"mean": float(parameters[0].mean()), "num_examples": 30}

    with InThread(client):
        start_session()
        session = net.api.wait_session("first", timeout=200)

    assert session["status"] == "FINISHED"
    parameters, settings = given[0]
    assert [array.shape for array in parameters] == [(2, 3)]
    assert parameters[0].flags.writeable
    assert isinstance(settings, dict)
    (validation,) = net.api.get_validations()["result"]
    assert validation["metrics"]["mean"] == 1.0
    assert validate(parameters, {}) == {"mean": 0.0, "num_examples": 30}


def test_a_decorated_function_predicts(net, client, start_session):
    """A client may do nothing but predict."""

    @client.predict
    def predict(parameters, _settings):
        return {"shape": list(parameters[0].shape)}

    with InThread(client):
        start_session("p", net.api.start_predictions)
        assert net.api.wait_session("p", timeout=200)["status"] == "FINISHED"

    assert net.api.get_predictions()["result"][0]["result"] == {"shape": [2, 3]}
    assert predict([np.zeros(1)], {}) == {"shape": [1]}


def test_a_metric_that_is_not_finite_costs_only_itself(net, client, start_session):
    """The update and the validation count; the values are null, and statuses name them."""

    @client.train
    def train(parameters, _settings):
        metadata = {"num_examples": 10, "loss": np.float32("nan"), "deep": [{"x": 10**5000}]}
        return parameters, metadata

    @client.validate
    def validate(_parameters, _settings):
        return {"accuracy": 0.5, "loss": float("inf"), "name\ud800": "text\udfff"}

    with InThread(client):
        start_session()
        session = net.api.wait_session("first", timeout=200)

    assert (session["status"], train([], {})[0], validate([], {})["accuracy"]) == (
        "FINISHED",
        [],
        0.5,
    )
    (validation,) = net.api.get_validations()["result"]
    assert validation["metrics"] == {"accuracy": 0.5, "loss": None, "name\ufffd": "text\ufffd"}
    told = [each["message"] for each in net.api.get_statuses(n_max=1000)["result"]]
    (of_training,) = (each for each in told if "loss is nan" in each)
    assert "deep.0.x is inf" in of_training
    assert any("loss is inf" in each and "lone surrogate" in each for each in told)
    (folded,) = net.api.get_rounds()["result"]
    assert folded["updates"] == 1


@pytest.mark.parametrize("register", ["train", "validate", "predict"])
def test_a_function_with_another_signature_is_refused_when_it_is_registered(client, register):
    """The message has the right one, long before a task."""
    with pytest.raises(InvalidInput, match=rf"`def {register}\(parameters, settings\):`"):
        getattr(client, register)(lambda parameters: parameters)


def test_a_client_without_a_function_is_refused(client):
    """The client is refused before it takes a place that it cannot fill."""
    with pytest.raises(InvalidInput, match=r"@client\.train"):
        client.run()


TRAINS_FOR_EVER = """
import signal, sys, threading
from fednet.client import Client
api_url, token, data_dir = sys.argv[1:]
client = Client(api_url, name="hospital-1", token=token, data_dir=data_dir)

@client.train
def train(parameters, settings):
    print("it trains", flush=True)
    threading.Event().wait()

# A shell lets what it starts in the background ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
client.run()
print("it has ended")
"""


@pytest.fixture
def endless(net, tmp_path):
    """Give a process whose client is connected, and trains for ever once it is asked."""
    command = [
        sys.executable,
        "-c",
        TRAINS_FOR_EVER,
        net.api_url,
        net.token,
        str(tmp_path / "data"),
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        net._controller.presence.wait_for_clients("TRAIN", 1, SECONDS)
        yield process
        process.kill()


def test_ctrl_c_ends_run(net, endless):
    """Ctrl-C ends a client in training, without an error."""
    assert net.api.start_session("first", rounds=1)["success"]
    begun = endless.stdout.readline()
    endless.send_signal(signal.SIGINT)
    printed, errors = endless.communicate(timeout=SECONDS)

    assert (begun, printed, errors) == ("it trains\n", "it has ended\n", "")
    assert endless.returncode == 0


def test_run_works_inside_of_an_event_loop(client, start_session):
    """A client runs in a notebook, whose cells run in an event loop."""
    called, _given = trains(client, then=client.stop)

    async def cell():
        client.run()

    with Starting(start_session):
        asyncio.run(cell())

    assert called.is_set()


def test_stop_before_run_is_not_lost(client):
    """A stop that comes while the thread begins is not lost."""
    trains(client)
    client.stop()

    client.run()


def test_a_client_can_run_again(client, start_session):
    """A stop belongs to the run that it ended."""
    called, _given = trains(client)
    client.stop()
    client.run()

    with InThread(client):
        start_session()
        assert called.wait(200)


def test_a_data_folder_makes_it_known_again(net, tmp_path, start_session):
    """Its own token suffices, although it may register no client."""
    settings = {"name": "hospital-1", "data_dir": tmp_path / "data"}
    first = Client(net.api_url, token=net.token, **settings)
    trains(first, then=first.stop)
    with Starting(start_session, "first"):
        first.run()

    again = Client(net.api_url, **settings)
    called, _given = trains(again)

    with InThread(again):
        start_session("second")
        assert called.wait(200)


def test_without_a_data_folder_nothing_is_left(client, tmp_path, monkeypatch):
    """Its temporary folder goes with the run."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    trains(client)
    client.stop()

    client.run()

    assert list((tmp_path / "temporary").iterdir()) == []


PROGRAM = """
import signal, sys
from fednet.client import Client

# A shell lets what it starts in the background ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
client = Client(sys.argv[1], name=sys.argv[2], token=sys.argv[3])
client.train(lambda parameters, settings: (parameters, {"num_examples": 1}))
client.run()
"""

# A line on its stdin makes another thread than the main one get the signal with this number.
TAKES_SIGNAL_ELSEWHERE = """
import signal, sys, threading

def take():
    signal.pthread_kill(threading.get_ident(), int(sys.stdin.readline()))
    threading.Event().wait()

threading.Thread(target=take, daemon=True).start()
"""


@pytest.fixture
def run_program(net, tmp_path, monkeypatch):
    """Starts a user's program whose temporary folders lie in `tmp_path / "tmp"`, and waits for its connection."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    running = []

    def run(name, program=PROGRAM):
        command = [sys.executable, "-c", program, net.api_url, name, net.token]
        expected = client_id(name)
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, text=True))
        assert net._controller.presence.wait_for_client(expected, SECONDS)
        return running[-1]

    def client_id(name):
        """Register the client's name before it comes, so that its id is known."""
        made = net.api._http.call(
            "POST", "/api/v1/clients/register", body={"name": name, "needs_package": False}
        )
        return made["id"]

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_credentials(run_program, tmp_path, number):
    """The process ends by SIGTERM as without a client in it."""
    process = run_program("site-1")
    (folder,) = (tmp_path / "tmp").glob("fednet-client-*")
    mode = stat.S_IMODE(folder.stat().st_mode)
    process.send_signal(number)
    process.wait(SECONDS)

    assert mode == 0o700
    assert list((tmp_path / "tmp").iterdir()) == []
    assert process.returncode == (-signal.SIGTERM if number == signal.SIGTERM else 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_gets_ends_the_client(run_program, number):
    """The system chooses the thread, and the main one may sleep without end."""
    process = run_program("site-1", TAKES_SIGNAL_ELSEWHERE + PROGRAM)
    process.stdin.write(f"{number:d}\n")
    process.stdin.flush()
    process.wait(SECONDS)

    assert process.returncode == (-signal.SIGTERM if number == signal.SIGTERM else 0)


def test_the_next_client_removes_what_a_killed_one_has_left(run_program, tmp_path):
    """The folder of a client that lives stays."""
    killed, lives = run_program("site-1"), run_program("site-2")
    before = set((tmp_path / "tmp").glob("fednet-client-*"))
    killed.kill()
    killed.wait()
    third = run_program("site-3")
    after = set((tmp_path / "tmp").glob("fednet-client-*"))
    for process in (lives, third):
        process.terminate()
        process.wait(SECONDS)

    assert (len(before), len(after), len(before & after)) == (2, 2, 1)


def test_a_refusal_is_raised(net):
    """The caller of `run` gets the network's words."""
    client = Client(net.api_url, name="hospital-1", token="wrong")
    trains(client)

    with pytest.raises(Unauthenticated):
        client.run()


@pytest.mark.parametrize("name", ["../x", ""])
def test_a_wrong_name_is_named(net, name):
    """The error names the field before anything is done."""

    def run():
        client = Client(net.api_url, name=name, token=net.token)
        trains(client)
        client.run()

    with pytest.raises(InvalidInput) as caught:
        run()

    assert caught.value.field == "name"


def test_without_an_address_it_says_so():
    """The error says that neither argument nor environment has an address."""
    with pytest.raises(InvalidInput) as caught:
        Client(name="hospital-1")

    assert caught.value.field == "api_url"


@pytest.mark.parametrize("name", ["", "x" * 129, "a/b", "a\0", "-a", None, 5, "../a", "ä"])
def test_a_name_that_no_client_has_is_refused_at_once(name):
    """With the field, before anything is asked of a network."""
    with pytest.raises(InvalidInput) as refused:
        Client("http://127.0.0.1:1", name=name)

    assert refused.value.field == "name"
