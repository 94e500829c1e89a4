"""Clients: who they are, where they are placed, and how one joins."""

from collections.abc import Sequence
from typing import Any, Literal

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.contract import Name, Permission, Text, requires
from fednet.readiness import Readiness
from fednet.storage import Document

from .access import caller, caller_claims, unaudited
from .attributes import CurrentAttributes, current_attributes
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


class ClientRegistration(BaseModel):
    """The registration of a client."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    needs_package: bool
    sandbox: Literal["bwrap", "process", "none"] | None = None
    preferred_combiner: Text | None = Field(None, max_length=limits.name_characters_max)
    enrolment_id: EnrolmentId = None


class ClientMembership(BaseModel):
    """The credentials of a client, and its combiner."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    name: str
    token: str = Field(repr=False)
    """For the REST API, and for coming back under this name."""

    combiner: str
    """The name of the combiner that it is placed on."""

    address: str
    """Where that combiner is reached, as host:port."""

    tls: bool
    """True if it is reached over TLS."""

    placement_token: str = Field(repr=False)
    """For that combiner alone."""

    placement_seconds: float
    """The life of that token. Renew it before it ends."""

    object_store: str = ""
    """Where it reaches the network's object store, as https://host:port; it fetches files from no other address."""

    time: float
    """The controller's clock, in seconds since 1970: a client compares its own."""


class AwaitedApproval(BaseModel):
    """An approval that a client awaits from its site's owner."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    digest: str
    """The SHA-256 of the package, or of the settings."""

    session_id: str
    """The session that gives the settings; empty for a package."""


class Client(Shown):
    """A site's identity in the network."""

    name: str
    combiner: str
    """The name of the combiner that it is placed on."""

    preferred_combiner: str | None
    ip: str | None
    status: Literal["available", "online", "offline"]
    """Registered, connected, or not connected any more."""

    readiness: Literal["READY", "PREPARING", "WAITING_APPROVAL"] | None = None
    """READY for tasks, or the reason why it is asked for none, or for none that need an approval; null if it is not
    connected."""

    preparing: str | None = None
    """The step of its preparation for tasks, such as the installation of its python_env; null if it is ready."""

    awaiting_approval: list[AwaitedApproval] | None = None
    """The packages and settings that wait for its owner's approval; null if none does."""

    needs_package: bool = True
    """It runs the network's compute package."""

    sandbox: Literal["bwrap", "process", "none"] | None = None
    """The sandbox in which packages run there; null for a client with its own code."""

    updated_at: str
    """ISO 8601, UTC."""


def completed(clients: Sequence[Document]) -> list[Document]:
    """Return clients as they are shown, each with what it waits for."""
    known = services().registry.presence.readiness()
    return [{**each, **_waits(known.get(each["id"]))} for each in without_token_ids(clients)]


def _waits(readiness: Readiness | None) -> Document:
    """Return the fields that say what a client waits for; None stands for a client that is not connected."""
    if readiness is None:
        return {"readiness": None, "preparing": None, "awaiting_approval": None}
    return {
        "readiness": readiness.status,
        "preparing": readiness.step or None,
        "awaiting_approval": [vars(each) for each in readiness.awaited] or None,
    }


RESOURCE = Resource("clients", Permission.NETWORK_READ, completed=completed, shape=Client)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.get(
    "/<string:id>/attributes",
    summary="What is true of a client now",
    responses={"200": CurrentAttributes},
)
@requires(Permission.ATTRIBUTES_READ)
def attributes(path: ById) -> dict[str, str]:
    """Answer with the client's attributes by their keys."""
    return current_attributes(RESOURCE.get(path.id))


@api.delete("/<string:id>", summary="Forget a client", responses={"200": Succeeded})
@requires(Permission.NETWORK_WRITE)
def remove(path: ById) -> dict[str, Any]:
    """Forget a client; its streams end within seconds, and its name is free again."""
    client = RESOURCE.get(path.id)
    services().registry.forget_client(caller(), client["id"])
    return {"success": True, "message": "Client deleted."}


@api.post(
    "/register",
    summary="Join the network as a client, or come back to it",
    responses={"200": ClientMembership},
)
@requires(Permission.CLIENTS_JOIN)
def register(body: ClientRegistration) -> dict[str, Any]:
    """Give a client its id, its token and its combiner."""
    return services().registry.register_client(
        caller_claims(),
        body.name,
        request.remote_addr,
        needs_package=body.needs_package,
        sandbox=body.sandbox,
        preferred_combiner=body.preferred_combiner,
        enrolment_id=body.enrolment_id,
    )


@api.post(
    "/renew",
    summary="Get a client's tokens anew, before they end",
    responses={"200": ClientMembership},
)
@requires(Permission.CLIENTS_JOIN)
@unaudited
def renew() -> dict[str, Any]:
    """Give a client that shows its own token this and its placement with a later end."""
    return services().registry.renew_client(caller_claims())
