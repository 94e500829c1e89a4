"""One stream to a combiner, with its queue of outgoing messages."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from typing import Any

from fednet import limits
from fednet.rpc import Channel
from fednet.wire import tasks_pb2, tasks_pb2_grpc


class Stream:
    """One stream on one channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._outgoing: queue.Queue[tasks_pb2.ClientMessage | None] = queue.Queue(
            limits.queue_messages_max
        )
        stub = tasks_pb2_grpc.TasksStub(channel)
        self._call: Any = stub.Connect(iter(self._outgoing.get, None))

    def messages(self, hello: tasks_pb2.ClientMessage) -> Iterator[tasks_pb2.CombinerMessage]:
        """Send the hello, then yield all messages of the combiner."""
        self.send(hello)
        yield from self._call

    def send(self, message: tasks_pb2.ClientMessage) -> None:
        """Queue a message; close the stream if its queue is full."""
        try:
            self._outgoing.put_nowait(message)
        except queue.Full:
            self.close()

    def close(self) -> None:
        """End the stream, and gRPC's thread that waits for messages; call it from any thread."""
        self._call.cancel()
        with contextlib.suppress(queue.Full):
            self._outgoing.put_nowait(None)
        self.channel.close()
