"""The controller's link to one combiner: its stream of events, and the calls that steer it.

The stream stays open for as long as the combiner is known; when it breaks it is opened again. Events are taken in
batches: all that has arrived is stored, then acknowledged.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc

from fednet import limits
from fednet.errors import FednetError
from fednet.rpc import backoff_seconds, from_rpc_error, open_channel, rpc_errors
from fednet.wire import rounds_pb2, rounds_pb2_grpc

_log = logging.getLogger(__name__)


class CombinerLink:
    """One combiner, as the controller reaches it.

    Args:
        name: The combiner's name.
        address: Where it is reached, `host:port`.
        token: The controller's token.
        absorb: Stores a batch of events; what it has returned from is acknowledged.
        on_down: Called when the stream broke.
    """

    def __init__(
        self,
        name: str,
        address: str,
        token: str,
        *,
        absorb: Callable[[str, list[rounds_pb2.Event]], None],
        on_down: Callable[[str], None],
    ) -> None:
        self.name = name
        self.address = address
        self._absorb = absorb
        self._on_down = on_down
        self._channel = open_channel(address, token)
        self._stub = rounds_pb2_grpc.RoundsStub(self._channel)
        self._stopping = threading.Event()
        self._call: Any = None
        self._control = ThreadPoolExecutor(1, thread_name_prefix=f"link-{name}-control")
        self._reducing = ThreadPoolExecutor(1, thread_name_prefix=f"link-{name}-reduce")
        self._thread = threading.Thread(target=self._run, name=f"link-{name}", daemon=True)
        self._thread.start()

    def start(self, phase: rounds_pb2.Phase) -> Future[Any]:
        """Begin a phase; the future may hold a FednetError."""
        return self._control.submit(self._retried, self._stub.Start, phase)

    def close_phase(self, phase_id: str) -> Future[Any]:
        """Finish a phase with what is in; the future may hold a FednetError."""
        request = rounds_pb2.PhaseId(phase_id=phase_id)
        return self._control.submit(self._retried, self._stub.Close, request)

    def release(self, phase_id: str) -> Future[Any]:
        """Forget a phase; the future may hold a FednetError."""
        request = rounds_pb2.PhaseId(phase_id=phase_id)
        return self._control.submit(self._retried, self._stub.Release, request)

    def reduce(self, reduction: rounds_pb2.Reduction, seconds_max: float) -> Future[Any]:
        """Merge partials into a model; the future holds a `Reduced` or a FednetError."""
        return self._reducing.submit(self._retried, self._stub.Reduce, reduction, seconds_max)

    def close(self) -> None:
        """Hang up and wait until nothing of the link runs any more."""
        self._stopping.set()
        if self._call is not None:
            self._call.cancel()
        self._channel.close()
        self._control.shutdown(cancel_futures=True)
        self._reducing.shutdown(cancel_futures=True)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _retried(
        self, method: Any, request: Any, seconds_max: float = limits.call_seconds_max
    ) -> Any:
        """Call a method; repeat it while the error may pass. All of them are idempotent."""
        for attempt in range(1, limits.retry_attempts_max + 1):
            try:
                with rpc_errors():
                    return method(request, timeout=seconds_max)
            except FednetError as error:
                if not error.retryable or attempt == limits.retry_attempts_max:
                    raise
            if self._stopping.wait(backoff_seconds(attempt)):
                break
        raise FednetError(f"The link to {self.name} was closed.")

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            if self._watch_until_broken():
                failures = 0
            failures += 1
            self._stopping.wait(backoff_seconds(failures))

    def _watch_until_broken(self) -> bool:
        """Follow one stream; whether it ever spoke."""
        watch = _Watch(self.name, self._absorb)
        try:
            self._call = self._stub.Watch(watch.acknowledgements())
            if self._stopping.is_set():
                self._call.cancel()
            for event in self._call:
                watch.take(event)
        except grpc.RpcError as error:
            _log.debug("the stream of %s broke: %s", self.name, from_rpc_error(error))
        except ValueError:
            _log.debug("the link to %s is closed", self.name)  # what gRPC says of a closed channel
        finally:
            watch.close()
            if watch.spoke:
                self._on_down(self.name)
        return watch.spoke


class _Watch:
    """One stream of events: a thread of its own stores what has arrived, then acknowledges it."""

    def __init__(self, name: str, absorb: Callable[[str, list[rounds_pb2.Event]], None]) -> None:
        self.spoke = False
        self._name = name
        self._absorb = absorb
        self._epoch = ""
        self._arrived: queue.Queue[rounds_pb2.Event | None] = queue.Queue(limits.queue_messages_max)
        self._acknowledged: queue.Queue[rounds_pb2.Acknowledgement | None] = queue.Queue()
        self._thread = threading.Thread(target=self._store, name=f"link-{name}-store", daemon=True)
        self._thread.start()

    def acknowledgements(self) -> Any:
        """What is sent up: how far events are stored."""
        return iter(self._acknowledged.get, None)

    def take(self, event: rounds_pb2.Event) -> None:
        """An event has arrived; waits while too many are not stored yet."""
        self.spoke = True
        self._arrived.put(event)

    def close(self) -> None:
        """Store what has arrived, then end."""
        self._arrived.put(None)
        self._thread.join()
        self._acknowledged.put(None)

    def _store(self) -> None:
        while batch := self._next_batch():
            for event in batch:
                if event.WhichOneof("event") == "snapshot":
                    self._epoch = event.snapshot.epoch
            self._absorb(self._name, batch)
            if number := max(event.number for event in batch):
                self._acknowledged.put(rounds_pb2.Acknowledgement(epoch=self._epoch, number=number))

    def _next_batch(self) -> list[rounds_pb2.Event]:
        """Wait for an event, and take all that have arrived with it; empty at the end."""
        batch: list[rounds_pb2.Event] = []
        event = self._arrived.get()
        while event is not None:
            batch.append(event)
            if self._arrived.empty():
                return batch
            event = self._arrived.get()
        if batch:
            self._arrived.put(None)
        return batch
