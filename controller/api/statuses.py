"""Statuses: what happened in the network, as its parts logged it."""

from pydantic import Field

from fednet.contract import Permission

from .resource import Alternatives, Filters, Party, Resource, Shown, add_get_route, add_list_routes


class StatusFilters(Filters):
    """What statuses can be filtered by."""

    type: Alternatives = None
    log_level: Alternatives = None
    session_id: Alternatives = None
    correlation_id: Alternatives = None
    sender_name: Alternatives = Field(None, alias="sender.name")
    sender_role: Alternatives = Field(None, alias="sender.role")


class ShownStatus(Shown):
    """One thing that happened."""

    type: str
    """LOG, or the kind of task that it is about, such as MODEL_UPDATE."""

    log_level: str
    """INFO, DEBUG, WARNING, ERROR or AUDIT."""

    status: str
    """What happened, in a sentence."""

    data: str
    """More of it, as JSON."""

    timestamp: str
    """When it happened: ISO 8601, UTC."""

    session_id: str
    """The session that it belongs to; empty for none."""

    correlation_id: str
    """The task that it belongs to; empty for none."""

    extra: str = ""
    sender: Party


RESOURCE = Resource("statuses", StatusFilters, Permission.STATUSES_READ, shape=ShownStatus)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
