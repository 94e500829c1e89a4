"""One running session: a thread that feeds its machine, commits its decisions, and only then gives orders."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from fednet import limits
from fednet.clocks import SteadyClock
from fednet.errors import Conflict, FednetError, Superseded
from fednet.log_context import logged_as
from fednet.storage import Document
from fednet.traces import Traces

from ...measures import ControllerMetrics
from ..machine.events import (
    Answered,
    Broke,
    Event,
    NetworkEvent,
    PhaseBegun,
    TimeLost,
    TimePassed,
    Unanswered,
)
from ..machine.kernel import Machine
from ..machine.orders import Decision, Order, Projection
from ..machine.state import Session
from .commit import Commits
from .inbox import Inbox, Letter
from .links import Then
from .lost_time import LostTime
from .patience import Patience
from .requests import Authority, Call, Sign, call_of, fixed, outcome
from .session_log import log_changes
from .session_metrics import RoundCounts
from .session_traces import tell_rounds

_log = logging.getLogger(__name__)

_REPEATED = (NetworkEvent, Answered, Unanswered, PhaseBegun, TimePassed, TimeLost)
"""Events that are stored elsewhere or are told again. All others are in a commit before they count as stored."""

Give = Callable[[str, Call, Then], None]
"""Gives a call to a combiner by name, and tells the answer."""


class Listener(Protocol):
    """A follower of a session's course."""

    def stored(self, document: Document) -> None:
        """Hear that the session's document was stored."""

    def lost(self, actor: SessionActor) -> None:
        """Hear that another controller drives an actor's session."""


@dataclass(frozen=True)
class Ports:
    """The surroundings of an actor.

    Attributes:
        commits: Writes down the decisions.
        give: Gives the orders.
        patience: Waits for the store.
        lost: The time that counts for no deadline.
        listener: Follows the session's course.
        sign: Signs the warrants of tasks.
        metrics: The controller's metrics.
        traces: Takes the spans of rounds.
    """

    commits: Commits
    give: Give
    patience: Patience
    lost: LostTime
    listener: Listener
    sign: Sign
    metrics: ControllerMetrics
    traces: Traces


@dataclass
class _Handled:
    """The consequences of some events."""

    must_commit: bool = False
    projections: list[Projection] = field(default_factory=list)
    calls: list[tuple[Order, Call]] = field(default_factory=list)

    def add(self, event: Event, decision: Decision) -> None:
        """Add the consequences of one event; its orders become calls elsewhere."""
        has_consequences = decision.is_lasting or decision.projections or decision.orders
        self.must_commit |= bool(has_consequences) or not isinstance(event, _REPEATED)
        self.projections += decision.projections


class SessionActor:
    """The thread of one session, until the session has ended, or another controller has it, or this one stops.

    Args:
        document: The session's document, with this controller as its owner.
        controller: This controller's name.
        ports: Its surroundings.
        prelude: Returns the events that come before all others; called in the actor's thread.
    """

    def __init__(
        self,
        document: Document,
        controller: str,
        ports: Ports,
        prelude: Callable[[Session], Sequence[Event]],
    ) -> None:
        self._document = document
        self._ports = ports
        self._prelude = prelude
        self.session = Session.from_dict(document["state"])
        self._machine = Machine(self.session)
        self._clock = SteadyClock()
        self._round_counts = RoundCounts(ports.metrics)
        self._authority = Authority(controller, document["term"])
        self._inbox = Inbox(limits.queue_messages_max)
        self._stopping = threading.Event()
        self._seconds_lost = ports.lost.seconds_so_far()
        self._committed_at = time.monotonic()
        name = f"session-{self.session.document_id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to run."""
        self._thread.start()

    @property
    def document(self) -> Document:
        """The session's document as it was stored last."""
        return self._document

    @property
    def waiting(self) -> int:
        """The number of events that wait."""
        return len(self._inbox)

    def tell(self, event: Event) -> Future[None]:
        """Hand the session an event.

        Returns:
            Done once the consequences of the event are stored. Cancelled if this actor will not store them: the
            event has to be told to the session's next driver.
        """
        return self._inbox.put(event)

    def stop(self) -> None:
        """End the thread; the session itself goes on when a controller takes it up again."""
        self._stopping.set()
        self._inbox.close(settled=False)
        self._thread.join()

    def give_up(self) -> None:
        """End because another controller drives the session; does not wait for the thread."""
        self._stopping.set()
        self._inbox.close(settled=False)
        self._ports.listener.lost(self)

    # The thread

    def _run(self) -> None:
        with logged_as(session=self.session.session_id):
            self._run_and_close()

    def _run_and_close(self) -> None:
        try:
            self._run_to_the_end()
        except Conflict:
            _log.warning("session %s is driven by another controller", self.session.session_id)
            self.give_up()
        except Exception as error:  # noqa: BLE001  nobody may wait for this session for ever
            _log.exception("session %s cannot go on", self.session.session_id)
            self._break_off(error)
        finally:
            self._inbox.close(settled=not self._stopping.is_set())

    def _run_to_the_end(self) -> None:
        prelude: list[Event] = []
        if not self._insist(lambda: prelude.extend(self._prelude_anew(prelude))):
            return
        self._handle(prelude)
        while not self.session.status.is_final and not self._stopping.is_set():
            letters = self._inbox.take(self._seconds_to_wait())
            self._handle_letters(letters)

    def _prelude_anew(self, before: list[Event]) -> Sequence[Event]:
        before.clear()
        self._ports.commits.complete(self._document)
        return self._prelude(self.session)

    def _seconds_to_wait(self) -> float | None:
        """Return the time until a deadline, or until progress is worth a write."""
        deadline, times = self._machine.next_deadline(), []
        if deadline is not None:
            times.append(deadline - self._clock())
        if self._has_progress():
            times.append(self._committed_at + limits.progress_seconds - time.monotonic())
        return max(0.0, min(times)) if times else None

    def _handle_letters(self, letters: Sequence[Letter]) -> None:
        try:
            is_stored = self._handle([letter.event for letter in letters])
        except BaseException:
            for letter in letters:
                letter.stored.cancel()
            raise
        for letter in letters:
            if is_stored:
                letter.stored.set_result(None)
            else:
                letter.stored.cancel()

    def _handle(self, events: Sequence[Event]) -> bool:
        """Decide, commit, give orders; return False if the controller stops before the commit."""
        batch = _Handled()
        for event in (*self._time_lost(), *events, TimePassed()):
            decision = self._machine.handle(event, self._clock())
            batch.add(event, decision)
            orders = map(fixed, decision.orders)
            batch.calls += [
                (each, call_of(self.session, each, self._authority, self._ports.sign))
                for each in orders
            ]
        with logged_as(round_number=self._machine.round_number):
            return self._carried_out(batch)

    def _carried_out(self, batch: _Handled) -> bool:
        """Commit, then give orders; return False if the controller stops before the commit."""
        if self._is_due(batch) and not self._insist(lambda: self._commit(batch.projections)):
            return False
        for order, call in batch.calls:
            self._give(order, call)
        return True

    def _time_lost(self) -> list[Event]:
        """Return the time that was lost since the last events; it is told before all that waited."""
        seconds = self._ports.lost.seconds()
        lost, self._seconds_lost = seconds - self._seconds_lost, seconds
        return [TimeLost(lost)] if lost > 0 else []

    def _give(self, order: Order, call: Call) -> None:
        def then(answer: Any) -> None:
            if isinstance(answer, Superseded):
                _log.warning("session %s: %s", self.session.session_id, answer)
                self.give_up()
            elif event := outcome(order, answer):
                self.tell(event)

        if not self._stopping.is_set():
            self._ports.give(order.combiner, call, then)

    def _break_off(self, error: Exception) -> None:
        """Let a session that cannot go on fail with its reason, so that nobody waits for it."""
        problem = error.message if isinstance(error, FednetError) else repr(error)
        reason = f"The controller could not go on: {problem} Its log tells more."
        try:
            self._handle([Broke(reason)])
        except Exception:  # noqa: BLE001  the thread ends here in any case
            _log.exception("session %s could not even be ended", self.session.session_id)
            self.give_up()

    # Committing

    def _is_due(self, batch: _Handled) -> bool:
        """Return True if the document must be written now: for its consequences, or for progress of a while ago."""
        since = time.monotonic() - self._committed_at
        return batch.must_commit or (self._has_progress() and since >= limits.progress_seconds)

    def _has_progress(self) -> bool:
        return bool(self._machine.progress != self._document["progress"])

    def _commit(self, projections: Sequence[Projection]) -> None:
        with self._ports.metrics.commit_seconds.time():
            document = self._ports.commits.commit(
                self._document, self._machine.document(), projections
            )
        self._round_counts.add(projections)
        tell_rounds(self._ports.traces, document, projections)
        log_changes(self._document, document, projections)
        self._document, self._committed_at = document, time.monotonic()
        self._ports.listener.stored(document)

    def _insist(self, work: Callable[[], None]) -> bool:
        who = f"session {self.session.session_id}"
        return self._ports.patience.insist(work, who, self._stopping)
