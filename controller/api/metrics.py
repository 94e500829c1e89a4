"""Metrics: numbers that clients report, each at a step of its own."""

from fednet.contract import Permission

from .resource import (
    Resource,
    Shown,
    ShownClient,
    add_get_route,
    add_list_routes,
)


class Metric(Shown):
    """One number."""

    key: str
    """What was measured."""

    value: float
    step: int | None
    model_id: str
    round_id: str
    session_id: str
    timestamp: str
    """When it was measured: ISO 8601, UTC."""

    client: ShownClient


RESOURCE = Resource("metrics", Permission.RESULTS_READ, shape=Metric)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
