"""The chart's pods, run as processes, finish the session of the demo, and survive an upgrade and a restore."""

import shutil
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.resources import files

import pytest
from pods import cluster
from rendered import SETS

from fednet import APIClient
from fednet.cli._digits import EXAMPLE
from fednet.cli.demo import ACCURACY_MIN, CLIENTS, COMBINERS, ROUNDS, _train
from fednet.testing import FaultProxy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # nine pods, and the machine may be busy
    pytest.mark.usefixtures("bwrap"),  # which makes the pods
]

SECONDS_MAX = 300
TRIAL = SETS["trial"]
SMALL = TRIAL | {"clients": TRIAL["clients"][:2]}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder with each client's part of the digits."""
    folder = tmp_path_factory.mktemp("site")
    arguments = ["--clients", str(CLIENTS), "--out", str(folder)]
    subprocess.run([sys.executable, "-P", "-m", f"{EXAMPLE}.data", *arguments], check=True)
    return folder


@pytest.fixture
def started(chart, tmp_path, site):
    """Return a function that gives the running pods of some values."""
    with ExitStack() as to_close:

        def start(values):
            pods = to_close.enter_context(cluster(chart.render(values), tmp_path / "pods", site))
            pods.start_state()
            for component in ("objects", "controller", "combiner", "client"):
                pods.start(component)
            return pods

        yield start


def test_the_session_of_the_demo_finishes_on_the_pods(started, tmp_path):
    """With two controllers, two combiners, five clients, MongoDB and an S3 server, on the files that are mounted."""
    pods = started(TRIAL)
    with api_of(pods) as api:
        publish(api, tmp_path)
        rounds = _train(api, str(uuid.uuid4()), lambda *_: None)

    assert (len(pods.of("client")), len(pods.of("combiner"))) == (CLIENTS, COMBINERS)
    assert [each.status for each in rounds] == ["FINISHED"] * ROUNDS
    assert rounds[-1].accuracy >= ACCURACY_MIN
    assert [pod.stop() for pod in pods.of("client", "combiner", "controller")] == [0] * 9


def test_an_upgrade_loses_no_session(started, tmp_path):
    """All controllers stop before the next ones start; then combiners, one at a time. The session goes on meanwhile."""
    pods = started(SMALL)
    with api_of(pods) as api, ThreadPoolExecutor(1) as pool:
        publish(api, tmp_path)
        api.start_session("upgraded", rounds=6, min_clients=2, round_timeout=SECONDS_MAX)
        is_begun = threading.Event()
        ended = pool.submit(api.wait_session, "upgraded", second_round(is_begun), SECONDS_MAX)
        assert is_begun.wait(SECONDS_MAX)

        stopped = [pod.stop() for pod in pods.of("controller")]
        pods.start("controller")
        for pod in reversed(pods.of("combiner")):
            stopped.append(pod.stop())
            pod.start()
            pod.ready()

        session = ended.result()

    assert stopped == [0] * 4
    assert (session["status"], session["round_number"]) == ("FINISHED", 6)


def test_a_restored_network_knows_its_sessions_and_its_members(chart, started, tmp_path):
    """The stores are lost. A pod that runs no controller restores them, and the agents come back by themselves."""
    pods = started(SMALL)
    with api_of(pods) as api:
        publish(api, tmp_path)
        api.start_session("before", rounds=1, min_clients=2)
        assert api.wait_session("before", timeout=SECONDS_MAX)["status"] == "FINISHED"
    first, *_ = pods.of("controller")
    first.execute("fednet", "controller", "backup", "/data/fednet.tar")
    backup = shutil.copy(pods.volume(first, "data") / "fednet.tar", tmp_path)

    for pod in pods.of("controller"):
        pod.stop()
    pods.lose_stores()
    with pods.maintained(chart.render(SMALL | {"controller": {"maintenance": True}})) as pod:
        shutil.copy(backup, pods.volume(pod, "data"))
        pod.execute("fednet", "controller", "restore", "/data/fednet.tar")
    pods.start("controller")

    with api_of(pods) as api:
        wait_for_clients(api, len(pods.of("client")))
        assert api.get_session("before")["status"] == "FINISHED"
        api.start_session("after", rounds=1, min_clients=2)
        assert api.wait_session("after", timeout=SECONDS_MAX)["status"] == "FINISHED"


def wait_for_clients(api, number):
    """Return when so many clients are connected; the feed says when to look."""
    for _ in api.watch_feed(after=0):
        if api.get_clients(status="online")["count"] >= number:
            return


def second_round(begun):
    """Return what sets an event when a session is in its second round."""

    def look(session):
        if session["round_number"] >= 2:
            begun.set()

    return look


def publish(api, folder):
    """Give the network the package of the digits and its first model."""
    for words in (
        ["package", "create", "--path", str(files(EXAMPLE) / "client"), "--name", "digits.tgz"],
        ["run", "build", "--path", "digits.tgz"],
    ):
        subprocess.run([sys.executable, "-m", "fednet", *words], cwd=folder, check=True)
    api.set_active_package(str(folder / "digits.tgz"), "numpyhelper", "digits")
    api.set_active_model(str(folder / "seed.npz"))


@contextmanager
def api_of(pods):
    """Give a client of the REST API: through forwarded ports, with the admin token of a controller's pod."""
    controllers = pods.of("controller")
    token = controllers[0].execute("cat", "/data/fednet/admin.token").strip()
    authorities = pods.volume(controllers[0], "authorities") / "ca.crt"
    with ExitStack() as forwarding:
        ports = [forwarding.enter_context(FaultProxy(f"{pod.address}:8092")) for pod in controllers]
        url = ",".join(f"https://{port.address}" for port in ports)
        yield forwarding.enter_context(APIClient(url, token=token, ca=authorities))
