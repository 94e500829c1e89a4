"""`fednet token`: made on the controller's machine, read anywhere."""

import base64
import json
from contextlib import closing
from datetime import datetime

import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.contract import Role
from fednet.errors import PermissionDenied
from fednet.http import Http
from fednet.identity import Signer, keep_signing_key, new_signing_key


def token(*words):
    return CliRunner().invoke(main, ["token", *map(str, words)])


@pytest.fixture
def data_dir(tmp_path):
    """The data folder of a controller that has run."""
    keep_signing_key(tmp_path, new_signing_key())
    return tmp_path


@pytest.mark.parametrize("role", ["client", "combiner", "admin"])
def test_a_token_is_made_offline_and_stands_alone_on_stdout(data_dir, role):
    """The network's own key has signed it."""
    result = token("create", "--role", role, "--name", "site-1", "--data-dir", data_dir)

    identity = Signer.from_folder(data_dir).verifier.verify(result.stdout.strip())
    assert (identity.roles, identity.name) == ({Role(role)}, "site-1")


def test_a_token_may_end(data_dir):
    """After so many days."""
    flags = ("--role", "client", "--name", "a", "--days", 2, "--data-dir", data_dir, "--json")

    made = json.loads(token("create", *flags).stdout)

    begin, end = (datetime.fromisoformat(made[key]) for key in ("issued_at", "expires_at"))
    assert (end - begin).days == 2


def test_show_says_what_a_token_says(data_dir):
    """For ever is a dash for people, and null for programs."""
    made = token("create", "--role", "client", "--name", "site-1", "--data-dir", data_dir)

    shown = json.loads(token("show", made.stdout.strip(), "--json").stdout)

    assert (shown["role"], shown["name"], shown["expires_at"]) == ("client", "site-1", None)
    assert "site-1" in token("show", made.stdout.strip()).stdout


def test_show_takes_the_token_that_commands_use(data_dir, monkeypatch):
    """Nobody needs to type one."""
    made = token("create", "--role", "admin", "--name", "ann", "--data-dir", data_dir)
    monkeypatch.setenv("FEDNET_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("FEDNET_TOKEN", made.stdout.strip())

    assert json.loads(token("show", "--json").stdout)["name"] == "ann"


def payload(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "a.b.c",
        "..",
        f"a.{payload([])}.c",
        f"a.{payload({'role': 'client'})}.c",
        f"a.{payload({'role': 'r', 'sub': 's', 'name': 'n', 'iat': 1e300})}.c",
        f"a.{payload({'role': 'r', 'sub': 's', 'name': 'n', 'iat': 'soon'})}.c",
    ],
)
def test_what_is_no_token_is_refused(text):
    """A usage error, never a traceback."""
    result = token("show", text)

    assert result.exit_code == 2
    assert "This is no token" in result.stderr


def test_where_no_controller_has_run_no_token_is_made(tmp_path):
    """A key of its own would make tokens that no network believes: none is left behind."""
    result = token("create", "--role", "admin", "--name", "ann", "--data-dir", tmp_path)

    assert result.exit_code == 6
    assert "--data-dir" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a b", "../a"])
def test_a_name_that_a_network_would_refuse_is_refused(data_dir, name):
    """Before the token is made."""
    assert (
        token("create", "--role", "client", "--name", name, "--data-dir", data_dir).exit_code == 2
    )


def test_a_clients_token_lets_that_client_join_and_no_other(net):
    """Under the id that stands in the token."""
    flags = ("--role", "client", "--name", "invited", "--data-dir", net.data_dir, "--json")
    made = json.loads(token("create", *flags).stdout)

    def register(name):
        body = {"name": name, "needs_package": False}
        with closing(Http(net.api_url, made["token"])) as http:
            return http.call("POST", "/api/v1/clients/register", body=body)

    with pytest.raises(PermissionDenied, match="token create"):
        register("another")
    assert register("invited")["id"] == made["id"]
