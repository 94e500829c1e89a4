"""Memory that was freed serves again."""

import ctypes
import subprocess
import sys

import pytest

PIECES = """
import resource, sys
from fednet.processes import reuse_freed_memory

if sys.argv[1] == "reuses":
    reuse_freed_memory(is_our_process=sys.argv[2] == "ours")

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def pass_through():
    held = [bytes(1 << 20) for _ in range(4)]
    del held

pass_through()
before = faults()
for _ in range(50):
    pass_through()
print(faults() - before)
"""


def page_faults(how, whose="ours"):
    """Return how often the system had to give memory to a process through which pieces pass."""
    done = subprocess.run(
        [sys.executable, "-c", PIECES, how, whose], capture_output=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
@pytest.mark.parametrize("whose", ["ours", "a user's"])
def test_pieces_that_pass_through_a_process_use_the_same_memory(whose):
    """By itself the allocator takes it anew from the system each time."""
    assert 3 * page_faults("reuses", whose) < page_faults("does not")
