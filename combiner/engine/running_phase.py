"""A phase that runs here: feeds its machine with events, and carries out the instructions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from fednet.aggregation import Partial
from fednet.clocks import SteadyClock
from fednet.digests import Digest
from fednet.errors import FailedPrecondition, FednetError
from fednet.task_ids import task_id_of

from ..machine.answers import Answer
from ..machine.assignment import Assignment, PhaseRecord
from ..machine.events import (
    Answered,
    Cancel,
    Check,
    CloseAsked,
    Counted,
    Event,
    Finish,
    Finished,
    Instruction,
    Joined,
    Receipt,
    Released,
    Send,
    StartedAgain,
    Tell,
    TimePassed,
    Withdrew,
)
from ..machine.news import Happening, PhaseClosed, TaskSent
from ..machine.phase import PhaseMachine, PhaseState
from ..machine.tasks import TaskState
from ..machine.values import Authority, SharingRecord
from .folding import Folding
from .handlers import HANDLERS, HandedOver, ToCheck
from .means import Means
from .phase_log import log_begin, log_happening, logged_in
from .phase_metrics import count_happening
from .readers import Readers
from .sharing import Sharing
from .spool import KeptAnswer

_log = logging.getLogger(__name__)


class RunningPhase:
    """One phase of this combiner. All methods belong to the event loop's thread.

    Args:
        record: The phase as it lies in the spool.
        folding: The partial of its updates; None where nothing is folded.
        means: The parts of the combiner that it works with.

    Attributes:
        record: The phase as it lies in the spool.
        folding: The partial of its updates; None where nothing is folded.
    """

    def __init__(
        self,
        record: PhaseRecord,
        folding: Folding | None,
        means: Means,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_change = on_change
        self.record = record
        self.folding = folding
        self._id = record.assignment.phase_id
        self._means = means
        self._machine = _machine_of(record)
        self._clock = SteadyClock()
        self._settled = asyncio.Event()  # nothing of it changes, until an order comes
        self._decided = asyncio.Event()  # it is settled, or waits for clients
        self._arrived: dict[str, Digest] = {}  # the updates that this process has checked, by task
        self._replayed: dict[str, Digest | None] = {}  # the updates of an earlier process, by task
        self._readers = Readers()
        self._timer: asyncio.TimerHandle | None = None
        self._sharing: Sharing | None = None
        self._is_stopped = False

    @property
    def assignment(self) -> Assignment:
        """The newest assignment."""
        return self.record.assignment

    @property
    def is_open(self) -> bool:
        """True while answers may still come in."""
        return self._machine.state is PhaseState.OPEN

    @property
    def is_finishing(self) -> bool:
        """True while it finishes: a partial to be shared is on its way into the blob store."""
        return self._machine.is_finishing

    def client_of(self, task_id: str) -> str | None:
        """Return the client of a task; None for a task that is not of this phase."""
        return self._machine.client_of(task_id)

    def waits_for(self, task_id: str) -> bool:
        """Return True if the task has no answer yet, and still may have one."""
        return self._machine.waits_for(task_id, self._clock())

    def has_moved(self, task_id: str) -> bool:
        """Return True if the task has moved to another combiner with its client."""
        return self._machine.task_state(task_id) is TaskState.WITHDRAWN

    def is_delivered_by(self, client_id: str) -> bool:
        """Return True while a client's answer is here, and has no receipt yet."""
        task_id = self._task_of(client_id)
        match self._machine.task_state(task_id):
            case TaskState.CHECKING:
                return True
            case TaskState.OPEN:
                return task_id in self._arrived
        return False

    # Events

    def begin(self) -> None:
        """Take up the answers of an earlier process, then give the clients their tasks."""
        log_begin(self.assignment, self._seconds_left())
        self._replay()
        self._welcome(self.assignment.clients)
        self._look_at_the_clock()

    def arrived(self, task_id: str, update: Digest) -> None:
        """Note that the update of a task lies whole in the spool."""
        self._arrived[task_id] = update

    def take_answer(self, answer: Answer) -> None:
        """Take a client's answer to one of the tasks.

        Raises:
            Unavailable: The spool cannot keep the answer now.
        """
        now = self._clock()
        if self._machine.waits_for(answer.task_id, now):
            kept = KeptAnswer(answer, self._arrived.get(answer.task_id))
            self._means.spool.keep_answer(self._id, kept)
        self.feed(Answered(answer), now)

    def feed(self, event: Event, now: float | None = None) -> None:
        """Let the machine decide about an event, and carry its instructions out."""
        was_shut = self._machine.is_shut
        instructions = self._machine.handle(event, self._clock() if now is None else now)
        if self._machine.is_shut and not was_shut:
            self._keep_shut()
        for instruction in instructions:
            self._carry_out(instruction)
        self._note_state()

    def start_again(self, later: Assignment) -> None:
        """Add to the phase, or open it again.

        Raises:
            Unavailable: The spool cannot keep the assignment now; nothing has changed.
        """
        record = self.record.started_again(later, self._clock())
        event = StartedAgain(
            later.clients, later.attempt, record.deadline, share=later.share_partial
        )
        fresh = [each for each in later.clients if not self.client_of(self._task_of(each))]
        # Answers that count for nothing go first: a crash in between leaves tasks without one.
        spool = self._means.spool
        spool.forget_answers(self._id, self._machine.asked_again_by(event))
        spool.keep_record(record)
        self.record = record
        log_begin(later, record.deadline - self._clock())
        self.feed(event)
        self._welcome(fresh)
        self._look_at_the_clock()

    def repeat_start(self, same: Assignment) -> None:
        """Take a Start that changes nothing: a controller that repeats it may not have heard the phase's end."""
        deadline = self.record.deadline
        self.feed(StartedAgain(same.clients, same.attempt, deadline, share=same.share_partial))

    def withdraw(self, clients: Iterable[str]) -> tuple[str, ...]:
        """Take clients out that have moved to another combiner; return those without an answer here.

        Raises:
            Unavailable: The spool cannot keep it now; nothing has changed.
        """
        self.feed(TimePassed())
        moved = self._machine.without_answer(dict.fromkeys(clients))
        self._keep(self.record.without(moved))
        self.feed(Withdrew(moved))
        return moved

    def note_authority(self, authority: Authority) -> None:
        """Keep the authority of the newest order, so that it holds after a restart.

        Raises:
            Unavailable: The spool cannot keep it now.
        """
        self._keep(self.record.under(authority))

    async def release(self) -> None:
        """End the phase; returns once nothing of it goes into the blob store any more."""
        self.stop()
        self.feed(Released())
        await self._settled.wait()

    def stop(self) -> None:
        """Look at the clock no more, and wait for no store."""
        self._is_stopped = True
        if self._sharing:
            self._sharing.give_up()
        if self._timer:
            self._timer.cancel()

    async def whole_partial(self) -> Partial:
        """Return the partial of the closed phase; after a restart it is folded again first.

        Raises:
            FailedPrecondition: The phase is open, or folds nothing.
        """
        await self._decided.wait()
        if self.folding is None or not self._settled.is_set():
            raise FailedPrecondition("A phase must be closed before its partial is reduced.")
        return self.folding.partial

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Make later updates wait while the block reads the partial."""
        return self._readers.reading()

    # Consequences

    def _replay(self) -> None:
        """Take up the answers of an earlier process; all answers in the spool came in time."""
        for task_id, kept in sorted(self._means.spool.answers(self._id).items()):
            if self.client_of(task_id):
                self._replayed[task_id] = kept.update
                self.feed(Answered(kept.answer), self.record.opened_at)
        if self._means.spool.is_shut(self._id, self.assignment.attempt):
            self.feed(CloseAsked(), self.record.opened_at)

    def _welcome(self, clients: Iterable[str]) -> None:
        for client in clients:
            if client in self._means.clients:
                self.feed(Joined(client))

    def _look_at_the_clock(self) -> None:
        """Close if the deadline has passed, else look again then; the loop's clock differs from ours."""
        if self._timer:
            self._timer.cancel()
        self.feed(TimePassed())
        if self.is_open:
            seconds = max(0.0, self._seconds_left())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._look_at_the_clock)

    def _seconds_left(self) -> float:
        return self._machine.deadline - self._clock()

    def _note_state(self) -> None:
        """Set the events that others wait for, and give up a sharing that a later order has overtaken."""
        state, finishes = self._machine.state, self._machine.is_finishing
        if state is PhaseState.CLOSED or (state is PhaseState.RELEASED and not finishes):
            self._settled.set()
        else:
            self._settled.clear()
        if self._settled.is_set() or self._machine.waits_for_clients:
            self._decided.set()
        else:
            self._decided.clear()
        if self._sharing and (self._is_stopped or state is not PhaseState.FINISHING):
            self._sharing.give_up()
        self._on_change()

    def _keep(self, record: PhaseRecord) -> None:
        if record != self.record:
            self._means.spool.keep_record(record)
            self.record = record

    def _keep_shut(self) -> None:
        try:
            self._means.spool.shut(self._id, self.assignment.attempt)
        except FednetError as error:  # no reason to stop: it matters only if this process dies now
            _log.warning("phase %s would begin again after a crash: %s", self._id, error)

    def _carry_out(self, instruction: Instruction) -> None:
        clients, outbox = self._means.clients, self._means.outbox
        match instruction:
            case Send(client, task):
                seconds_left = max(0.0, self._seconds_left())
                task_of_client = self.assignment.task_for(client, seconds_left)
                traceparent = self._means.traces.traceparent(self.assignment)
                clients.offer(client, replace(task_of_client, traceparent=traceparent))
                outbox.offer(TaskSent(), self.assignment.context, client, task)
                self._count(TaskSent())
            case Cancel(client, task):
                clients.cancel(client, task)
            case Receipt(client, verdict):
                clients.receipt(client, verdict)
            case Check(client, answer):
                self._means.workers.spawn(self._check(client, answer))
            case Tell(happening, client, task):
                log_happening(self.assignment, happening, client, task)
                self._count(happening)
                outbox.put(happening, self.assignment.context, client, task)
            case Finish(share):
                self._means.workers.spawn(self._finish(share=share))

    def _count(self, happening: Happening) -> None:
        now = self._clock()
        seconds = now - self.record.opened_at
        count_happening(self._means.metrics, self.assignment.kind, happening, seconds)
        if isinstance(happening, PhaseClosed):
            self._means.traces.closed(self.record, happening, now)

    async def _check(self, client: str, answer: Answer) -> None:
        with logged_in(self.assignment, client, answer.task_id):
            await self._checked(client, answer)

    async def _checked(self, client: str, answer: Answer) -> None:
        await self._readers.wait_for_none()
        item = ToCheck(
            self._id,
            client,
            answer,
            is_whole=answer.task_id in self._arrived,
            update=self._replayed.pop(answer.task_id, None),
            folding=self.folding,
            spool=self._means.spool,
            workers=self._means.workers,
            metrics=self._means.metrics,
        )
        began = self._clock()
        checked = await HANDLERS[self.assignment.kind].check(item)
        if isinstance(checked, HandedOver):
            log_happening(self.assignment, checked.happening, client, answer.task_id)
            self._count(checked.happening)
            counted = Counted(answer.task_id)
            self._means.outbox.put(
                checked.happening,
                self.assignment.context,
                client,
                answer.task_id,
                stored=lambda: self.feed(counted),
            )
        else:
            if isinstance(checked, Counted):
                ended = self._clock()
                self._means.traces.folded(self.assignment, client, answer.task_id, began, ended)
            self.feed(checked)

    async def _finish(self, *, share: bool) -> None:
        finished = Finished()
        with logged_in(self.assignment):
            if share and self.folding:
                finished = await self._shared(self.folding.partial)
        self.feed(finished)

    async def _shared(self, partial: Partial) -> Finished:
        """Put the partial into the blob store, unless an earlier process has put one of the same updates.

        So its digest, which the controller may have heard of, stays true: folded again, the sum may differ in its last
        bits.
        """
        means, attempt, updates = self._means, self.assignment.attempt, partial.updates
        before = means.spool.sharing(self._id)
        if before and (before.attempt, before.updates) == (attempt, updates):
            return Finished(partial=before.digest)
        self._sharing = Sharing(means.partials, means.workers, self._id, self._seconds_left)
        self._note_state()  # a later order may have come before this began
        with self.reading():
            finished = await self._sharing.share(partial)
        self._sharing = None
        if finished.partial:
            self._keep_sharing(SharingRecord(attempt, updates, finished.partial))
        return finished

    def _keep_sharing(self, sharing: SharingRecord) -> None:
        try:
            self._means.spool.keep_sharing(self._id, sharing)
        except FednetError as error:  # it matters only if this process dies now
            _log.warning(
                "phase %s would share its partial again after a crash: %s", self._id, error
            )

    def _task_of(self, client: str) -> str:
        return task_id_of(self._id, client)


def _machine_of(record: PhaseRecord) -> PhaseMachine:
    assignment = record.assignment
    return PhaseMachine(
        assignment.phase_id,
        assignment.clients,
        record.deadline,
        attempt=assignment.attempt,
        share=assignment.share_partial,
        withdrawn=record.withdrawn,
    )
