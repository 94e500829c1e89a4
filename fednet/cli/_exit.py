"""The exit codes of all `fednet` commands."""

from __future__ import annotations

from enum import IntEnum

from fednet import errors


class ExitCode(IntEnum):
    """The exit codes; a server that was asked to stop, by Ctrl-C or SIGTERM, ends with OK."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NO_ACCESS = 4
    UNAVAILABLE = 5
    CONFLICT = 6
    MISSING_EXTRA = 7
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "success; also of a server that was asked to stop",
    ExitCode.FAILED: "it failed",
    ExitCode.USAGE: "an argument, a setting or a file is invalid",
    ExitCode.NOT_FOUND: "the named object does not exist",
    ExitCode.NO_ACCESS: "the token is missing, or does not give the right",
    ExitCode.UNAVAILABLE: "a server does not answer: try again",
    ExitCode.CONFLICT: "taken, changed by somebody else, or something must be set up first",
    ExitCode.MISSING_EXTRA: "a part of fednet is not installed",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}

_OF_ERRORS: tuple[tuple[type[errors.FednetError], ExitCode], ...] = (
    (errors.InvalidInput, ExitCode.USAGE),
    (errors.LimitExceeded, ExitCode.USAGE),
    (errors.NotFound, ExitCode.NOT_FOUND),
    (errors.Unauthenticated, ExitCode.NO_ACCESS),
    (errors.PermissionDenied, ExitCode.NO_ACCESS),
    (errors.Unavailable, ExitCode.UNAVAILABLE),
    (errors.DeadlineExceeded, ExitCode.UNAVAILABLE),
    (errors.TransferCorrupted, ExitCode.UNAVAILABLE),
    (errors.AlreadyExists, ExitCode.CONFLICT),
    (errors.Conflict, ExitCode.CONFLICT),
    (errors.FailedPrecondition, ExitCode.CONFLICT),
    (errors.MissingExtra, ExitCode.MISSING_EXTRA),
)


def exit_code_of(error: errors.FednetError) -> ExitCode:
    """Return the exit code of an error."""
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), ExitCode.FAILED)
