"""The agent's stream to its combiner: it registers, connects, and comes back when the stream breaks."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from fednet import limits
from fednet.enrolment import ClientPlace, enrol_client
from fednet.errors import FednetError, Unavailable
from fednet.rpc import backoff_seconds, from_rpc_error, open_channel
from fednet.settings import ClientSettings
from fednet.wire import models_pb2_grpc, tasks_pb2, tasks_pb2_grpc

_log = logging.getLogger(__name__)


class Connection:
    """Keeps one stream open for as long as the agent lives; runs in a thread of its own.

    It goes back to the combiner that it knows; when that one does not welcome it, it asks the controller again.

    Args:
        settings: The client's settings.
        hello: What is said first on every stream.
        on_connected: Called when a stream is open, with the client's place in the network.
        on_message: Called with every message of the combiner.
        on_refused: Called when the network will not have this client; the connection has ended then.
    """

    def __init__(
        self,
        settings: ClientSettings,
        hello: tasks_pb2.Hello,
        *,
        on_connected: Callable[[ClientPlace], None],
        on_message: Callable[[tasks_pb2.CombinerMessage], None],
        on_refused: Callable[[FednetError], None],
    ) -> None:
        self._settings = settings
        self._hello = hello
        self._on_connected = on_connected
        self._on_message = on_message
        self._on_refused = on_refused
        self.stopping = threading.Event()
        self._stream: _Stream | None = None
        self._welcomed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"{settings.name}-connection")

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def close(self) -> None:
        """Hang up, and wait until the thread has ended."""
        with self._changed:
            self.stopping.set()
            self._changed.notify_all()
            if self._stream:
                self._stream.hang_up()
        self._thread.join()

    def send(self, **message: Any) -> None:
        """Send a message on the present stream; lost with it, so what matters is sent again on the next."""
        with self._changed:
            if self._stream:
                self._stream.send(tasks_pb2.ClientMessage(**message))

    def models(self) -> models_pb2_grpc.ModelsStub:
        """The combiner's file service; waits until there is a stream.

        Raises:
            Unavailable: The connection is being closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._welcomed or self.stopping.is_set())
            if self._stream is None:
                raise Unavailable("The connection to the combiner is closed.")
            return models_pb2_grpc.ModelsStub(self._stream.channel)

    def _run(self) -> None:
        place: ClientPlace | None = None
        failures = 0
        while not self.stopping.is_set():
            welcomed, problem = False, None
            try:
                known = place is not None
                place = place or self._enrol()
                welcomed, problem = self._serve(place)
            except FednetError as error:
                known, problem = False, error
            failures = 0 if welcomed else failures + 1
            if problem and not (known or welcomed or problem.retryable):
                self._on_refused(problem)
                return
            place = place if welcomed else None
            _log.debug("no stream to a combiner: %s", problem)
            self.stopping.wait(backoff_seconds(failures))

    def _enrol(self) -> ClientPlace:
        return enrol_client(self._settings, needs_package=self._hello.needs_package)

    def _serve(self, place: ClientPlace) -> tuple[bool, FednetError | None]:
        """Serve one stream until it breaks: whether the combiner welcomed us, and what broke it."""
        stream = self._open(place)
        try:
            for message in stream.messages(self._hello):
                if message.WhichOneof("message") == "welcome":
                    self._now_welcomed()
                    self._on_connected(place)
                self._on_message(message)
        except grpc.RpcError as error:
            return self._welcomed, from_rpc_error(error)
        else:
            return self._welcomed, None
        finally:
            self._close_stream(stream)

    def _open(self, place: ClientPlace) -> _Stream:
        stream = _Stream(open_channel(place.address, place.token))
        with self._changed:
            self._stream = stream
            if self.stopping.is_set():
                stream.hang_up()
        return stream

    def _now_welcomed(self) -> None:
        with self._changed:
            self._welcomed = True
            self._changed.notify_all()

    def _close_stream(self, stream: _Stream) -> None:
        with self._changed:
            self._stream, self._welcomed = None, False
            self._changed.notify_all()
        stream.close()


class _Stream:
    """One stream on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self._outgoing: queue.Queue[tasks_pb2.ClientMessage | None] = queue.Queue(
            limits.queue_messages_max
        )
        stub = tasks_pb2_grpc.TasksStub(channel)
        self._call: Any = stub.Connect(iter(self._outgoing.get, None))

    def messages(self, hello: tasks_pb2.Hello) -> Iterator[tasks_pb2.CombinerMessage]:
        """Say hello, then give everything that the combiner says."""
        self.send(tasks_pb2.ClientMessage(hello=hello))
        yield from self._call

    def send(self, message: tasks_pb2.ClientMessage) -> None:
        """Queue a message; a stream that takes none any more is given up."""
        try:
            self._outgoing.put_nowait(message)
        except queue.Full:
            self.hang_up()

    def hang_up(self) -> None:
        """End the stream; whoever reads from it gets an error."""
        self._call.cancel()

    def close(self) -> None:
        """Let go of the channel, and of gRPC's thread that waits for something to send."""
        self.hang_up()
        with contextlib.suppress(queue.Full):
            self._outgoing.put_nowait(None)
        self.channel.close()
