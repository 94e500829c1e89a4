"""`fednet user`, `fednet login` and `fednet logout` against a real network."""

import json
import stat

import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.environment import default_data_dir, networks_file
from fednet.identity import read_local_network, write_local_network

PASSWORD = "correct horse battery"


def run(*words, stdin=None):
    return CliRunner().invoke(main, [*map(str, words)], input=stdin)


@pytest.fixture
def user(net, request):
    """A viewer with a name of the test's own."""
    name = request.node.name.replace("_", "-")[:60]
    result = CliRunner().invoke(
        main,
        ["user", "create", name, "--role", "viewer", "--password-stdin",
         "--url", net.api_url, "--token", net.token],
        input=f"{PASSWORD}\n",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Created the user {name}, viewer.\n"
    return name


def log_in(net, name, *flags, password=PASSWORD):
    words = ("login", name, "--password-stdin", "--url", net.api_url, *flags)
    return run(*words, stdin=f"{password}\n")


def test_a_login_is_kept_for_later_commands(net, user):
    """Under the network's name, in a file of its owner's alone; the password and the token are not shown."""
    result = log_in(net, user, "--network", "lab")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"Logged in at {net.api_url} as {user}, viewer, until ")
    assert PASSWORD not in result.output
    token = json.loads(networks_file().read_text())["networks"]["lab"]["token"]
    assert token not in result.output
    assert stat.S_IMODE(networks_file().stat().st_mode) == 0o600
    assert run("session", "list").exit_code == 0
    assert json.loads(run("token", "show", "--json").stdout)["name"] == user


def test_a_second_login_replaces_the_token(net, user):
    """The network keeps its name and its place."""
    log_in(net, user, "--network", "lab")
    first = json.loads(networks_file().read_text())

    again = log_in(net, user, "--days", "1")

    second = json.loads(networks_file().read_text())
    assert again.exit_code == 0
    assert second["in_use"] == "lab"
    assert second["networks"]["lab"]["token"] != first["networks"]["lab"]["token"]


def test_a_new_name_is_given_to_the_network_of_the_environment(net, user, monkeypatch):
    """FEDNET_URL says where, as for every command."""
    monkeypatch.setenv("FEDNET_URL", net.api_url)

    result = run("login", user, "--password-stdin", "--network", "lab", stdin=f"{PASSWORD}\n")

    assert result.exit_code == 0, result.output
    assert json.loads(networks_file().read_text())["networks"]["lab"]["api_url"] == net.api_url


def test_on_the_controllers_machine_the_local_network_keeps_it(net, user):
    """Until the controller starts again."""
    write_local_network(default_data_dir(), net.api_url, net.token)

    result = run("login", user, "--password-stdin", stdin=f"{PASSWORD}\n")

    assert result.exit_code == 0, result.output
    kept = read_local_network(default_data_dir())
    assert kept.api_url == net.api_url
    assert kept.token not in (net.token, "")
    assert stat.S_IMODE((default_data_dir() / "network.json").stat().st_mode) == 0o600


def test_a_network_without_a_name_needs_one(net):
    """The command says so before it asks for the password."""
    result = run("login", "ada", "--url", net.api_url)

    assert result.exit_code == 2
    assert "--network NAME" in result.stderr
    assert "Password" not in result.output


def test_a_file_of_tls_that_cannot_be_used_is_refused_before_the_password(net, tmp_path):
    """As for every command."""
    flags = ("--url", net.api_url, "--ca", str(tmp_path / "none.pem"))
    refused = run("login", "ada", "--network", "lab", *flags)
    other = run("client", "list", *flags)

    assert (refused.exit_code, other.exit_code) == (2, 2)
    assert "none.pem" in refused.stderr
    assert "none.pem" in other.stderr
    assert "Password" not in refused.output


def test_a_wrong_password_is_refused(net, user):
    """With the exit code of a refusal, and nothing is kept."""
    result = log_in(net, user, "--network", "lab", password="wrong")

    assert result.exit_code != 0
    assert "wrong" in result.stderr
    assert not networks_file().exists()


def test_the_password_is_asked_without_echo(net, user):
    """Where it does not come from stdin."""
    result = run("login", user, "--url", net.api_url, "--network", "lab", stdin=f"{PASSWORD}\n")

    assert result.exit_code == 0, result.output
    assert "Password:" in result.stderr
    assert PASSWORD not in result.output


def test_logging_out_ends_the_token(net, user):
    """The network knows it no more."""
    log_in(net, user, "--network", "lab")

    assert run("logout").stdout == "Logged out.\n"

    refused = run("session", "list")
    assert refused.exit_code != 0
    assert "revoked" in refused.stderr


def test_an_admin_changes_users(fednet, net, user):
    """Role, password, and whether the user may log in."""
    assert fednet("user", "set-role", user, "operator").stdout == f"{user} is operator now.\n"
    assert fednet("user", "disable", user).stdout == f"{user} is disabled.\n"
    assert log_in(net, user, "--network", "lab").exit_code != 0
    assert fednet("user", "enable", user).exit_code == 0
    other = "another long password"
    changed = CliRunner().invoke(
        main,
        ["user", "set-password", user, "--password-stdin",
         "--url", net.api_url, "--token", net.token],
        input=f"{other}\n",
    )  # fmt: skip
    assert changed.exit_code == 0, changed.output

    listed = json.loads(fednet("user", "list", "--json").stdout)["result"]

    mine = next(each for each in listed if each["name"] == user)
    assert (mine["role"], mine["is_disabled"]) == ("operator", False)
    assert log_in(net, user, "--network", "lab").exit_code != 0
    assert log_in(net, user, "--network", "lab", password=other).exit_code == 0


def test_a_user_changes_the_own_password(net, user):
    """The first line of stdin is the password until now, the second one the new one."""
    log_in(net, user, "--network", "lab")

    changed = run(
        "user", "change-password", "--password-stdin", stdin=f"{PASSWORD}\nanother long one\n"
    )

    assert changed.exit_code == 0, changed.output
    assert run("session", "list").exit_code != 0
    assert log_in(net, user, "--network", "lab", password="another long one").exit_code == 0
