"""The gate before every view: the request passes if its token's roles have the permission that the view states."""

from flask import current_app, g, request

from fednet.contract import OPEN, Principal, check_permission, permission_of
from fednet.errors import Unauthenticated
from fednet.identity import Claims

from .services import services


def check_access() -> None:
    """Let the request pass if its view is open, or if the caller has the permission that the view states.

    A route that does not exist is answered as such, but only to callers with a valid token.

    Raises:
        Unauthenticated: There is no valid token.
        PermissionDenied: The caller lacks the permission, or the view states none.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    permission = permission_of(view)
    if permission is OPEN:
        return
    g.claims = services().verifier.read(_bearer_token())
    g.caller = services().accounts.principal_of(g.claims)
    if view is not None:
        check_permission(caller(), permission, f"{request.method} {request.path}")


def caller() -> Principal:
    """Return the principal that makes the present request."""
    principal = g.caller
    assert isinstance(principal, Principal)
    return principal


def claims() -> Claims:
    """Return the content of the token with which the present request is made."""
    content = g.claims
    assert isinstance(content, Claims)
    return content


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("There is no token: send the header `Authorization: Bearer <token>`.")
    return token.strip()
