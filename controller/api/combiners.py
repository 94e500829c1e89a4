"""Combiners: where they are, and how one joins."""

from collections.abc import Sequence
from typing import Any

from flask import request
from pydantic import BaseModel, ConfigDict

from fednet import limits
from fednet.storage import Document

from .access import caller
from .resource import Alternatives, Filters, Resource, add_get_route, add_list_routes
from .services import services


class CombinerFilters(Filters):
    """What combiners can be filtered by."""

    name: Alternatives = None
    address: Alternatives = None
    ip: Alternatives = None


class CombinerRegistration(BaseModel):
    """What a combiner says of itself."""

    model_config = ConfigDict(extra="forbid")

    name: str
    address: str


def present(combiners: Sequence[Document]) -> list[Document]:
    """Combiners in FEDn's form, which has fields for a certificate and a key: ours are empty."""
    fixed = {
        "parent": {"name": "api"},
        "certificate": None,
        "key": None,
        "config": {"max_clients": limits.combiner_clients_max},
    }
    return [{**combiner, **fixed} for combiner in combiners]


RESOURCE = Resource("combiners", CombinerFilters, present=present)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/register", summary="Join the network, or come back to it")
def register(body: CombinerRegistration) -> dict[str, Any]:
    """Give a combiner its id, its token and what it needs to verify the tokens of others."""
    return services().registry.register_combiner(
        caller(), body.name, body.address, request.remote_addr
    )
