"""The session engine: starts sessions, links to combiners, and carries news and orders between the two."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import ValidationError

from fednet import limits
from fednet.errors import FailedPrecondition, FednetError, LimitExceeded, NotFound, Unavailable
from fednet.rpc import backoff_seconds
from fednet.storage import Document, Query
from fednet.wire import rounds_pb2

from ..catalog import Catalog
from ..presence import Presence
from ..records import Records
from ..registry import Registry, address_of
from . import events, news
from .actor import SessionActor, document_changes
from .admission import Admission
from .kinds import AnySession, is_prediction
from .link import CombinerLink
from .options import PredictionOptions, SessionOptions
from .orders import outcome, phase_request, plan_request, reduction
from .state import Session, Status
from .store import SessionStore

_log = logging.getLogger(__name__)


@dataclass
class _Read:
    """What a batch of news comes to: documents to write, and events for sessions."""

    documents: list[tuple[str, Document]] = field(default_factory=list)
    told: list[tuple[SessionActor, events.Event]] = field(default_factory=list)


class Engine:
    """Runs all sessions of one controller.

    Args:
        records: The documents.
        catalog: The models and packages.
        presence: Who is connected; the engine keeps it up to date.
        token: The controller's own token, for the combiners.
    """

    def __init__(self, records: Records, catalog: Catalog, presence: Presence, token: str) -> None:
        self._records = records
        self._store = SessionStore(records)
        self._admission = Admission(records, catalog, presence)
        self._presence = presence
        self._token = token
        self._registry: Registry | None = None
        self._links: dict[str, CombinerLink] = {}
        self._actors: dict[str, SessionActor] = {}
        self._names: dict[str, str] = {}
        self._epochs: dict[str, str] = {}
        self._lock = threading.RLock()  # over _links and _actors; nothing is waited for under it
        self._starting = threading.Lock()
        self._connecting = threading.Lock()
        self._picturing = threading.Lock()
        self._changed = threading.Condition()
        self._stopping = threading.Event()

    # Life

    def open(self, registry: Registry) -> None:
        """Connect to all known combiners, and take up the sessions that have not ended.

        Args:
            registry: Where the clients' status is kept.
        """
        self._registry = registry
        registry.all_offline()
        unfinished = Query(where={"status": [status for status in Status if not status.is_final]})
        for document in self._records.find("sessions", unfinished):
            self._take_up(document)
        for combiner in self._records.find("combiners"):
            self.connect(combiner)

    def close(self) -> None:
        """Stop; sessions go on when a controller takes them up again."""
        with self._lock:
            self._stopping.set()
            actors = list(self._actors.values())
        with self._changed:
            self._changed.notify_all()
        for actor in actors:
            actor.stop()
        with self._connecting:
            for link in self._links.values():
                link.close()

    def connect(self, combiner: Document) -> None:
        """Open a link to a combiner that has registered; the link to its earlier process ends before."""
        name = combiner["name"]
        with self._connecting:
            if older := self._links.get(name):
                older.close()
            if self._stopping.is_set():
                return
            link = CombinerLink(
                name,
                address_of(combiner),
                self._token,
                absorb=self._absorb,
                on_down=self._combiner_down,
            )
            with self._lock:
                self._links[name] = link

    def disconnect(self, combiner: str) -> None:
        """End the link to a combiner that is none any more."""
        with self._connecting:
            with self._lock:
                link = self._links.pop(combiner, None)
            if link:
                link.close()

    # What people ask

    def start(self, options: SessionOptions | PredictionOptions) -> Document:
        """Write down a new session and begin it; the same again answers with what is there.

        Raises:
            AlreadyExists: The id belongs to a session with other options.
            FailedPrecondition: No model or no package is set, or too few clients are connected.
            InvalidInput: An option is wrong; names it.
            Unavailable: The controller is stopping.
        """
        with self._starting:
            if options.session_id and (known := self._admission.known(options)):
                return known
            self._check_not_stopping()
            document = self._records.insert("sessions", self._admission.admit(options))
            self._run(document)
        return document

    def wait(
        self, session_id: str, after_version: int, seconds: float, *, final_only: bool = False
    ) -> Document:
        """The session as soon as its version is above this one, or after so many seconds.

        With final_only its version does not matter: it is answered as soon as it has ended.

        Raises:
            NotFound: There is no such session.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                document = self._present(session_id)
                is_final = Status(document["status"]).is_final
                is_awaited = is_final if final_only else document["version"] > after_version
                left = deadline - time.monotonic()
                if is_awaited or left <= 0 or self._stopping.is_set():
                    return document
                self._changed.wait(left)

    def stop(self, session_id: str) -> Document:
        """End a session; its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended already.
        """
        return self._ask(session_id, events.StopAsked("it was stopped"))

    def pause(self, session_id: str) -> Document:
        """Begin no further round; the document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended, or has no rounds.
        """
        self._check_rounds(session_id)
        return self._ask(session_id, events.PauseAsked())

    def resume(self, session_id: str) -> Document:
        """Let a paused session go on; its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It is not paused.
        """
        document = self._present(session_id)
        if document["status"] != Status.PAUSED:
            raise FailedPrecondition(
                f"Session {session_id!r} is {document['status']}: there is nothing to resume.",
                field="status",
            )
        return self._ask(session_id, events.ResumeAsked())

    def extend(self, session_id: str, rounds: int) -> Document:
        """Add rounds to a session; one that has ended goes on from its newest model.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It is a prediction session.
            LimitExceeded: It would have more than limits.session_rounds_max.
        """
        with self._starting:
            document = self._check_rounds(session_id)
            if document["rounds_total"] + rounds > limits.session_rounds_max:
                raise LimitExceeded(
                    f"A session may have {limits.session_rounds_max} rounds at most.",
                    field="rounds",
                )
            if not Status(document["status"]).is_final:
                return self._ask(session_id, events.MoreRoundsAsked(rounds))
            session = Session.from_dict(document["state"])
            session.reopen(rounds)
            document = self._store.put_session(document, document_changes(session))
            self._run(document)
        return document

    def _ask(self, session_id: str, event: events.Event) -> Document:
        """Tell a running session something; its document once all that follows is stored."""
        document = self._present(session_id)
        with self._lock:
            actor = self._actors.get(document["session_id"])
        if actor is None:
            raise FailedPrecondition(
                f"Session {session_id!r} has ended: it is {document['status']}.", field="status"
            )
        try:
            actor.tell(event).result(limits.call_seconds_max)
        except (CancelledError, TimeoutError) as error:
            raise _stopping() from error
        return actor.document

    def _check_rounds(self, session_id: str) -> Document:
        """The document of a session that has rounds."""
        document = self._present(session_id)
        if is_prediction(document):
            raise FailedPrecondition(
                f"{session_id!r} is a prediction session: it has no rounds. Start another one.",
                field="task",
            )
        return document

    def _present(self, session_id: str) -> Document:
        """A session's document, from memory while it runs."""
        with self._lock:
            actor = self._actors.get(session_id)
        return actor.document if actor else self._records.get("sessions", session_id)

    # Sessions

    def _take_up(self, document: Document) -> None:
        """Go on with a session of an earlier process; one that cannot be read fails, and stops no other."""
        try:
            self._run(document)
        except (ValidationError, KeyError):
            _log.exception("the state of session %s cannot be read", document["session_id"])
            reason = "Its state was written by another version of the controller. Start it anew."
            failed = {"status": str(Status.FAILED), "reason": reason}
            self._records.update("sessions", document["id"], lambda _: failed)

    def _run(self, document: Document) -> None:
        actor = SessionActor(document, self._store, self._act, self._stored)
        with self._lock:
            if self._stopping.is_set():
                return
            self._actors[actor.session.session_id] = actor
            actor.start()
        with self._picturing:
            actor.tell(events.NetworkChanged(self._connected()))
        actor.tell(events.Began())

    def _stored(self, document: Document) -> None:
        if Status(document["status"]).is_final:
            with self._lock:
                self._actors.pop(document["session_id"], None)
        with self._changed:
            self._changed.notify_all()

    def _connected(self) -> Mapping[str, Mapping[str, frozenset[str]]]:
        return {
            combiner: {client: able.kinds for client, able in clients.items()}
            for combiner, clients in self._presence.connected().items()
        }

    def _tell_network_changed(self) -> None:
        """Tell everybody who is connected; one at a time, so that nobody hears an older picture last."""
        with self._picturing:
            self._tell_all(events.NetworkChanged(self._connected()))

    def _tell_all(self, event: events.Event) -> None:
        with self._lock:
            actors = list(self._actors.values())
        for actor in actors:
            actor.tell(event)

    # Orders to combiners

    def _act(self, session: AnySession, order: events.Action) -> None:
        """Give an order; where the combiner is not known or away, it is given again once it is back."""
        with self._lock:
            link = self._links.get(order.combiner)
            actor = self._actors.get(session.session_id)
        if link is None:
            return

        def then(answer: Any) -> None:
            if actor and (event := outcome(order, answer)):
                actor.tell(event)

        match order:
            case events.Plan():
                assert isinstance(session, Session), "a prediction has nothing to plan"
                seconds = session.round_timeout + limits.round_grace_seconds
                link.plan(plan_request(session, order), then, seconds)
            case events.StartPhase():
                link.start(phase_request(session, order), then)
            case events.ClosePhase(_, phase_id):
                link.close_phase(phase_id, then)
            case events.ReleasePhase(_, phase_id):
                link.release(phase_id)
            case events.Reduce():
                assert isinstance(session, Session), "a prediction has nothing to reduce"
                link.reduce(reduction(session, order), then, session.round_timeout)

    # News from combiners

    def _absorb(self, combiner: str, batch: list[rounds_pb2.Event]) -> None:
        """Store a batch of news; comes back when all that follows from it is stored.

        Raises:
            Unavailable: The controller is stopping; the news will be asked for again.
        """
        read = _Read()
        for event in batch:
            self._absorb_or_drop(combiner, event, read)
        self._insistently(lambda: self._store.add(read.documents))
        waiting = [actor.tell(event) for actor, event in read.told]
        try:
            for stored in waiting:
                stored.result()
        except CancelledError as error:
            raise _stopping() from error

    def _absorb_or_drop(self, combiner: str, event: rounds_pb2.Event, read: _Read) -> None:
        """News that can never be stored is dropped: it would keep all that comes after it away for ever."""
        try:
            self._insistently(lambda: self._absorb_one(combiner, event, read))
        except Exception as error:
            has_to_come_again = isinstance(error, FednetError) and error.retryable
            if has_to_come_again or not event.number:
                raise
            _log.exception("news %d of %s is dropped", event.number, combiner)

    def _absorb_one(self, combiner: str, event: rounds_pb2.Event, read: _Read) -> None:
        match event.WhichOneof("event"):
            case "snapshot":
                self._combiner_up(combiner, event.snapshot)
            case "client_joined":
                able = news.capabilities(event.client_joined)
                self._presence.client_joined(combiner, event.client_id, able)
                self._mark(event.client_id, combiner, online=True)
                self._tell_network_changed()
            case "client_left":
                self._presence.client_left(combiner, event.client_id)
                self._mark(event.client_id, combiner, online=False)
                self._tell_network_changed()
            case _:
                self._absorb_work(combiner, event, read)

    def _absorb_work(self, combiner: str, event: rounds_pb2.Event, read: _Read) -> None:
        name = self._client_name(event.client_id)
        if report := news.report(combiner, event, name):
            read.documents.append(report)
        read.documents += [("metrics", metric) for metric in news.metric_documents(event, name)]
        if status := news.status_document(combiner, self._epochs.get(combiner, ""), event, name):
            read.documents.append(("statuses", status))
        told = news.session_event(combiner, event, name)
        with self._lock:
            actor = self._actors.get(event.phase.session_id)
        if told and actor:
            read.told.append((actor, told))

    def _combiner_up(self, combiner: str, snapshot: rounds_pb2.Snapshot) -> None:
        clients = {id_: news.capabilities(told) for id_, told in snapshot.clients.items()}
        self._epochs[combiner] = snapshot.epoch
        self._presence.combiner_up(combiner, clients)
        for client_id in clients:
            self._mark(client_id, combiner, online=True)
        self._release_forgotten(combiner, snapshot)
        self._tell_network_changed()
        self._tell_all(events.CombinerBack(combiner))

    def _release_forgotten(self, combiner: str, snapshot: rounds_pb2.Snapshot) -> None:
        """Phases that a combiner still holds and that no session waits for."""
        with self._lock:
            sessions = [actor.session for actor in self._actors.values()]
            link = self._links.get(combiner)
        wanted = {phase.phase_id for session in sessions for phase in session.phases()}
        for phase_id in snapshot.phases:
            if link and phase_id not in wanted:
                link.release(phase_id)

    def _combiner_down(self, combiner: str) -> None:
        gone = self._presence.combiner_down(combiner)
        if self._stopping.is_set():
            return  # the next controller begins with nobody online
        self._tell_network_changed()
        for client_id in gone:
            self._insistently(partial(self._mark, client_id, combiner, online=False))

    def _mark(self, client_id: str, combiner: str, *, online: bool) -> None:
        assert self._registry is not None, "links open after resume"
        try:
            if online:
                self._registry.client_online(client_id, combiner)
            else:
                self._registry.client_offline(client_id, combiner)
        except NotFound:
            _log.warning("%s serves a client %s that is not registered", combiner, client_id)

    def _client_name(self, client_id: str) -> str:
        if not client_id:
            return ""
        if client_id not in self._names:
            if len(self._names) >= limits.session_clients_max:
                self._names.clear()
            client = self._records.lookup("clients", client_id)
            self._names[client_id] = client["name"] if client else client_id
        return self._names.get(client_id, client_id)

    def _insistently(self, work: Callable[[], None]) -> None:
        """Do something that the state store is needed for; while it is away, wait and repeat.

        Raises:
            Unavailable: The controller is stopping, and it is not done.
        """
        failures = 0
        while not self._stopping.is_set():
            try:
                return work()
            except FednetError as error:
                if not error.retryable:
                    raise
                failures += 1
                _log.warning("news wait: %s", error)
                self._stopping.wait(backoff_seconds(failures))
        raise _stopping()

    def _check_not_stopping(self) -> None:
        if self._stopping.is_set():
            raise _stopping()


def _stopping() -> Unavailable:
    return Unavailable("The controller is stopping. Try again when it is back.")
