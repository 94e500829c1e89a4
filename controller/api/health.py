"""The health of the controller."""

from typing import Literal

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from fednet.contract import open_to_all
from fednet.errors import Unavailable

from .problems import REFUSALS
from .services import services


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"]


api = APIBlueprint("health", __name__, abp_tags=[{"name": "health"}], abp_responses=REFUSALS)


@api.get(
    "/health",
    summary="Whether the stores answer",
    operation_id="health",
    openapi_extensions={"security": []},
    responses={"200": Health},
)
@open_to_all
def health() -> dict[str, str]:
    """Answer "ok" when both stores are ready."""
    _check_stores()
    return {"status": "ok"}


@api.get(
    "/health/live",
    summary="Whether the process answers; if not, it is to be restarted",
    operation_id="health_live",
    openapi_extensions={"security": []},
    responses={"200": Health},
)
@open_to_all
def live() -> dict[str, str]:
    """Answer "ok"; a store that is away is no reason to restart the controller."""
    return {"status": "ok"}


@api.get(
    "/health/ready",
    summary="Whether the controller takes calls: the stores answer, and it does not stop",
    operation_id="health_ready",
    openapi_extensions={"security": []},
    responses={"200": Health},
)
@open_to_all
def ready() -> dict[str, str]:
    """Answer "ok" when calls may come; a controller that stops finishes those that it has."""
    if services().sessions.is_stopping:
        raise Unavailable("The controller stops. Ask another one.")
    _check_stores()
    return {"status": "ok"}


def _check_stores() -> None:
    """Raise Unavailable if a store does not answer."""
    for store, part in (("state", services().records), ("blob", services().catalog)):
        if not part.is_ready():
            raise Unavailable(f"The {store} store does not answer.")
