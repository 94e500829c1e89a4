"""`fednet completion`, with the shell that is there."""

import subprocess

import pytest
from click.testing import CliRunner

from fednet.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell):
    """It calls fednet back."""
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert "_FEDNET_COMPLETE" in result.stdout


def test_bash_understands_the_script():
    """It is sourced, and completes `fednet` from then on."""
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout

    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p fednet"], capture_output=True, text=True, check=True
    )

    assert done.stdout.endswith(" fednet\n")


def test_commands_are_completed(monkeypatch):
    """By their begin."""
    monkeypatch.setenv("_FEDNET_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "fednet se")
    monkeypatch.setenv("COMP_CWORD", "1")

    result = CliRunner().invoke(main, prog_name="fednet")

    assert result.stdout == "plain,session\n"
