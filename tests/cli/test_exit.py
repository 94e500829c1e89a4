"""The table of exit codes."""

import pytest

from fednet import errors
from fednet.cli._exit import MEANINGS, ExitCode, exit_code_of


def test_every_exit_code_has_a_meaning():
    """The table in `fednet --help` leaves none out."""
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.FednetError("it failed"), 1),
        (errors.TaskFailed("it failed"), 1),
        (errors.InvalidPackage("no entry points"), 2),
        (errors.NotFound("no such session"), 3),
        (errors.Unauthenticated("no token"), 4),
        (errors.PermissionDenied("not yours"), 4),
        (errors.Unavailable("nobody there"), 5),
        (errors.AlreadyExists("taken"), 6),
        (errors.FailedPrecondition("no model set"), 6),
        (errors.MissingExtra("no flask"), 7),
    ],
)
def test_an_error_has_the_exit_code_of_its_kind(error, code):
    """A subclass counts as its parent, and what is not in the table has failed."""
    assert exit_code_of(error) == code
