"""The page for operators gives no command that the program does not know."""

import re
import shlex

import pytest
from click.testing import CliRunner

from fednet.cli import main

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def commands(repository):
    """The words of each `fednet …` in the page's shell blocks."""
    text = (repository / "docs" / "deploy.md").read_text()
    lines = "\n".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    return [words[words.index("fednet") + 1 :] for words in found if "fednet" in words]


def test_every_command_and_flag_exists(commands):
    """Asked of the program itself, which reads all flags before it shows its help."""
    for words in commands:
        result = CliRunner().invoke(main, [*words, "--help"])
        assert result.exit_code == 0, (words, result.output)

    assert ["session", "watch", "first"] in commands
