"""The session engine: starts and steers sessions, between what people ask and what combiners tell."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError

from pydantic import ValidationError

from fednet import limits
from fednet.errors import FailedPrecondition, LimitExceeded
from fednet.storage import Document, Query

from ..catalog import Catalog
from ..presence import Presence
from ..records import Records
from ..registry import Registry, address_of
from .actor import document_changes
from .admission import Admission
from .events import Event, MoreRoundsAsked, PauseAsked, ResumeAsked, StopAsked
from .intake import Intake
from .kinds import is_prediction
from .links import CombinerLinks
from .options import PredictionOptions, SessionOptions
from .patience import controller_stops
from .running import RunningSessions
from .state import Session, Status
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
        self._presence = presence
        self._admission = Admission(records, catalog, presence)
        self._links = CombinerLinks(token)
        self._running = RunningSessions(records, presence, self._links.order)
        self._intake: Intake | None = None
        self._starting = threading.Lock()

    # Life

    def open(self, registry: Registry) -> None:
        """Connect to all known combiners, and take up the sessions that have not ended.

        Args:
            registry: Where the clients' status is kept.
        """
        self._intake = Intake(
            self._records, registry, self._presence, self._running, self._links.release
        )
        registry.all_offline()
        unfinished = Query(where={"status": [status for status in Status if not status.is_final]})
        for document in self._records.find("sessions", unfinished):
            self._take_up(document)
        for combiner in self._records.find("combiners"):
            self.connect(combiner)

    def close(self) -> None:
        """Stop; sessions go on when a controller takes them up again."""
        self._running.stop()
        self._links.close()

    def connect(self, combiner: Document) -> None:
        """Open a link to a combiner that has registered; the link to its earlier process ends before."""
        assert self._intake is not None, "combiners register after open"
        self._links.connect(
            combiner["name"],
            address_of(combiner),
            self._intake.absorb,
            self._intake.combiner_down,
        )

    def disconnect(self, combiner: str) -> None:
        """End the link to a combiner that is none any more."""
        self._links.disconnect(combiner)

    # What people ask

    def start(self, options: SessionOptions | PredictionOptions) -> Document:
        """Write down a new session and begin it; the same again answers with what is there.

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
            document = self._records.insert("sessions", self._admission.admit(options))
            self._running.run(document)
        return document

    def wait(
        self, session_id: str, after_version: int, seconds: float, *, final_only: bool = False
    ) -> Document:
        """The session as soon as its version is above this one, or after so many seconds.

        With final_only its version does not matter: it is answered as soon as it has ended.

        Raises:
            NotFound: There is no such session.
        """
        return self._running.wait(session_id, after_version, seconds, final_only=final_only)

    def stop(self, session_id: str) -> Document:
        """End a session; its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended already.
        """
        return self._ask(session_id, StopAsked("it was stopped"))

    def pause(self, session_id: str) -> Document:
        """Begin no further round; the document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended, or has no rounds.
        """
        self._check_rounds(session_id)
        return self._ask(session_id, PauseAsked())

    def resume(self, session_id: str) -> Document:
        """Let a paused session go on; its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It is not paused.
        """
        document = self._running.document(session_id)
        if document["status"] != Status.PAUSED:
            raise FailedPrecondition(
                f"Session {session_id!r} is {document['status']}: there is nothing to resume.",
                field="status",
            )
        return self._ask(session_id, ResumeAsked())

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
                return self._ask(session_id, MoreRoundsAsked(rounds))
            session = Session.from_dict(document["state"])
            session.reopen(rounds)
            document = SessionStore(self._records).put_session(document, document_changes(session))
            self._running.run(document)
        return document

    def _ask(self, session_id: str, event: Event) -> Document:
        """Tell a running session something; its document once all that follows is stored."""
        document = self._running.document(session_id)
        actor = self._running.actor(document["session_id"])
        if actor is None:
            raise FailedPrecondition(
                f"Session {session_id!r} has ended: it is {document['status']}.", field="status"
            )
        try:
            actor.tell(event).result(limits.call_seconds_max)
        except (CancelledError, TimeoutError) as error:
            raise controller_stops() from error
        return actor.document

    def _check_rounds(self, session_id: str) -> Document:
        """The document of a session that has rounds."""
        document = self._running.document(session_id)
        if is_prediction(document):
            raise FailedPrecondition(
                f"{session_id!r} is a prediction session: it has no rounds. Start another one.",
                field="task",
            )
        return document

    def _take_up(self, document: Document) -> None:
        """Go on with a session of an earlier process; one that cannot be read fails, and stops no other."""
        try:
            self._running.run(document)
        except (ValidationError, KeyError):
            _log.exception("the state of session %s cannot be read", document["session_id"])
            reason = "Its state was written by another version of the controller. Start it anew."
            failed = {"status": str(Status.FAILED), "reason": reason}
            self._records.update("sessions", document["id"], lambda _: failed)
