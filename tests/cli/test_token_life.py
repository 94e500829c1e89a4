"""The commands of docs/deploy.md about tokens and keys, on a network of real processes."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest

NOT_AUTHENTICATED = 4
SECONDS = 200


def fednet(*words):
    """Run a command to its end."""
    command = [sys.executable, "-P", "-m", "fednet", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.fixture
def network(up, tmp_path):
    """Give a function that runs a command on the network with the administrator's token of the moment."""
    data_dir = tmp_path / "network"
    with up("--combiners", 1, "--data-dir", data_dir) as process:
        ready = json.loads(process.stdout.readline())

        def run(*words):
            token = (data_dir / "admin.token").read_text().strip()
            return fednet(*words, "--url", ready["api_url"], "--token", token)

        run.url, run.data_dir = ready["api_url"], data_dir
        yield run
        process.terminate()
        process.communicate()


@contextmanager
def client(network, folder, token):
    """Start a client in package mode; give its process, and its first line once it is connected."""
    words = ("client", "start", "--name", "site", "--api-url", network.url)
    flags = ("--data-dir", folder, "--token", token, "--announce")
    command = [sys.executable, "-P", "-m", "fednet", *map(str, (*words, *flags))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_key_is_rotated_and_a_token_that_was_lost_by_it_is_replaced(network, tmp_path):
    """The older key's tokens are refused by the running combiner; the client comes back as itself."""
    flags = ("--role", "client", "--name", "site", "--data-dir", network.data_dir)
    made = fednet("token", "create", *flags).stdout.strip()
    with client(network, tmp_path / "first", made) as process:
        client_id = json.loads(process.stdout.readline())["client_id"]

        network("token", "rotate-key")
        too_early = network("token", "retire-key")
        while network("token", "retire-key", "--force").returncode:
            pass  # until the new key signs, ten seconds later
        ended = process.wait(SECONDS)

    again = network("token", "reissue", "--client", "site").stdout.strip()
    with client(network, tmp_path / "second", again) as process:
        back = json.loads(process.stdout.readline())["client_id"]

    [key] = json.loads(network("token", "keys", "--json").stdout)
    assert "Not all members" in too_early.stderr
    assert ended == NOT_AUTHENTICATED
    assert back == client_id
    assert key["state"] == "signs"
