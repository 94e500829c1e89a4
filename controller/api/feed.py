"""The feed: everything that has happened in the network, in one order, for whoever keeps a number."""

from typing import Annotated, Any

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from fednet import limits
from fednet.contract import Permission, requires
from fednet.errors import InvalidInput

from ..feed.entries import EntryKind, Interest
from ..feed.stream import FeedStream
from ..rest.later import WAITS, Look, answer_when
from .openapi import operation_id
from .problems import REFUSALS
from .resource import Alternatives, Asked
from .services import services

_EVENTS = "text/event-stream"
_A_KIND = f"({'|'.join(EntryKind)})"
_SOME_KINDS = {"type": "string", "pattern": f"^{_A_KIND}(,{_A_KIND})*$"}
_Kinds = Annotated[
    Alternatives,
    WithJsonSchema(
        {"anyOf": [{"type": "array", "items": _SOME_KINDS}, _SOME_KINDS, {"type": "null"}]}
    ),
]
"""Kinds of entries. The view checks them."""


class AskedFeed(Asked):
    """The place from which to read the feed, the time to wait, and the filters of its entries."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    after: int = Field(0, ge=0, le=limits.feed_numbers_max)
    """Answer with the entries after this number. The header Last-Event-ID says the same, and wins."""

    seconds: float = Field(0, ge=0, le=limits.wait_seconds_max, allow_inf_nan=False)
    """Where there is none, wait for one so long."""

    kind: _Kinds = None
    """Only entries of these kinds; a comma separates them."""

    session_id: str | None = None
    """Only entries about this session."""

    controller: str | None = None
    """Only entries that this controller appended."""


class ShownEntry(BaseModel):
    """Something that has happened."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    """1 for the first, one more for each."""

    at: str
    """When it happened: ISO 8601, UTC."""

    kind: str
    """A value of `EntryKind`, such as session_changed, client_joined, revoked or entries_lost."""

    ids: dict[str, str | int]
    """The things that it happened to: session_id, version and status; or client_id and combiner."""

    controller: str
    """The name of the controller that appended it."""


class ShownFeed(BaseModel):
    """Entries in their order."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entries: list[ShownEntry]

    next: int
    """The number to go on after. Where it is below `head`, there is more."""

    head: int
    """The number of the newest entry."""

    oldest: int
    """The number of the oldest entry that is kept."""

    is_gap: bool
    """Entries after the number that was asked for are not kept any more: read the state anew, then go on."""


api = APIBlueprint(
    "feed",
    __name__,
    url_prefix="/api/v1/feed",
    abp_tags=[{"name": "feed"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("", summary="What has happened after a number", responses={"200": ShownFeed})
@requires(Permission.FEED_READ)
def read(query: AskedFeed) -> Any:
    """Answer with the entries after a number, or wait for the next; or send them as server-sent events."""
    interest = Interest(_kinds(query), query.session_id, controller=query.controller)
    after = _last_event_id() if "Last-Event-ID" in request.headers else query.after
    if _wants_events():
        request.environ[WAITS].stream = FeedStream(services().feed, after, interest)
        return Response(
            mimetype=_EVENTS, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        )

    def look() -> Look:
        page = services().feed.after(after)
        chosen = page.chosen(interest)
        is_awaited = bool(chosen.entries) or page.is_gap or page.next < page.head
        shown = [entry.to_dict() for entry in chosen.entries]
        numbers = {"next": page.next, "head": page.head, "oldest": page.oldest}
        return Look(jsonify({"entries": shown, **numbers, "is_gap": page.is_gap}), is_awaited)

    listen = services().feed.listen
    return answer_when(request.environ, query.seconds, lambda: listen(interest), look)


def _wants_events() -> bool:
    """Return True if the caller asks for events, and the server can send them."""
    if request.method != "GET" or WAITS not in request.environ:
        return False
    return request.accept_mimetypes.best_match(["application/json", _EVENTS]) == _EVENTS


def _kinds(query: AskedFeed) -> frozenset[str] | None:
    if query.kind is None:
        return None
    kinds = {kind for text in query.kind for kind in text.split(",")}
    for unknown in kinds - set(EntryKind):
        known = ", ".join(EntryKind)
        raise InvalidInput(f"There is no kind {unknown!r} of entries: take {known}.", field="kind")
    return frozenset(kinds)


def _last_event_id() -> int:
    text = request.headers["Last-Event-ID"]
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(limits.feed_numbers_max))):
        raise InvalidInput(
            f"Last-Event-ID is {text[:20]!r}: send the id of the last event, a number.",
            field="Last-Event-ID",
        )
    return int(text)
