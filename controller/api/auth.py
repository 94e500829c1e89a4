"""Logging in and out: a name and a password for a token, and the end of that token."""

from datetime import UTC, datetime
from typing import Any

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from fednet import limits
from fednet.contract import Permission, open_to_all, requires
from fednet.errors import Throttled, Unauthenticated

from ..audit.auditor import LOGIN
from .access import address, caller, claims, route
from .openapi import operation_id
from .problems import REFUSALS
from .resource import Succeeded
from .services import services
from .users import UserRole


class Credentials(BaseModel):
    """A user's name and password."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str = Field(max_length=limits.name_characters_max)
    password: SecretStr = Field(max_length=limits.password_characters_max)
    seconds: float | None = Field(
        None,
        ge=limits.user_token_seconds_min,
        le=limits.user_token_seconds,
        allow_inf_nan=False,
    )
    """How long the token is to be valid; 90 days by default."""


class PasswordChange(BaseModel):
    """The passwords until now and from now on."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    password: SecretStr = Field(max_length=limits.password_characters_max)
    new_password: SecretStr = Field(
        min_length=limits.password_characters_min, max_length=limits.password_characters_max
    )


class LoggedIn(BaseModel):
    """A token, and whom it speaks for."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    token: str = Field(repr=False)
    expires_at: str
    """ISO 8601, UTC."""

    id: str
    name: str
    role: UserRole
    """The role that the user has now. A later change counts for this token, too."""


api = APIBlueprint(
    "auth",
    __name__,
    url_prefix="/api/v1/auth",
    abp_tags=[{"name": "auth"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.post(
    "/login",
    summary="Log in",
    openapi_extensions={"security": []},
    responses={"200": LoggedIn},
)
@open_to_all
def login(body: Credentials) -> dict[str, Any]:
    """Give a token for a name and a password; after many failures, only after a while."""
    password = body.password.get_secret_value()
    auditor = services().auditor
    try:
        login = services().accounts.log_in(body.name, password, address(), body.seconds)
    except (Unauthenticated, Throttled) as error:
        auditor.refused(body.name, LOGIN, route(), address(), error)
        raise
    auditor.logged_in(login.principal, route(), address())
    expires_at = datetime.fromtimestamp(login.expires_at, UTC)
    return {
        "token": login.token,
        "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "id": login.principal.id,
        "name": login.principal.name,
        "role": next(iter(login.principal.roles)).value,
    }


@api.post("/password", summary="Change one's own password", responses={"200": Succeeded})
@requires(Permission.ACCOUNT)
def change_password(body: PasswordChange) -> dict[str, Any]:
    """Change the password of the user who asks; all tokens of the user end, this one too."""
    services().accounts.change_password(
        caller(), body.password.get_secret_value(), body.new_password.get_secret_value(), address()
    )
    return {"success": True, "message": "The password is changed. Log in again."}


@api.post("/logout", summary="Log out", responses={"200": Succeeded})
@requires(Permission.ACCOUNT)
def logout() -> dict[str, Any]:
    """End the token with which this is asked."""
    services().accounts.log_out(caller(), claims())
    return {"success": True, "message": "Logged out."}
