"""Validations: what clients measured of a model."""

from pydantic import Field

from .resource import Alternatives, Filters, Resource, add_get_route, add_list_routes


class ValidationFilters(Filters):
    """What validations can be filtered by."""

    session_id: Alternatives = None
    model_id: Alternatives = None
    correlation_id: Alternatives = None
    sender_name: Alternatives = Field(None, alias="sender.name")
    sender_role: Alternatives = Field(None, alias="sender.role")
    receiver_name: Alternatives = Field(None, alias="receiver.name")
    receiver_role: Alternatives = Field(None, alias="receiver.role")


RESOURCE = Resource("validations", ValidationFilters)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
