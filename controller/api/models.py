"""Models: the trail of them, the active one, and their files."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.storage import Document

from .files import file_answer, received_file, said_of_it
from .resource import Alternatives, ById, Filters, Resource, add_get_route, add_list_routes
from .services import services


class ModelFilters(Filters):
    """What models can be filtered by."""

    model: Alternatives = None
    parent_model: Alternatives = None
    session_id: Alternatives = None


class ModelUpload(BaseModel):
    """What may be said of a model that is uploaded."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None


class ChosenModel(BaseModel):
    """The model to be made active."""

    model_config = ConfigDict(extra="forbid")

    id: str


class TrailQuery(BaseModel):
    """Where a trail begins."""

    include_self: bool = False


class TrailPage(BaseModel):
    """How much of a trail is asked for; by default nearest first."""

    limit: int = Field(10, ge=1, alias="X-Limit")
    reverse: bool = Field(default=False, alias="X-Reverse")

    @property
    def models_max(self) -> int:
        """The most models to answer."""
        return min(self.limit, limits.page_items_max)


def find(model_id: str) -> Document:
    """A model by its id; "active" is the active one."""
    catalog = services().catalog
    return (
        catalog.active_model() if model_id == "active" else catalog.records.get("models", model_id)
    )


RESOURCE = Resource("models", ModelFilters, find=find)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/", summary="Upload a model and make it the active one")
def upload() -> tuple[dict[str, Any], int]:
    """Keep the model if it is a good one."""
    source = received_file(limits.model_bytes_max)
    model_id = said_of_it(ModelUpload).id
    model = services().catalog.set_active_model(source, str(model_id) if model_id else None)
    return {"success": True, "message": "Model set.", "model_id": model["id"]}, 201


@api.put("/active", summary="Make a model the active one")
def activate(body: ChosenModel) -> dict[str, Any]:
    """Begin new sessions with this model."""
    model = services().catalog.activate_model(body.id)
    return {"success": True, "message": "Model set.", "model_id": model["id"]}


@api.get("/<string:id>/download", summary="A model's file")
def download(path: ById) -> Response:
    """Stream the model's npz file, or a range of it."""
    model = find(path.id)
    return file_answer("models", model, f"{model['id']}.npz")


@api.get("/<string:id>/ancestors", summary="The models that it came from")
def ancestors(path: ById, query: TrailQuery, header: TrailPage) -> Response:
    """List the chain of parents."""
    chain = services().catalog.ancestors(
        find(path.id)["id"], header.models_max, include_self=query.include_self
    )
    return jsonify(chain[::-1] if header.reverse else chain)


@api.get("/<string:id>/descendants", summary="The models that came from it")
def descendants(path: ById, header: TrailPage) -> Response:
    """List the models that were trained from this one."""
    found = services().catalog.descendants(find(path.id)["id"], header.models_max)
    return jsonify(found[::-1] if header.reverse else found)
