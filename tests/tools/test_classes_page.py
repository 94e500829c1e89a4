"""The pages on classes, and the page whose commands a network of several machines needs."""

import inspect
import re
import shlex

import click
import pytest

from fednet import APIClient
from fednet.cli import main
from fednet.client import Client
from fednet.client.participant import AsyncParticipant, InternalParticipant, ParticipantABC
from fednet.testing import FaultProxy, Network


@pytest.mark.parametrize(
    ("page", "kinds"),
    [
        ("api-client", [APIClient]),
        ("client", [Client]),
        ("network", [Network, FaultProxy]),
        ("participant", [ParticipantABC, InternalParticipant, AsyncParticipant]),
    ],
)
def test_every_public_method_has_its_place(repository, page, kinds):
    """With its parameters; the page is linked from the README."""
    text = (repository / "docs" / f"{page}.md").read_text()

    for kind in kinds:
        members = inspect.getmembers(
            kind, lambda each: inspect.isfunction(each) and each.__module__.startswith("fednet")
        )
        assert f"## `{kind.__name__}(" in text
        assert [n for n, _ in members if n[0] != "_" and f"### `{n}(" not in text] == []
    assert f"docs/{page}.md" in (repository / "README.md").read_text()


def test_sections_become_lists(repository):
    """An entry of several lines is one item."""
    text = (repository / "docs" / "api-client.md").read_text()

    assert "**Raises**\n\n- `NotFound`: There is no such session.\n" in text
    assert "- `timeout`: How long to wait, in seconds; None for as long as it takes.\n" in text


def commands_in(text):
    """Return the commands of the page, word by word."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [each[1:] for each in words if each and each[0] == "fednet"]


def test_the_commands_for_several_machines_exist(repository):
    """Each with the flags that the page gives it."""
    found = commands_in((repository / "docs" / "several-machines.md").read_text())

    for words in found:
        command, rest = main, words
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), rest[0])
            assert command, words
            rest = rest[1:]
        flags = {flag for each in command.params for flag in [*each.opts, *each.secondary_opts]}
        assert {word for word in rest if word.startswith("-")} <= flags, words
    assert len(found) > 10
