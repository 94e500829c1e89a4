"""What is held ends with its holder."""

import subprocess

from fednet.processes import Lifeline


def sleeper():
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


def test_a_reaper_that_was_killed_is_followed_by_one_that_knows_all():
    """Also the groups that its predecessor was told of; those that have ended are let go."""
    first, second, third = sleepers = [sleeper() for _ in "123"]
    lifeline = Lifeline()
    lifeline.hold(first.pid)
    lifeline.hold(third.pid)
    lifeline.release(third.pid)
    lifeline._reaper.kill()
    lifeline._reaper.wait()

    lifeline.hold(second.pid)
    lifeline.close()

    assert [each.wait(10) for each in (first, second)] == [-9, -9]
    assert third.poll() is None
    for each in sleepers:
        each.kill()
        each.wait()
