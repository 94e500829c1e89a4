"""FEDn's configuration of a client: where the network is, and the digest of the package that it runs."""

from typing import Any
from urllib.parse import urlsplit

from flask import request
from pydantic import BaseModel, ConfigDict

from fednet.addresses import url_host
from fednet.errors import NotFound

from ...api.services import services


class ConfigQuery(BaseModel):
    """A choice of what the configuration holds."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    checksum: bool = True
    """True for the SHA-256 of the active package, if there is one."""


def client_config(*, with_checksum: bool) -> dict[str, Any]:
    """Return what a client needs to find this network; the checksum is that of the active package, if any."""
    address = urlsplit(request.host_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    host = url_host(address.hostname or "")  # FEDn's client writes a port behind it
    found = {"network_id": "fednet", "discover_host": host, "discover_port": port}
    return {**found, **(_checksum() if with_checksum else {})}


def _checksum() -> dict[str, str]:
    try:
        return {"checksum": services().catalog.active_package()["sha256"]}
    except NotFound:
        return {}
