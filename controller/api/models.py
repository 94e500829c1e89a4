"""Models: the trail of them, the active one, and their files."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, Field, RootModel

from fednet import limits
from fednet.contract import Permission, requires
from fednet.parameters import model_format
from fednet.storage import Document, Query

from .access import caller
from .bodies import takes_file
from .files import FILE, file_answer, received_file, said_of_it, upload_body
from .helpers import HelperName
from .listing import documents, pages
from .resource import (
    Asked,
    ById,
    Maker,
    Resource,
    Shown,
    add_get_route,
    add_list_routes,
)
from .services import services


class ModelUpload(BaseModel):
    """The description of an uploaded model."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    helper: HelperName | None = None
    name: str | None = Field(None, max_length=limits.name_characters_max)


class ModelChange(BaseModel):
    """The fields of a model that can be changed; the others record its history."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(max_length=limits.name_characters_max)


class ChosenModel(BaseModel):
    """The model to be made active."""

    model_config = ConfigDict(extra="forbid")

    id: str


class Model(Shown):
    """One model of the network."""

    parent_id: str | None
    """The model that it was trained from; None for one that was uploaded."""

    session_id: str | None
    """The session that made it."""

    helper: str
    """The format of its file."""

    committed_at: str
    """ISO 8601, UTC."""

    created_by: Maker | None = None
    """The principal who uploaded it; None for one that a session made, or that version 0.1.0 stored."""

    is_pinned: bool = False
    """True if retention does not delete it."""

    file_deleted_at: str | None = None
    """The time at which retention has deleted its file; None if the file is there."""

    size_bytes: int
    digest: str
    """The digest of its file: `blake3:` and 64 hexadecimal digits, or the 64 digits of a SHA-256."""

    sha256: str | None
    """The digest, if it is a SHA-256, as for an uploaded model; None for a model that a session made."""


class Trail(RootModel[list[Model]]):
    """Models, one after the other."""


class ModelSet(BaseModel):
    """The model is the active one."""

    success: Literal[True]
    message: str
    model_id: str


class Parameters(BaseModel):
    """The numbers of a model."""

    array: list[Any]
    """Each of its arrays, as nested lists."""


class TrailQuery(Asked):
    """The model with which a trail begins."""

    include_self: bool = False


class TrailPage(Asked):
    """The part of a trail that is asked for; by default nearest first."""

    limit: int = Field(10, ge=1, alias="X-Limit")
    reverse: bool = Field(default=False, alias="X-Reverse")

    @property
    def models_max(self) -> int:
        """The most models to answer."""
        return min(self.limit, limits.trail_models_max)


def find(model_id: str) -> Document:
    """Return a model by its id; "active" is the active one."""
    catalog = services().catalog
    return (
        catalog.active_model() if model_id == "active" else catalog.records.get("models", model_id)
    )


RESOURCE = Resource("models", Permission.MODELS_READ, find=find, shape=Model)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post(
    "/",
    summary="Upload a model and make it the active one",
    request_body=upload_body(ModelUpload),
    responses={"201": ModelSet},
)
@takes_file(limits.model_bytes_max)
@requires(Permission.MODELS_WRITE)
def upload() -> tuple[dict[str, Any], int]:
    """Keep the model if it is a good one."""
    source = received_file()
    said = said_of_it(ModelUpload)
    model = services().catalog.set_active_model(
        caller(), source, str(said.id) if said.id else None, said.helper
    )
    if said.name:
        services().catalog.name_model(caller(), model["id"], said.name)
    return {"success": True, "message": "Model set.", "model_id": model["id"]}, 201


@api.put("/active", summary="Make a model the active one", responses={"200": ModelSet})
@requires(Permission.MODELS_WRITE)
def activate(body: ChosenModel) -> dict[str, Any]:
    """Begin new sessions with this model."""
    model = services().catalog.activate_model(caller(), body.id)
    return {"success": True, "message": "Model set.", "model_id": model["id"]}


@api.get("/<string:id>/download", summary="A model's file", responses=FILE)
@requires(Permission.MODELS_READ)
def download(path: ById) -> Response:
    """Stream the model's file, or a range of it."""
    model = find(path.id)
    suffix = model_format(model["helper"]).suffix
    return file_answer("models", model, f"{model['id']}{suffix}")


@api.get("/leaf-nodes", summary="The models that nothing came from", responses={"200": Trail})
@requires(Permission.MODELS_READ)
def leaf_nodes() -> Response:
    """List the models that no other model was trained from, newest first."""
    leaves = [leaf for page in pages("models", Query(descending=True)) for leaf in _leaves(page)]
    return jsonify(RESOURCE.show_all(leaves))


@api.put("/<string:id>", summary="Name a model", responses={"200": Model})
@requires(Permission.MODELS_WRITE)
def put(path: ById, body: ModelChange) -> Document:
    """Give a model a name for people."""
    return _rename(path.id, body.name)


@api.patch("/<string:id>", summary="Name a model", responses={"200": Model})
@requires(Permission.MODELS_WRITE)
def patch(path: ById, body: ModelChange) -> Document:
    """Give a model a name for people."""
    return _rename(path.id, body.name)


@api.put("/<string:id>/pin", summary="Pin a model", responses={"200": Model})
@requires(Permission.MODELS_WRITE)
def pin(path: ById) -> Document:
    """Let no retention delete the model."""
    return _pinned(path.id, is_pinned=True)


@api.delete("/<string:id>/pin", summary="Unpin a model", responses={"200": Model})
@requires(Permission.MODELS_WRITE)
def unpin(path: ById) -> Document:
    """Let retention delete the model again."""
    return _pinned(path.id, is_pinned=False)


@api.get("/<string:id>/parameters", summary="A model's numbers", responses={"200": Parameters})
@requires(Permission.MODELS_READ)
def parameters(path: ById) -> dict[str, Any]:
    """Answer with the arrays of a small model; larger ones are to be downloaded."""
    return {"array": services().catalog.parameters(find(path.id))}


@api.get("/<string:id>/ancestors", summary="The models that it came from", responses={"200": Trail})
@requires(Permission.MODELS_READ)
def ancestors(path: ById, query: TrailQuery, header: TrailPage) -> Response:
    """List the chain of parents."""
    chain = services().catalog.ancestors(
        find(path.id)["id"], header.models_max, include_self=query.include_self
    )
    return jsonify(RESOURCE.show_all(chain[::-1] if header.reverse else chain))


@api.get(
    "/<string:id>/descendants", summary="The models that came from it", responses={"200": Trail}
)
@requires(Permission.MODELS_READ)
def descendants(path: ById, header: TrailPage) -> Response:
    """List the models that were trained from this one."""
    found = services().catalog.descendants(find(path.id)["id"], header.models_max)
    return jsonify(RESOURCE.show_all(found[::-1] if header.reverse else found))


def _leaves(models: Sequence[Document]) -> list[Document]:
    """Return the models that are the parent of no other one."""
    children = documents("models", Query(where={"parent_id": [each["id"] for each in models]}))
    parents = {child["parent_id"] for child in children}
    return [model for model in models if model["id"] not in parents]


def _pinned(model_id: str, *, is_pinned: bool) -> Document:
    pinned = services().catalog.pin_model(caller(), find(model_id)["id"], is_pinned=is_pinned)
    return RESOURCE.show(pinned)


def _rename(model_id: str, name: str | None) -> Document:
    return RESOURCE.show(services().catalog.name_model(caller(), find(model_id)["id"], name))
