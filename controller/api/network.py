"""The network as a whole: the state of its controllers, and its address for clients."""

from typing import Any, Literal
from urllib.parse import urlsplit

from flask import request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict

from fednet.addresses import url_host
from fednet.contract import Permission, requires
from fednet.errors import NotFound
from fednet.storage import Query

from ..sessions.machine.state import Status
from .openapi import operation_id
from .problems import REFUSALS
from .services import services


class NetworkState(BaseModel):
    """The work of the network."""

    state: Literal["setup", "idle", "monitoring"]


class ConfigQuery(BaseModel):
    """A choice of what the configuration holds."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    checksum: bool = True
    """True for the SHA-256 of the active package, if there is one."""


class ClientConfig(BaseModel):
    """The address of the network, as the caller reaches it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    network_id: str
    discover_host: str
    discover_port: int

    checksum: str | None = None
    """The SHA-256 of the active package, in hexadecimal; absent if there is none, or if it is not asked for."""


api = APIBlueprint(
    "network",
    __name__,
    url_prefix="/api/v1/network",
    abp_tags=[{"name": "network"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("/state", summary="The work of the network", responses={"200": NetworkState})
@requires(Permission.SESSIONS_READ)
def state() -> dict[str, str]:
    """Answer `setup` until there is a model, `monitoring` while a session runs, else `idle`."""
    return {"state": network_state()}


@api.get(
    "/client-config",
    summary="The address of the network for clients",
    responses={"200": ClientConfig},
)
@requires(Permission.NETWORK_READ)
def config(query: ConfigQuery) -> dict[str, Any]:
    """Answer with the address that was called."""
    return client_config(with_checksum=query.checksum)


def network_state() -> Literal["setup", "idle", "monitoring"]:
    """Return the work of the network in a word."""
    records = services().records
    if records.active()["model_id"] is None:
        return "setup"
    running = [str(status) for status in Status if not status.is_final]
    return "monitoring" if records.count("sessions", Query(where={"status": running})) else "idle"


def client_config(*, with_checksum: bool) -> dict[str, Any]:
    """Return what a client needs to find this network; the checksum is that of the active package, if any."""
    address = urlsplit(request.host_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    host = url_host(address.hostname or "")  # a reader writes a port behind it
    found = {"network_id": "fednet", "discover_host": host, "discover_port": port}
    return {**found, **(_checksum() if with_checksum else {})}


def _checksum() -> dict[str, str]:
    try:
        return {"checksum": services().catalog.active_package()["sha256"]}
    except NotFound:
        return {}
