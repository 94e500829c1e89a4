"""Validations: what clients measured of a model."""

from typing import Any

from pydantic import Field

from fednet.contract import Permission

from .resource import (
    Alternatives,
    Filters,
    Resource,
    Shown,
    ShownClient,
    add_get_route,
    add_list_routes,
)


class ValidationFilters(Filters):
    """What validations can be filtered by."""

    session_id: Alternatives = None
    model_id: Alternatives = None
    task_id: Alternatives = None
    client_id: Alternatives = Field(None, alias="client.id")
    client_name: Alternatives = Field(None, alias="client.name")
    combiner: Alternatives = None


class ShownValidation(Shown):
    """What one client measured of one model."""

    model_id: str
    session_id: str
    round_id: str
    """The id of the round's document."""

    task_id: str
    """The task that asked for it."""

    timestamp: str
    """When it was measured: ISO 8601, UTC."""

    metrics: Any
    """The metrics by name; a text where the client gave no JSON."""

    client: ShownClient
    combiner: str
    """The combiner that asked."""


RESOURCE = Resource(
    "validations", ValidationFilters, Permission.RESULTS_READ, shape=ShownValidation
)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
