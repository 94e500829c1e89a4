"""Validations: what clients measured of a model."""

from typing import Any

from pydantic import Field

from fednet.contract import Permission

from .resource import Alternatives, Filters, Party, Resource, Shown, add_get_route, add_list_routes


class ValidationFilters(Filters):
    """What validations can be filtered by."""

    session_id: Alternatives = None
    model_id: Alternatives = None
    correlation_id: Alternatives = None
    sender_name: Alternatives = Field(None, alias="sender.name")
    sender_role: Alternatives = Field(None, alias="sender.role")
    receiver_name: Alternatives = Field(None, alias="receiver.name")
    receiver_role: Alternatives = Field(None, alias="receiver.role")


class ShownValidation(Shown):
    """What one client measured of one model."""

    model_id: str
    session_id: str
    round_id: str
    """The id of the round's document."""

    correlation_id: str
    """The task that asked for it."""

    timestamp: str
    """When it was measured: ISO 8601, UTC."""

    data: str
    """The metrics by name, as JSON."""

    metrics: Any
    """The same as an object; the text itself where it is no JSON."""

    meta: str = ""
    sender: Party
    receiver: Party


RESOURCE = Resource(
    "validations", ValidationFilters, Permission.RESULTS_READ, shape=ShownValidation
)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
