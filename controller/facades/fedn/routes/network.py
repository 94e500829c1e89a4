"""FEDn's root routes on the controller, the combiners and the clients."""

from typing import Any, NoReturn

from flask import Response, jsonify
from pydantic import BaseModel

from fednet.contract import Permission, requires
from fednet.storage import Query

from ....api import combiners
from ....api.listing import list_answer
from ....api.network import ConfigQuery, client_config, network_state
from ..refusals import not_there, refuse_clients
from ..words_out import shown
from .parts import Slice, only, root_blueprint


class ClientSlice(Slice):
    """The clients that are asked for."""

    status: str | None = None


class OfCombiner(BaseModel):
    """Names a combiner."""

    combiner: str


class AskedLoads(BaseModel):
    """The combiners whose clients are to be counted; all if none is named."""

    combiners: list[str] | None = None


api = root_blueprint("network")


@api.get("/get_controller_status")
@requires(Permission.SESSIONS_READ)
def get_controller_status() -> dict[str, str]:
    """`setup` until there is a model, `monitoring` while a session runs, else `idle`."""
    return {"state": network_state()}


@api.get("/get_client_config")
@requires(Permission.NETWORK_READ)
def get_client_config(query: ConfigQuery) -> dict[str, Any]:
    """Return what a client needs to find this network."""
    return client_config(with_checksum=query.checksum)


@api.get("/list_clients")
@requires(Permission.NETWORK_READ)
def list_clients(query: ClientSlice) -> Response:
    """Return all clients, or those with one status."""
    where = {"status": query.status} if query.status else {}
    return list_answer("clients", query.query(where), _client_forms)


@api.get("/get_active_clients")
@requires(Permission.NETWORK_READ)
def get_active_clients(query: OfCombiner) -> Response:
    """Return the clients that are connected to a combiner; FEDn's own route fails."""
    where = {"combiner": query.combiner, "status": "online"}
    return list_answer("clients", Query(where=where, descending=True), _client_forms)


@api.get("/list_combiners")
@requires(Permission.NETWORK_READ)
def list_combiners(query: Slice) -> Response:
    """Return the names of all combiners."""

    def forms(found: Any) -> list[dict[str, Any]]:
        return [only(each, "name", "updated_at") for each in found]

    return list_answer("combiners", query.query(), forms)


@api.get("/get_combiner")
@requires(Permission.NETWORK_READ)
def get_combiner(query: OfCombiner) -> dict[str, Any]:
    """Return the address of a combiner."""
    combiner = combiners.RESOURCE.get(query.combiner)
    about = only(shown("combiners", [combiner])[0], "address", "fqdn", "port", "updated_at")
    return {combiner["name"]: {**about, "parent_reducer": "api"}}


@api.post("/list_combiners_data")
@requires(Permission.NETWORK_READ)
def list_combiners_data(body: AskedLoads) -> Response:
    """Count the connected clients of each combiner."""
    return jsonify(result=combiners.loads(body.combiners))


@api.post("/add_client")
@requires(Permission.CLIENTS_JOIN)
def add_client() -> NoReturn:
    """Refuse."""
    refuse_clients()


@api.post("/add_combiner")
@requires(Permission.COMBINERS_JOIN)
def add_combiner() -> NoReturn:
    """Refuse; FEDn's answer would hold the stores' passwords."""
    not_there(
        "FEDn's own combiners cannot join this network. Start `fednet combiner start` in its place."
    )


def _client_forms(found: Any) -> list[dict[str, Any]]:
    return [
        {
            **only(each, "combiner", "combiner_preferred", "ip", "status"),
            "id": each["name"],
            "last_seen": each["updated_at"],
        }
        for each in shown("clients", found)
    ]
