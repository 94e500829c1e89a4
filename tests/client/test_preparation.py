"""The preparation of a runtime, which outlives the task that began it."""

import threading

import pytest

from fednet.client.preparation import Preparation
from fednet.errors import TaskFailed


class Package:
    """A runtime that is ready once its gate is open, unless it fails."""

    def __init__(self):
        self.is_ready, self.begun, self.gate = False, threading.Event(), threading.Event()
        self.problems, self.runs = [], 0

    def make_ready(self):
        self.runs += 1
        self.begun.set()
        assert self.gate.wait(200)
        if self.problems:
            raise self.problems.pop()
        self.is_ready = True


@pytest.fixture
def package():
    """Return a runtime that is not ready."""
    return Package()


def waiting(preparation):
    """Start a call that waits; return its thread, and the errors that it raises."""
    errors = []

    def wait():
        try:
            preparation.await_end()
        except TaskFailed as error:
            errors.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, errors


def test_a_ready_runtime_needs_no_preparation(package):
    """Nobody is told of one, and nothing runs."""
    told = []
    package.is_ready = True

    Preparation(package, told.append).await_end()

    assert (told, package.runs) == ([], 0)


def test_it_goes_on_after_a_task_was_cancelled(package):
    """The next task waits for the same preparation."""
    told = []
    preparation = Preparation(package, told.append)
    first, errors = waiting(preparation)
    assert package.begun.wait(200)
    preparation.leave()
    first.join()
    preparation.begin_task()
    second, none = waiting(preparation)
    preparation.step("installing")
    package.gate.set()
    second.join()

    assert errors == ["The task was cancelled while the package was being prepared."]
    assert (none, package.runs, package.is_ready) == ([], 1, True)
    assert told == ["preparing the package", "installing", ""]


def test_a_task_that_was_cancelled_before_begins_none(package):
    """No code runs for it."""
    preparation = Preparation(package, lambda _: None)
    preparation.leave()

    with pytest.raises(TaskFailed, match="cancelled"):
        preparation.await_end()

    assert package.runs == 0


def test_one_that_fails_is_begun_anew_by_the_next_task(package):
    """The task that waits fails with the reason."""
    package.problems = [TaskFailed("No such requirement.")]
    package.gate.set()
    preparation = Preparation(package, lambda _: None)

    with pytest.raises(TaskFailed, match="No such requirement"):
        preparation.await_end()
    preparation.await_end()

    assert (package.runs, package.is_ready) == (2, True)


def test_a_step_without_a_preparation_is_not_told(package):
    """A late line of an installer does not make a ready client look busy."""
    told = []

    Preparation(package, told.append).step("installing")

    assert told == []
