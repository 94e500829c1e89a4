"""Statuses: what happened in the network, as its parts logged it."""

from typing import Any

from fednet.contract import Permission

from .resource import Resource, Shown, Source, add_get_route, add_list_routes


class ShownStatus(Shown):
    """One thing that happened."""

    type: str
    """LOG, or the kind of task that it is about, such as MODEL_UPDATE."""

    log_level: str
    """INFO, DEBUG, WARNING, ERROR or AUDIT."""

    message: str
    """What happened, in a sentence."""

    details: Any
    """More of it: the round, the model, the client, and what belongs to the type."""

    timestamp: str
    """When it happened: ISO 8601, UTC."""

    session_id: str
    """The session that it belongs to; empty for none."""

    task_id: str
    """The task that it belongs to; empty for none."""

    source: Source
    """The client or combiner that says so."""


RESOURCE = Resource("statuses", Permission.STATUSES_READ, shape=ShownStatus)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
