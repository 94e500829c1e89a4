"""Users: the accounts of people, their roles, and whether they may log in."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from fednet import limits
from fednet.contract import Name, Permission, Role, requires
from fednet.storage import Document

from .access import caller
from .resource import (
    ById,
    Maker,
    Resource,
    Shown,
    add_get_route,
    add_list_routes,
)
from .services import services

UserRole = Literal["admin", "operator", "scientist", "viewer"]

NewPassword = Annotated[
    SecretStr,
    Field(
        json_schema_extra={
            "minLength": limits.password_characters_min,
            "maxLength": limits.password_characters_max,
        }
    ),
]
"""A password to be set. The accounts check its length."""


class NewUser(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Name
    role: UserRole
    password: NewPassword


class UserChange(BaseModel):
    """The changes of a user; each that is absent stays as it is."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    role: UserRole | None = None
    password: NewPassword | None = None
    """Tokens of earlier logins end."""

    is_disabled: bool | None = None
    """A disabled user cannot log in, and the user's tokens end."""


class User(Shown):
    """A person's account."""

    name: str
    role: UserRole
    is_disabled: bool
    created_at: str
    """ISO 8601, UTC."""

    created_by: Maker
    """The principal who created the account."""


_SECRET = {"password_hash", "login_id"}


def _without_secrets(users: Sequence[Document]) -> list[Document]:
    return [{name: user[name] for name in user if name not in _SECRET} for user in users]


RESOURCE = Resource("users", Permission.USERS_READ, completed=_without_secrets, shape=User)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/", summary="Create a user", responses={"201": User})
@requires(Permission.USERS_WRITE)
def create(body: NewUser) -> tuple[Document, int]:
    """Create an account."""
    password = body.password.get_secret_value()
    user = services().accounts.create(caller(), body.name, Role(body.role), password)
    return RESOURCE.show(user), 201


@api.patch("/<string:id>", summary="Change a user", responses={"200": User})
@requires(Permission.USERS_WRITE)
def change(path: ById, body: UserChange) -> Document:
    """Change role, password or whether the user may log in; at other controllers it counts within 10 s."""
    user = services().accounts.change(
        caller(),
        RESOURCE.get(path.id)["id"],
        role=Role(body.role) if body.role else None,
        password=body.password.get_secret_value() if body.password else None,
        is_disabled=body.is_disabled,
    )
    return RESOURCE.show(user)
