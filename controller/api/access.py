"""The gate before every view: no valid token of the right role, no answer.

A route is for admins unless it is named here.
"""

from flask import g, request

from fednet.contract import Principal, Role
from fednet.errors import PermissionDenied, Unauthenticated

from .openapi import OPEN_ROUTES
from .services import services

_OPEN = OPEN_ROUTES | {"health.health"}
_ADMINS = frozenset({Role.ADMIN})
_CLIENTS = _ADMINS | {Role.CLIENT}
_COMBINERS = _ADMINS | {Role.COMBINER}
_CONTROLLERS = _ADMINS | {Role.CONTROLLER}
_ROLES = {
    "blobs.append": _COMBINERS,
    "blobs.delete": _COMBINERS,
    "blobs.download": _COMBINERS,
    "blobs.keys": _COMBINERS,
    "blobs.put": _COMBINERS,
    "clients.add": _CLIENTS,
    "clients.register": _CLIENTS,
    "combiners.register": _COMBINERS,
    "feed.read": _CONTROLLERS,
    "legacy_network.add_client": _CLIENTS,
    "legacy_network.add_combiner": _COMBINERS,
    "legacy_packages.download_package": _CLIENTS,
    "legacy_packages.get_package_checksum": _CLIENTS,
    "packages.checksum": _CLIENTS,
    "packages.download_active": _CLIENTS,
}


def check_access() -> None:
    """Let the request pass if its token gives the right.

    Raises:
        Unauthenticated: There is no valid token.
        PermissionDenied: The token's role has no right to this route.
    """
    if request.endpoint in _OPEN:
        return
    g.caller = services().verifier.verify(_bearer_token())
    if caller().roles.isdisjoint(_ROLES.get(request.endpoint or "", _ADMINS)):
        roles = ", ".join(sorted(caller().roles))
        raise PermissionDenied(f"The role {roles!r} may not {request.method} {request.path}.")


def caller() -> Principal:
    """Return the principal that makes the present request."""
    principal = g.caller
    assert isinstance(principal, Principal)
    return principal


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("There is no token: send the header `Authorization: Bearer <token>`.")
    return token.strip()
