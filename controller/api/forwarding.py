"""Requests that only another controller can answer are passed on to it, with the caller's own token."""

from __future__ import annotations

from contextlib import closing

import requests
from flask import Response, request

from fednet import limits
from fednet.http_pools import tls_options

from ..driven_elsewhere import DrivenElsewhere
from .problems import refused
from .services import services

_MARK = "X-Fednet-Forwarded"
_KEPT = (
    "Accept",
    "Authorization",
    "Content-Type",
    "User-Agent",
    "X-Limit",
    "X-Skip",
    "X-Sort-Key",
    "X-Sort-Order",
)


def forward(error: DrivenElsewhere) -> Response:
    """Answer with what the session's driver answers; with the error if it does not, or has sent the request here."""
    if not error.address or _MARK in request.headers:
        return refused(error.refusal)
    headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
    url = f"{error.address}{request.full_path.removesuffix('?')}"
    seconds = limits.wait_seconds_max + limits.command_seconds_max
    with closing(requests.Session()) as session:
        session.headers.clear()  # or the library would name itself the caller
        session.trust_env = False  # a proxy of this machine is not between two controllers
        try:
            answer = session.request(
                request.method,
                url,
                data=request.get_data(),
                headers={**headers, _MARK: "1"},
                timeout=(limits.connect_seconds_max, seconds),
                allow_redirects=False,
                **tls_options(services().tls),
            )
        except OSError:  # of requests, or of a file of TLS that has gone
            return refused(error.refusal)
    kind = answer.headers.get("Content-Type", "application/json")
    return Response(answer.content, answer.status_code, content_type=kind)
