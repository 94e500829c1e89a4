"""Statuses: what happened in the network, as its parts logged it."""

from pydantic import Field

from .resource import Alternatives, Filters, Resource, add_get_route, add_list_routes


class StatusFilters(Filters):
    """What statuses can be filtered by."""

    type: Alternatives = None
    log_level: Alternatives = None
    session_id: Alternatives = None
    correlation_id: Alternatives = None
    sender_name: Alternatives = Field(None, alias="sender.name")
    sender_role: Alternatives = Field(None, alias="sender.role")


RESOURCE = Resource("statuses", StatusFilters)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
