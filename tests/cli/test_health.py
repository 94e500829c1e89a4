"""Whether a controller or a combiner is well, as those ask who watch over its process."""

import socket
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from fednet import certificates
from fednet.certificates import make_certificates
from fednet.cli import main
from fednet.testing import Network


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


@pytest.mark.parametrize("names", [["127.0.0.1"], ["*.example.org"], ["10.9.8.7"]])
def test_over_tls_the_settings_in_the_environment_say_how_to_ask(
    said, paper, tmp_path, monkeypatch, names
):
    """As in a container, where the environment is that of the server, and its certificate has its public name."""
    paper = paper.copied(tmp_path / "paper")
    with Network(data_dir=tmp_path, tls=paper.server) as net:
        combiner = net.api.get_combiners()["result"][0]
        for name, port in (
            ("CONTROLLER", urlsplit(net.api_url).port),
            ("COMBINER", combiner["port"]),
        ):
            monkeypatch.setenv(f"FEDNET_{name}_PORT", str(port))
            monkeypatch.setenv(f"FEDNET_{name}_TLS_CERTIFICATE", str(paper.servers.certificate))
            monkeypatch.setenv(f"FEDNET_{name}_TLS_KEY", str(paper.servers.key))
        monkeypatch.setattr(certificates, "_LOOPBACK", ())
        make_certificates(paper.folder, names)
        untrusting = said("controller", "health", "--url", net.api_url)
        address = f"{combiner['address']}:{combiner['port']}"
        also_untrusting = said("combiner", "health", "--address", address)

        assert said("controller", "health") == (0, "The controller's stores answer.\n")
        assert said("combiner", "health") == (0, "The combiner serves.\n")
        assert 0 not in {untrusting[0], also_untrusting[0]}
        assert "FEDNET_CA" in untrusting[1]


def test_a_combiner_that_does_not_answer_is_not(said, nobody):
    """The exit code says it to a program, the message to a person."""
    code, output = said("combiner", "health", "--address", nobody)

    assert code != 0
    assert "combiner" in output
