"""The keys that sign tokens: seen, rotated and retired. No route shows a private one."""

from typing import Literal

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, RootModel

from fednet.contract import Permission, requires

from .openapi import operation_id
from .problems import REFUSALS
from .services import services


class Key(BaseModel):
    """A signing key."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Tokens name it in their header, as `kid`."""

    created_at: str
    """ISO 8601, UTC."""

    state: Literal["signs soon", "signs", "verifies"]
    """It is new, and trusted already; it signs; its tokens are still taken."""


class Keys(RootModel[list[Key]]):
    """All keys whose tokens are taken, the newest first."""


class Retirement(BaseModel):
    """The way to retire the older key."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    force: bool = False
    """Also while members may not have renewed their tokens."""


api = APIBlueprint(
    "keys",
    __name__,
    url_prefix="/api/v1/keys",
    abp_tags=[{"name": "keys"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("/", summary="The keys that sign tokens", responses={"200": Keys})
@requires(Permission.TOKENS_READ)
def list_keys() -> Response:
    """Answer with all keys whose tokens are taken, the newest first."""
    return jsonify(services().keys.described())


@api.post("/rotate", summary="Make a new signing key", responses={"200": Keys})
@requires(Permission.KEYS_WRITE)
def rotate() -> Response:
    """Make a key that signs in some seconds; the tokens of the present one are taken until it is retired."""
    services().keys.rotate()
    return _changed()


@api.post("/retire", summary="Retire the older signing key", responses={"200": Keys})
@requires(Permission.KEYS_WRITE)
def retire(body: Retirement) -> Response:
    """Refuse the tokens of the older key from now on."""
    services().keys.retire(force=body.force)
    return _changed()


def _changed() -> Response:
    services().feed.keys_changed()
    return jsonify(services().keys.described())
