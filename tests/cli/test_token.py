"""`fednet token`: made on the controller's machine, read anywhere."""

import base64
import json
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.contract import Principal, Role
from fednet.errors import PermissionDenied, Unauthenticated
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


def test_a_token_may_go_into_a_file_that_only_its_owner_reads(data_dir, tmp_path):
    """No shell is needed, and stdout shows no secret."""
    path = tmp_path / "enrolment" / "token"
    path.parent.mkdir()
    flags = ("--role", "combiner", "--name", "c-0", "--data-dir", data_dir, "--output", path)

    result = token("create", *flags)
    shown = json.loads(token("create", *flags, "--json").stdout)

    identity = Signer.from_folder(data_dir).verifier.verify(path.read_text().strip())
    assert (identity.roles, identity.name) == ({Role.COMBINER}, "c-0")
    assert path.stat().st_mode & 0o777 == 0o600
    assert (result.exit_code, result.stdout) == (0, "")
    assert (shown["name"], "token" in shown) == ("c-0", False)


def test_a_file_for_a_token_that_cannot_be_written_is_named(data_dir, tmp_path):
    """Bad input, with the name of the flag."""
    path = tmp_path / "missing" / "token"
    flags = ("--role", "combiner", "--name", "c-0", "--data-dir", data_dir, "--output", path)

    result = token("create", *flags, "--json")

    assert result.exit_code != 0
    assert (str(path) in result.output, '"output"' in result.output) == (True, True)


def test_a_token_may_end(data_dir):
    """After so many days."""
    flags = ("--role", "client", "--name", "a", "--days", 2, "--data-dir", data_dir, "--json")

    made = json.loads(token("create", *flags).stdout)

    begin, end = (datetime.fromisoformat(made[key]) for key in ("issued_at", "expires_at"))
    assert (end - begin) - timedelta(days=2) < timedelta(seconds=2)


def test_show_says_what_a_token_says(data_dir):
    """For ever is a dash for people, and null for programs."""
    site = Principal.of(Role.CLIENT, "site-id", "site-1")
    made = Signer.from_folder(data_dir).sign(site)

    shown = json.loads(token("show", made, "--json").stdout)

    assert (shown["role"], shown["name"], shown["expires_at"]) == ("client", "site-1", None)
    assert (shown["use"], shown["audience"]) == ("enrolment", "controller")
    assert "site-1" in token("show", made).stdout


def test_a_token_ends_after_90_days_by_default(data_dir):
    """Nobody has to think of it."""
    flags = ("--role", "admin", "--name", "ann", "--data-dir", data_dir, "--json")
    made = json.loads(token("create", *flags).stdout)

    begin, end = (datetime.fromisoformat(made[key]) for key in ("issued_at", "expires_at"))
    assert round((end - begin) / timedelta(days=1)) == 90


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
    assert "This is not a token" in result.stderr


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


@pytest.fixture
def on_net(net):
    """Give a function that runs a command of tokens on the network."""
    flags = ("--url", net.api_url, "--token", net.token)
    return lambda *words: token(*words, *flags)


def test_tokens_are_listed_and_revoked(net, on_net):
    """A member's own token by its member's name."""
    listed = json.loads(on_net("list", "--principal-name", "site-1", "--json").stdout)["result"]
    [record] = [each for each in listed if each["use"] == "membership"]
    flags = ("--role", "admin", "--name", "ann", "--data-dir", net.data_dir, "--json")
    made = json.loads(token("create", *flags).stdout)

    revoked = on_net("revoke", made["token_id"])

    assert record["principal"]["kind"] == "client"
    assert revoked.exit_code == 0
    with closing(Http(net.api_url, made["token"])) as http, pytest.raises(Unauthenticated):
        http.call("GET", "/api/v1/models/")
    assert "UUID" in on_net("revoke", "nothing").stderr


def test_a_lost_token_is_replaced(net, on_net):
    """By the client's or the combiner's name; the new token stands alone on stdout."""
    flags = ("--role", "client", "--name", "lost", "--data-dir", net.data_dir, "--json")
    made = json.loads(token("create", *flags).stdout)
    body = {"name": "lost", "needs_package": False}
    with closing(Http(net.api_url, made["token"])) as http:
        http.call("POST", "/api/v1/clients/register", body=body)

    new = on_net("reissue", "--client", "lost").stdout.strip()

    with closing(Http(net.api_url, new)) as http:
        assert http.call("POST", "/api/v1/clients/register", body=body)["id"] == made["id"]
    assert "no client 'nobody'" in on_net("reissue", "--client", "nobody").stderr
    assert (
        on_net("reissue").exit_code
        == on_net("reissue", "--client", "a", "--combiner", "b").exit_code
        == 2
    )


def test_the_keys_are_shown(on_net):
    """One signs; none is retired that is alone."""
    keys = json.loads(on_net("keys", "--json").stdout)

    assert [key["state"] for key in keys] == ["signs"]
    assert keys[0]["id"] in on_net("keys").stdout
    assert "rotate the key first" in on_net("retire-key").stderr
