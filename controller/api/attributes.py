"""Attributes: what is true of a client now, such as whether its machine is charging."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from fednet import limits
from fednet.contract import Permission, requires
from fednet.storage import Document, Query

from .listing import documents
from .reports import NewReport, Report, keep
from .resource import Resource, add_get_route, add_list_routes
from .services import services


class NewAttribute(NewReport):
    """An attribute's new value."""

    value: str = Field(max_length=limits.text_characters_max)


class Attribute(Report):
    """The value that an attribute had from this time on."""

    value: str


class AskedClients(BaseModel):
    """The clients whose attributes are asked for."""

    model_config = ConfigDict(extra="forbid")

    client_ids: list[str] = Field(min_length=1, max_length=limits.page_items_max)


class CurrentAttributes(RootModel[dict[str, str]]):
    """A client's attributes by their keys."""


class AttributesOfClients(RootModel[dict[str, CurrentAttributes | str]]):
    """For each client what is true of it now; a text where there is no such client."""


RESOURCE = Resource("attributes", Permission.ATTRIBUTES_READ, shape=Attribute)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/", summary="Set an attribute of a client", responses={"201": Attribute})
@requires(Permission.ATTRIBUTES_WRITE)
def add(body: NewAttribute) -> tuple[Document, int]:
    """Keep the new value; the values before stay in the list."""
    return RESOURCE.show(keep("attributes", body)), 201


@api.post(
    "/current",
    summary="What is true of some clients now",
    responses={"200": AttributesOfClients},
)
@requires(Permission.ATTRIBUTES_READ)
def current(body: AskedClients) -> dict[str, Any]:
    """For each client its attributes by their keys, or a text that says that there is no such client."""
    return {asked: _current_or_none(asked) for asked in body.client_ids}


def current_attributes(client: Document) -> dict[str, str]:
    """Return a client's attributes by their keys, each with its newest value."""
    known_as = {"source.id": [client["id"], client["name"]]}
    reported = documents("attributes", Query(where=known_as, sort="timestamp"))
    return {each["key"]: each["value"] for each in reported}


def _current_or_none(client_id: str) -> dict[str, str] | str:
    client = services().records.lookup("clients", client_id)
    return current_attributes(client) if client else f"There is no client {client_id!r}."
