"""Rounds: what each took in and gave."""

from .resource import Alternatives, Filters, Resource, add_get_route, add_list_routes


class RoundFilters(Filters):
    """What rounds can be filtered by."""

    round_id: Alternatives = None
    session_id: Alternatives = None
    status: Alternatives = None


RESOURCE = Resource("rounds", RoundFilters)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
