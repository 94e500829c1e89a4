"""`fednet client identity`: the line by which other sites pin a client."""

import base64
import json

import pytest
from click.testing import CliRunner

from fednet.client.cli import client
from fednet.client.vault import Vault, read_known_clients
from fednet.errors import FailedPrecondition


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the command for the client `site-2`, and returns its output."""

    def run(*words):
        where = ("--data-dir", str(tmp_path), "--name", "site-2")
        return CliRunner().invoke(client, ["identity", *where, *words], catch_exceptions=False)

    return run


@pytest.fixture
def joined(tmp_path):
    """Keep the credentials of a client that has joined a network; give its public key."""
    credentials = {"id": "client-id", "token": "t"}
    (tmp_path / "credentials-site-2.json").write_text(json.dumps(credentials))
    return Vault(tmp_path / "site-2" / "secure").identity.public


def test_the_line_can_stand_in_a_file_of_known_clients(run, joined, tmp_path):
    """It has the client's id in its network, and the public key of the identity that its agent uses."""
    (tmp_path / "known").write_text(run().stdout)

    assert read_known_clients(tmp_path / "known") == {"client-id": joined}


def test_the_line_is_there_as_json(run, joined):
    """A program reads the id and the key apart."""
    answer = json.loads(run("--json").stdout)

    assert (answer["client_id"], answer["key"]) == ("client-id", base64.b64encode(joined).decode())


def test_a_client_that_has_joined_no_network_is_told_so(run):
    """It has no id yet."""
    with pytest.raises(FailedPrecondition, match="has joined no network"):
        run()
