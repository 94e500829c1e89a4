"""The pages of a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias


@dataclass(frozen=True)
class Page:
    """The answer to one request.

    Attributes:
        body: Its bytes.
        content_type: Their kind.
        status: The status of HTTP.
    """

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Pages: TypeAlias = Mapping[str, Callable[[], Page]]
"""A function for each path, such as `/health/live`. It runs in the server's event loop, so it must not block."""
