"""The session engine: starts sessions, links to combiners, and carries news and orders between the two."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from fednet import limits
from fednet.aggregation import aggregator
from fednet.errors import AlreadyExists, FailedPrecondition, FednetError, InvalidInput, NotFound
from fednet.rpc import backoff_seconds
from fednet.storage import Document, Query
from fednet.wire import common_pb2, rounds_pb2

from ..catalog import Catalog
from ..presence import Presence
from ..records import Records, new_id, timestamp
from ..registry import Registry, address_of
from . import machine, news
from .actor import SessionActor
from .link import CombinerLink
from .options import SessionOptions
from .state import BlobRef, Session, Stage, Status
from .store import SessionStore

_log = logging.getLogger(__name__)


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
        self._catalog = catalog
        self._presence = presence
        self._token = token
        self._registry: Registry | None = None
        self._links: dict[str, CombinerLink] = {}
        self._actors: dict[str, SessionActor] = {}
        self._names: dict[str, str] = {}
        self._epochs: dict[str, str] = {}
        self._lock = threading.RLock()
        self._starting = threading.Lock()
        self._changed = threading.Condition()
        self._stopping = threading.Event()

    # Life

    def resume(self, registry: Registry) -> None:
        """Connect to all known combiners, and take up the sessions that have not ended.

        Args:
            registry: Where the clients' status is kept.
        """
        self._registry = registry
        registry.all_offline()
        unfinished = Query(where={"status": [Status.INITIALIZED, Status.STARTED]})
        for document in self._records.find("sessions", unfinished):
            self._run(document)
        for combiner in self._records.find("combiners"):
            self.connect(combiner)

    def close(self) -> None:
        """Stop; sessions go on when a controller takes them up again."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        with self._lock:
            links, actors = list(self._links.values()), list(self._actors.values())
        for actor in actors:
            actor.stop()
        for link in links:
            link.close()

    def connect(self, combiner: Document) -> None:
        """Open the link to a combiner that has registered; a link to an old address ends."""
        with self._lock:
            older = self._links.get(combiner["name"])
            if older and older.address == address_of(combiner):
                return
            self._links[combiner["name"]] = CombinerLink(
                combiner["name"],
                address_of(combiner),
                self._token,
                absorb=self._absorb,
                on_down=self._combiner_down,
            )
        if older:
            older.close()

    # What people ask

    def start(self, options: SessionOptions) -> Document:
        """Write down a new session and begin it; the same again answers with what is there.

        Raises:
            AlreadyExists: The id belongs to a session with other options.
            FailedPrecondition: No model or no package is set, or too few clients are connected.
            InvalidInput: An option is wrong; names it.
        """
        with self._starting:
            if options.session_id and (known := self._known(options)):
                return known
            session = self._new_session(options)
            document = self._records.insert("sessions", _document(session, options))
            self._run(document)
        return document

    def wait(self, session_id: str, after_version: int, seconds: float) -> Document:
        """The session as soon as its version is above this one, or after so many seconds.

        Raises:
            NotFound: There is no such session.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                document = self._records.get("sessions", session_id)
                left = deadline - time.monotonic()
                if document["version"] > after_version or left <= 0 or self._stopping.is_set():
                    return document
                self._changed.wait(left)

    def _known(self, options: SessionOptions) -> Document | None:
        known = self._records.lookup_natural("sessions", options.session_id or "")
        if known and known["session_config"] != [_config(options)]:
            raise AlreadyExists(
                f"The id {options.session_id!r} belongs to a session with other options.",
                field="session_id",
            )
        return known

    def _new_session(self, options: SessionOptions) -> Session:
        _check_options(options)
        model = self._first_model(options)
        package = self._package()
        self._check_clients(options, package)
        return Session(
            session_id=options.session_id or new_id(),
            rounds=options.rounds,
            min_clients=options.min_clients,
            requested_clients=options.requested_clients,
            round_timeout=options.round_timeout,
            round_buffer_size=options.round_buffer_size,
            round_retries=limits.round_retries_max,
            validate=options.validate_models,
            helper=options.helper,
            aggregator=options.aggregator,
            aggregator_kwargs=options.aggregator_kwargs or {},
            model=_blob_ref(model),
            package=_blob_ref(package) if package else None,
        )

    def _first_model(self, options: SessionOptions) -> Document:
        try:
            if options.model_id:
                return self._records.get("models", options.model_id)
            return self._catalog.active_model()
        except NotFound as error:
            if options.model_id:
                raise InvalidInput(error.message, field="model_id") from error
            raise FailedPrecondition(error.message, field="model_id") from error

    def _package(self) -> Document | None:
        try:
            return self._catalog.active_package()
        except NotFound:
            return None

    def _check_clients(self, options: SessionOptions, package: Document | None) -> None:
        clients = [
            client
            for clients in self._presence.connected().values()
            for client in clients.values()
            if "TRAIN" in client.kinds
        ]
        if len(clients) < options.min_clients:
            raise FailedPrecondition(
                f"Not enough clients available to start session: {len(clients)} connected, "
                f"{options.min_clients} needed. Start more clients, or ask for fewer.",
                field="min_clients",
            )
        if package is None and any(client.needs_package for client in clients):
            raise FailedPrecondition(
                "No compute package set, and a connected client needs one. Set one with "
                "APIClient.set_active_package(path, helper).",
                field="package",
            )

    # Sessions

    def _run(self, document: Document) -> None:
        actor = SessionActor(document, self._store, self._act, self._stored)
        with self._lock:
            self._actors[actor.session.session_id] = actor
        actor.tell(machine.NetworkChanged(self._connected()))
        actor.tell(machine.Began())
        actor.start()

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

    def _tell_all(self, event: machine.Event) -> None:
        with self._lock:
            actors = list(self._actors.values())
        for actor in actors:
            actor.tell(event)

    # Orders to combiners

    def _act(self, session: Session, action: machine.Action) -> None:
        with self._lock:
            link = self._links.get(action.combiner)
            actor = self._actors.get(session.session_id)
        if link is None or self._stopping.is_set():
            return
        match action:
            case machine.StartPhase():
                future = link.start(_phase_request(session, action))
                future.add_done_callback(lambda done: self._started(actor, action, done))
            case machine.ClosePhase(_, phase_id):
                link.close_phase(phase_id)
            case machine.ReleasePhase(_, phase_id):
                link.release(phase_id)
            case machine.Reduce():
                reduction = _reduction(session, action)
                future = link.reduce(reduction, session.round_timeout)
                future.add_done_callback(
                    lambda done: self._reduced(actor, action.round.model_id, done)
                )

    def _started(
        self, actor: SessionActor | None, action: machine.StartPhase, done: Future[Any]
    ) -> None:
        """A combiner that is away is asked again when it is back; one that refuses has its say."""
        error = _error_of(done)
        if actor and error and not error.retryable:
            phase_id = action.phase.phase_id
            actor.tell(machine.PhaseRefused(action.combiner, phase_id, error.message))

    def _reduced(self, actor: SessionActor | None, model_id: str, done: Future[Any]) -> None:
        if actor is None or done.cancelled():
            return
        error = _error_of(done)
        if error is None:
            reduced = done.result()
            ref = BlobRef(model_id, reduced.model.size_bytes, reduced.model.sha256)
            actor.tell(machine.Reduced(ref, reduced.seconds))
        elif not error.retryable:
            actor.tell(machine.ReduceRefused(model_id, error.message))

    # News from combiners

    def _absorb(self, combiner: str, batch: list[rounds_pb2.Event]) -> None:
        """Store a batch of news; comes back when all that follows from it is stored."""
        waiting: list[Future[None]] = []
        for event in batch:
            self._insistently(self._absorb_one, combiner, event, waiting)
        for stored in waiting:
            stored.result()

    def _absorb_one(
        self, combiner: str, event: rounds_pb2.Event, waiting: list[Future[None]]
    ) -> None:
        match event.WhichOneof("event"):
            case "snapshot":
                self._combiner_up(combiner, event.snapshot)
            case "client_joined":
                able = news.capabilities(event.client_joined)
                self._presence.client_joined(combiner, event.client_id, able)
                self._mark(event.client_id, combiner, online=True)
                self._tell_all(machine.NetworkChanged(self._connected()))
            case "client_left":
                self._presence.client_left(combiner, event.client_id)
                self._mark(event.client_id, combiner, online=False)
                self._tell_all(machine.NetworkChanged(self._connected()))
            case _:
                self._absorb_work(combiner, event, waiting)

    def _absorb_work(
        self, combiner: str, event: rounds_pb2.Event, waiting: list[Future[None]]
    ) -> None:
        name = self._client_name(event.client_id)
        if event.WhichOneof("event") == "validation":
            self._store.add("validations", news.validation_document(combiner, event, name))
        if status := news.status_document(combiner, self._epochs.get(combiner, ""), event, name):
            self._store.add("statuses", status)
        told = news.session_event(combiner, event, name)
        with self._lock:
            actor = self._actors.get(event.phase.session_id)
        if told and actor:
            waiting.append(actor.tell(told))

    def _combiner_up(self, combiner: str, snapshot: rounds_pb2.Snapshot) -> None:
        clients = {id_: news.capabilities(told) for id_, told in snapshot.clients.items()}
        self._epochs[combiner] = snapshot.epoch
        self._presence.combiner_up(combiner, clients)
        for client_id in clients:
            self._mark(client_id, combiner, online=True)
        self._release_forgotten(combiner, snapshot)
        self._tell_all(machine.NetworkChanged(self._connected()))
        self._tell_all(machine.CombinerBack(combiner))

    def _release_forgotten(self, combiner: str, snapshot: rounds_pb2.Snapshot) -> None:
        """Phases that a combiner still holds and that no session waits for."""
        with self._lock:
            sessions = [actor.session for actor in self._actors.values()]
            link = self._links.get(combiner)
        wanted = {phase_id for session in sessions for phase_id in session.phase_ids()}
        for phase_id in snapshot.phases:
            if link and phase_id not in wanted:
                link.release(phase_id)

    def _combiner_down(self, combiner: str) -> None:
        for client_id in self._presence.combiner_down(combiner):
            if not self._stopping.is_set():
                self._insistently(self._mark, client_id, combiner, online=False)
        self._tell_all(machine.NetworkChanged(self._connected()))

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
        if client_id and client_id not in self._names:
            if len(self._names) >= limits.session_clients_max:
                self._names.clear()
            client = self._records.lookup("clients", client_id)
            self._names[client_id] = client["name"] if client else client_id
        return self._names.get(client_id, "")

    def _insistently(self, function: Any, *arguments: Any, **options: Any) -> None:
        """Do something that the state store is needed for; while it is away, wait and repeat."""
        failures = 0
        while not self._stopping.is_set():
            try:
                function(*arguments, **options)
            except FednetError as error:
                if not error.retryable:
                    raise
                failures += 1
                _log.warning("news wait: %s", error)
                self._stopping.wait(backoff_seconds(failures))
            else:
                return


def _check_options(options: SessionOptions) -> None:
    aggregator(options.aggregator, options.aggregator_kwargs)
    if options.helper != "numpyhelper":
        raise InvalidInput(
            f"The helper {options.helper!r} is not known; there is numpyhelper.", field="helper"
        )
    if options.requested_clients < options.min_clients:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at least min_clients "
            f"({options.min_clients}).",
            field="requested_clients",
        )
    if options.round_buffer_size == 0 or 0 < options.round_buffer_size < options.min_clients:
        raise InvalidInput(
            f"round_buffer_size ({options.round_buffer_size}) must be -1 (all) or at least "
            f"min_clients ({options.min_clients}).",
            field="round_buffer_size",
        )


def _config(options: SessionOptions) -> dict[str, Any]:
    return options.model_dump(by_alias=True, exclude={"session_id"}, mode="json")


def _document(session: Session, options: SessionOptions) -> Document:
    return {
        "session_id": session.session_id,
        "name": options.name or session.session_id,
        "status": str(session.status),
        "reason": "",
        "session_config": [_config(options)],
        "committed_at": timestamp(),
        "round_number": 0,
        "rounds_total": session.rounds,
        "model_id": session.model.id,
        "progress": {"phase": str(Stage.WAITING), "answers": 0, "clients": 0},
        "state": session.to_dict(),
    }


def _blob_ref(document: Document) -> BlobRef:
    return BlobRef(document["id"], document["size_bytes"], document["sha256"])


def _wire_ref(kind: common_pb2.BlobRef.Kind, ref: BlobRef) -> common_pb2.BlobRef:
    return common_pb2.BlobRef(kind=kind, id=ref.id, size_bytes=ref.size_bytes, sha256=ref.sha256)


def _phase_request(session: Session, action: machine.StartPhase) -> rounds_pb2.Phase:
    phase = action.phase
    settings = {
        "session_id": session.session_id,
        "round": phase.number,
        "rounds": session.rounds,
    }
    package = session.package
    return rounds_pb2.Phase(
        phase_id=phase.phase_id,
        session_id=session.session_id,
        round_id=action.round_id,
        round_number=phase.number,
        kind=phase.kind,
        model=_wire_ref(common_pb2.BlobRef.MODEL, phase.model),
        package=_wire_ref(common_pb2.BlobRef.PACKAGE, package) if package else None,
        helper=session.helper,
        settings_json=json.dumps(settings),
        clients=phase.shares[action.combiner].clients,
        seconds_max=session.round_timeout,
        aggregator=session.aggregator,
        aggregator_settings_json=json.dumps(session.aggregator_kwargs),
        share_partial=len(phase.shares) > 1,
    )


def _reduction(session: Session, action: machine.Reduce) -> rounds_pb2.Reduction:
    current = action.round
    partials = [
        rounds_pb2.Partial(
            phase_id=current.phase.phase_id,
            combiner=combiner,
            updates=share.answers,
            weight=share.weight,
        )
        for combiner, share in current.phase.shares.items()
        if share.answers
    ]
    return rounds_pb2.Reduction(
        model_id=current.model_id,
        base=_wire_ref(common_pb2.BlobRef.MODEL, current.phase.model),
        aggregator=session.aggregator,
        aggregator_settings_json=json.dumps(session.aggregator_kwargs),
        partials=partials,
    )


def _error_of(done: Future[Any]) -> FednetError | None:
    if done.cancelled():
        return None
    error = done.exception()
    if error is None or isinstance(error, FednetError):
        return error
    _log.error("a call to a combiner failed", exc_info=error)
    return FednetError(f"The call failed: {error}")
