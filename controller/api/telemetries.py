"""Telemetries: figures on the state of the machines, such as their memory in use."""

from pydantic import Field

from fednet.contract import Permission, requires
from fednet.storage import Document

from .reports import NewReport, Report, keep
from .resource import Resource, add_get_route, add_list_routes


class NewTelemetry(NewReport):
    """A new figure."""

    value: float = Field(allow_inf_nan=False)


class Telemetry(Report):
    """One figure."""

    value: float


RESOURCE = Resource("telemetries", Permission.TELEMETRIES_READ, shape=Telemetry)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/", summary="Report a figure", responses={"201": Telemetry})
@requires(Permission.TELEMETRIES_WRITE)
def add(body: NewTelemetry) -> tuple[Document, int]:
    """Keep the figure, with the present time."""
    return RESOURCE.show(keep("telemetries", body)), 201
