"""Clients that have just come: their tasks may follow them from another combiner in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fednet import limits

from ..ports import ClientStream


class Newcomers:
    """Answers of newcomers to tasks that are not here yet. All methods belong to the event loop's thread.

    Args:
        refuse: Called with a stream and a task's id when the task has not come in time.
    """

    def __init__(self, refuse: Callable[[ClientStream, str], None]) -> None:
        self._refuse = refuse
        self._waiting: dict[str, set[str]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._timers

    def welcome(self, stream: ClientStream) -> None:
        """Wait for a client's tasks from now on, for a moment."""
        self.forget(stream.client_id)
        loop = asyncio.get_running_loop()
        self._waiting[stream.client_id] = set()
        self._timers[stream.client_id] = loop.call_later(
            limits.unknown_task_seconds, self._over, stream
        )

    def hold(self, client_id: str, task_id: str) -> bool:
        """Put an answer to an unknown task off; return False if it is to be refused at once."""
        waiting = self._waiting.get(client_id)
        if waiting is None or len(waiting) >= limits.queue_messages_max:
            return False
        waiting.add(task_id)
        return True

    def forget(self, client_id: str) -> None:
        """Wait for a client's tasks no more."""
        self._waiting.pop(client_id, None)
        if timer := self._timers.pop(client_id, None):
            timer.cancel()

    def close(self) -> None:
        """Wait for nobody's tasks."""
        for client_id in list(self._timers):
            self.forget(client_id)

    def _over(self, stream: ClientStream) -> None:
        waiting = self._waiting.get(stream.client_id, set())
        self.forget(stream.client_id)
        for task_id in sorted(waiting):
            self._refuse(stream, task_id)
