"""Code of clients that forks, in a process that has gRPC's threads."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fednet.testing import Network

SECONDS = 200
TRAIN = """
import multiprocessing, os, signal, sys
import numpy as np

def work(number):
    return 2 * number

def fork():
    child = os.fork()
    if not child:
        is_plain = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        os._exit(7 if is_plain and signal.set_wakeup_fd(-1) == -1 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def train(parameters, settings):
    codes = {fork() for _ in range(100)}
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(codes, pool.map(work, range(3)))
    return parameters, {"num_examples": 1}
"""
WITH_A_NETWORK = """
from fednet.testing import Network

with Network() as network:
    network.api.set_active_model([np.zeros(3)])
    network.add_client("site", train=train)
    network.api.start_session("s", rounds=1, round_retries=0, validate=False)
    assert network.api.wait_session("s", timeout=150)["status"] == "FINISHED"
"""
WITH_A_CLIENT = """
from fednet.client import Client

client = Client(sys.argv[1], name="site", token=sys.argv[2])
client.train(train)
client.run()
"""


def started(script, *arguments, support=""):
    """Start a Python process with GRPC_ENABLE_FORK_SUPPORT."""
    variables = {**os.environ, "GRPC_ENABLE_FORK_SUPPORT": support}
    return subprocess.Popen(
        [sys.executable, "-u", "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
    )


@pytest.mark.parametrize("support", ["", "0", "1"])
def test_code_that_forks_works_without_a_warning(support):
    """A hundred forks and a pool of processes, beside a combiner and a controller in the same process."""
    with started(TRAIN + WITH_A_NETWORK, support=support) as process:
        printed, errors = process.communicate(timeout=SECONDS)

    assert (process.returncode, printed) == (0, "{7} [0, 2, 4]\n"), errors
    assert "fork" not in errors


def test_forks_do_not_hang_although_grpc_was_loaded_with_its_handlers():
    """A program may import gRPC before fednet; then gRPC warns, and the work goes on."""
    with started("import grpc\n" + TRAIN + WITH_A_NETWORK, support="1") as process:
        printed, errors = process.communicate(timeout=SECONDS)

    assert (process.returncode, printed) == (0, "{7} [0, 2, 4]\n"), errors


def test_a_client_in_a_process_of_its_own_may_fork():
    """The client alone sees to it."""
    with Network() as network:
        network.api.set_active_model([np.zeros(3)])
        script = TRAIN + WITH_A_CLIENT
        with started(script, network.api_url, network.token, support="1") as process:
            network._controller.presence.wait_for_clients("TRAIN", 1, SECONDS)
            network.api.start_session("s", rounds=1, round_retries=0, validate=False)
            session = network.api.wait_session("s", timeout=SECONDS)
            process.terminate()
            printed, errors = process.communicate(timeout=SECONDS)

    assert (session["status"], printed) == ("FINISHED", "{7} [0, 2, 4]\n"), errors
    assert "fork" not in errors
