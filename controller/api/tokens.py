"""Tokens: made for new members, listed, revoked, and given anew where one was lost."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.contract import Id, Name, Permission, Role, requires

from .access import caller
from .resource import (
    Maker,
    Resource,
    Shown,
    Succeeded,
    add_get_route,
    add_list_routes,
)
from .services import services

_SECONDS_A_DAY = 24 * 3600.0


class Token(Shown):
    """The record of a token; the token itself is not kept."""

    use: Literal["access", "enrolment", "membership"]
    """A person's; for a new member, once; a member's own."""

    principal: Maker
    """Whom it speaks for."""

    issued_by: Maker
    """Who has asked for it."""

    created_at: str
    """ISO 8601, UTC."""

    expires_at: str | None
    """Its end: ISO 8601, UTC."""

    revoked_at: str | None = None
    """The time of its revocation: ISO 8601, UTC; null if it was not revoked."""


class IssuedToken(BaseModel):
    """A new token."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    token: str = Field(repr=False)
    """It is shown now, and never again."""

    expires_at: str
    """Its end: ISO 8601, UTC."""


class Invitation(BaseModel):
    """The name that a new client or combiner is to have, and the life of the token that admits it."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["client", "combiner"]
    name: Name
    days: float = Field(1.0, gt=0, le=limits.token_days_max, allow_inf_nan=False)


class TokenById(BaseModel):
    """Names a token."""

    id: Id


RESOURCE = Resource("tokens", Permission.TOKENS_READ, shape=Token)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/", summary="Make a token that admits a member", responses={"200": IssuedToken})
@requires(Permission.TOKENS_WRITE)
def create(body: Invitation) -> dict[str, Any]:
    """Make a token with which a client or combiner of this name joins, once."""
    registry = services().registry
    return _shown(
        *registry.invite(caller(), Role(body.kind), body.name, body.days * _SECONDS_A_DAY)
    )


@api.post("/reissue", summary="Replace a member's lost token", responses={"200": IssuedToken})
@requires(Permission.TOKENS_WRITE)
def reissue(body: Invitation) -> dict[str, Any]:
    """Make a token with which a known client or combiner comes back as itself, once; revoke its older ones."""
    registry = services().registry
    return _shown(
        *registry.reissue(caller(), Role(body.kind), body.name, body.days * _SECONDS_A_DAY)
    )


@api.delete("/<string:id>", summary="Revoke a token", responses={"200": Succeeded})
@requires(Permission.TOKENS_WRITE)
def revoke(path: TokenById) -> dict[str, Any]:
    """Refuse a token from now on, and those derived from it; it need not have a record."""
    services().tokens.revoke(path.id)
    return {"success": True, "message": "Token revoked."}


def _shown(token: str, record: dict[str, Any]) -> dict[str, Any]:
    return {"id": record["id"], "token": token, "expires_at": record["expires_at"]}
