"""One running session: a thread that feeds its machine, stores what it decides, and only then acts."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from fednet import limits
from fednet.errors import Conflict, FednetError
from fednet.rpc import backoff_seconds
from fednet.storage import Document

from .machine import Action, Event, Machine, Record, Step, TimePassed
from .state import Session
from .store import SessionStore

_log = logging.getLogger(__name__)


@dataclass
class _Item:
    event: Event
    stored: Future[None] = field(default_factory=Future)


class SessionActor:
    """Runs one session until it has ended or the controller stops.

    Args:
        document: The session's document.
        store: Writes down what is decided.
        act: Carries out an action; must not block for long.
        on_stored: Called with the session's document each time it was stored.
    """

    def __init__(
        self,
        document: Document,
        store: SessionStore,
        act: Callable[[Session, Action], None],
        on_stored: Callable[[Document], None],
    ) -> None:
        self._document = document
        self._decisions = store
        self._act = act
        self._on_stored = on_stored
        self.session = Session.from_dict(document["state"])
        self._machine = Machine(self.session)
        self._inbox: queue.Queue[_Item | None] = queue.Queue(limits.queue_messages_max)
        self._stopping = threading.Event()
        self.ended = threading.Event()
        name = f"session-{self.session.session_id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to run."""
        self._thread.start()

    def tell(self, event: Event) -> Future[None]:
        """Hand the session an event; the future is done once all that follows from it is stored."""
        item = _Item(event)
        if self.ended.is_set() or self._stopping.is_set():
            item.stored.set_result(None)
        else:
            self._inbox.put(item)
        return item.stored

    def stop(self) -> None:
        """End the thread; the session itself goes on when a controller takes it up again."""
        self._stopping.set()
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self.session.status.is_final and not self._stopping.is_set():
                self._handle(self._next_batch())
        except Conflict:
            _log.exception("session %s is run by another controller", self.session.session_id)
        finally:
            self.ended.set()
            self._let_go_of_the_rest()

    def _next_batch(self) -> list[_Item]:
        """Wait for an event or for the next deadline, and take all that have arrived."""
        deadline = self._machine.next_deadline()
        timeout = None if deadline is None else max(0.0, deadline - time.time())
        items: list[_Item] = []
        try:
            item = self._inbox.get(timeout=timeout)
            while item is not None:
                items.append(item)
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        return items

    def _handle(self, items: Sequence[_Item]) -> None:
        steps = [self._machine.handle(item.event, time.time()) for item in items]
        steps.append(self._machine.handle(TimePassed(), time.time()))
        records = _latest(steps)
        if not self._stopping.is_set():
            self._insistently(lambda: self._store(records))
        for item in items:
            item.stored.set_result(None)
        if not self._stopping.is_set():
            for step in steps:
                for action in step.actions:
                    self._act(self.session, action)

    def _store(self, records: Sequence[Record]) -> None:
        for record in records:
            self._decisions.put(record)
        changes = _document_changes(self.session)
        if changes.items() <= self._document.items():
            return
        self._document = self._decisions.records.documents.update(
            "sessions", self._document["id"], changes, expected_version=self._document["version"]
        )
        self._on_stored(self._document)

    def _insistently(self, store: Callable[[], None]) -> None:
        """Store; while the store is away the session waits, and goes on when it is back."""
        failures = 0
        while not self._stopping.is_set():
            try:
                store()
            except FednetError as error:
                if not error.retryable:
                    raise
                failures += 1
                _log.warning("session %s waits: %s", self.session.session_id, error)
                self._stopping.wait(backoff_seconds(failures))
            else:
                return

    def _let_go_of_the_rest(self) -> None:
        while not self._inbox.empty():
            if item := self._inbox.get_nowait():
                item.stored.set_result(None)


def _latest(steps: Sequence[Step]) -> list[Record]:
    """The records of all steps, of each document only the last, with everything that the ones before said."""
    merged: dict[tuple[str, str], Record] = {}
    for step in steps:
        for record in step.records:
            key = (record.collection, record.id)
            earlier = merged[key].fields if key in merged else {}
            merged[key] = Record(record.collection, record.id, earlier | record.fields)
    return list(merged.values())


def _document_changes(session: Session) -> Document:
    """What of a session's document the engine decides."""
    current = session.round
    progress = {
        "phase": str(session.stage),
        "answers": len(current.answers) if current else 0,
        "clients": current.phase.clients if current else 0,
    }
    return {
        "status": str(session.status),
        "reason": session.reason,
        "round_number": current.number if current else session.number,
        "model_id": session.model.id,
        "progress": progress,
        "state": session.to_dict(),
    }
