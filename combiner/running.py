"""A phase that runs here: what was asked, where it stands, what it has folded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

from .folding import Folding
from .round import Phase


@dataclass(eq=False)
class Running:
    """One phase of this combiner.

    Attributes:
        request: What the controller asked.
        phase: Where it stands.
        folding: What it has folded; None where there is nothing to fold.
        results: Answers that wait to be checked, by task.
        timer: What wakes it at its deadline.
        told: Set once the controller has been told how it ended: the partial changes no more.
    """

    request: rounds_pb2.Phase
    phase: Phase
    folding: Folding | None
    results: dict[str, tasks_pb2.TaskResult] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        """The controller's id of the phase."""
        return self.request.phase_id

    def context(self) -> rounds_pb2.PhaseContext:
        """What an event of this phase belongs to."""
        return rounds_pb2.PhaseContext(
            phase_id=self.request.phase_id,
            session_id=self.request.session_id,
            round_id=self.request.round_id,
            round_number=self.request.round_number,
            model_id=self.request.model.id,
            kind=self.request.kind,
        )

    def task_message(self, task_id: str) -> tasks_pb2.Task:
        """The task as a client is told of it."""
        task = tasks_pb2.Task(
            task_id=task_id,
            kind=self.request.kind,
            session_id=self.request.session_id,
            round_id=self.request.round_id,
            round_number=self.request.round_number,
            model=self.request.model,
            helper=self.request.helper,
            settings_json=self.request.settings_json,
        )
        if self.request.HasField("package"):
            task.package.CopyFrom(self.request.package)
        return task

    def stop_timer(self) -> None:
        """Do not wake it any more."""
        if self.timer:
            self.timer.cancel()


def blobs_of(request: rounds_pb2.Phase) -> list[common_pb2.BlobRef]:
    """The model, and the package if there is one."""
    package = [request.package] if request.HasField("package") else []
    return [request.model, *package]
