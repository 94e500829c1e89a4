"""Every error that fednet raises on purpose, and what each is called on the wire.

    FednetError
    ├── InvalidInput             a value the caller sent is wrong; names the field
    │   ├── InvalidModel         a model file or an update is not what it must be
    │   └── InvalidPackage       a compute package is not what it must be
    ├── Unauthenticated          no token, or one that is not valid
    ├── PermissionDenied         a valid token without the right
    ├── NotFound                 the thing named does not exist
    ├── AlreadyExists            the name or id is taken
    ├── Conflict                 somebody else changed it first
    │   └── Superseded           another controller drives the session now
    ├── FailedPrecondition       something must be set up before
    ├── LimitExceeded            more than a documented limit
    ├── Unavailable              a server or store does not answer now; worth a retry
    ├── DeadlineExceeded         it took longer than allowed; worth a retry
    ├── TransferCorrupted        bytes arrived that do not match their checksum; worth a retry
    ├── MissingExtra             a part of fednet is not installed here
    └── TaskFailed               the code of a package or a callback failed

`to_dict` is the JSON form of each, `from_dict` reads it back; http_status and grpc_status are the
one table to the two protocols that fednet speaks.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FednetError(Exception):
    """Something that fednet can name went wrong.

    Args:
        message: One or two sentences: what is wrong and what to do.
        field: The name of the setting, argument or JSON field at fault, if one is.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: success (False), code, message and, where one is at fault, field."""
        body: dict[str, Any] = {"success": False, "code": self.code, "message": self.message}
        if self.field is not None:
            body["field"] = self.field
        return body


class InvalidInput(FednetError):
    """A value that the caller sent is wrong."""

    code = "invalid_input"
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"


class InvalidModel(InvalidInput):
    """A model file, or an update, is not what it must be."""

    code = "invalid_model"


class InvalidPackage(InvalidInput):
    """A compute package is not what it must be."""

    code = "invalid_package"


class Unauthenticated(FednetError):
    """There is no token, or it is not valid."""

    code = "unauthenticated"
    http_status = 401
    grpc_status = "UNAUTHENTICATED"


class PermissionDenied(FednetError):
    """The token is valid, and does not give this right."""

    code = "permission_denied"
    http_status = 403
    grpc_status = "PERMISSION_DENIED"


class NotFound(FednetError):
    """The thing that was named does not exist."""

    code = "not_found"
    http_status = 404
    grpc_status = "NOT_FOUND"


class AlreadyExists(FednetError):
    """The name or id is taken."""

    code = "already_exists"
    http_status = 409
    grpc_status = "ALREADY_EXISTS"


class Conflict(FednetError):
    """Somebody else changed it first; read it again and decide anew."""

    code = "conflict"
    http_status = 409
    grpc_status = "ABORTED"


class Superseded(Conflict):
    """Another controller drives the session now; the caller gives it up."""

    code = "superseded"


class FailedPrecondition(FednetError):
    """Something must be set up before this can be done."""

    code = "failed_precondition"
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class LimitExceeded(FednetError):
    """The request is larger than a documented limit."""

    code = "limit_exceeded"
    http_status = 413
    grpc_status = "RESOURCE_EXHAUSTED"


class Unavailable(FednetError):
    """A server or a store does not answer at the moment."""

    code = "unavailable"
    http_status = 503
    grpc_status = "UNAVAILABLE"
    retryable = True


class DeadlineExceeded(FednetError):
    """It took longer than it was allowed to."""

    code = "deadline_exceeded"
    http_status = 504
    grpc_status = "DEADLINE_EXCEEDED"
    retryable = True


class TransferCorrupted(FednetError):
    """Bytes arrived that do not match their checksum, size or offset."""

    code = "transfer_corrupted"
    http_status = 422
    grpc_status = "DATA_LOSS"
    retryable = True


class MissingExtra(FednetError):
    """A part of fednet is not installed on this machine."""

    code = "missing_extra"
    http_status = 501
    grpc_status = "UNIMPLEMENTED"


class TaskFailed(FednetError):
    """The code of a package or of a callback failed.

    Args:
        message: What failed, in one sentence.
        traceback: The end of what the code printed, or its Python traceback.
    """

    code = "task_failed"
    http_status = 422
    grpc_status = "UNKNOWN"

    def __init__(self, message: str, *, traceback: str = "", field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.traceback = traceback


def every_error() -> dict[str, type[FednetError]]:
    """All error classes by their code."""
    found: dict[str, type[FednetError]] = {}
    waiting: list[type[FednetError]] = [FednetError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting.extend(kind.__subclasses__())
    return found


def from_dict(body: dict[str, Any], http_status: int) -> FednetError:
    """The error that a server described as JSON.

    Args:
        body: What `to_dict` gave at the other end, or any JSON object with a `message`.
        http_status: The status of the answer, which decides where the body has no known code.
    """
    kinds = every_error()
    kind = kinds.get(str(body.get("code"))) or _kind_of_status(http_status)
    message = str(body.get("message") or f"The server answered with status {http_status}.")
    return kind(message, field=body.get("field"))


def _kind_of_status(http_status: int) -> type[FednetError]:
    by_status = {
        kind.http_status: kind
        for kind in (
            InvalidInput, Unauthenticated, PermissionDenied, NotFound, Conflict,
            LimitExceeded, Unavailable, DeadlineExceeded,
        )
    }  # fmt: skip
    return by_status.get(http_status, FednetError)
