"""`fednet session`, against a real network."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fednet.cli import main


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The flags that lead to a network without clients."""
    command = [sys.executable, "-P", "-m", "fednet", "up", "--json"]
    ports = ["--port", "0", "--combiner-port", "0"]
    folder = ["--data-dir", str(tmp_path_factory.mktemp("network"))]
    with subprocess.Popen([*command, *ports, *folder], stdout=subprocess.PIPE) as process:
        ready = json.loads(process.stdout.readline())
        yield ["--url", ready["api_url"], "--token", ready["token"]]
        process.terminate()


def fednet(*arguments):
    return CliRunner().invoke(main, ["session", *arguments])


def test_a_list_of_no_sessions_is_a_table_without_rows(network):
    """And JSON with a count of 0."""
    assert fednet("list", *network).stdout.split()[:2] == ["session_id", "name"]
    assert json.loads(fednet("list", "--json", *network).stdout) == {"count": 0, "result": []}


def test_a_session_without_a_model_is_refused(network):
    """The server says what to set first."""
    result = fednet("start", *network)

    assert result.exit_code == 6
    assert "model" in result.stderr


def test_a_session_that_does_not_exist_cannot_be_watched(network):
    """Exit code 3, and JSON when asked for."""
    result = fednet("watch", "nothing", "--json", *network)

    assert result.exit_code == 3
    assert json.loads(result.stdout)["code"] == "not_found"


def test_a_wrong_token_is_no_access(network):
    """Exit code 4."""
    result = fednet("list", *network[:2], "--token", "wrong")

    assert result.exit_code == 4


def test_aggregator_kwargs_must_be_a_json_object():
    """A usage error, before anything is sent."""
    result = fednet("start", "--aggregator-kwargs", "[1]")

    assert result.exit_code == 2
    assert "JSON object" in result.stderr


def test_differential_privacy_is_a_json_object_that_the_server_checks(network):
    """The refusal names what is wrong in it."""
    refused = fednet("start", "--dp", '{"clip": 1, "noise_multiplier": -1}', *network)

    assert refused.exit_code != 0
    assert "noise_multiplier" in refused.stderr


def test_server_functions_come_from_a_file(network, tmp_path):
    """What is wrong with them the server says, with the field; a file that is not there is a usage error."""
    path = tmp_path / "functions.py"
    path.write_text("class F: pass")

    refused = fednet("start", "--server-functions", str(path), *network)
    missing = fednet("start", "--server-functions", str(tmp_path / "none"), *network)

    assert refused.exit_code != 0
    assert "such classes: none" in refused.stderr
    assert missing.exit_code == 2
