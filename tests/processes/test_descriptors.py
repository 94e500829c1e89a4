"""The number of open files that a process is allowed, and what follows from it."""

import subprocess
import sys

import pytest

PROGRAM = """
import logging, resource, sys
logging.basicConfig(format="%(message)s")
from fednet.processes import descriptors_for
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(descriptors_for(connections, "clients_max"), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("allowed", "asked", "given"),
    [
        ((1024, 4096), 100, (100, 1024)),
        ((1024, 4096), 500, (500, 1256)),
        ((1024, 4096), 3000, (3000, 4096)),
        ((1024, 4096), 10_000, (3840, 4096)),
        ((1024, 1024), 10_000, (768, 1024)),
        ((256, 256), 10_000, (128, 256)),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(allowed, asked, given):
    """Fewer connections remain where it does not suffice, and the log says how to get more."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, (*allowed, asked))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert tuple(map(int, ran.stdout.split())) == given
    assert ("ulimit -n" in ran.stderr) == (given[0] < asked)
