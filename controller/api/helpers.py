"""Helpers: the format of the network's model files."""

from typing import Annotated, Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, RootModel

from fednet import limits
from fednet.contract import Permission, requires
from fednet.parameters import helper_names

from .access import caller
from .openapi import operation_id
from .problems import REFUSALS
from .resource import Succeeded
from .services import services


class Helper(RootModel[str]):
    """A format's name."""


HelperName = Annotated[
    str,
    Field(max_length=limits.name_characters_max, json_schema_extra={"enum": list(helper_names())}),
]
"""The name of a format that fednet knows. The catalog checks it."""


class ChosenHelper(BaseModel):
    """The format that model files are to have."""

    model_config = ConfigDict(extra="forbid")

    helper: HelperName


api = APIBlueprint(
    "helpers",
    __name__,
    url_prefix="/api/v1/helpers",
    abp_tags=[{"name": "helpers"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("/active", summary="The format of model files", responses={"200": Helper})
@requires(Permission.MODELS_READ)
def get() -> Response:
    """Answer with the name: that of the package or model set last, or the one chosen since."""
    return jsonify(services().catalog.active_helper())


@api.put("/active", summary="Choose the format of model files", responses={"200": Succeeded})
@requires(Permission.MODELS_WRITE)
def choose(body: ChosenHelper) -> dict[str, Any]:
    """Take a format that fednet knows; models of bare numbers that are uploaded now are of it."""
    services().catalog.choose_helper(caller(), body.helper)
    return {"success": True, "message": "Active helper set."}
