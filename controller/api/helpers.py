"""Helpers: the format of the network's model files."""

from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, RootModel

from fednet.errors import InvalidInput

from .openapi import operation_id
from .problems import REFUSALS
from .resource import Done
from .services import services

HELPERS = ("numpyhelper",)


class Helper(RootModel[str]):
    """A format's name."""


class ChosenHelper(BaseModel):
    """The format that model files are to have."""

    model_config = ConfigDict(extra="forbid")

    helper: str


api = APIBlueprint(
    "helpers",
    __name__,
    url_prefix="/api/v1/helpers",
    abp_tags=[{"name": "helpers"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("/active", summary="The format of model files", responses={"200": Helper})
def get() -> Response:
    """Answer with the name; until somebody has chosen, with that of the default."""
    return jsonify(services().records.active()["helper"] or HELPERS[0])


@api.put("/active", summary="Choose the format of model files", responses={"200": Done})
def choose(body: ChosenHelper) -> dict[str, Any]:
    """Take a format that fednet knows."""
    if body.helper not in HELPERS:
        raise InvalidInput(
            f"The helper {body.helper!r} is not known; there is {', '.join(HELPERS)}.",
            field="helper",
        )
    services().records.set_active(helper=body.helper)
    return {"success": True, "message": "Active helper set."}
