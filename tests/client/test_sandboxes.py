"""The sandbox of a client, as its settings describe it."""

import logging

import pytest

from fednet.client.sandboxes import sandbox_of
from fednet.errors import FailedPrecondition, InvalidInput
from fednet.sandbox import _choice, choose_sandbox
from fednet.settings import ClientSettings


@pytest.fixture
def settings(tmp_path):
    """Return a function that makes a client's settings."""

    def make(**values):
        given = {"name": "a", "api_url": "http://127.0.0.1:1", "data_dir": tmp_path / "client"}
        return ClientSettings(**given | values)

    return make


def test_the_settings_become_limits_and_folders(settings, tmp_path):
    """A limit without a value is that of the machine."""
    (tmp_path / "data").mkdir()
    given = settings(
        sandbox="process",
        data_folder=tmp_path / "data",
        pass_environment="DIGITS_DATA, SLOWNESS",
        task_disk_bytes_max=None,
        task_memory_bytes_max=2**30,
    )

    sandbox = sandbox_of(given, tmp_path / "models")

    assert (sandbox.kind, sandbox.data_folder) == ("process", tmp_path / "data")
    assert sandbox.passed == ("DIGITS_DATA", "SLOWNESS")
    assert (sandbox.bounds.memory_bytes, sandbox.bounds.disk_bytes) == (2**30, None)
    assert sandbox.hidden == (tmp_path / "client",)


@pytest.mark.parametrize("folder", ["absent", "."])
def test_a_data_folder_that_is_absent_or_has_the_credentials_is_refused(settings, tmp_path, folder):
    """The agent does not start, and the error names the setting."""
    with pytest.raises(FailedPrecondition) as caught:
        sandbox_of(settings(sandbox="none", data_folder=tmp_path / folder), tmp_path)

    assert caught.value.field == "data_folder"


@pytest.mark.parametrize("name", ["FEDNET_TOKEN", "A=B", "1", "a b"])
def test_a_name_that_may_not_be_passed_is_refused(settings, name):
    """Variables of fednet hold its secrets."""
    with pytest.raises(InvalidInput, match="pass_environment"):
        settings(pass_environment=[name])


def test_bwrap_that_is_asked_for_and_absent_ends_the_agent(monkeypatch, tmp_path):
    """The error says what to install; `auto` goes on with `process`, and the log says why."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FailedPrecondition, match="apt install bubblewrap") as caught:
        choose_sandbox("bwrap", "packages")

    assert caught.value.field == "sandbox"
    assert choose_sandbox("auto", "packages") == "process"


def test_a_bwrap_that_cannot_run_here_is_not_taken(monkeypatch, tmp_path, caplog):
    """As in a container that forbids namespaces: the reason is its own last line."""
    program = tmp_path / "bwrap"
    program.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with caplog.at_level(logging.INFO, logger=_choice.__name__):
        kind = choose_sandbox("auto", "packages")

    assert kind == "process"
    assert "No permissions to create new namespace" in caplog.text
    assert "may read what this user may read, the credentials" in caplog.text


def test_the_best_sandbox_is_taken_and_told(bwrap, caplog):
    """One line says what it protects."""
    with caplog.at_level(logging.INFO, logger=_choice.__name__):
        assert choose_sandbox("auto", "packages") == bwrap

    assert "packages run in the sandbox bwrap: it has no network" in caplog.text
