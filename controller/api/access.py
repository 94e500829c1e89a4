"""The gate before every view: it checks the permission that the view states, and tells the audit log.

A request that may change something is told before it is carried out, and its outcome afterwards. Reads are not told,
unless they are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Response, current_app, g, request

from fednet import limits
from fednet.contract import OPEN, Permission, Principal, check_permission, permission_of
from fednet.errors import PermissionDenied, Unauthenticated
from fednet.identity import Claims

from ..audit.entries import AuditDraft, Outcome
from .services import services

_View = TypeVar("_View", bound=Callable[..., Any])
_UNAUDITED = "fednet_unaudited"
_READING = ("read", "fetch")
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_IDS = ("id", "session_id", "model_id", "package_id", "prediction_id")


def unaudited(view: _View) -> _View:
    """State that a view's requests change nothing by themselves, so that the audit log need not tell them."""
    setattr(view, _UNAUDITED, True)
    return view


def check_access() -> None:
    """Let the request pass if its view is open, or if the caller has the permission that the view states.

    A route that does not exist is answered as such, but only to callers with a valid token.

    Raises:
        Unauthenticated: There is no valid token.
        PermissionDenied: The caller lacks the permission, or the view states none.
    """
    view = present_view()
    permission = permission_of(view)
    if permission is OPEN:
        return
    try:
        g.claims = services().tokens.read(_bearer_token())
        g.caller = services().accounts.principal_of(g.claims)
        if view is not None:
            check_permission(caller(), permission, f"{request.method} {request.path}")
    except (Unauthenticated, PermissionDenied) as error:
        what = str(permission or "")
        services().auditor.refused(g.get("caller"), what, route(), address(), error)
        raise


def record_beginning() -> None:
    """Tell the audit log of a request that may change something, before it is carried out.

    Raises:
        Unavailable: The audit log cannot be written.
    """
    view = present_view()
    permission = permission_of(view)
    if isinstance(permission, Permission) and _is_audited(permission, view):
        g.begun = services().auditor.begin(
            caller(), str(permission), route(), _thing(request.view_args or {}), address()
        )


def record_outcome(response: Response) -> Response:
    """Tell the audit log the outcome of a request whose beginning it was told."""
    begun: AuditDraft | None = g.pop("begun", None)
    if begun is not None:
        answer = _small_json(response)
        code = "" if response.status_code < HTTPStatus.BAD_REQUEST else _code(response, answer)
        on = begun.on if begun.on["id"] else _thing(answer)
        services().auditor.end(begun, _outcome(response.status_code), code, on)
    return response


def caller() -> Principal:
    """Return the principal that makes the present request, with the roles that it has now."""
    principal = g.caller
    assert isinstance(principal, Principal)
    return principal


def claims() -> Claims:
    """Return the content of the token with which the present request is made."""
    content = g.claims
    assert isinstance(content, Claims)
    return content


def present_view() -> Any:
    """Return the view of the present request; None if no route fits."""
    return current_app.view_functions.get(request.endpoint or "")


def route() -> str:
    """Return method and path of the present request's route, as the audit log names it."""
    return f"{request.method} {request.url_rule.rule if request.url_rule else request.path}"


def address() -> str:
    """Return the address from which the present request comes."""
    return request.remote_addr or ""


def caller_claims() -> Claims:
    """Return the content of the present request's token, with the principal as it is now."""
    return replace(claims(), principal=caller())


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("There is no token: send the header `Authorization: Bearer <token>`.")
    return token.strip()


def _is_audited(permission: Permission, view: object) -> bool:
    """Return True if a request may change something."""
    return not (permission.partition(":")[2] in _READING or hasattr(view, _UNAUDITED))


def _thing(named: Mapping[str, Any]) -> dict[str, str]:
    """Return kind and id of the thing that a request is about, as its path or its answer names it."""
    found = next((named[name] for name in (*_IDS, "name") if named.get(name)), "")
    return {"kind": request.blueprint or "", "id": str(found)}


def _small_json(response: Response) -> Mapping[str, Any]:
    """Return the JSON object that is answered; an empty one for anything else."""
    length = response.content_length or 0
    if not response.is_json or response.is_streamed or length > limits.json_bytes_max:
        return {}
    answer = response.get_json(silent=True)
    return answer if isinstance(answer, Mapping) else {}


def _code(response: Response, answer: Mapping[str, Any]) -> str:
    return str(answer.get("code") or response.status_code)


def _outcome(status: int) -> Outcome:
    if status in _REFUSED:
        return Outcome.REFUSED
    return Outcome.OK if status < HTTPStatus.BAD_REQUEST else Outcome.FAILED
