"""Values as messages for clients."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

from fednet import limits
from fednet.readiness import Readiness
from fednet.wire import common_pb2, models_pb2, tasks_pb2

from ...machine.values import Blob, Capabilities, Task, Verdict
from ...ports import PartPlace


class WireStream:
    """One client's open stream: messages that wait to be sent.

    Args:
        client_id: The client's stable id.
        capabilities: Its abilities.

    Attributes:
        outgoing: The messages; None for the end of the stream.
        reason: The reason why the client was sent away; "" if it was not.
    """

    def __init__(self, client_id: str, capabilities: Capabilities) -> None:
        self._client_id = client_id
        self._capabilities = capabilities
        self.outgoing: asyncio.Queue[tasks_pb2.CombinerMessage | None] = asyncio.Queue(
            limits.queue_messages_max
        )
        self.reason = ""
        self._closed = asyncio.Event()

    @property
    def client_id(self) -> str:
        """The client's stable id."""
        return self._client_id

    @property
    def capabilities(self) -> Capabilities:
        """The client's abilities."""
        return self._capabilities

    def waits(self, readiness: Readiness) -> None:
        """See `ClientStream.waits`."""
        self._capabilities = replace(self._capabilities, readiness=readiness)

    def welcome(self, combiner: str) -> None:
        """Tell the client that it is connected."""
        self._send(welcome={"combiner": combiner})

    def offer(self, task: Task) -> None:
        """Give the client a task."""
        self._send(task=_task_message(task))

    def cancel(self, task_id: str) -> None:
        """Tell the client that a task need not be finished."""
        self._send(cancel={"task_id": task_id})

    def receipt(self, verdict: Verdict) -> None:
        """Tell the client that it may forget an answer."""
        receipt = {"accepted": verdict.accepted, "reason": verdict.reason}
        self._send(receipt={"task_id": verdict.task_id, **receipt})

    def send_away(self, reason: str) -> None:
        """End the stream after the messages that wait, with a reason."""
        if self.reason or self._closed.is_set():
            return
        self.reason = reason
        try:
            self.outgoing.put_nowait(None)
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        """End the stream; unsent messages come again on the next one."""
        while not self.outgoing.empty():
            self.outgoing.get_nowait()
        self.outgoing.put_nowait(None)
        self._closed.set()

    async def closed_within(self, seconds: float) -> None:
        """Wait until the stream is closed or the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    def _send(self, **message: Any) -> None:
        """Queue a message; a client that does not read is cut off and begins anew."""
        try:
            self.outgoing.put_nowait(tasks_pb2.CombinerMessage(**message))
        except asyncio.QueueFull:
            self.close()


def blob_ref(blob: Blob) -> common_pb2.BlobRef:
    """Return a reference to a blob as a message."""
    assert blob.digest, "orders and results have the digests of their blobs"
    size_bytes, text = blob.digest.size_bytes, blob.digest.text
    return common_pb2.BlobRef(kind=blob.kind.value, id=blob.id, size_bytes=size_bytes, digest=text)


def part_location(place: PartPlace) -> models_pb2.PartLocation:
    """Return the place of a part of an update as a message."""
    return models_pb2.PartLocation(
        url=place.url,
        offset_bytes=place.offset_bytes,
        size_bytes=place.size_bytes,
        is_last=place.is_last,
    )


def _task_message(task: Task) -> tasks_pb2.Task:
    about = task.context
    return tasks_pb2.Task(
        task_id=task.task_id,
        kind=about.kind and about.kind.value,
        session_id=about.session_id,
        round_id=about.round_id,
        round_number=about.round_number,
        model=blob_ref(task.model) if task.model else None,
        package=blob_ref(task.package) if task.package else None,
        helper=task.helper,
        settings_json=task.settings_json,
        seconds_left=task.seconds_left,
        warrant=task.warrant,
        update_codec=str(task.update_codec),
        privacy=task.privacy.to_text() if task.privacy else "",
        secure=task.secure.text if task.secure else "",
        message_json=task.message.text,
        traceparent=task.traceparent,
    )
