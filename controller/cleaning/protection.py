"""The documents that no rule deletes: the active trail, pinned models, and all that an unfinished session uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fednet import limits
from fednet.storage import Document, Query

from ..records import Records
from ..sessions.machine.state import UNFINISHED
from .rules import seconds_of

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Protection:
    """The documents that no rule deletes.

    The models of one session are a chain, so its part of the active trail is told by a time.

    Attributes:
        trail: The time of the newest model on the active trail, by session.
        ids: All ids that unfinished sessions name, and those of models on the trail that no session made.
        active: The id of the active model; empty if there is none.
    """

    trail: Mapping[str, float]
    ids: frozenset[str]
    active: str

    def covers(self, model: Document) -> bool:
        """Return True if a model stays, with its file."""
        return self.is_in_use(model) or self._is_on_trail(model)

    def is_in_use(self, model: Document) -> bool:
        """Return True if a model is active, pinned, or named by an unfinished session."""
        return model["id"] in self.ids or model["id"] == self.active or is_pinned(model)

    def _is_on_trail(self, model: Document) -> bool:
        newest = self.trail.get(model.get("session_id") or "")
        return newest is not None and seconds_of(model["committed_at"]) <= newest


def is_pinned(model: Document) -> bool:
    """Return True if somebody has pinned a model."""
    return bool(model.get("is_pinned"))


def protection_of(records: Records) -> Protection:
    """Read what is protected now."""
    active = records.active()["model_id"] or ""
    trail, uploaded = _trail(records, active)
    return Protection(trail, ids_in_use(records) | uploaded, active)


def ids_in_use(records: Records) -> frozenset[str]:
    """Return all ids that unfinished sessions name."""
    return frozenset(id_ for each in _unfinished(records) for id_ in ids_named(each))


def ids_named(document: Document) -> Iterable[str]:
    """Return everything in a document that looks like an id of ours, also from its fields' names."""
    content: Any = {name: value for name, value in document.items() if name != "id"}
    return _UUID.findall(json.dumps(content))


def _unfinished(records: Records) -> Iterator[Document]:
    """Return the sessions that go on, and those that have still to complete their last commit: it sets a model active.

    They are read at once, as a controller does that takes them up: pages would miss one when an earlier one ends.
    """
    yield from records.find("sessions", Query(where={"is_settled": False}))
    yield from records.find("sessions", Query(where={"status": UNFINISHED}))


def _trail(records: Records, model_id: str) -> tuple[dict[str, float], frozenset[str]]:
    """Walk the trail of a model, one session at a time."""
    newest: dict[str, float] = {}
    uploaded: set[str] = set()
    model = records.lookup("models", model_id) if model_id else None
    while model is not None and model["id"] not in uploaded:
        session_id = model.get("session_id")
        if session_id is None:
            uploaded.add(model["id"])
        elif session_id in newest:
            break  # only a damaged store has such a trail
        else:
            slack = limits.clock_skew_seconds_max  # of the controllers that drove the session
            newest[session_id] = seconds_of(model["committed_at"]) + slack
            model = _first_of(records, session_id)
        parent = model["parent_id"]
        model = records.lookup("models", parent) if parent else None
    return newest, frozenset(uploaded)


def _first_of(records: Records, session_id: str) -> Document:
    """Return the first model of a session that is left."""
    first = Query(where={"session_id": session_id}, sort="committed_at", limit=1)
    return records.find("models", first)[0]
