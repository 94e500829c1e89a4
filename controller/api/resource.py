"""The routes that all resources share: lists, counts and single objects.

`GET /<resource>/` takes filters in the query; `POST /<resource>/list` takes them as JSON or as a
form, where a comma separates alternatives. Both answer `{"count": all that the filter finds,
"result": the page}`; without `X-Limit` the page is the whole list, see `listing`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.media_type import MediaType
from flask_openapi.models.request_body import RequestBody
from flask_openapi.models.schema import Schema
from flask_openapi.types import ResponseDict
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    create_model,
    model_validator,
)

from fednet import limits
from fednet.contract import Permission, Text, requires, resource_named
from fednet.errors import InvalidInput
from fednet.storage import Document, Query

from .dialect import dialect
from .listing import list_answer
from .openapi import operation_id
from .problems import REFUSALS
from .services import services

View = TypeVar("View", bound=Callable[..., Any])


def _alternatives(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


Alternatives = Annotated[
    list[Text] | None,
    BeforeValidator(_alternatives, json_schema_input_type=list[Text] | Text | None),
]


class Asked(BaseModel):
    """The values of a request's query or headers.

    Flask-OpenAPI looks at the schema at each request; to make it anew would be half of the time.
    """

    @classmethod
    @cache
    def model_json_schema(  # type: ignore[override]  # the cache hides the signature
        cls, *args: Any, **options: Any
    ) -> dict[str, Any]:
        """Return the JSON schema, made once for each class and set of options."""
        return super().model_json_schema(*args, **options)


class Filters(Asked):
    """The fields that a resource can be filtered by; each takes one value or alternatives."""

    model_config = ConfigDict(
        extra="allow", frozen=True, json_schema_extra={"additionalProperties": False}
    )

    @model_validator(mode="before")
    @classmethod
    def _in_own_words(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given  # no JSON object: the validation that follows says so
        return dialect().asked(given, cls.known())

    @classmethod
    def known(cls) -> list[str]:
        """Return the names of the fields."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    def where(self) -> dict[str, Any]:
        """Return the filter for the store.

        Raises:
            InvalidInput: A field is asked for that is none of the resource's filters.
        """
        for unknown in self.model_extra or ():
            known = ", ".join(self.known())
            raise InvalidInput(
                f"There is no filter {unknown!r} here; there are {known}.", field=unknown
            )
        return self.model_dump(by_alias=True, exclude_none=True)


@cache
def filters_of(resource: str) -> type[Filters]:
    """Return the model of a request's filters, made from the resource's declaration."""
    declared = resource_named(resource)
    fields: dict[str, Any] = {
        each.path.replace(".", "_"): (
            Alternatives,
            Field(None, alias=each.path, description=each.meaning),
        )
        for each in declared.filters
    }
    return create_model(f"{declared.one.title()}Filters", __base__=Filters, **fields)


class Page(Asked):
    """The part of a list that is asked for, and its order."""

    limit: int | None = Field(None, ge=1, le=limits.skipped_documents_max, alias="X-Limit")
    skip: int = Field(0, ge=0, le=limits.skipped_documents_max, alias="X-Skip")
    sort_key: str | None = Field(None, alias="X-Sort-Key")
    sort_order: Literal["asc", "desc"] = Field("desc", alias="X-Sort-Order")

    def query(self, where: dict[str, Any], known: Collection[str]) -> Query:
        """Return the store's query for this page; without a limit it is the whole list.

        Args:
            where: The filter.
            known: The names of the resource's fields.
        """
        return Query(
            where=where,
            sort=dialect().field(self.sort_key, known) if self.sort_key else None,
            descending=self.sort_order == "desc",
            skip=self.skip,
            limit=self.limit,
        )


class ById(BaseModel):
    """Names one object: by its id, or by the name that people know it by."""

    id: str


class Shown(BaseModel):
    """An object as it is shown; it may have more fields than are described."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    id: str
    """Unique among the objects of its kind."""

    version: int
    """1 when it was made, one more after each change."""


class ShownClient(BaseModel):
    """A client, as the objects that it has sent name it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Empty in objects that version 0.1.0 has stored."""

    name: str


class Source(BaseModel):
    """A part of the network that says something."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    kind: Text = Field(default="", max_length=limits.name_characters_max)
    """client, combiner, or whatever whoever reports calls itself."""

    name: Text = Field(default="", max_length=limits.name_characters_max)

    id: Text = Field(default="", max_length=limits.name_characters_max)
    """A client's id; in a report its name will do, too."""


class Maker(BaseModel):
    """The principal who made something."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kind: str
    """user, client, combiner or controller."""

    id: str
    name: str


class Succeeded(BaseModel):
    """It is done."""

    success: Literal[True]
    message: str


class Number(RootModel[int]):
    """A count."""


def _as_stored(documents: Sequence[Document]) -> list[Document]:
    return list(documents)


@dataclass(frozen=True)
class Resource:
    """One kind of object.

    Attributes:
        name: Its name, under which `fednet.contract` declares it.
        reads: The permission to read it.
        completed: Makes what is shown of what is stored, in the same order.
        find: Finds one by its id; by default in the collection.
        shape: Describes what is shown of one.
    """

    name: str
    reads: Permission
    completed: Callable[[Sequence[Document]], list[Document]] = _as_stored
    find: Callable[[str], Document] | None = None
    shape: type[Shown] = Shown

    @property
    def filters(self) -> type[Filters]:
        """The fields by which its lists can be filtered."""
        return filters_of(self.name)

    @property
    def listing(self) -> type[BaseModel]:
        """Describes what its lists answer."""
        result: Any = list.__class_getitem__(self.shape)
        return create_model(f"{self.shape.__name__}List", count=(int, ...), result=(result, ...))

    def blueprint(self) -> APIBlueprint:
        """Return an empty blueprint for its routes."""
        return APIBlueprint(
            self.name,
            __name__,
            url_prefix=f"/api/v1/{self.name}",
            abp_tags=[{"name": self.name}],
            abp_responses=REFUSALS,
            operation_id_callback=operation_id,
        )

    def show(self, document: Document) -> Document:
        """Return one object as the caller sees it."""
        return self.show_all([document])[0]

    def show_all(self, documents: Sequence[Document]) -> list[Document]:
        """Return several objects as the caller sees them."""
        return dialect().shown(self.name, self.completed(documents))

    def get(self, key: str) -> Document:
        """Return one object as it is stored.

        Raises:
            NotFound: There is none.
        """
        return self.find(key) if self.find else services().records.get(self.name, key)

    def page(self, where: dict[str, Any], page: Page) -> Response:
        """Return one page of the objects that the filter finds, and how many there are in all."""
        return list_answer(self.name, page.query(where, self.filters.known()), self.show_all)


def add_list_routes(api: APIBlueprint, resource: Resource) -> None:
    """Add the resource's lists and counts."""
    readable = requires(resource.reads)

    @readable
    def list_(query: Filters, header: Page) -> Response:
        """List the objects that the query's filters match, newest first by default; X-Limit asks for a page."""
        return resource.page(query.where(), header)

    @readable
    def list_by_post(header: Page) -> Response:
        """List the objects that the body's filters match; a comma separates alternatives, X-Limit asks for a page."""
        return resource.page(_posted_filters(resource), header)

    @readable
    def count(query: Filters) -> Response:
        """Count the objects that the query's filters match."""
        return _count(resource, query.where())

    @readable
    def count_by_post() -> Response:
        """Count the objects that the body's filters match; a comma separates alternatives."""
        return _count(resource, _posted_filters(resource))

    for view in (list_, count):
        takes_filters(resource)(view)
    name, body = resource.name, _filters_in_a_body(resource.filters)
    listed: ResponseDict = {"200": resource.listing}
    counted: ResponseDict = {"200": Number}
    api.get("/", summary=f"List {name}", endpoint="list", responses=listed)(list_)
    api.post("/list", summary=f"List {name}", request_body=body, responses=listed)(list_by_post)
    api.get("/count", summary=f"Count {name}", responses=counted)(count)
    api.post("/count", summary=f"Count {name}", request_body=body, responses=counted)(count_by_post)


def takes_filters(resource: Resource) -> Callable[[View], View]:
    """Let the query of a view be the filters of a resource."""

    def decorate(view: View) -> View:
        view.__annotations__["query"] = resource.filters
        return view

    return decorate


def add_get_route(api: APIBlueprint, resource: Resource) -> None:
    """Add the route of the single object."""

    @requires(resource.reads)
    def get(path: ById) -> Document:
        """Return one object, by its id or by the name that people know it by."""
        return resource.show(resource.get(path.id))

    one: ResponseDict = {"200": resource.shape}
    api.get("/<string:id>", summary=f"One of the {resource.name}", responses=one)(get)


def _count(resource: Resource, where: dict[str, Any]) -> Response:
    return jsonify(services().records.count(resource.name, Query(where=where)))


def _filters_in_a_body(filters: type[Filters]) -> RequestBody:
    content = MediaType(schema=Schema(**filters.model_json_schema()))
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return RequestBody(content=dict.fromkeys(kinds, content))


def _posted_filters(resource: Resource) -> dict[str, Any]:
    given = request.get_json() if request.is_json else request.form.to_dict()
    return resource.filters.model_validate(given).where()
