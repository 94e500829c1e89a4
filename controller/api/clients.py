"""Clients: who they are, where they are placed, and how one joins."""

from typing import Any

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits

from .access import caller
from .resource import Alternatives, Filters, Resource, add_get_route, add_list_routes
from .services import services


class ClientFilters(Filters):
    """What clients can be filtered by."""

    name: Alternatives = None
    combiner: Alternatives = None
    combiner_preferred: Alternatives = None
    ip: Alternatives = None
    status: Alternatives = None
    updated_at: Alternatives = None


class ClientRegistration(BaseModel):
    """What a client says of itself."""

    model_config = ConfigDict(extra="forbid")

    name: str
    needs_package: bool
    preferred_combiner: str | None = Field(None, max_length=limits.name_characters_max)


RESOURCE = Resource("clients", ClientFilters)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/register", summary="Join the network, or come back to it")
def register(body: ClientRegistration) -> dict[str, Any]:
    """Give a client its id, its token and its combiner."""
    return services().registry.register_client(
        caller(),
        body.name,
        request.remote_addr,
        needs_package=body.needs_package,
        preferred_combiner=body.preferred_combiner,
    )
