"""`fednet audit` against a real network."""

import json

import pytest
from click.testing import CliRunner

from fednet.cli import main


@pytest.fixture
def head(fednet):
    """The head of the log, as a check shows it."""
    return json.loads(fednet("audit", "verify", "--json").stdout)["head"]


def test_the_log_names_who_changed_what(fednet):
    """The newest last; filters leave out the rest."""
    listed = json.loads(fednet("audit", "list", "--json", "--what", "sessions:write").stdout)

    assert {each["who"]["name"] for each in listed["result"]} == {"admin"}
    assert {each["on"]["id"] for each in listed["result"] if each["outcome"] == "ok"} >= {"first"}
    table = fednet("audit", "list", "--limit", "3")
    assert table.exit_code == 0
    assert len(table.stdout.splitlines()) == 4


def test_a_whole_log_is_verified(fednet, head):
    """Also with a head that was kept, which is part of the log."""
    assert fednet("audit", "verify").stdout.startswith("The audit log is whole: ")
    assert fednet("audit", "verify", "--head", head).exit_code == 0


def test_an_exported_log_is_verified_without_a_network(fednet, tmp_path, head):
    """A change, a removal and the loss of the newest entries are found, with exit code 6."""
    exported = fednet("audit", "export").stdout
    lines = exported.splitlines()

    def verify(content, *flags):
        file = tmp_path / "audit.ndjson"
        file.write_text("\n".join(content) + "\n")
        return CliRunner().invoke(main, ["audit", "verify", str(file), *flags])

    assert verify(lines).exit_code == 0
    changed = verify([lines[0].replace("admin", "nobody"), *lines[1:]])
    assert (changed.exit_code, "Entry 1 was changed" in changed.stderr) == (6, True)
    removed = verify([lines[0], *lines[2:]])
    assert (removed.exit_code, "Entry 2 is missing" in removed.stderr) == (6, True)
    assert verify(lines[:1]).exit_code == 0
    assert verify(lines[:1], "--head", head).exit_code == 6
    assert verify(["no JSON"]).exit_code == 2


def test_an_odd_head_is_a_usage_error(fednet):
    """The message says what one looks like."""
    result = fednet("audit", "verify", "--head", "7")

    assert result.exit_code == 2
    assert "NUMBER:HASH" in result.stderr
