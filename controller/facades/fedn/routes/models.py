"""FEDn's root routes on models."""

from collections.abc import Sequence
from typing import Any, NoReturn

from flask import Response, jsonify
from pydantic import BaseModel, Field

from fednet import limits
from fednet.contract import Permission, requires
from fednet.storage import Document, Query

from ....api import models
from ....api.access import caller
from ....api.bodies import takes_file
from ....api.listing import list_answer, object_answer
from ....api.services import services
from ..dates import http_date, plain_date
from ..refusals import not_there
from ..words_out import shown
from .parts import Slice, only, root_blueprint


class ModelSlice(Slice):
    """The models that are asked for; include_active marks the active one."""

    session_id: str | None = None
    include_active: bool = False


class OfModel(BaseModel):
    """Names a model, and how many to answer at most."""

    model: str
    limit: int = Field(10, ge=1, le=limits.trail_models_max)


class ModelById(BaseModel):
    """Names a model."""

    id: str


api = root_blueprint("models")


@api.post("/set_initial_model")
@takes_file(limits.model_bytes_max)
@requires(Permission.MODELS_WRITE)
def set_initial_model() -> dict[str, Any]:
    """Upload a model and begin new sessions with it."""
    models.upload()
    return {"success": True, "message": "Initial model added successfully."}


@api.put("/set_current_model")
@requires(Permission.MODELS_WRITE)
def set_current_model(query: ModelById) -> dict[str, Any]:
    """Begin new sessions with this model."""
    services().catalog.activate_model(caller(), query.id)
    return {"success": True, "message": "Active model set."}


@api.get("/get_latest_model")
@requires(Permission.MODELS_READ)
def get_latest_model() -> dict[str, Any]:
    """Return the model that new sessions begin with."""
    return {"model_id": services().catalog.active_model()["id"]}


@api.get("/get_initial_model")
@requires(Permission.MODELS_READ)
def get_initial_model() -> dict[str, Any]:
    """Return the first model of the network; None if there is none."""
    first = services().records.find("models", Query(sort="committed_at", limit=1))
    return {"model_id": first[0]["id"] if first else None}


@api.get("/list_models")
@requires(Permission.MODELS_READ)
def list_models(query: ModelSlice) -> Response:
    """Return all models, or those of a session."""
    active_id = services().records.active()["model_id"]

    def forms(found: Sequence[Document]) -> list[dict[str, Any]]:
        return [
            _form(each, "model", "session_id")
            | ({"active": each["id"] == active_id} if query.include_active else {})
            for each in found
        ]

    where = {"session_id": query.session_id} if query.session_id else {}
    return list_answer("models", query.query(where), forms)


@api.get("/get_model")
@requires(Permission.MODELS_READ)
def get_model(query: OfModel) -> dict[str, Any]:
    """Return one model."""
    return _form(models.find(query.model), "model", "parent_model", "session_id")


@api.get("/get_model_trail")
@requires(Permission.MODELS_READ)
def get_model_trail() -> Response:
    """Return the time at which each model of the active trail was committed, oldest first."""
    catalog = services().catalog
    active_id = catalog.active_model()["id"]
    trail = catalog.ancestors(active_id, limits.trail_models_max, include_self=True)
    return object_answer((each["id"], plain_date(each["committed_at"])) for each in trail[::-1])


@api.get("/get_model_ancestors")
@requires(Permission.MODELS_READ)
def get_model_ancestors(query: OfModel) -> Response:
    """Return the chain of a model's parents, nearest first."""
    return _family(services().catalog.ancestors(models.find(query.model)["id"], query.limit))


@api.get("/get_model_descendants")
@requires(Permission.MODELS_READ)
def get_model_descendants(query: OfModel) -> Response:
    """Return the models that came from a model."""
    return _family(services().catalog.descendants(models.find(query.model)["id"], query.limit))


@api.get("/delete_model_trail")
@requires(Permission.MODELS_WRITE)
def delete_model_trail() -> NoReturn:
    """Refuse, as FEDn does."""
    not_there("The model trail cannot be deleted: it is the record of what was trained.")


api.post("/delete_model_trail")(delete_model_trail)


def _family(found: Sequence[Document]) -> Response:
    return jsonify(result=[_form(each, "model", "parent_model", "session_id") for each in found])


def _form(model: Document, *names: str) -> dict[str, Any]:
    fedns = shown("models", [model])[0]
    return {**only(fedns, *names), "committed_at": http_date(model["committed_at"])}
