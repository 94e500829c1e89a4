"""A combiner process with few file descriptors, and more connections than it can hold."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fednet.controller.server import Controller
from fednet.rpc import channel_options
from fednet.settings import ControllerSettings

pytestmark = pytest.mark.slow

SECONDS = 200
WITH_FEW_FILES = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'fednet', *sys.argv[1:]])\n"
)


@pytest.fixture
def combiner(tmp_path):
    """A combiner that may open 256 files: its process and its port."""
    controller = Controller.start(ControllerSettings(data_dir=tmp_path / "controller", port=0))
    with subprocess.Popen(
        [
            sys.executable, "-c", WITH_FEW_FILES, "combiner", "start", "--announce", "--name", "few",
            "--api-url", controller.api_url, "--token", controller.token, "--port", "0",
            "--data-dir", str(tmp_path / "combiner"),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        port = int(json.loads(process.stdout.readline())["address"].rpartition(":")[2])
        yield process, port
        process.kill()
    controller.stop()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@pytest.mark.timeout(400)  # an interpreter starts, and silent connections end in their time
@pytest.mark.parametrize("sent", [b"", PREFACE])
def test_three_hundred_silent_connections_do_not_use_it_up(combiner, sent):
    """Some are turned away, the others end in a while; the log says how many files it needs."""
    process, port = combiner
    with ExitStack() as open_:
        for _ in range(300):
            silent = open_.enter_context(socket.create_connection(("127.0.0.1", port)))
            try:
                silent.sendall(sent)
            except OSError:
                continue  # this one was turned away

        with grpc.insecure_channel(f"127.0.0.1:{port}", options=channel_options()) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=SECONDS, wait_for_ready=True
            )

    process.terminate()
    _, log = process.communicate(timeout=SECONDS)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert "may open 256 files" in log
    assert "ulimit -n" in log
    assert "Too many open files" not in log
