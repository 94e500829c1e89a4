"""The check of a request's body by its head: a body that no view takes is refused before it is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, request

from fednet import limits
from fednet.contract import OPEN, permission_of
from fednet.errors import LimitExceeded

from ..rest.head import HEAD, HeadCheck
from .access import present_view

_View = TypeVar("_View", bound=Callable[..., Any])
_MARK = "fednet_file_bytes_max"


def takes_file(bytes_max: int) -> Callable[[_View], _View]:
    """State that a view takes a file of at most this size; without it a view takes a small body alone."""

    def mark(view: _View) -> _View:
        setattr(view, _MARK, bytes_max)
        return view

    return mark


def check_body() -> Response | None:
    """Refuse a request whose head announces too much; let the server read the body, if it asks before it does.

    Raises:
        LimitExceeded: The body is larger than its view takes, or the query has too many parameters.
    """
    _check_query()
    bytes_max = request.max_content_length = _body_bytes_max()
    _check_size(bytes_max)
    check: HeadCheck | None = request.environ.get(HEAD)
    if check is None:
        return None
    if request.routing_exception:
        raise request.routing_exception
    check.admit(bytes_max)
    return Response()


def _body_bytes_max() -> int:
    """Return the size of the largest body that the present request's view takes."""
    view = present_view()
    if permission_of(view) is OPEN:
        return limits.rest_open_body_bytes_max
    file_bytes_max: int | None = getattr(view, _MARK, None)
    if file_bytes_max is None:
        return limits.json_bytes_max
    return file_bytes_max + limits.upload_overhead_bytes_max


def _check_size(bytes_max: int) -> None:
    size = request.content_length or 0
    if size > bytes_max:
        raise LimitExceeded(
            f"The body has {size} bytes, and this route takes at most {bytes_max}. Send less.",
            field="file" if hasattr(present_view(), _MARK) else None,
        )


def _check_query() -> None:
    if request.query_string.count(b"&") >= limits.rest_query_parameters_max:
        raise LimitExceeded(
            f"The query has more than {limits.rest_query_parameters_max} parameters. Send fewer."
        )
