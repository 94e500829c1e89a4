"""The notes of tasks that are begun: a task is given up after a few deaths of the process."""

import subprocess
import sys
import uuid

import pytest

from fednet import limits
from fednet.client.notes import TaskNotes
from fednet.errors import TaskFailed

TASK = str(uuid.UUID(int=1))
DYING = """
import os, signal, sys
from pathlib import Path
from fednet.client.notes import TaskNotes
with TaskNotes(Path(sys.argv[1]), lambda: False).working_at(sys.argv[2]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def notes_of(folder, *, is_stopping=False):
    return TaskNotes(folder, lambda: is_stopping)


def die_at(folder, times=1):
    for _ in range(times):
        command = [sys.executable, "-c", DYING, str(folder), TASK]
        assert subprocess.run(command, check=False, timeout=60).returncode == -9


def test_a_task_is_given_up_after_a_few_deaths(tmp_path):
    """The failure says so, each time the task is offered."""
    die_at(tmp_path, limits.task_deaths_max)

    for _ in range(2):
        with pytest.raises(TaskFailed, match="died 3 times"), notes_of(tmp_path).working_at(TASK):
            pytest.fail("the task is worked at")


def test_a_death_before_the_limit_costs_only_the_work(tmp_path):
    """A task that ends then leaves no note."""
    die_at(tmp_path, limits.task_deaths_max - 1)

    with notes_of(tmp_path).working_at(TASK):
        assert len(list(tmp_path.iterdir())) == 1

    assert list(tmp_path.iterdir()) == []


def test_a_task_that_fails_leaves_no_note(tmp_path):
    """Its process lives on."""
    with pytest.raises(TaskFailed), notes_of(tmp_path).working_at(TASK):
        raise TaskFailed("boom")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [TaskFailed("The task was cancelled."), KeyboardInterrupt()])
def test_a_clean_stop_is_no_death(tmp_path, end):
    """The deaths before it still count."""
    die_at(tmp_path)
    before = (tmp_path / TASK).read_text()

    for _ in range(limits.task_deaths_max):
        with (
            pytest.raises(type(end)),
            notes_of(tmp_path, is_stopping=True).working_at(TASK),
        ):
            raise end

    assert before == "1"
    assert (tmp_path / TASK).read_text() == "1"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"many", bytes(limits.MIB)])
def test_a_damaged_note_counts_for_nothing(tmp_path, content):
    """A power cut costs a task no answer."""
    (tmp_path / TASK).write_bytes(content)

    with notes_of(tmp_path).working_at(TASK):
        pass


def test_a_full_disk_costs_no_task(tmp_path, caplog):
    """The log names the folder."""
    (tmp_path / TASK).symlink_to("/dev/full")

    with notes_of(tmp_path).working_at(TASK):
        pass

    assert f"{tmp_path}: No space left on device" in caplog.text


def test_old_notes_make_room(tmp_path, monkeypatch):
    """Tasks that never come again leave no notes for ever."""
    monkeypatch.setattr(limits, "task_notes_max", 2)
    for number in range(5):
        (tmp_path / str(uuid.UUID(int=number))).write_text("1")

    notes_of(tmp_path)

    assert len(list(tmp_path.iterdir())) == 2
