"""The measurement of requests: their number, duration and bytes."""

from __future__ import annotations

import time
from http import HTTPStatus

from flask import Response, g, request

from ..measures import METHODS
from ..rest.head import HEAD
from ..rest.later import WAITS, Waits
from .services import services


def begin_measuring() -> None:
    """Note when the present request's view begins."""
    g.began = time.monotonic()


def measure(response: Response) -> Response:
    """Count an answer, unless the server only asks if it may read the body, or the view is called again later."""
    if _is_admission(response) or _is_put_off():
        return response
    metrics = services().metrics
    method = request.method if request.method in METHODS else "other"
    metrics.requests.labels(method, f"{response.status_code // 100}xx").inc()
    metrics.request_seconds.observe(time.monotonic() - g.began)
    metrics.received_bytes.inc(request.content_length or 0)
    metrics.sent_bytes.inc(response.content_length or 0)
    return response


def _is_admission(response: Response) -> bool:
    return HEAD in request.environ and response.status_code < HTTPStatus.BAD_REQUEST


def _is_put_off() -> bool:
    waits: Waits | None = request.environ.get(WAITS)
    return waits is not None and waits.awaited is not None
