"""The bounds on what is only added: beyond them the oldest documents are deleted, in a thread."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fednet import limits
from fednet.contract import RESOURCES
from fednet.errors import FednetError
from fednet.storage import Document, Documents, Query

_log = logging.getLogger(__name__)
_DECLARED = {each.name: each for each in RESOURCES if each.kept_max}


@dataclass(frozen=True)
class _Part:
    """The documents of a collection, or those of one source in it.

    Attributes:
        source: Kind and name of the source; empty for the whole collection.
    """

    collection: str
    source: tuple[str, str] | tuple[()] = ()

    @property
    def kept_max(self) -> int:
        """The number of documents that are kept."""
        declared = _DECLARED[self.collection]
        return declared.source_kept_max if self.source else declared.kept_max

    @property
    def where(self) -> dict[str, Any]:
        """The filter that finds the documents."""
        return dict(zip(("source.kind", "source.name"), self.source, strict=False))


class Retention:
    """Deletes the oldest documents of each resource that declares a bound.

    It looks at a part when `limits.retention_documents` have been added to it, so the bounds are exceeded by a little.

    Args:
        documents: The store.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._added: Counter[_Part] = Counter()
        self._due = {_Part(name): None for name in _DECLARED}
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def note(self, collection: str, documents: Sequence[Document]) -> None:
        """Note that documents have been added; does not block."""
        declared = _DECLARED.get(collection)
        if declared is None:
            return
        parts = Counter({_Part(collection): len(documents)})
        if declared.source_kept_max:
            parts.update(_Part(collection, source) for source in _sources(documents))
        with self._changed:
            for part, number in parts.items():
                self._count(part, number)

    def close(self) -> None:
        """End the thread when all that is due is done."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _count(self, part: _Part, number: int) -> None:
        self._added[part] += number
        if self._added[part] >= limits.retention_documents:
            del self._added[part]
            self._due[part] = None
            self._changed.notify_all()
        elif len(self._added) > limits.retention_sources_max:
            self._added.clear()

    def _run(self) -> None:
        while (part := self._next()) is not None:
            try:
                self._prune(part)
            except FednetError as error:
                _log.warning("old %s are deleted later: %s", part.collection, error)

    def _next(self) -> _Part | None:
        """Wait for a part that is due; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._is_closed)
            if not self._due:
                return None
            part = max(
                self._due, key=lambda each: bool(each.source)
            )  # a flood makes room by itself
            del self._due[part]
            return part

    def _prune(self, part: _Part) -> None:
        """Delete the oldest documents beyond the bound, a bounded number of them."""
        excess = self._documents.count(part.collection, Query(part.where)) - part.kept_max
        if excess <= 0:
            return
        oldest = Query(part.where, limit=min(excess, limits.query_items_max))
        for each in self._documents.find(part.collection, oldest):
            self._documents.delete(part.collection, each["id"])


def _sources(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """Return kind and name of the source of each document; combiners report of all their clients, and do not count."""
    sources = [each.get("source") or {} for each in documents]
    return [
        (source["kind"], source["name"])
        for source in sources
        if source.get("name") and source.get("kind") != "combiner"
    ]
