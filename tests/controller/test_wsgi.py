"""A controller inside gunicorn is the same controller."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import numpy as np
import pytest
from servers.process import free_port

from fednet.api_client import APIClient
from fednet.controller.records import COLLECTIONS, timestamp
from fednet.identity import read_local_network
from fednet.parameters import write_model
from fednet.storage import open_documents

SECONDS = 200
WAIT = 25
READY = "Booting worker"
ENDED = {
    "id": "id-of-one",
    "session_id": "one",
    "name": "one",
    "status": "FINISHED",
    "committed_at": timestamp(),
    "options": {},
}
COMMAND = [
    sys.executable, "-m", "gunicorn", "--config", "python:fednet.controller.gunicorn_config",
    "fednet.controller.wsgi:application()",
]  # fmt: skip


@contextmanager
def gunicorn(*arguments, **settings):
    """A gunicorn with these settings in its environment; killed at the end if it still runs."""
    variables = {f"FEDNET_CONTROLLER_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=os.environ | variables, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_until_it_serves(process):
    for line in process.stderr:
        if READY in line:
            return
    pytest.fail("gunicorn has ended before it served")


def test_gunicorn_speaks_tls_and_nothing_else_beyond_loopback(tmp_path, paper):
    """Without a certificate it does not start there."""
    settings = {"DATA_DIR": tmp_path / "data", "PORT": free_port(), "HOST": "0.0.0.0"}
    files = {
        "TLS_CERTIFICATE": paper.servers.certificate,
        "TLS_KEY": paper.servers.key,
        "CA": paper.ca,
    }

    with gunicorn(**settings) as refused:
        said = refused.stderr.read()
        code = refused.wait(SECONDS)
    with gunicorn(**settings, **files) as process:
        wait_until_it_serves(process)
        with api(settings | files) as client:
            count = client.get_models()["count"]
            url = client.api_url
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)

    assert code != 0
    assert "--insecure" in said
    assert url == f"https://127.0.0.1:{settings['PORT']}"
    assert count == 0


@pytest.mark.timeout(600)  # four interpreters start one after the other, on whatever machine
def test_gunicorn_serves_models_and_ends_clean_when_told(tmp_path):
    """What was uploaded is there for the next process."""
    settings = {"DATA_DIR": tmp_path / "data", "PORT": free_port()}
    write_model(tmp_path / "seed.npz", [np.arange(100_000, dtype=np.float32)])
    codes, counts = [], []

    for _ in range(2):
        with gunicorn(**settings) as process:
            wait_until_it_serves(process)
            process_api = api(settings)
            if not counts:
                process_api.set_active_model(str(tmp_path / "seed.npz"))
            counts.append(process_api.get_models()["count"])
            process.send_signal(signal.SIGTERM)
            codes.append(process.wait(SECONDS))

    assert counts == [1, 1]
    assert codes == [0, 0]


def wait_until_it_answers(settings):
    ca = ["--ca", str(settings["CA"])] if "CA" in settings else []
    url = f"{'https' if ca else 'http'}://127.0.0.1:{settings['PORT']}"
    health = subprocess.run(
        [sys.executable, "-m", "fednet", "controller", "health", "--url", url, *ca], check=False
    )
    assert health.returncode == 0
    return url


def api(settings):
    url = wait_until_it_answers(settings)
    network = read_local_network(settings["DATA_DIR"])
    assert network.api_url == url
    return APIClient(url, token=network.token, ca=network.tls.ca)


@pytest.mark.timeout(600)  # two interpreters start
def test_silent_connections_do_not_stop_gunicorn(tmp_path):
    """Five hundred, each second one with half a head."""
    settings = {"DATA_DIR": tmp_path / "data", "PORT": free_port(), "THREADS": 2}
    with gunicorn(**settings) as process, ExitStack() as open_:
        wait_until_it_serves(process)
        for number in range(500):
            silent = socket.create_connection(("127.0.0.1", settings["PORT"]))
            open_.enter_context(silent).sendall(b"GET / HTTP/1.1\r\nHo" * (number % 2))

        wait_until_it_answers(settings)


@pytest.mark.timeout(600)  # two interpreters start
def test_the_lease_goes_back_before_requests_under_way_are_finished(tmp_path):
    """Another controller takes the sessions meanwhile; the upload gets its answer."""
    settings = {"DATA_DIR": tmp_path / "data", "PORT": free_port(), "DRAIN_SECONDS": 300}
    write_model(tmp_path / "seed.npz", [np.zeros(1_000_000, np.float32)])
    with gunicorn(**settings) as process:
        wait_until_it_serves(process)
        wait_until_it_answers(settings)
        token = read_local_network(settings["DATA_DIR"]).token
        upload = BegunUpload(settings["PORT"], token, tmp_path / "seed.npz")
        process.send_signal(signal.SIGTERM)
        with closing(open_documents(f"sqlite:///{tmp_path}/data/state.db", COLLECTIONS)) as store:
            wait_for_a_released_lease(store)
        status = upload.finish()
        code = process.wait(SECONDS)

    assert (status, code) == (201, 0)


class BegunUpload:
    """The upload of a model, of which half is sent."""

    def __init__(self, port, token, path):
        disposition = 'form-data; name="file"; filename="seed.npz"'
        head = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        self._body = head + path.read_bytes() + b"\r\n--b--\r\n"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self._connection.putrequest("POST", "/api/v1/models/")
        self._connection.putheader("Authorization", f"Bearer {token}")
        self._connection.putheader("Content-Type", "multipart/form-data; boundary=b")
        self._connection.putheader("Content-Length", str(len(self._body)))
        self._connection.endheaders()
        self._connection.send(self._body[: len(self._body) // 2])

    def finish(self):
        """Send the rest; return the status of the answer."""
        with closing(self._connection):
            self._connection.send(self._body[len(self._body) // 2 :])
            return self._connection.getresponse().status


def wait_for_a_released_lease(store):
    """Wait until the controller has given its lease back."""
    ends = time.monotonic() + SECONDS
    while not store.find("controllers")[0]["is_released"]:
        assert time.monotonic() < ends, "the lease is still held"
        threading.Event().wait(0.1)


def test_a_setting_that_is_wrong_ends_gunicorn_with_the_reason(tmp_path):
    """It does not start the worker again and again."""
    with gunicorn(DATA_DIR=tmp_path, PORT="many") as process:
        said = process.stderr.read()

        assert process.wait(SECONDS) != 0
    assert "FEDNET_CONTROLLER_PORT" in said


@pytest.mark.timeout(600)  # three interpreters start
def test_any_worker_answers_any_request_and_waiting_takes_no_thread(tmp_path):
    """What one worker is told, those hear who wait at the other; each has two threads."""
    settings = {"DATA_DIR": tmp_path / "data", "PORT": free_port(), "THREADS": 2}
    with gunicorn("--workers", "2", **settings) as process, ThreadPoolExecutor(24) as callers:
        draining = threading.Thread(target=process.stderr.read)
        wait_until_it_serves(process)
        draining.start()
        wait_until_it_answers(settings)
        token = read_local_network(settings["DATA_DIR"]).token
        with closing(open_documents(f"sqlite:///{tmp_path}/data/state.db", COLLECTIONS)) as store:
            store.insert("sessions", ENDED)
            workers = [APIClient(url, token=token) for url in addresses_of_two(store)]
        began = time.monotonic()
        waiting = [
            callers.submit(worker.get_feed, session_id="one", seconds=WAIT)
            for worker in workers * 12
        ]
        named = workers[0]._http.call("PUT", "/api/v1/sessions/one", body={"name": "best"})
        heard = [each.result(SECONDS)["entries"] for each in waiting]
        seconds = time.monotonic() - began
        seen = [worker.get_session("one")["name"] for worker in workers]
        process.send_signal(signal.SIGTERM)
        code = process.wait(SECONDS)
        draining.join(SECONDS)

    assert seen == [named["name"]] * 2 == ["best"] * 2
    assert [[entry["ids"]["version"] for entry in entries] for entries in heard] == [[2]] * 24
    assert seconds < WAIT
    assert code == 0


def addresses_of_two(store):
    """The address of each worker, once both are there."""
    while len(found := store.find("controllers")) < 2:
        threading.Event().wait(0.1)
    return [each["address"] for each in found]
