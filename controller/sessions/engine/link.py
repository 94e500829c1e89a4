"""The controller's link to one combiner: its stream of news, and the calls that steer it.

The stream stays open for as long as the combiner is known; when it breaks it is opened again. Events are taken in
batches: all that has arrived is stored, then acknowledged. An event that could not be stored comes again on the next
stream.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import grpc

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError, Unavailable
from fednet.log_context import in_context
from fednet.rpc import TokenSource, from_rpc_error, open_channel, rpc_errors
from fednet.storage import Document
from fednet.tls import PUBLIC_CA, CallerTLS
from fednet.wire import rounds_pb2, rounds_pb2_grpc

from ...measures import ControllerMetrics
from ...members.addresses import address_of, speaks_tls
from ...tokens.trust import TrustChange
from .from_combiners import read
from .requests import Call, Pool
from .watch import Absorb, Mark, Watch

_log = logging.getLogger(__name__)

Then = Callable[[Any], None]
"""Takes a call's answer, or the FednetError that it ended with, in a thread of the link."""

_THREADS = {
    Pool.CONTROL: 1,  # so that a combiner hears them in their order
    Pool.REDUCING: 1,
    Pool.FUNCTIONS: limits.server_functions_processes_max,
}


class CombinerAt(NamedTuple):
    """A combiner's identity and its address, `host:port`, over TLS or not: a link is good for these alone."""

    id: str
    address: str
    tls: bool = False


def place_of(combiner: Document) -> CombinerAt:
    """Return the identity and the address that are in a combiner's document."""
    return CombinerAt(combiner["id"], address_of(combiner), speaks_tls(combiner))


class CombinerLink:
    """One combiner, as the controller reaches it.

    Calls of one pool begin in their order. Calls that have not begun when the link is closed are dropped.

    Args:
        name: The combiner's name.
        place: Its identity and its address.
        token: Returns a valid token for this combiner.
        controller: The controller's name.
        trust: Returns whom the combiner may trust at the beginning of a stream.
        metrics: The controller's metrics.
        absorb: Stores a batch of news; news is acknowledged once it has returned.
        on_down: Called when the stream broke.
        tls: The controller's files as a caller.
    """

    def __init__(
        self,
        name: str,
        place: CombinerAt,
        token: TokenSource,
        controller: str,
        trust: Callable[[], TrustChange],
        metrics: ControllerMetrics,
        *,
        absorb: Absorb,
        on_down: Callable[[str], None],
        tls: CallerTLS = PUBLIC_CA,
    ) -> None:
        self.name = name
        self.place = place
        self._token = token
        self._controller = controller
        self._trust = trust
        self._metrics = metrics
        self._watch: Watch | None = None
        self._absorb = absorb
        self._on_down = on_down
        self._channel = open_channel(place.address, token, tls if place.tls else None)
        self._stub = rounds_pb2_grpc.RoundsStub(self._channel)
        self._stopping = threading.Event()
        self._call: Any = None
        self._pools = {
            pool: ThreadPoolExecutor(threads, thread_name_prefix=f"link-{name}-{pool}")
            for pool, threads in _THREADS.items()
        }
        self._thread = threading.Thread(target=self._run, name=f"link-{name}", daemon=True)
        self._thread.start()

    def give(self, call: Call, then: Then) -> None:
        """Make a call, and tell its answer."""
        method = getattr(self._stub, call.method)
        try:
            work = in_context(lambda: then(self._measured(method, call)))
            made = self._pools[call.pool].submit(work)
        except RuntimeError:  # the error of a pool that is shut down
            _log.debug("%s for %s is dropped: the link is closed", call.method, self.name)
            return
        self._metrics.calls.inc()
        made.add_done_callback(lambda _: self._metrics.calls.dec())

    @property
    def news_waiting(self) -> int:
        """The number of news that are not stored yet."""
        return self._watch.waiting if self._watch else 0

    def tell(self, change: TrustChange) -> None:
        """Tell the combiner a change of trust; it hears all of it at the beginning of each stream, too."""
        if watch := self._watch:
            watch.tell(change)

    def close(self) -> None:
        """Hang up, and wait until nothing of the link runs any more."""
        self._stopping.set()
        self._hang_up()
        self._channel.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)
        self._thread.join()

    # Calls

    def _measured(self, method: Any, call: Call) -> Any:
        """Make a call in a thread of its pool; return its answer or its error."""
        with self._metrics.call_seconds.labels(call.method).time():
            return self._answer(method, call.message, call.seconds_max)

    def _answer(self, method: Any, request: Any, seconds_max: float) -> Any:
        """Return the answer, or the error that the call ended with."""
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
                with rpc_errors(self._channel.proxy):
                    return method(request, timeout=seconds_max)
            except FednetError as error:
                if not error.retryable or attempt == limits.retry_attempts_max:
                    raise
            except ValueError:
                if not self._stopping.is_set():  # gRPC says so of a closed channel
                    raise
            if self._stopping.wait(backoff_seconds(attempt)):
                break
            self._metrics.call_retries.inc()
        raise Unavailable(f"The link to {self.name} was closed.")

    # The stream

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            if self._watch_until_broken():
                failures = 0
            failures += 1
            self._stopping.wait(backoff_seconds(failures))

    def _watch_until_broken(self) -> bool:
        """Follow one stream; return True if it was good for anything."""
        watch = self._watch = Watch(self.name, self._absorb, self._hang_up)
        try:
            self._call = self._stub.Watch(self._messages(watch))
            if self._stopping.is_set():
                self._hang_up()
            for event in self._call:
                self._take(watch, event)
        except grpc.RpcError as error:
            _log.debug(
                "the stream of %s broke: %s", self.name, from_rpc_error(error, self._channel.proxy)
            )
        except ValueError:
            _log.debug("the link to %s is closed", self.name)  # gRPC says so of a closed channel
        finally:
            watch.close()
            if watch.spoke:
                self._say_down()
        return watch.spoke and not watch.failed

    def _take(self, watch: Watch, event: rounds_pb2.Event) -> None:
        """Take an event; one that cannot be read is dropped, so that it holds up none after it."""
        try:
            news = read(self.name, event)
        except Exception:  # noqa: BLE001  whatever it is
            _log.exception("event %d of %s cannot be read", event.number, self.name)
            return
        watch.take(news)

    def _messages(self, watch: Watch) -> Iterator[rounds_pb2.WatchMessage]:
        """Yield the controller's side of a stream: its name, whom to trust, then marks, changes and newer tokens."""
        sent = self._token()
        yield rounds_pb2.WatchMessage(hello={"controller": self._controller})
        yield _trust_message(self._trust())
        for each in watch.outgoing():
            token = self._token()
            if token != sent:  # before a change of trust, which may end the older one
                sent = token
                yield rounds_pb2.WatchMessage(renewal=token)
            match each:
                case Mark(epoch, number):
                    mark = {"epoch": epoch, "number": number}
                    yield rounds_pb2.WatchMessage(acknowledgement=mark)
                case TrustChange():
                    yield _trust_message(each)

    def _say_down(self) -> None:
        try:
            self._on_down(self.name)
        except FednetError as error:
            _log.info("that %s is away was not stored: %s", self.name, error)
        except Exception:  # noqa: BLE001  the link must outlive it
            _log.exception("that %s is away could not be told", self.name)

    def _hang_up(self) -> None:
        if self._call is not None:
            self._call.cancel()


def _trust_message(change: TrustChange) -> rounds_pb2.WatchMessage:
    trust = rounds_pb2.Trust(
        public_keys=change.public_keys,
        revoked_ids=change.revoked_ids,
        misplaced_clients=change.misplaced_clients,
    )
    return rounds_pb2.WatchMessage(trust=trust)
