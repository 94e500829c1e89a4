"""Reads resources through REST: one object, a count, and a list page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fednet import limits
from fednet.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fednet.http import Http


def object_of(http: Http, resource: str, key: str) -> dict[str, Any]:
    """Return one object, by its id or another key.

    Raises:
        NotFound: There is no such object.
    """
    return dict(http.call("GET", f"/api/v1/{resource}/{quote(key, safe='')}"))


def named_object_of(http: Http, resource: str, key: str | None, name: str | None) -> dict[str, Any]:
    """Return one object by its id, or else the newest one with a name.

    Raises:
        InvalidInput: Neither is given.
        NotFound: There is no such object.
    """
    if key is not None:
        return object_of(http, resource, key)
    if name is None:
        raise InvalidInput("Give the id or the name.", field="id")
    found = list_of(http, resource, 1, {"name": name})["result"]
    if not found:
        raise NotFound(f"There is nothing with the name {name!r} among the {resource}.")
    return dict(found[0])


def count_of(http: Http, resource: str) -> int:
    """Return the number of objects."""
    return int(http.call("GET", f"/api/v1/{resource}/count"))


def list_of(
    http: Http,
    route: str,
    n_max: int | None,
    filters: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """Return a list's count and its newest objects; additions move the pages, so objects are told apart by id."""
    found: dict[str, dict[str, Any]] = {}
    skip = 0
    while True:
        wanted = page_size(n_max, len(found))
        page = http.call(
            "GET",
            f"/api/v1/{route}/",
            query=filters,
            headers={"X-Limit": str(wanted), "X-Skip": str(skip)},
        )
        found |= {item["id"]: item for item in page["result"]}
        skip += len(page["result"])
        if len(page["result"]) < wanted or len(found) == n_max:
            return {"count": page["count"], "result": list(found.values())}


def page_size(n_max: int | None, got: int) -> int:
    """Return the number of objects to ask for next."""
    return limits.page_items_max if n_max is None else min(n_max - got, limits.page_items_max)
