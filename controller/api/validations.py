"""Validations: what clients measured of a model."""

from typing import Any

from fednet.contract import Permission

from .resource import (
    Resource,
    Shown,
    ShownClient,
    add_get_route,
    add_list_routes,
)


class ShownValidation(Shown):
    """One client's metrics of one model."""

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


RESOURCE = Resource("validations", Permission.RESULTS_READ, shape=ShownValidation)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
