"""A process that other processes of its user may not look into."""

import subprocess
import sys

PROGRAM = """
import ctypes, sys
from fednet.processes import forbid_tracing
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
forbid_tracing()
print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), open("/proc/self/status").read().startswith("Name"))
"""


def test_a_process_forbids_others_to_trace_it():
    """The system then refuses ptrace and its memory in /proc (PR_GET_DUMPABLE); it still sees itself."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    assert ran.stdout.split() == ["1", "0", "True"]
