"""The log of participants, by XAYNET_CLIENT."""

import subprocess
import sys

import pytest

PROGRAM = """
from fednet.client.participant.log import LOG, TRACE, follow_environment
follow_environment()
for level in (50, 40, 30, 20, 10, TRACE):
    LOG.log(level, "line of %s", level)
"""
LINES = {
    "error": [50, 40],
    "warn": [50, 40, 30],
    "INFO": [50, 40, 30, 20],
    "debug": [50, 40, 30, 20, 10],
    "trace": [50, 40, 30, 20, 10, 5],
}


def lines_of(program, **environment):
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return ended.stderr


@pytest.mark.parametrize("name", LINES)
def test_the_environment_names_the_level(name):
    """Without a handler of the program the lines go to stderr."""
    shown = lines_of(PROGRAM, XAYNET_CLIENT=name)

    assert [line.rsplit(" ", 1)[1] for line in shown.splitlines()] == [str(n) for n in LINES[name]]


def test_an_unknown_level_is_told():
    """The program goes on."""
    assert "one of error, warn, info, debug, trace" in lines_of(PROGRAM, XAYNET_CLIENT="loud")


def test_handlers_of_the_program_are_used():
    """Each line comes once, in the program's own format."""
    program = "import logging\nlogging.basicConfig(format='ours: %(message)s')\n" + PROGRAM

    assert lines_of(program, XAYNET_CLIENT="error") == "ours: line of 50\nours: line of 40\n"
