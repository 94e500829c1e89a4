"""The controller's link to one combiner: its stream of events, and the calls that steer it.

The stream stays open for as long as the combiner is known; when it breaks it is opened again. Events are taken in
batches: all that has arrived is stored, then acknowledged. What could not be stored comes again on the next stream.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import grpc

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError, Unavailable
from fednet.rpc import from_rpc_error, open_channel, rpc_errors
from fednet.wire import rounds_pb2, rounds_pb2_grpc

_log = logging.getLogger(__name__)

Absorb: TypeAlias = Callable[[str, list[rounds_pb2.Event]], None]
Then: TypeAlias = Callable[[Any], None]
"""Takes a call's answer, or the FednetError that it ended with, in a thread of the link."""


class CombinerLink:
    """One combiner, as the controller reaches it.

    Orders are given in a thread of the link, in their sequence; where the link is closed before, they are dropped.

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
        absorb: Absorb,
        on_down: Callable[[str], None],
    ) -> None:
        self.name = name
        self._absorb = absorb
        self._on_down = on_down
        self._channel = open_channel(address, token)
        self._stub = rounds_pb2_grpc.RoundsStub(self._channel)
        self._stopping = threading.Event()
        self._call: Any = None
        self._control = ThreadPoolExecutor(1, thread_name_prefix=f"link-{name}-control")
        self._reducing = ThreadPoolExecutor(1, thread_name_prefix=f"link-{name}-reduce")
        self._patient = ThreadPoolExecutor(
            limits.server_functions_processes_max, thread_name_prefix=f"link-{name}-functions"
        )
        self._thread = threading.Thread(target=self._run, name=f"link-{name}", daemon=True)
        self._thread.start()

    def start(self, phase: rounds_pb2.Phase, then: Then) -> None:
        """Begin a phase."""
        self._order(self._control, self._stub.Start, phase, then)

    def close_phase(self, phase_id: str, then: Then) -> None:
        """Finish a phase with what is in."""
        self._order(self._control, self._stub.Close, rounds_pb2.PhaseId(phase_id=phase_id), then)

    def release(self, phase_id: str) -> None:
        """Forget a phase; where that is not heard, the next snapshot tells."""
        request = rounds_pb2.PhaseId(phase_id=phase_id)
        self._order(self._control, self._stub.Release, request, self._released)

    def reduce(self, reduction: rounds_pb2.Reduction, then: Then, seconds_max: float) -> None:
        """Merge partials into a model; the answer is a `Reduced`."""
        pool = self._patient if reduction.HasField("functions") else self._reducing
        self._order(pool, self._stub.Reduce, reduction, then, seconds_max)

    def plan(self, request: rounds_pb2.PlanRequest, then: Then, seconds_max: float) -> None:
        """Let server functions choose; the answer is a `Planned`."""
        self._order(self._patient, self._stub.Plan, request, then, seconds_max)

    def close(self) -> None:
        """Hang up and wait until nothing of the link runs any more."""
        self._stopping.set()
        self._hang_up()
        self._channel.close()
        self._control.shutdown(cancel_futures=True)
        self._reducing.shutdown(cancel_futures=True)
        self._patient.shutdown(cancel_futures=True)
        self._thread.join()

    # Orders

    def _order(
        self,
        pool: ThreadPoolExecutor,
        method: Any,
        request: Any,
        then: Then,
        seconds_max: float = limits.call_seconds_max,
    ) -> None:
        try:
            pool.submit(lambda: then(self._answer(method, request, seconds_max)))
        except RuntimeError:  # what a pool says that is shut down
            _log.debug("an order to %s is dropped: the link is closed", self.name)

    def _answer(self, method: Any, request: Any, seconds_max: float) -> Any:
        """The answer, or why there is none."""
        try:
            return self._retried(method, request, seconds_max)
        except FednetError as error:
            return error
        except Exception as error:  # noqa: BLE001  a session waits for the answer, whatever it is
            _log.exception("a call to %s failed", self.name)
            return FednetError(f"The call to {self.name} failed: {error!r}")

    def _retried(self, method: Any, request: Any, seconds_max: float) -> Any:
        """Call a method; repeat it while the error may pass. All of them are idempotent."""
        for attempt in range(1, limits.retry_attempts_max + 1):
            try:
                with rpc_errors():
                    return method(request, timeout=seconds_max)
            except FednetError as error:
                if not error.retryable or attempt == limits.retry_attempts_max:
                    raise
            except ValueError:
                if not self._stopping.is_set():  # what gRPC says of a closed channel
                    raise
            if self._stopping.wait(backoff_seconds(attempt)):
                break
        raise Unavailable(f"The link to {self.name} was closed.")

    def _released(self, answer: Any) -> None:
        if isinstance(answer, FednetError):
            _log.debug("%s did not release a phase: %s", self.name, answer)

    # Events

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            if self._watch_until_broken():
                failures = 0
            failures += 1
            self._stopping.wait(backoff_seconds(failures))

    def _watch_until_broken(self) -> bool:
        """Follow one stream; whether it was good for anything."""
        watch = _Watch(self.name, self._absorb, self._hang_up)
        try:
            self._call = self._stub.Watch(watch.acknowledgements())
            if self._stopping.is_set():
                self._hang_up()
            for event in self._call:
                watch.take(event)
        except grpc.RpcError as error:
            _log.debug("the stream of %s broke: %s", self.name, from_rpc_error(error))
        except ValueError:
            _log.debug("the link to %s is closed", self.name)  # what gRPC says of a closed channel
        finally:
            watch.close()
            if watch.spoke:
                self._say_down()
        return watch.spoke and not watch.failed

    def _say_down(self) -> None:
        try:
            self._on_down(self.name)
        except Exception:  # noqa: BLE001  the link must outlive it
            _log.exception("that %s is away could not be told", self.name)

    def _hang_up(self) -> None:
        if self._call is not None:
            self._call.cancel()


class _Watch:
    """One stream of events: a thread of its own stores what has arrived, then acknowledges it.

    Attributes:
        spoke: Whether anything came.
        failed: Whether something could not be stored; nothing more of this stream is.
    """

    def __init__(self, name: str, absorb: Absorb, hang_up: Callable[[], None]) -> None:
        self.spoke = False
        self.failed = False
        self._name = name
        self._absorb = absorb
        self._hang_up = hang_up
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
        """Take all to the end, also what is not stored any more, so that nobody waits for room."""
        while batch := self._next_batch():
            if self.failed:
                continue
            try:
                self._absorb(self._name, batch)
            except Exception:  # noqa: BLE001  the stream must recover, whatever it was
                _log.exception(
                    "news of %s could not be stored; they are asked for again", self._name
                )
                self.failed = True
                self._hang_up()
            else:
                self._acknowledge(batch)

    def _acknowledge(self, batch: list[rounds_pb2.Event]) -> None:
        for event in batch:
            if event.WhichOneof("event") == "snapshot":
                self._epoch = event.snapshot.epoch
        if number := max(event.number for event in batch):
            self._acknowledged.put(rounds_pb2.Acknowledgement(epoch=self._epoch, number=number))

    def _next_batch(self) -> list[rounds_pb2.Event]:
        """Wait for an event, and take those that have arrived with it; empty at the end."""
        batch: list[rounds_pb2.Event] = []
        event = self._arrived.get()
        while event is not None:
            batch.append(event)
            if self._arrived.empty() or len(batch) >= limits.queue_messages_max:
                return batch
            event = self._arrived.get()
        if batch:
            self._arrived.put(None)
        return batch
