"""FEDn 0.33's routes on clients that we have not: their configuration, and their way to join."""

from typing import Any, NoReturn

from fednet.contract import Permission, requires

from ....api.network import ConfigQuery, client_config
from ..refusals import refuse_clients
from .parts import v1_blueprint

api = v1_blueprint("clients", "clients")


@api.get("/config")
@requires(Permission.NETWORK_READ)
def config(query: ConfigQuery) -> dict[str, Any]:
    """Answer with FEDn's client configuration; the address is the one that was called."""
    return client_config(with_checksum=query.checksum)


@api.post("/add")
@requires(Permission.CLIENTS_JOIN)
def add() -> NoReturn:
    """Refuse."""
    refuse_clients()
