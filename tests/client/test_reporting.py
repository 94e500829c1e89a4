"""The part of a failure that leaves the site."""

import logging

import pytest

from fednet.client.reporting import reported
from fednet.client.tasks import Answer, Failure, Validation, failure_of
from fednet.errors import AwaitsApproval, TaskFailed

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    raise ValueError("patient 17 is 210 years old")
ValueError: patient 17 is 210 years old
"""
FAILED = TaskFailed(
    "The package's train command failed with exit code 1: ValueError: patient 17 is 210 years old.",
    traceback=TRACEBACK,
)


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ("summary", "The task failed: ValueError. Its site keeps the details to itself."),
        ("none", "The task failed. Its site keeps the details to itself."),
    ],
)
def test_a_site_may_keep_the_details_to_itself(report, told, caplog):
    """The coordinator sees the kind of the error at most; the agent's own log has all of it."""
    with caplog.at_level(logging.WARNING):
        answer = reported(failure_of("t", FAILED), report)

    assert answer == Answer("t", Failure(told, ""))
    assert "patient 17" in caplog.text


@pytest.mark.parametrize(
    ("message", "traceback", "kind"),
    [
        (
            "x",
            "sklearn.exceptions.NotFittedError: of patient 17\n",
            "sklearn.exceptions.NotFittedError",
        ),
        ("x", "KeyError: 17\n\nDuring handling of it:\nKeyboardInterrupt\n", "KeyboardInterrupt"),
        ("The package's train failed: KeyError: 17", "", "KeyError"),
        ("The package's train command failed with exit code 3: patient 17.", "patient 17\n", None),
        ("x: y", "PatientSmithError was here\n", None),
    ],
)
def test_the_kind_of_an_error_is_the_name_of_its_exception(message, traceback, kind):
    """A failure without one says nothing that the code has printed."""
    answer = reported(failure_of("t", TaskFailed(message, traceback=traceback)), "summary")

    assert f"failed: {kind or 'the code ended with an error'}." in answer.outcome.message


@pytest.mark.parametrize("report", ["full", "summary", "none"])
def test_an_awaited_approval_is_always_told(report):
    """Else the round would take the site for one whose code fails, and would not go on without it."""
    answer = failure_of("t", AwaitsApproval("The package 12ab waits."))

    assert reported(answer, report) == answer
    assert answer.outcome.awaits_approval


def test_everything_else_leaves_as_it_is():
    """`full` changes nothing, and an outcome that is no failure has nothing to hide."""
    failure, validation = failure_of("t", FAILED), Answer("t", Validation({"accuracy": 1.0}))

    assert reported(failure, "full") is failure
    assert reported(validation, "none") is validation
