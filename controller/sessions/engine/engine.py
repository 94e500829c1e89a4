"""The session engine: starts and steers sessions, between the requests of people and the news of combiners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import CancelledError
from typing import Any

from fednet import limits
from fednet.contract import PredictionOptions, Principal, SessionOptions
from fednet.errors import AlreadyExists, FailedPrecondition, LimitExceeded, Unavailable
from fednet.log_context import logged_as
from fednet.storage import Document
from fednet.tls import PUBLIC_CA, CallerTLS
from fednet.traces import Traces

from ...catalog import Catalog
from ...driven_elsewhere import DrivenElsewhere
from ...feed.feed import Feed
from ...feed.follower import Followers
from ...leases import Leases
from ...measures import ControllerMetrics
from ...presence import Presence
from ...records import Records
from ...tokens.control import ControlTokens
from ...tokens.trust import TrustChange
from ..admission import Admission
from ..machine.events import Event, MoreRoundsAsked, PauseAsked, ResumeAsked, StopAsked
from ..machine.kernel import Machine
from ..machine.state import Kind, Session, Status
from .intake import Intake
from .lease_keeper import LeaseKeeper
from .links import CombinerLinks, place_of
from .ownership import Ownership
from .patience import controller_stops
from .requests import Authority, Sign, release_call
from .running import RunningSessions

_log = logging.getLogger(__name__)


class Engine:
    """The sessions of one controller.

    Args:
        records: The documents.
        catalog: The models and packages.
        presence: The connected combiners and clients; the engine keeps it up to date.
        leases: The leases of this controller and of all others.
        tokens: Makes the controller's tokens for the combiners.
        trust: Returns whom combiners may trust now.
        feed: Hears of all that happens.
        followers: Follow the feeds of the other controllers.
        sign_warrant: Signs the warrants of tasks.
        metrics: The controller's metrics.
        traces: Takes the spans of rounds.
        tls: The controller's files as a caller of combiners.
    """

    def __init__(
        self,
        records: Records,
        catalog: Catalog,
        presence: Presence,
        leases: Leases,
        tokens: ControlTokens,
        trust: Callable[[], TrustChange],
        feed: Feed,
        followers: Followers,
        sign_warrant: Sign,
        metrics: ControllerMetrics,
        traces: Traces,
        tls: CallerTLS = PUBLIC_CA,
    ) -> None:
        self._records = records
        self._followers = followers
        self._feed = feed
        self._leases = leases
        self._catalog = catalog
        self._admission = Admission(records, catalog, presence)
        self._links = CombinerLinks(tokens, trust, metrics, tls)
        self._running = RunningSessions(
            leases.name,
            records,
            presence,
            self._links.give,
            feed,
            sign_warrant,
            metrics,
            traces,
        )
        self._intake = Intake(
            records, presence, self._running, self._release, self._send_away, feed
        )
        self._starting = threading.Lock()
        self._ownership = Ownership(records, leases, self._running, self._starting, metrics)
        self._keeper = LeaseKeeper(leases, self._running, self._look_around, metrics)
        self._measure(metrics, presence)

    # Life

    def open(self) -> None:
        """Take up the sessions that nobody drives, connect to all known combiners, and keep the lease."""
        self._look_around()
        self._keeper.start()

    def close(self) -> None:
        """Stop, and give the lease back; sessions go on when a controller takes them up again."""
        self._keeper.stop()
        self._followers.close()
        self._running.stop()
        self._links.close()
        self._keeper.give_back()

    @property
    def is_stopping(self) -> bool:
        """True once the controller stops: others drive its sessions."""
        return self._running.stopping.is_set()

    def connect(self, combiner: Document) -> None:
        """Open a link to a combiner that has registered; the link to its earlier process ends before."""
        self._links.connect(combiner, self._intake.absorb, self._intake.combiner_down)

    def disconnect(self, combiner: str) -> None:
        """Close the link to a removed combiner."""
        self._links.disconnect(combiner)

    def tell(self, change: TrustChange) -> None:
        """Tell all combiners a change of trust."""
        self._links.tell(change)

    def _look_around(self) -> None:
        """Take up sessions without a driver, and follow what happens at other controllers."""
        self._ownership.take_up_orphans()
        self._followers.follow(self._leases.living)
        if len(self._leases.living) > 1:
            self._feed.look()  # also when another controller's feed does not answer
        linked = self._links.places()
        known = {combiner["name"]: combiner for combiner in self._records.find("combiners")}
        for name in linked.keys() - known.keys():
            self.disconnect(name)
        for name, combiner in known.items():
            if linked.get(name) != place_of(combiner):
                self.connect(combiner)

    def _release(self, combiner: str, session_id: str, phase_id: str, term: int) -> None:
        call = release_call(session_id, phase_id, Authority(self._leases.name, term))
        self._links.give(combiner, call, lambda _: None)

    def _send_away(self, combiner: str, clients: Collection[str]) -> None:
        self._links.tell(TrustChange(misplaced_clients=sorted(clients)), combiner)

    def _measure(self, metrics: ControllerMetrics, presence: Presence) -> None:
        """Let the gauges read the present state at each scrape."""
        metrics.combiners.set_function(lambda: len(presence.connected()))
        metrics.clients.set_function(lambda: sum(map(len, presence.connected().values())))
        metrics.sessions.set_function(lambda: len(self._running.actors()))
        metrics.inbox.set_function(lambda: sum(actor.waiting for actor in self._running.actors()))
        metrics.news.set_function(lambda: self._links.news_waiting)
        metrics.lease.set_function(lambda: float(self._leases.is_held))
        metrics.controllers.set_function(lambda: len(self._leases.living))

    # Requests

    def start(self, principal: Principal, options: SessionOptions | PredictionOptions) -> Document:
        """Write down a new session and begin it; the same request again gives the same session.

        Raises:
            AlreadyExists: The id belongs to a session with other options.
            FailedPrecondition: No model or no package is set, too few clients are connected, or no
                combiner allows server functions.
            InvalidInput: An option is wrong; names it.
            Unavailable: The controller is stopping.
        """
        with self._starting:
            if options.session_id and (known := self._admission.known(options)):
                return known
            if self._running.stopping.is_set():
                raise controller_stops()
            document = {**self._admission.admit(options), **self._ownership.first_rights()}
            document["created_by"] = principal.reference
            try:
                document = self._records.insert("sessions", document)
            except AlreadyExists:
                if known := self._admission.known(
                    options
                ):  # started at another controller meanwhile
                    return known
                raise
            self._check_first_model(document)
            self._running.run(document)
        return document

    def document(self, session_id: str) -> Document:
        """Return a session's document as it was committed last, whoever drives it.

        Raises:
            NotFound: There is no such session.
        """
        return self._running.document(session_id)

    def stop(self, principal: Principal, session_id: str) -> Document:
        """End a session; return its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended already.
            DrivenElsewhere: Another controller drives it.
        """
        return self._ask(principal, session_id, StopAsked("it was stopped"))

    def pause(self, principal: Principal, session_id: str) -> Document:
        """Begin no further round; return the document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended, or has no rounds.
            DrivenElsewhere: Another controller drives it.
        """
        self._check_rounds(session_id)
        return self._ask(principal, session_id, PauseAsked())

    def resume(self, principal: Principal, session_id: str) -> Document:
        """Let a paused session go on; return its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It is not paused.
            DrivenElsewhere: Another controller drives it.
        """
        document = self._running.document(session_id)
        if document["status"] != Status.PAUSED:
            raise FailedPrecondition(
                f"Session {session_id!r} is {document['status']}: there is nothing to resume.",
                field="status",
            )
        return self._ask(principal, session_id, ResumeAsked())

    def extend(self, principal: Principal, session_id: str, rounds: int) -> Document:
        """Add rounds to a session; one that has ended goes on from its newest model.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It is a prediction session, or its newest model was deleted.
            LimitExceeded: It would have more than limits.session_rounds_max.
            DrivenElsewhere: Another controller drives it.
        """
        with self._starting:
            document = self._check_rounds(session_id)
            if document["rounds_total"] + rounds > limits.session_rounds_max:
                raise LimitExceeded(
                    f"A session may have {limits.session_rounds_max} rounds at most.",
                    field="rounds",
                )
            if not Status(document["status"]).is_final:
                return self._ask(principal, session_id, MoreRoundsAsked(rounds))
            session = Session.from_dict(document["state"])
            self._check_model(session)
            session.reopen(rounds)
            rights = self._ownership.next_rights(document)
            ended = {name: document[name] for name in document.keys() - {"id", "version"}}
            document = self._running.commit(document, {**Machine(session).document(), **rights})
            try:
                # The model is in use from now on, and may have been deleted before.
                self._check_model(session)
            except FailedPrecondition:
                self._running.commit(document, ended)
                raise
            self._running.run(document)
        return document

    def _ask(self, principal: Principal, session_id: str, event: Event) -> Document:
        """Tell a session something; return its document once the consequences are stored."""
        document = self._running.document(session_id)
        with logged_as(session=document["session_id"], round_number=document["round_number"]):
            _log.info(
                "session %s: %s, by %s", document["session_id"], type(event).__name__, principal
            )
        actor = self._running.actor(document["session_id"])
        if actor is None:
            self._raise_if_over(document)
            self._raise_if_elsewhere(document)
            raise DrivenElsewhere(document["session_id"])
        try:
            actor.tell(event).result(limits.command_seconds_max)
        except CancelledError as error:
            if self._running.stopping.is_set():
                raise controller_stops() from error
            raise DrivenElsewhere(document["session_id"]) from error
        except TimeoutError as error:
            raise Unavailable(
                f"The state store does not answer. Session {session_id!r} does as it was asked once the store is "
                "back."
            ) from error
        return actor.document

    def _raise_if_over(self, document: Document) -> None:
        if Status(document["status"]).is_final:
            raise FailedPrecondition(
                f"Session {document['session_id']!r} has ended: it is {document['status']}.",
                field="status",
            )

    def _raise_if_elsewhere(self, document: Document) -> None:
        """Raise DrivenElsewhere if another living controller owns a session."""
        owner: Mapping[str, Any] = document.get("owner") or {}
        if owner == self._leases.owner:
            return
        if lease := self._leases.holder(owner):
            raise DrivenElsewhere(document["session_id"], lease["name"], lease["address"])

    def _check_rounds(self, session_id: str) -> Document:
        """Return the document of a session that has rounds."""
        document = self._running.document(session_id)
        if document.get("task") == Kind.PREDICTION.task:
            raise FailedPrecondition(
                f"{session_id!r} is a prediction session: it has no rounds. Start another one.",
                field="task",
            )
        return document

    def _check_first_model(self, document: Document) -> None:
        """Delete a session that has been written and not begun, if its first model was deleted just before.

        From its document on, its model is in use; see `cleaning.models`.
        """
        try:
            self._catalog.check_file(document["options"]["model_id"])
        except FailedPrecondition:
            self._records.documents.delete("sessions", document["id"])
            raise

    def _check_model(self, session: Session) -> None:
        """Check that a session that has ended can go on from its newest model."""
        model = self._records.lookup("models", session.model.id)
        if model is None or model.get("file_deleted_at"):
            raise FailedPrecondition(
                f"The newest model of session {session.session_id!r} was deleted by retention: start a new session.",
                field="session_id",
            )
