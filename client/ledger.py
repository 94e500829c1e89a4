"""The tasks and answers of this client: each task is answered once, also after a crash.

    offered ──next──> in hand ──keep──> kept ──next_delivery──> delivered ──receipt──> forgotten

One thread works at tasks, another one delivers kept answers, and neither waits for the other. `kept` schedules the
deliveries; `answer_files` writes answers to disk. An answer that an earlier process kept is delivered without a new
offer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fednet import limits
from fednet.digests import Digest
from fednet.errors import LimitExceeded
from fednet.names import check_id

from .answer_files import AnswerFiles, KeptAnswer
from .kept import Delivery, Kept
from .tasks import Answer, Failure, Receipt, Task, Update

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Offer:
    task: Task
    deadline: float | None  # of this ledger's clock
    combiner: str


class Ledger:
    """The tasks and answers of one client, for any thread.

    Args:
        folder: The folder of kept answers.
        clock: Returns the current time in seconds; monotonic.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = AnswerFiles(folder)
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: dict[str, _Offer] = {}  # in the order of their offers
        self._in_hand: _Offer | None = None
        self._is_unwanted = False
        self._offered: set[str] = set()  # the known tasks that were offered on the current stream
        self._kept = Kept()
        self._combiner = ""
        self._is_connected = False
        self._is_closed = False
        self._is_draining = False
        with self._changed:
            self._take_up()

    # The combiner's messages

    def connected(self, combiner: str, stream: int) -> None:
        """Deliver answers to a combiner on the open stream."""
        with self._changed:
            self._combiner, self._is_connected = combiner, True
            self._offered.clear()
            self._kept.connected(combiner, stream)
            self._changed.notify_all()

    def disconnected(self) -> None:
        """Deliver nothing until the next stream is open."""
        with self._changed:
            self._is_connected = False

    def offer(self, task: Task) -> None:
        """Queue a task, or deliver its kept answer; do nothing if the task is in work.

        Raises:
            LimitExceeded: Too many tasks wait.
            InvalidInput: The task's id is invalid.
        """
        with self._changed:
            task_id = check_id(task.id, "task_id")
            if self._is_closed:
                return
            deadline = None if task.seconds_left is None else self._clock() + task.seconds_left
            if not self._kept.offered(task, deadline):
                self._take_on(_Offer(task, deadline, self._combiner))
            self._offered.add(task_id)
            self._changed.notify_all()

    def cancel(self, task_id: str) -> None:
        """Note that nobody waits for a task; a finished answer is kept for a while, to be offered again."""
        with self._changed:
            self._offered.discard(check_id(task_id, "task_id"))
            if self._is_in_hand(task_id):
                self._is_unwanted = True
            self._waiting.pop(task_id, None)
            self._remove(self._kept.retire(task_id, self._clock()))

    def receipted(self, receipt: Receipt) -> None:
        """Forget an answer that the combiner has or refuses; retire it if the combiner seems not to know the task."""
        with self._changed:
            task_id = check_id(receipt.task_id, "task_id")
            is_offered = task_id in self._offered
            self._offered.discard(task_id)
            if receipt.accepted:
                self._remove(self._kept.forget(task_id))
            else:
                now = self._clock()
                self._remove(self._kept.refused(task_id, now, is_offered=is_offered))

    # For the thread that works

    def next(self) -> Task | None:
        """Finish the task in hand, and wait for the next one; None after `close` or `drain`."""
        with self._changed:
            self._put_away()
            self._changed.wait_for(lambda: self._is_ending or self._waiting)
            if self._is_ending:
                return None
            task_id = next(iter(self._waiting))
            self._in_hand, self._is_unwanted = self._waiting.pop(task_id), False
            return self._in_hand.task

    def wake(self) -> None:
        """Make the thread that waits in `next` look around for a moment."""
        with self._changed:
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """The number of tasks that wait."""
        return len(self._waiting)

    def task_of(self, task_id: str) -> Task | None:
        """Return the task of a kept answer; None if it was not offered to this process."""
        with self._changed:
            return self._kept.task_of(task_id) if task_id in self._kept else None

    @property
    def kept(self) -> int:
        """The number of answers that are kept."""
        return len(self._kept)

    def is_wanted(self) -> bool:
        """Return True while somebody waits for the task in hand."""
        with self._changed:
            return not (self._is_unwanted or self._is_closed)

    def is_connected(self) -> bool:
        """Return True while a stream to a combiner is open."""
        with self._changed:
            return self._is_connected

    def is_closed(self) -> bool:
        """Return True if the client is about to end."""
        with self._changed:
            return self._is_closed

    def keep(self, answer: Answer) -> None:
        """Keep the answer to the task in hand until it is forgotten.

        An answer that the disk refuses is kept in memory. A failure is dropped if nobody waits for it, because its
        cause is a cancel or a stop.

        Raises:
            OSError: The file of its update cannot be read.
        """
        if isinstance(answer.outcome, Failure) and not self.is_wanted():
            return
        has_update = isinstance(answer.outcome, Update)
        update = self._files.digest_of_update(answer.task_id) if has_update else None
        with self._changed:
            assert self._in_hand
            offer = self._in_hand
        self._files.keep(
            KeptAnswer(answer, update, self._wall_time(offer.deadline), offer.combiner)
        )
        with self._changed:
            self._put(answer, update, offer)
            self._in_hand = None  # from here on, an offer of the task finds the answer
            self._changed.notify_all()

    def update_path(self, task_id: str) -> Path:
        """Return the path of a task's update."""
        return self._files.update_path(task_id)

    # For the thread that delivers

    def next_delivery(self) -> Delivery | None:
        """Wait for an answer to deliver; None after `close`."""
        with self._changed:
            while not self._is_closed:
                now = self._clock()
                self._remove(self._kept.expire(now))
                if self._is_connected and (delivery := self._kept.due(now)):
                    return delivery
                self._changed.wait(self._seconds_to_wait(now))
            return None

    def sending(self, delivery: Delivery, answer: Answer, *, is_whole: bool) -> bool:
        """Note that an answer is about to be sent; see `Kept.sending`."""
        with self._changed:
            return self._kept.sending(delivery, answer, is_whole=is_whole)

    def postponed(self, delivery: Delivery) -> None:
        """Deliver an answer again after a pause; one that has to wait is forced to the disk."""
        with self._changed:
            self._kept.postponed(delivery, self._clock())
        if delivery.update and not delivery.failures:
            self._files.force_to_disk(delivery.answer.task_id)

    def is_whole(self, delivery: Delivery) -> bool:
        """Compare an update's file with its digest; if it is damaged, drop it and do its task again.

        The task is queued at once if it was offered to this process; else its combiner offers it.
        """
        update = delivery.update
        if update is None or self._files.is_whole(delivery.answer.task_id, update):
            with self._changed:
                self._kept.checked(delivery)
            return True
        with self._changed:
            if self._kept.is_current(delivery):
                self._drop_damaged(delivery.answer.task_id)
        return False

    def replace(self, delivery: Delivery, answer: Answer) -> None:
        """Replace an answer that cannot be delivered by one without an update."""
        with self._changed:
            if self._kept.replace(delivery, answer):
                self._files.remove(answer.task_id)
                deadline = self._wall_time(self._kept.deadline_of(answer.task_id))
                combiner = self._kept.combiner_of(answer.task_id)
                self._files.keep(KeptAnswer(answer, None, deadline, combiner))

    def is_current(self, delivery: Delivery) -> bool:
        """Return True if the answer is unchanged since the delivery began."""
        with self._changed:
            return self._kept.is_current(delivery)

    def forget(self, delivery: Delivery) -> None:
        """Forget an answer that no combiner can take."""
        with self._changed:
            if self._kept.is_current(delivery):
                self._remove(self._kept.forget(delivery.answer.task_id))

    def drain(self) -> None:
        """Begin no task any more; the one in hand is finished, and answers are delivered."""
        with self._changed:
            self._is_draining = True
            self._changed.notify_all()

    def is_ending(self) -> bool:
        """Return True if no further task is begun."""
        with self._changed:
            return self._is_ending

    def wait_until_delivered(self) -> None:
        """Wait until somebody has each answer that is waited for; after `close` return at once."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or not self._kept.is_owed)

    def close(self) -> None:
        """Begin nothing more; waiting tasks are offered again to the next process."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    # With the lock held

    @property
    def _is_ending(self) -> bool:
        return self._is_closed or self._is_draining

    def _take_up(self) -> None:
        for kept in self._files.take_up():
            deadline = self._monotonic(kept.deadline)
            self._kept.put(kept.answer, kept.update, deadline=deadline, combiner=kept.combiner)
        self._make_room()

    def _take_on(self, offer: _Offer) -> None:
        """Queue a task that is not in work; a task that was cancelled in work is done again."""
        task_id = offer.task.id
        if self._is_in_hand(task_id) and not self._is_unwanted:
            self._in_hand = offer
            return
        if task_id not in self._waiting and len(self._waiting) >= limits.queue_messages_max:
            raise LimitExceeded(
                f"The client already has {limits.queue_messages_max} tasks in its queue.",
                field="task_id",
            )
        self._waiting[task_id] = offer

    def _is_in_hand(self, task_id: str) -> bool:
        return self._in_hand is not None and self._in_hand.task.id == task_id

    def _put(self, answer: Answer, update: Digest | None, offer: _Offer) -> None:
        """Put an answer into the table; retire it if nobody waits for it."""
        again = self._waiting.pop(answer.task_id, None)  # cancelled, and offered again meanwhile
        offer = again or offer
        self._kept.put(
            answer, update, deadline=offer.deadline, combiner=offer.combiner, task=offer.task
        )
        if self._is_unwanted and not again:
            self._remove(self._kept.retire(answer.task_id, self._clock()))
        self._make_room()

    def _put_away(self) -> None:
        offer, self._in_hand = self._in_hand, None
        if offer and offer.task.id not in self._kept:
            self._files.remove(offer.task.id)

    def _drop_damaged(self, task_id: str) -> None:
        _log.warning("the kept update of task %s is damaged: doing the task again", task_id)
        task, deadline = self._kept.task_of(task_id), self._kept.deadline_of(task_id)
        combiner = self._kept.combiner_of(task_id)
        self._remove(self._kept.forget(task_id))
        if task:
            self._waiting[task_id] = _Offer(task, deadline, combiner)
            self._changed.notify_all()

    def _make_room(self) -> None:
        for task_id in (gone := self._kept.overflow()):
            _log.warning("dropped the answer to task %s: too many answers are kept", task_id)
        self._remove(gone)

    def _remove(self, task_ids: list[str]) -> None:
        for task_id in task_ids:
            self._files.remove(task_id)
        self._changed.notify_all()

    # The two clocks: one of this process, and one that outlives it

    def _seconds_to_wait(self, now: float) -> float | None:
        times = [self._kept.next_end(), self._kept.next_due() if self._is_connected else None]
        return min((max(0.0, time - now) for time in times if time is not None), default=None)

    def _wall_time(self, deadline: float | None) -> float | None:
        return None if deadline is None else time.time() + deadline - self._clock()

    def _monotonic(self, deadline: float | None) -> float | None:
        return None if deadline is None else self._clock() + deadline - time.time()
