"""One running session: a thread that feeds its machine, stores what it decides, and only then acts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeAlias

from fednet import limits
from fednet.errors import Conflict, FednetError
from fednet.storage import Document

from .events import Action, Broke, Event, Record, Step, TimePassed
from .inbox import Inbox, Letter
from .kinds import machine_of, session_of
from .patience import insistently
from .state import AnySession
from .store import SessionStore
from .trail import timed

_log = logging.getLogger(__name__)

Tell: TypeAlias = Callable[[Event], object]
Act: TypeAlias = Callable[[AnySession, Action, Tell], None]
"""Carries out an action, and tells the session what came of it; must not block for long."""


class SessionActor:
    """Runs one session until it has ended or the controller stops.

    Args:
        document: The session's document.
        store: Writes down what is decided.
        act: Carries out its actions.
        on_stored: Called with the session's document each time it was stored.
    """

    def __init__(
        self,
        document: Document,
        store: SessionStore,
        act: Act,
        on_stored: Callable[[Document], None],
    ) -> None:
        self._document = document
        self._decisions = store
        self._act = act
        self._on_stored = on_stored
        self.session = session_of(document)
        self._machine = machine_of(self.session)
        self._inbox = Inbox(limits.queue_messages_max)
        self._stopping = threading.Event()
        name = f"session-{self.session.document_id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to run."""
        self._thread.start()

    @property
    def document(self) -> Document:
        """The session's document as it was stored last."""
        return self._document

    def tell(self, event: Event) -> Future[None]:
        """Hand the session an event.

        Returns:
            Done once all that follows from the event is stored; cancelled if it never will be by this actor, so
            that the event has to be told again to the next.
        """
        return self._inbox.put(event)

    def stop(self) -> None:
        """End the thread; the session itself goes on when a controller takes it up again."""
        self._stopping.set()
        self._inbox.close(settled=False)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._run_to_the_end()
        except Conflict:
            _log.exception("session %s is run by another controller", self.session.session_id)
        except Exception as error:  # noqa: BLE001  whatever it is, nobody may wait for this session for ever
            _log.exception("session %s cannot go on", self.session.session_id)
            self._break_off(error)
        finally:
            self._inbox.close(settled=not self._stopping.is_set())

    def _run_to_the_end(self) -> None:
        while not self.session.status.is_final and not self._stopping.is_set():
            deadline = self._machine.next_deadline()
            letters = self._inbox.take(None if deadline is None else max(0, deadline - time.time()))
            try:
                self._handle([letter.event for letter in letters])
            finally:
                self._answer(letters)

    def _handle(self, events: Sequence[Event]) -> None:
        """Decide, store, act; a controller that stops in between leaves the rest to the next."""
        steps = [self._machine.handle(event, time.time()) for event in (*events, TimePassed())]
        records = _latest(steps)
        who = f"session {self.session.session_id}"
        if not insistently(lambda: self._store(records), self._stopping, who):
            return
        for action in (action for step in steps for action in step.actions):
            if not self._stopping.is_set():
                self._act(self.session, action, self.tell)

    def _answer(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            if self._stopping.is_set():
                letter.stored.cancel()
            else:
                letter.stored.set_result(None)

    def _break_off(self, error: Exception) -> None:
        """A session that cannot go on fails with its reason, so that nobody waits for it."""
        problem = error.message if isinstance(error, FednetError) else repr(error)
        reason = f"The controller could not go on: {problem} Its log tells more."
        try:
            self._handle([Broke(reason)])
        except Exception:  # noqa: BLE001  the thread ends here in any case
            _log.exception("session %s could not even be ended", self.session.session_id)

    def _store(self, records: Sequence[Record]) -> None:
        began = time.monotonic()
        for record in records:
            self._decisions.put(record)
        changes = document_changes(self.session)
        if changes.items() <= self._document.items():
            return
        document = self._decisions.put_session(self._document, changes)
        for record in timed(records, time.monotonic() - began):
            self._decisions.put(record)
        self._document = document
        self._on_stored(document)


def _latest(steps: Sequence[Step]) -> list[Record]:
    """The records of all steps, of each document only the last, with everything that the ones before said."""
    merged: dict[tuple[str, str], Record] = {}
    for step in steps:
        for record in step.records:
            key = (record.collection, record.id)
            earlier = merged[key].fields if key in merged else {}
            merged[key] = Record(record.collection, record.id, earlier | record.fields)
    return list(merged.values())


def document_changes(session: AnySession) -> Document:
    """What of a session's document the engine decides."""
    return {
        "status": str(session.status),
        "reason": session.reason,
        "round_number": session.round_number,
        "rounds_total": session.rounds,
        "model_id": session.model.id,
        "progress": session.progress,
        "state": session.to_dict(),
    }
