"""The calls of clients about their tasks, carried out."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import replace

from fednet import limits
from fednet.budgets import CallerBudgets
from fednet.errors import PermissionDenied, Throttled
from fednet.log_context import logged_as
from fednet.readiness import Readiness

from ..machine.answers import Answer
from ..machine.events import Joined, Left
from ..machine.news import ClientJoined, ClientLeft
from ..machine.values import LogRecord, TaskKind, Verdict
from ..ports import ClientStream
from .client_logs import ClientLogs
from .means import Means
from .newcomers import Newcomers
from .phase_log import logged_in
from .phases import Phases
from .readiness import ReadinessChanges
from .running_phase import RunningPhase

_log = logging.getLogger(__name__)


class ClientCalls:
    """The clients of one combiner and their tasks; see `ClientPort`.

    Args:
        name: The combiner's name.
        means: The parts of the combiner that it works with.
        phases: The phases that their tasks belong to.
    """

    def __init__(self, name: str, means: Means, phases: Phases) -> None:
        self._name = name
        self._clients = means.clients
        self._outbox = means.outbox
        self._phases = phases
        self._newcomers = Newcomers(self._refuse)
        self._logs = ClientLogs()
        self._connections = CallerBudgets(
            limits.client_connections_max, limits.client_connections_per_second, time.monotonic
        )
        self._readiness = ReadinessChanges(self._mention)

    def client_here(self, stream: ClientStream) -> None:
        """Take a client in."""
        if not self._connections.spend(stream.client_id):
            raise Throttled("You connect too often. Wait a moment, then connect again.")
        self._clients.open(stream)
        stream.welcome(self._name)
        with logged_as(client=stream.client_id):
            _log.info("client %s is connected", stream.client_id)
        self._newcomers.welcome(stream)
        self._readiness.forget(stream.client_id)
        self._mention(stream)
        for phase in self._phases:
            phase.feed(Joined(stream.client_id))

    def client_gone(self, stream: ClientStream) -> None:
        """Note that a client's stream broke."""
        if self._clients.forget(stream):
            self._newcomers.forget(stream.client_id)
            self._readiness.forget(stream.client_id)
            with logged_as(client=stream.client_id):
                _log.info("client %s is disconnected", stream.client_id)
            self._outbox.mention(ClientLeft(), stream.client_id)
            for phase in self._phases:
                phase.feed(Left(stream.client_id))

    def waits(self, stream: ClientStream, readiness: Readiness) -> None:
        """Let the controllers hear of the change soon, unless the stream is not the client's present one."""
        if self._clients.is_present(stream):
            self._readiness.changes(stream, readiness)

    def is_new(self, client_id: str) -> bool:
        """Return True if a client has just come, so that its tasks may still follow it."""
        return client_id in self._newcomers

    def kind_of(self, client_id: str, task_id: str) -> TaskKind | None:
        """Return the kind of a client's task."""
        phase = self._phases.of_task(client_id, task_id)
        return phase.assignment.kind if phase else None

    def take_answer(self, client_id: str, answer: Answer) -> None:
        """Take a client's answer; one to an unknown task is refused, once the task cannot come any more.

        The controllers hear first of what the client waits for, so that the next round does not ask it again.
        """
        self._readiness.tell_now(client_id)
        if phase := self._phases.of_task(client_id, answer.task_id):
            with logged_in(phase.assignment, client_id, answer.task_id):
                phase.take_answer(answer)
        elif not self._newcomers.hold(client_id, answer.task_id):
            self._clients.receipt(client_id, _unknown(answer.task_id))

    def log(self, client_id: str, record: LogRecord) -> None:
        """Take a client's log record; a flood of them is dropped, but for one that tells of it."""
        kept = self._logs.kept(client_id, record)
        if kept is None:
            return
        phase: RunningPhase | None = None
        with contextlib.suppress(PermissionDenied):
            phase = self._phases.of_task(client_id, record.task_id)
        context, task_id = (phase.assignment.context, record.task_id) if phase else (None, "")
        self._outbox.offer(replace(kept, task_id=""), context, client_id, task_id)

    def close(self) -> None:
        """Wait for nobody's tasks, and end all streams."""
        self._newcomers.close()
        self._readiness.close()
        self._clients.close()

    def _mention(self, stream: ClientStream) -> None:
        self._outbox.mention(ClientJoined(stream.capabilities), stream.client_id)

    def _refuse(self, stream: ClientStream, task_id: str) -> None:
        with contextlib.suppress(PermissionDenied):
            if self._phases.of_task(stream.client_id, task_id) is None:
                stream.receipt(_unknown(task_id))


def _unknown(task_id: str) -> Verdict:
    return Verdict(task_id, accepted=False, reason="No running round waits for this task.")
