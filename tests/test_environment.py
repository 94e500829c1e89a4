"""The environment tells commands where a network is; code from afar sees little of it."""

from pathlib import Path

import pytest

from fednet.environment import environment_without_settings, token_from_environment
from fednet.errors import InvalidInput


def test_a_task_gets_no_variable_of_fednet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of a package sees this machine's environment without our settings and secrets."""
    monkeypatch.setenv("FEDNET_TOKEN", "secret")
    monkeypatch.setenv("FEDNET_CLIENT_TOKEN", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    seen = environment_without_settings()

    assert seen["OMP_NUM_THREADS"] == "1"
    assert not [name for name in seen if name.startswith("FEDNET_")]


def test_the_token_of_commands_may_lie_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FEDNET_TOKEN_FILE names it; both variables at once are refused."""
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv("FEDNET_TOKEN_FILE", str(tmp_path / "token"))
    found = token_from_environment()
    monkeypatch.setenv("FEDNET_TOKEN", "x")

    assert found == "from-file"
    with pytest.raises(InvalidInput, match="Both"):
        token_from_environment()
