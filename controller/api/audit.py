"""The audit log: who has changed what, from where, and with which outcome."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, field_validator

from fednet import limits
from fednet.audit import AuditHead
from fednet.contract import Permission, requires

from .openapi import operation_id
from .problems import REFUSALS
from .resource import Asked
from .services import services

_Time = Annotated[
    str, Field(json_schema_extra={"anyOf": [{"format": "date-time"}, {"format": "date"}]})
]


class AskedAudit(Asked):
    """The place from which to read the audit log, and the filters of its entries."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    after: int = Field(0, ge=0, le=limits.feed_numbers_max)
    """Answer with entries after this number."""

    limit: int = Field(limits.audit_page_entries_max, ge=1, le=limits.audit_page_entries_max)
    """At most so many entries."""

    who: str | None = Field(None, max_length=limits.name_characters_max)
    """Only entries of the principal with this name or id."""

    what: str | None = Field(None, max_length=limits.name_characters_max)
    """Only entries of this permission, such as `sessions:write`; or of a route that contains this text."""

    since: _Time | None = Field(None, max_length=limits.name_characters_max)
    """Only entries from this time on: ISO 8601, UTC where it says nothing else."""

    @field_validator("since")
    @classmethod
    def _time(cls, since: str | None) -> str | None:
        if since is not None:
            datetime.fromisoformat(since)
        return since


class AuditPrincipal(BaseModel):
    """The principal who has asked; empty texts where nobody is known."""

    kind: str
    id: str
    name: str


class AuditThing(BaseModel):
    """The thing that was asked to change; an empty id where none is named."""

    kind: str
    id: str


class ShownAuditEntry(BaseModel):
    """One entry of the audit log."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    """1 for the first, one more for each."""

    at: str
    """ISO 8601, UTC."""

    who: AuditPrincipal
    what: str
    """The permission; `auth:login` for a login."""

    route: str
    on: AuditThing
    address: str
    """The address from which the request came."""

    outcome: Literal["begun", "ok", "refused", "failed"]
    """`begun` before a change is made; another entry tells the end, with `of`."""

    code: str
    """The kind of problem; empty where there is none."""

    count: int
    """The number of like refusals that this entry stands for."""

    of: int
    """The number of the entry that tells the beginning; 0 where there is none."""

    controller: str
    """The controller that was asked."""

    previous: str
    """The hash of the entry before."""

    hash: str
    """SHA-256 over the canonical JSON of all other fields."""


class ShownAuditHead(BaseModel):
    """The newest entry: keep it, and the loss of later entries shows."""

    number: int
    hash: str


class ShownAudit(BaseModel):
    """Entries in their order."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entries: list[ShownAuditEntry]
    next: int
    """The number to go on after. Where it is below the head's, there is more to look at."""

    head: ShownAuditHead


api = APIBlueprint(
    "audit",
    __name__,
    url_prefix="/api/v1/audit",
    abp_tags=[{"name": "audit"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("", summary="The audit log after a number", responses={"200": ShownAudit})
@requires(Permission.AUDIT_READ)
def read(query: AskedAudit) -> dict[str, Any]:
    """Answer with entries in their order; a filter may leave a page empty though more follows."""
    log = services().auditor.log
    head = log.head()
    found, number = _matching(query, head)
    return {
        "entries": found,
        "next": number,
        "head": {"number": head.number, "hash": head.hash},
    }


def _matching(query: AskedAudit, head: AuditHead) -> tuple[list[dict[str, Any]], int]:
    """Return the entries of a page, and the number to go on after."""
    found: list[dict[str, Any]] = []
    number, last = query.after, query.after + limits.audit_scan_entries_max
    while number < min(head.number, last):
        entries, following = services().auditor.log.after(number, head)
        for entry in entries:
            if _is_asked_for(entry, query):
                found.append(entry)
            if len(found) == query.limit:
                return found, entry["number"]
        number = following
    return found, number


def _is_asked_for(entry: Mapping[str, Any], query: AskedAudit) -> bool:
    who, what = entry["who"], query.what
    return (
        (query.who is None or query.who in (who["name"], who["id"]))
        and (what is None or what == entry["what"] or what in entry["route"])
        and (query.since is None or entry["at"] >= _utc(query.since))
    )


def _utc(time: str) -> str:
    """Return a time as entries have it: as texts they sort."""
    found = datetime.fromisoformat(time)
    at = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
