"""The lock of a folder: one owner at a time, and none once the owner's process has ended."""

import gc
import os
import signal
import subprocess
import sys

import pytest

from fednet.errors import FailedPrecondition
from fednet.processes import FolderLock, is_locked

OWNER = """
import sys
from pathlib import Path
from fednet.processes import FolderLock
lock = FolderLock(Path(sys.argv[1]), "client")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that has locked `tmp_path / "data"`."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "data")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == b"locked\n"
        yield process
        process.kill()


def test_a_second_owner_is_refused_with_the_folder_and_the_pid(owner, tmp_path):
    """The error names everything that its reader needs."""
    with pytest.raises(FailedPrecondition) as caught:
        FolderLock(tmp_path / "data", "client")

    assert str(tmp_path / "data") in caught.value.message
    assert f"the process {owner.pid}." in caught.value.message
    assert caught.value.field == "data_dir"


def test_a_process_that_is_killed_leaves_no_lock(owner, tmp_path):
    """Its successor takes the folder at once."""
    owner.send_signal(signal.SIGKILL)
    owner.wait()

    with FolderLock(tmp_path / "data", "client"):
        pid = (tmp_path / "data" / ".lock").read_text()

    assert pid == f"{os.getpid()}\n"


def test_two_owners_in_one_process_exclude_each_other(tmp_path):
    """A process may run several agents."""
    with FolderLock(tmp_path, "client"), pytest.raises(FailedPrecondition):
        FolderLock(tmp_path, "client")


def test_a_released_folder_can_be_taken_again(tmp_path):
    """A second release changes nothing."""
    lock = FolderLock(tmp_path, "client")
    lock.release()
    lock.release()

    with FolderLock(tmp_path, "client"):
        pass


def test_a_lock_that_is_thrown_away_is_released(tmp_path):
    """Its owner may end before it begins."""
    FolderLock(tmp_path, "client")
    gc.collect()

    with FolderLock(tmp_path, "client"):
        pass


FORKING = """
import os, sys
from pathlib import Path
from fednet.processes import FolderLock
lock = FolderLock(Path(sys.argv[1]), "client")
has_forked, forked = os.pipe()
is_parent = os.fork() != 0
"""
PARENT_ENDS = """
if is_parent:
    os.read(has_forked, 1)
    os._exit(0)
os.write(forked, b"!")
sys.stdin.read()
"""
CHILD_ENDS = """
if not is_parent:
    os._exit(0)
os.wait()
print("forked", flush=True)
sys.stdin.read()
"""


def forking(folder, end):
    return subprocess.Popen(
        [sys.executable, "-c", FORKING + end, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def test_a_fork_does_not_keep_the_lock_of_its_parent(tmp_path):
    """A worker process of the user's code may outlive the owner."""
    with forking(tmp_path, PARENT_ENDS) as process:
        process.wait()

        with FolderLock(tmp_path, "client"):
            pass


def test_a_release_does_not_wait_for_a_copy_of_the_descriptor(tmp_path):
    """A child process holds one until it runs its program."""
    lock = FolderLock(tmp_path, "client")
    copy = os.dup(lock._descriptor)
    lock.release()

    with FolderLock(tmp_path, "client"):
        pass
    os.close(copy)


def test_a_fork_leaves_the_lock_to_its_parent(tmp_path):
    """The end of a worker process changes nothing."""
    with forking(tmp_path, CHILD_ENDS) as process:
        assert process.stdout.readline() == b"forked\n"

        with pytest.raises(FailedPrecondition):
            FolderLock(tmp_path, "client")


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    """The system's reason stands in the error."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(FailedPrecondition, match=r"file: File exists") as caught:
        FolderLock(tmp_path / "file", "client")

    assert caught.value.field == "data_dir"


def test_a_look_at_a_lock_takes_nothing(tmp_path):
    """A folder without a lock file is free."""
    assert not is_locked(tmp_path / "absent")
    with FolderLock(tmp_path, "client"):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    FolderLock(tmp_path, "client").release()
