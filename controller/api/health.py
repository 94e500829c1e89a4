"""The health of the controller."""

from typing import Literal

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from fednet.contract import open_to_all
from fednet.errors import Unavailable

from .problems import REFUSALS
from .services import services


class Health(BaseModel):
    """The stores answer."""

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
    for store, part in (("state", services().records), ("blob", services().catalog)):
        if not part.is_ready():
            raise Unavailable(f"The {store} store does not answer.")
    return {"status": "ok"}
