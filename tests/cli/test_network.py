"""`fednet network`: named networks, and how the one in use is."""

import json
import socket
import stat

import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.environment import networks_file


def run(*words):
    return CliRunner().invoke(main, [*map(str, words)])


@pytest.fixture
def lab(net):
    """The network, named `lab`."""
    result = run("network", "add", "lab", "--url", net.api_url, "--token", net.token)
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("lab")
def test_the_network_in_use_is_the_one_that_commands_speak_to(net):
    """Without any flag."""
    assert run("client", "list").exit_code == 2

    used = run("network", "use", "lab")

    assert used.stdout == "Commands now use the network lab.\n"
    assert json.loads(run("network", "status", "--json").stdout)["api_url"] == net.api_url
    assert run("session", "list").exit_code == 0


@pytest.mark.usefixtures("lab")
def test_the_status_says_how_a_network_is():
    """Health, combiners, clients and sessions, the same for people and programs."""
    run("network", "use", "lab")

    found = json.loads(run("network", "status", "--json").stdout)

    found.pop("api_url")
    assert found == {
        "health": "ok",
        "combiners": 1,
        "clients": 1,
        "clients_online": 1,
        "sessions": 1,
        "sessions_running": 0,
    }
    assert "clients_online" in run("network", "status").stdout


@pytest.mark.usefixtures("lab")
def test_the_list_shows_no_token(net):
    """And the file that holds it is its owner's alone."""
    run("network", "use", "lab")

    listed = run("network", "list", "--json").stdout

    assert json.loads(listed)["result"] == [{"name": "lab", "api_url": net.api_url, "in_use": True}]
    assert net.token not in listed + run("network", "list").stdout
    assert stat.S_IMODE(networks_file().stat().st_mode) == 0o600


@pytest.mark.usefixtures("lab")
def test_a_network_that_is_removed_is_not_in_use_any_more():
    """Then none is."""
    run("network", "use", "lab")

    assert run("network", "remove", "lab").exit_code == 0
    assert json.loads(run("network", "list", "--json").stdout) == {"count": 0, "result": []}
    assert run("client", "list").exit_code == 2


@pytest.mark.usefixtures("lab")
def test_use_without_a_name_goes_back_to_this_machine():
    """No network is in use then."""
    run("network", "use", "lab")

    assert run("network", "use").exit_code == 0
    assert run("client", "list").exit_code == 2


@pytest.mark.usefixtures("lab")
def test_a_name_is_given_once(net):
    """Exit code 6; the first one stays."""
    again = run("network", "add", "lab", "--url", "http://other", "--token", "other")

    assert again.exit_code == 6
    assert net.api_url in run("network", "list").stdout


@pytest.mark.parametrize("command", ["use", "remove"])
def test_a_network_without_that_name_is_not_found(command):
    """Exit code 3."""
    assert run("network", command, "nothing").exit_code == 3


def test_a_network_needs_a_token(monkeypatch):
    """From the flag, or from FEDNET_TOKEN, which no list of processes shows."""
    words = ("network", "add", "lab", "--url", "http://127.0.0.1:1")

    assert run(*words).exit_code == 2
    monkeypatch.setenv("FEDNET_TOKEN", "secret")
    assert run(*words).exit_code == 0


def test_names_are_completed(net, lab, monkeypatch):  # noqa: ARG001 - lab is there to be found
    """From the user's file: no server is asked."""
    monkeypatch.setenv("_FEDNET_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "fednet network use l")
    monkeypatch.setenv("COMP_CWORD", "3")

    result = CliRunner().invoke(main, prog_name="fednet")

    assert result.stdout == "plain,lab\n"


def test_commands_go_on_with_the_next_address_of_a_network(net):
    """Its addresses are kept as one list; an empty one among them is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        urls = f"http://127.0.0.1:{taken.getsockname()[1]},{net.api_url}"

        added = run("network", "add", "lab", "--url", urls, "--token", net.token, "--json")
        run("network", "use", "lab")
        status = run("network", "status", "--json")
        refused = run("network", "add", "other", "--url", f"{urls},", "--token", "t", "--json")

    assert json.loads(added.stdout)["api_url"] == urls
    assert json.loads(status.stdout)["api_url"] == urls
    assert (refused.exit_code, json.loads(refused.stdout)["field"]) == (2, "url")
