"""The words for a command that was ended beyond one of its limits."""

import pytest

from fednet.processes import GroupLimits, used_beyond


@pytest.mark.parametrize(
    ("exceeded", "words"),
    [
        ("memory_bytes", "used more than 17179869184 bytes of memory"),
        ("processes", "used more than 5 processes and threads"),
        ("disk_bytes", "used more than 6 bytes of files"),
        ("files", "used more than 7 files"),
        ("cpu_seconds", "used more than 0.5 seconds of processor time"),
    ],
)
def test_a_limit_is_told_with_its_number_and_unit(exceeded, words):
    """The number has all its digits, so that it is that of the setting."""
    bounds = GroupLimits(2**34, processes=5, disk_bytes=6, files=7, cpu_seconds=0.5)

    assert used_beyond(exceeded, bounds) == words
