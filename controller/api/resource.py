"""What all resources have in common: lists, counts and single objects.

`GET /<resource>/` takes filters in the query; `POST /<resource>/list` takes them as JSON or as a
form, where a comma separates alternatives. Both answer `{"count": all that the filter finds,
"result": the page}`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fednet import limits
from fednet.errors import InvalidInput
from fednet.storage import Document, Query

from .problems import Problem
from .services import services


def _alternatives(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


Alternatives = Annotated[list[str] | None, BeforeValidator(_alternatives)]


class Filters(BaseModel):
    """The fields that a resource can be filtered by; each takes one value or alternatives."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def where(self) -> dict[str, Any]:
        """The filter for the store.

        Raises:
            InvalidInput: A field is asked for that is none of the resource's filters.
        """
        known = [field.alias or name for name, field in type(self).model_fields.items()]
        for unknown in self.model_extra or ():
            raise InvalidInput(
                f"There is no filter {unknown!r} here; there are {', '.join(known)}.", field=unknown
            )
        return self.model_dump(by_alias=True, exclude_none=True)


class Page(BaseModel):
    """Which part of a list is asked for, in which order."""

    limit: int = Field(limits.page_items_default, ge=1, alias="X-Limit")
    skip: int = Field(0, ge=0, alias="X-Skip")
    sort_key: str | None = Field(None, alias="X-Sort-Key")
    sort_order: Literal["asc", "desc"] = Field("desc", alias="X-Sort-Order")

    def query(self, where: dict[str, Any]) -> Query:
        """The store's query for this page; a page has at most limits.page_items_max items."""
        return Query(
            where=where,
            sort=self.sort_key,
            descending=self.sort_order == "desc",
            skip=self.skip,
            limit=min(self.limit, limits.page_items_max),
        )


class ById(BaseModel):
    """Names one object: by its id, or by the name that people know it by."""

    id: str


def _as_stored(documents: Sequence[Document]) -> list[Document]:
    return list(documents)


@dataclass(frozen=True)
class Resource:
    """One kind of object.

    Attributes:
        name: Its name, which is also that of its collection.
        filters: What its lists can be filtered by.
        present: Makes what is shown of what is stored.
        find: Finds one by its id; by default in the collection.
    """

    name: str
    filters: type[Filters]
    present: Callable[[Sequence[Document]], list[Document]] = _as_stored
    find: Callable[[str], Document] | None = None

    def blueprint(self) -> APIBlueprint:
        """An empty blueprint for its routes."""
        return APIBlueprint(
            self.name,
            __name__,
            url_prefix=f"/api/v1/{self.name}",
            abp_tags=[{"name": self.name}],
            abp_responses={"4XX": Problem, "422": Problem},
        )

    def show(self, document: Document) -> Document:
        """What is shown of one object."""
        return self.present([document])[0]

    def get(self, key: str) -> Document:
        """One object as it is stored.

        Raises:
            NotFound: There is none.
        """
        return self.find(key) if self.find else services().records.get(self.name, key)

    def page(self, where: dict[str, Any], page: Page) -> dict[str, Any]:
        """One page of the objects that the filter finds, and how many there are in all."""
        query = page.query(where)
        records = services().records
        found = records.find(self.name, query)
        return {"count": records.count(self.name, query), "result": self.present(found)}


def add_list_routes(api: APIBlueprint, resource: Resource) -> None:
    """Add the resource's lists and counts."""

    def list_(query: Filters, header: Page) -> dict[str, Any]:
        return resource.page(query.where(), header)

    def list_by_post(header: Page) -> dict[str, Any]:
        return resource.page(_posted_filters(resource), header)

    def count(query: Filters) -> Response:
        return _count(resource, query.where())

    def count_by_post() -> Response:
        return _count(resource, _posted_filters(resource))

    for view in (list_, count):
        view.__annotations__["query"] = resource.filters
    api.get("/", summary="List, filtered by the query", endpoint="list")(list_)
    api.post("/list", summary="List, filtered by the body")(list_by_post)
    api.get("/count", summary="Count, filtered by the query")(count)
    api.post("/count", summary="Count, filtered by the body")(count_by_post)


def add_get_route(api: APIBlueprint, resource: Resource) -> None:
    """Add the route of the single object."""

    def get(path: ById) -> Document:
        return resource.show(resource.get(path.id))

    api.get("/<string:id>", summary="One of them")(get)


def _count(resource: Resource, where: dict[str, Any]) -> Response:
    return jsonify(services().records.count(resource.name, Query(where=where)))


def _posted_filters(resource: Resource) -> dict[str, Any]:
    given = request.get_json() if request.is_json else request.form.to_dict()
    return resource.filters.model_validate(given).where()
