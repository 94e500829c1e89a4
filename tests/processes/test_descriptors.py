"""The number of open files that a process is allowed, and what follows from it."""

import subprocess
import sys

import pytest

PROGRAM = """
import logging, resource, sys
logging.basicConfig(format="%(message)s")
from fednet.processes import descriptors_for
soft, hard, connections, each = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(descriptors_for(connections, "clients_max", each), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("allowed", "asked", "given"),
    [
        ((1024, 4096), (100, 1), (100, 1024)),
        ((1024, 4096), (2000, 1), (2000, 2256)),
        ((1024, 4096), (2000, 2), (1920, 4096)),
        ((1024, 1024), (10_000, 2), (384, 1024)),
        ((256, 256), (10_000, 2), (64, 256)),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(allowed, asked, given):
    """Fewer connections remain where it does not suffice, and the log says how to get more."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, (*allowed, *asked))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert tuple(map(int, ran.stdout.split())) == given
    assert ("ulimit -n" in ran.stderr) == (given[0] < asked[0])
