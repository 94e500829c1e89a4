"""Participants where a library is missing."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules["{library}"] = None
from fednet.client.participant import CryptoInit, spawn_async_participant
try:
    spawn_async_participant("http://127.0.0.1:1")
except CryptoInit as error:
    print(error)
"""


@pytest.mark.parametrize("library", ["nacl", "cryptography"])
def test_a_missing_library_is_told_when_a_participant_is_spawned(library):
    """By Xaynet's exception, with the command that installs it; the import of the exceptions works without it."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(library=library)],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert "pip install 'fednet[client,xaynet]'" in ended.stdout
