"""Combiners: where they are, and how one joins."""

from collections.abc import Sequence
from typing import Any

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from fednet.contract import Name, Permission, requires

from .access import caller, caller_claims, unaudited
from .enrolment import EnrolmentId, without_token_ids
from .resource import (
    ById,
    Resource,
    Shown,
    Succeeded,
    add_get_route,
    add_list_routes,
)
from .services import services


class CombinerRegistration(BaseModel):
    """The registration of a combiner."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    address: str
    tls: bool = False
    enrolment_id: EnrolmentId = None


class AskedCombiners(BaseModel):
    """The combiners whose clients are counted."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    combiners: str = ""
    """Names, separated by commas."""


class Load(BaseModel):
    """The number of clients that are connected to a combiner."""

    combiner: str
    count: int


class Loads(BaseModel):
    """The number of connected clients of each combiner that has any."""

    result: list[Load]


class CombinerMembership(BaseModel):
    """The credentials of a combiner, and what it must know of the network."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    name: str
    token: str = Field(repr=False)
    """For the REST API, and for coming back under this name."""

    public_keys: list[str]
    """Verify the tokens of others: PEM, the newest first."""

    time: float
    """The controller's clock, in seconds since 1970: a combiner compares its own."""

    blob_store: str | None = Field(default=None, repr=False)
    """The URL of the blobs' folder, if they are in one: for a combiner that sees the same folder."""

    blob_store_mark: str | None = None
    """What is in the file `.mark` of that folder."""


class Combiner(Shown):
    """One combiner."""

    name: str
    address: str
    """Its host."""

    port: int
    tls: bool = False
    """True if it is reached over TLS."""

    ip: str | None
    updated_at: str
    """ISO 8601, UTC."""


RESOURCE = Resource(
    "combiners", Permission.NETWORK_READ, completed=without_token_ids, shape=Combiner
)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post(
    "/clients/count", summary="How many clients are connected to each", responses={"200": Loads}
)
@requires(Permission.NETWORK_READ)
def clients_count(body: AskedCombiners) -> dict[str, Any]:
    """Answer for the combiners with these names, separated by commas; for all if none is given."""
    return {"result": loads(body.combiners.split(",") if body.combiners else None)}


def loads(names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Count the connected clients of the combiners with these names; the fullest comes first."""
    connected = services().registry.presence.connected()
    counts = {name: len(connected[name]) for name in connected if names is None or name in names}
    fullest_first = sorted(counts, key=lambda name: (-counts[name], name))
    return [{"combiner": name, "count": counts[name]} for name in fullest_first if counts[name]]


@api.delete("/<string:id>", summary="Forget a combiner", responses={"200": Succeeded})
@requires(Permission.NETWORK_WRITE)
def remove(path: ById) -> dict[str, Any]:
    """Forget a combiner; controllers call it no more, and its name is free again."""
    combiner = RESOURCE.get(path.id)
    services().registry.forget_combiner(caller(), combiner)
    return {"success": True, "message": "Combiner deleted."}


@api.post(
    "/register",
    summary="Join the network as a combiner, or come back to it",
    responses={"200": CombinerMembership},
)
@requires(Permission.COMBINERS_JOIN)
def register(body: CombinerRegistration) -> dict[str, Any]:
    """Give a combiner its id, its token and what it needs to verify the tokens of others."""
    return services().registry.register_combiner(
        caller_claims(),
        body.name,
        body.address,
        request.remote_addr,
        body.enrolment_id,
        tls=body.tls,
    )


@api.post(
    "/renew",
    summary="Get a combiner's token anew, before it ends",
    responses={"200": CombinerMembership},
)
@requires(Permission.COMBINERS_JOIN)
@unaudited
def renew() -> dict[str, Any]:
    """Give a combiner that shows its own token this with a later end, and the keys of the network."""
    return services().registry.renew_combiner(caller_claims())
