"""The sessions that run: each with its actor, from its beginning until it has ended or the controller stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from fednet.storage import Document

from ..presence import Presence
from ..records import Records
from .actor import Act, SessionActor
from .events import Began, Event, NetworkChanged
from .state import AnySession, Status
from .store import SessionStore


class RunningSessions:
    """Who runs, what they are told, and how each stands.

    Args:
        records: The documents.
        presence: Who is connected.
        act: Carries out what a session decides.

    Attributes:
        stopping: Set once the controller stops.
    """

    def __init__(self, records: Records, presence: Presence, act: Act) -> None:
        self.stopping = threading.Event()
        self._records = records
        self._store = SessionStore(records)
        self._presence = presence
        self._act = act
        self._actors: dict[str, SessionActor] = {}
        self._lock = threading.Lock()  # over _actors; nothing is waited for under it
        self._picturing = threading.Lock()
        self._changed = threading.Condition()

    def run(self, document: Document) -> None:
        """Begin to run a session, unless the controller stops.

        Raises:
            pydantic.ValidationError, KeyError: Its state is not of this version.
        """
        actor = SessionActor(document, self._store, self._act, self._stored)
        with self._lock:
            if self.stopping.is_set():
                return
            self._actors[actor.session.session_id] = actor
            actor.start()
        with self._picturing:
            actor.tell(self._picture())
        actor.tell(Began())

    def stop(self) -> None:
        """End all threads; the sessions go on when a controller takes them up again."""
        with self._lock:
            self.stopping.set()
            actors = list(self._actors.values())
        with self._changed:
            self._changed.notify_all()
        for actor in actors:
            actor.stop()

    def actor(self, session_id: str) -> SessionActor | None:
        """The actor of a session, if that runs."""
        with self._lock:
            return self._actors.get(session_id)

    def sessions(self) -> list[AnySession]:
        """The states of all that run."""
        return [actor.session for actor in self._all()]

    def document(self, session_id: str) -> Document:
        """A session's document, from memory while it runs.

        Raises:
            NotFound: There is no such session.
        """
        actor = self.actor(session_id)
        return actor.document if actor else self._records.get("sessions", session_id)

    def wait(
        self, session_id: str, after_version: int, seconds: float, *, final_only: bool
    ) -> Document:
        """See `Engine.wait`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                document = self.document(session_id)
                is_final = Status(document["status"]).is_final
                is_awaited = is_final if final_only else document["version"] > after_version
                left = deadline - time.monotonic()
                if is_awaited or left <= 0 or self.stopping.is_set():
                    return document
                self._changed.wait(left)

    def tell_all(self, event: Event) -> None:
        """Tell every session."""
        for actor in self._all():
            actor.tell(event)

    def tell_network_changed(self) -> None:
        """Tell everybody who is connected; one at a time, so that nobody hears an older picture last."""
        with self._picturing:
            self.tell_all(self._picture())

    def _all(self) -> list[SessionActor]:
        with self._lock:
            return list(self._actors.values())

    def _picture(self) -> NetworkChanged:
        connected: Mapping[str, Mapping[str, frozenset[str]]] = {
            combiner: {client: able.kinds for client, able in clients.items()}
            for combiner, clients in self._presence.connected().items()
        }
        return NetworkChanged(connected, self._presence.allowing_functions())

    def _stored(self, document: Document) -> None:
        if Status(document["status"]).is_final:
            with self._lock:
                self._actors.pop(document["session_id"], None)
        with self._changed:
            self._changed.notify_all()
