"""The stores: how much is in them, what is too much, and its deletion."""

from typing import Annotated, Any

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.contract import Permission, requires

from ..cleaning.cleaner import POSITION_PATTERN, Cleaned, Position, Run
from ..cleaning.usage import usage_of
from .openapi import operation_id
from .problems import REFUSALS
from .resource import Asked
from .services import services

_Position = Annotated[str, Field(pattern=POSITION_PATTERN)]
_Seconds = Annotated[float, Field(ge=0, le=limits.cleaning_age_seconds_max)]


class ShownAmount(BaseModel):
    """A number of objects."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    count: int
    size_bytes: int | None
    """The bytes of their files; null for objects without files."""


class ShownSessionAmount(ShownAmount):
    """The models of one session."""

    session_id: str | None
    """Null for models that no session made."""


class ShownUsage(BaseModel):
    """The figures of what is stored."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kinds: dict[str, ShownAmount]
    """By kind of object; `partials`, `states` and `incoming` are files of running sessions and uploads."""

    sessions: list[ShownSessionAmount]
    """The models of the sessions that use most."""

    ages: dict[str, ShownAmount]
    """The models by age: of at most a day, a week, a month, a year, and older ones."""

    pinned: ShownAmount
    """The pinned models."""


class AskedSurplus(Asked):
    """The place from which to look, and the ages."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    position: _Position | None = None
    """The `next` of the answer before; without it the run begins."""

    older_than_seconds: _Seconds | None = None
    """Replaces the ages of the settings, except for that of the audit log."""


class AskedCleaning(BaseModel):
    """The place from which to clean, and the ages."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    position: _Position | None = None
    """The `next` of the answer before; without it the run begins."""

    older_than_seconds: _Seconds | None = None
    """Replaces the ages of the settings, except for that of the audit log."""


class ShownCleaning(BaseModel):
    """The outcome of some seconds of work."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    count: dict[str, int]
    """The number of objects by kind: `files` are those of models that stay, `orphans` blobs that nothing refers to."""

    size_bytes: dict[str, int]
    """The bytes of the files."""

    next: str | None
    """The position to go on from; null at the end."""


api = APIBlueprint(
    "storage",
    __name__,
    url_prefix="/api/v1/storage",
    abp_tags=[{"name": "storage"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("", summary="How much is stored", responses={"200": ShownUsage})
@requires(Permission.STORAGE_READ)
def usage() -> dict[str, Any]:
    """Answer with counts and bytes by kind, session and age."""
    return usage_of(services().records, services().blobs, services().auditor.log).as_json()


@api.get("/surplus", summary="What would be deleted", responses={"200": ShownCleaning})
@requires(Permission.STORAGE_READ)
def surplus(query: AskedSurplus) -> dict[str, Any]:
    """Look for some seconds, and delete nothing."""
    return _cleaned(
        query.position, Run(only_looks=True, older_than_seconds=query.older_than_seconds)
    )


@api.post("/clean", summary="Delete what is too much", responses={"200": ShownCleaning})
@requires(Permission.STORAGE_WRITE)
def clean(body: AskedCleaning) -> dict[str, Any]:
    """Delete for some seconds; ask again with `next` until that is null."""
    return _cleaned(body.position, Run(older_than_seconds=body.older_than_seconds))


def _cleaned(position: str | None, run: Run) -> dict[str, Any]:
    begin = Position.from_text(position) if position is not None else Position()
    return _told(services().cleaner.clean(begin, run, limits.cleaning_request_seconds))


def _told(cleaned: Cleaned) -> dict[str, Any]:
    following = None if cleaned.position is None else str(cleaned.position)
    return {"count": cleaned.count, "size_bytes": cleaned.size_bytes, "next": following}
