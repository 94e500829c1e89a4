"""The pages of a process's health, in the sense of Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus

from fednet.monitoring._pages import Page, Pages


def health_pages(unready: Callable[[], str]) -> Pages:
    """Return the pages /health/live and /health/ready.

    A process that does not answer /health/live is to be restarted. One that answers /health/ready with 503 is to be
    left alone, and nothing new sent to it.

    Args:
        unready: Returns the reason why the process cannot work now; "" if it can. It must not block.
    """

    def live() -> Page:
        return _page({"status": "ok"})

    def ready() -> Page:
        if reason := unready():
            return _page({"status": "unready", "reason": reason}, HTTPStatus.SERVICE_UNAVAILABLE)
        return _page({"status": "ok"})

    return {"/health/live": live, "/health/ready": ready}


def _page(content: dict[str, str], status: HTTPStatus = HTTPStatus.OK) -> Page:
    return Page(json.dumps(content).encode() + b"\n", "application/json", status)
