"""Whether a controller or a combiner is well, as those ask who watch over its process."""

import socket

import pytest
from click.testing import CliRunner

from fednet.cli import main


@pytest.fixture(scope="module")
def said():
    """What the command says of a part of the network, and its exit code."""

    def invoke(*words):
        answer = CliRunner().invoke(main, words)
        return answer.exit_code, answer.output

    return invoke


@pytest.fixture
def nobody():
    """An address where nothing answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_a_controller_that_serves_is_well(said, net):
    """No token is needed."""
    code, output = said("controller", "health", "--url", net.api_url)

    assert (code, output) == (0, "The controller's stores answer.\n")


def test_a_combiner_that_serves_is_well(said, net):
    """No token is needed."""
    combiner = net.api.get_combiners()["result"][0]

    code, output = said(
        "combiner", "health", "--address", f"{combiner['address']}:{combiner['port']}"
    )

    assert (code, output) == (0, "The combiner serves.\n")


def test_a_combiner_that_does_not_answer_is_not(said, nobody):
    """The exit code says it to a program, the message to a person."""
    code, output = said("combiner", "health", "--address", nobody)

    assert code != 0
    assert "combiner" in output
