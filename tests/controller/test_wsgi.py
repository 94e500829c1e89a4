"""A controller inside gunicorn is the same controller."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from servers.process import free_port

from fednet.api_client import APIClient
from fednet.identity import read_local_network
from fednet.parameters import write_model

SECONDS = 60
READY = "Booting worker"
COMMAND = [
    sys.executable, "-m", "gunicorn", "--config", "python:fednet.controller.gunicorn_config",
    "fednet.controller.wsgi:application()",
]  # fmt: skip


@contextmanager
def gunicorn(**settings):
    """A gunicorn with these settings in its environment; killed at the end if it still runs."""
    variables = {f"FEDNET_CONTROLLER_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        COMMAND, env=os.environ | variables, stderr=subprocess.PIPE, text=True
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


@pytest.mark.timeout(300)  # four interpreters start one after the other, on whatever machine
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


def api(settings):
    url = f"http://127.0.0.1:{settings['PORT']}"
    health = subprocess.run(
        [sys.executable, "-m", "fednet", "controller", "health", "--url", url], check=False
    )
    assert health.returncode == 0
    network = read_local_network(settings["DATA_DIR"])
    assert network.api_url == url
    return APIClient(url, token=network.token)


def test_a_setting_that_is_wrong_ends_gunicorn_with_the_reason(tmp_path):
    """It does not start the worker again and again."""
    with gunicorn(DATA_DIR=tmp_path, PORT="many") as process:
        said = process.stderr.read()

        assert process.wait(SECONDS) != 0
    assert "FEDNET_CONTROLLER_PORT" in said
