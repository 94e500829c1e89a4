"""All errors of fednet, with their codes and their status in HTTP and gRPC.

    FednetError
    ├── InvalidInput             a value of the caller is invalid; names the field
    │   ├── InvalidModel         a model file or an update is invalid
    │   └── InvalidPackage       a compute package is invalid
    ├── Unauthenticated          the token is missing or invalid
    ├── PermissionDenied         the token is valid but does not give the right
    ├── NotFound                 the named object does not exist
    ├── AlreadyExists            the name or id is taken
    ├── Conflict                 somebody else changed it first
    │   └── Superseded           another controller drives the session now
    ├── FailedPrecondition       something must be set up first
    ├── LimitExceeded            the request exceeds a documented limit
    ├── Throttled                too many calls; says when to try again
    ├── Unavailable              a server or store does not answer now; worth a retry
    ├── DeadlineExceeded         the call took longer than allowed; worth a retry
    ├── TransferCorrupted        bytes do not match their checksum; worth a retry
    ├── MissingExtra             a part of fednet is not installed on this machine
    ├── SessionFailed            a session has ended before its last round
    ├── SecureRoundFailed        too few parties of secure aggregation are left
    ├── AwaitsApproval           the site's owner has not approved a package or settings
    └── TaskFailed               the code of a package or a callback failed

`to_dict` gives the JSON form of an error, and `from_dict` reads it. http_status and grpc_status map errors to the two
protocols of fednet.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FednetError(Exception):
    """The base class of all errors of fednet.

    Args:
        message: One or two sentences: the problem and its solution.
        field: The name of the invalid setting, argument or JSON field, if there is one.
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
        """Return the JSON form: success (False), code, message and, if there is one, field."""
        body: dict[str, Any] = {"success": False, "code": self.code, "message": self.message}
        if self.field is not None:
            body["field"] = self.field
        return body


class InvalidInput(FednetError):
    """A value of the caller is invalid."""

    code = "invalid_input"
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"


class InvalidModel(InvalidInput):
    """A model file or an update is invalid."""

    code = "invalid_model"


class InvalidPackage(InvalidInput):
    """A compute package is invalid."""

    code = "invalid_package"


class Unauthenticated(FednetError):
    """The token is missing or invalid."""

    code = "unauthenticated"
    http_status = 401
    grpc_status = "UNAUTHENTICATED"


class PermissionDenied(FednetError):
    """The token is valid but does not give the right."""

    code = "permission_denied"
    http_status = 403
    grpc_status = "PERMISSION_DENIED"


class NotFound(FednetError):
    """The named object does not exist."""

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
    """Something must be set up first."""

    code = "failed_precondition"
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class LimitExceeded(FednetError):
    """The request exceeds a documented limit."""

    code = "limit_exceeded"
    http_status = 413
    grpc_status = "RESOURCE_EXHAUSTED"


class Throttled(FednetError):
    """There were too many such calls; a later one may succeed."""

    code = "throttled"
    http_status = 429
    grpc_status = "RESOURCE_EXHAUSTED"


class Unavailable(FednetError):
    """A server or a store does not answer now."""

    code = "unavailable"
    http_status = 503
    grpc_status = "UNAVAILABLE"
    retryable = True


class DeadlineExceeded(FednetError):
    """The call took longer than allowed."""

    code = "deadline_exceeded"
    http_status = 504
    grpc_status = "DEADLINE_EXCEEDED"
    retryable = True


class TransferCorrupted(FednetError):
    """Bytes do not match their checksum, size or offset."""

    code = "transfer_corrupted"
    http_status = 422
    grpc_status = "DATA_LOSS"
    retryable = True


class MissingExtra(FednetError):
    """A part of fednet is not installed on this machine."""

    code = "missing_extra"
    http_status = 501
    grpc_status = "UNIMPLEMENTED"


class SessionFailed(FednetError):
    """A session has ended before its last round, as FAILED or TERMINATED."""

    code = "session_failed"
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class SecureRoundFailed(FednetError):
    """Too few parties of a round with secure aggregation are left; nothing was revealed that says more than the sum."""

    code = "secure_round_failed"
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class AwaitsApproval(FednetError):
    """The owner of a site has not approved a package, or the settings of a session."""

    code = "awaits_approval"
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class TaskFailed(FednetError):
    """The code of a package or of a callback failed.

    Args:
        message: The failure, in one sentence.
        traceback: The end of the code's output, or its Python traceback.
    """

    code = "task_failed"
    http_status = 422
    grpc_status = "UNKNOWN"

    def __init__(self, message: str, *, traceback: str = "", field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.traceback = traceback


def every_error() -> dict[str, type[FednetError]]:
    """Return all error classes by their code."""
    found: dict[str, type[FednetError]] = {}
    waiting: list[type[FednetError]] = [FednetError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting.extend(kind.__subclasses__())
    return found


def from_dict(body: dict[str, Any], http_status: int) -> FednetError:
    """Return the error in a server's JSON.

    Args:
        body: The result of `to_dict` at the other end, or any JSON object with a `message`.
        http_status: The status of the answer, which decides if the body has no known code.
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
            LimitExceeded, Throttled, Unavailable, DeadlineExceeded,
        )
    }  # fmt: skip
    return by_status.get(http_status, FednetError)
