"""The reaper by itself."""

import subprocess
import sys

import pytest

from fednet.processes import _reaper as reaper


def sleeper():
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([], set()),
        ([b"+5\n"], {5}),
        ([b"+5\n", b"-5\n"], set()),
        ([b"+5\n", b"+6\n", b"-5\n", b"-9\n"], {6}),
        ([b"+5\n", b"+12"], {5}),
    ],
)
def test_groups_that_are_not_signed_off_are_left(lines, left):
    """Half a line, of an agent that died while writing, does not count."""
    assert reaper.groups_left(lines) == left


def test_it_kills_what_is_left_when_the_pipe_closes():
    """A group that was signed off lives on; one that has ended already does not matter."""
    kept, killed, gone = sleeper(), sleeper(), sleeper()
    gone.kill()
    gone.wait()
    lines = f"+{gone.pid}\n+{kept.pid}\n+{killed.pid}\n-{kept.pid}\n"

    done = subprocess.run(
        [sys.executable, "-S", "-E", reaper.__file__], input=lines.encode(), check=True
    )

    assert done.returncode == 0
    assert killed.wait(10) == -9
    assert kept.poll() is None
    kept.kill()
    kept.wait()
