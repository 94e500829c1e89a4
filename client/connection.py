"""The agent's stream to its combiner: it registers, connects, and comes back when the stream breaks."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.clocks import clock_warning
from fednet.enrolment import ClientPlace, enrol_client, keep_client, renew_client
from fednet.errors import (
    FednetError,
    InvalidInput,
    LimitExceeded,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from fednet.log_context import logged_as
from fednet.readiness import READY, Approval
from fednet.rpc import ModelsStub, open_channel, rpc_errors
from fednet.settings import ClientSettings
from fednet.wire import tasks_pb2

from .messages import (
    answer_message,
    cancel_of,
    hello_message,
    log_message,
    receipt_of,
    renewal_message,
    task_of,
    waiting_message,
)
from .renewals import Renewals
from .stream import Stream
from .tasks import Answer, Cancel, Receipt, Task, failure_of

_log = logging.getLogger(__name__)


class Connection:
    """The agent's connection: one stream, kept open while the agent lives, in a thread of its own.

    After a break it returns to the combiner that it knows; if that one refuses, it asks the controller for another. If
    it stays away, it asks the controller in every second attempt: thousands of clients must not ask all the time.

    Args:
        settings: The client's settings.
        kinds: The kinds of tasks that the client can do.
        needs_package: True if its code comes as a package.
        sandbox: The sandbox of packages, which the controller is told; None for a client with its own code.
        on_connected: Called when a stream is open, with the client's place in the network and the stream's number.
        on_disconnected: Called when a stream has ended, whether it was open or not.
        on_message: Called with each message of the combiner about a task.
        on_refused: Called when the network refuses this client, and the connection has ended.
        on_retry: Called after each attempt without a stream.

    Attributes:
        stopping: Set once the connection is being closed.
    """

    def __init__(
        self,
        settings: ClientSettings,
        kinds: frozenset[str],
        *,
        needs_package: bool,
        on_connected: Callable[[ClientPlace, int], None],
        on_disconnected: Callable[[], None],
        on_message: Callable[[Task | Cancel | Receipt], None],
        on_refused: Callable[[FednetError], None],
        sandbox: str | None = None,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_retry = on_retry
        self._settings = settings
        self._kinds = kinds
        self._needs_package = needs_package
        self._sandbox = sandbox
        self._readiness = READY
        self._told_readiness = READY  # in the hello of the current stream
        self._telling = threading.Lock()
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected
        self._on_message = on_message
        self._on_refused = on_refused
        self._was_welcomed = False
        self._told_problems: deque[str] = deque(maxlen=limits.told_problems_max)
        self.stopping = threading.Event()
        self._place: ClientPlace | None = None
        self._object_store = ""
        self._stream: Stream | None = None
        self._number = 0  # of the stream
        self._is_welcome = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self._run, name=f"{settings.name}-connection", daemon=True
        )

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """End the connection for good, without waiting; break off running transfers."""
        with self._changed:
            self.stopping.set()
            self._changed.notify_all()
            stream = self._stream
        if stream:
            stream.close()

    def close(self) -> None:
        """End the connection, and wait until the thread has ended."""
        self.stop()
        self._thread.join()

    def send_answer(self, answer: Answer, stream: int | None = None) -> None:
        """Send an answer on the current stream; with a number, only if it is the number of that stream."""
        self._send(answer_message(answer), stream)

    def send_log(self, text: str, task_id: str) -> None:
        """Send a line for the network's users; it is lost without a stream."""
        self._send(log_message(text, task_id))

    def tell_preparing(self, step: str) -> None:
        """Tell the combiner, and each next one, that the client prepares for tasks; "" for its end."""
        with self._changed:
            self._readiness = replace(self._readiness, step=step)
        self._tell_readiness()

    def tell_awaited(self, awaited: Sequence[Approval]) -> None:
        """Tell the combiner, and each next one, the approvals that the client awaits."""
        with self._changed:
            self._readiness = replace(self._readiness, awaited=tuple(awaited))
        self._tell_readiness()

    def _tell_readiness(self) -> None:
        with self._telling:  # the newest is told last, whichever thread tells
            self._send(waiting_message(self._readiness))

    def _hello(self) -> tasks_pb2.ClientMessage:
        with self._changed:
            readiness = self._told_readiness = self._readiness
        return hello_message(self._kinds, needs_package=self._needs_package, readiness=readiness)

    def _send(self, message: tasks_pb2.ClientMessage, number: int | None = None) -> None:
        with self._changed:
            is_open = self._is_welcome and number in {None, self._number}
            stream = self._stream if is_open else None
        if stream:
            stream.send(message)

    def models(self) -> ModelsStub:
        """Return the combiner's file service; wait until there is a stream.

        Raises:
            Unavailable: The connection is being closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_welcome or self.stopping.is_set())
            if self._stream is None:
                raise Unavailable("The connection to the combiner is closed.")
            return ModelsStub(self._stream.channel)

    @property
    def object_store(self) -> str:
        """The announced address of the network's object store; "" if there is none."""
        return self._object_store

    def _run(self) -> None:
        try:
            self._keep_connected()
        except FednetError as problem:
            self._on_refused(problem)
        except Exception as error:  # noqa: BLE001  nothing above this catches it
            # Nobody sees an error of a thread; an agent without its connection must end and not hang.
            _log.exception("the connection failed")
            self._on_refused(FednetError(f"The connection failed: {error!r}"))
        finally:
            self.stop()

    def _keep_connected(self) -> None:
        """Open one stream after the other, until `stop`.

        Raises:
            FednetError: The network refuses this client.
        """
        failures = 0
        while not self.stopping.is_set():
            place, began = self._known_place(failures), time.monotonic()
            is_known = place is not None
            try:
                if place is None:
                    place = self._place = self._enrol()
                    self._object_store = place.object_store
                with logged_as(client=place.id):
                    welcomed, may_pass = self._serve(place), True
            except FednetError as problem:
                if self._is_final(problem, place, is_known=is_known):
                    raise
                welcomed, may_pass = False, problem.retryable
                self._on_retry()
                self._tell(problem, place)
            if not (welcomed or may_pass):
                self._place = None  # that combiner does not want this client
            was_held = time.monotonic() - began > limits.retry_seconds_max
            failures = 0 if was_held else failures + 1
            self.stopping.wait(backoff_seconds(failures))

    def _tell(self, problem: FednetError, place: ClientPlace | None) -> None:
        """Log a failed attempt, the same problem once until the client is connected again."""
        text = (
            f"cannot connect to the combiner {place.combiner}: {problem}"
            if place
            else f"the network has no place for this client yet: {problem}"
        )
        if not self.stopping.is_set() and text not in self._told_problems:
            self._told_problems.append(text)
            _log.warning("%s", text)

    def _known_place(self, failures: int) -> ClientPlace | None:
        """Return the place for the next attempt; None if the controller is to be asked for one."""
        beyond = failures - limits.reconnect_attempts_max
        return None if beyond > 0 and beyond % 2 else self._place

    def _enrol(self) -> ClientPlace:
        """Ask the controller for a place; `stop` does not wait for the answer."""
        answer: Future[ClientPlace] = Future()
        answer.add_done_callback(lambda _: self._notify())
        threading.Thread(
            target=_resolve, args=(answer, self._ask), name="enrolment", daemon=True
        ).start()
        with self._changed:
            self._changed.wait_for(lambda: answer.done() or self.stopping.is_set())
        if self.stopping.is_set():
            raise Unavailable("The connection is being closed.")
        place = answer.result()
        keep_client(self._settings, place)
        return place

    def _ask(self) -> ClientPlace:
        return enrol_client(
            self._settings, needs_package=self._needs_package, sandbox=self._sandbox
        )

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _serve(self, place: ClientPlace) -> bool:
        """Serve one stream until it breaks; return True if the combiner welcomed this client.

        Raises:
            FednetError: The combiner refused, with its reason.
        """
        stream = self._open(place)
        welcomed = False
        renewals = Renewals(
            place,
            self._renew,
            lambda newer: self._renewed(stream, newer),
            lambda: self._lose(stream),
        )
        try:
            with rpc_errors(stream.channel.proxy):
                for message in stream.messages(self._hello()):
                    if message.WhichOneof("message") == "welcome":
                        welcomed = True
                        self._welcome(place)
                    else:
                        self._hand_on(message)
        except FednetError as problem:
            if not welcomed:
                raise
            if isinstance(problem, Unauthenticated):
                self._place = None  # its token opens nothing there any more
            reason = "the client stops" if self.stopping.is_set() else str(problem)
            _log.info("disconnected from the combiner %s: %s", place.combiner, reason)
        else:
            _log.info("disconnected from the combiner %s", place.combiner)
        finally:
            renewals.close()
            self._close(stream)
        return welcomed

    def renewed_place(self) -> ClientPlace:
        """Return the client's place with newer tokens, and the network's keys of the moment.

        Raises:
            FednetError: The controller refuses, or does not answer; or the client has no place.
        """
        with self._changed:
            place, stream = self._place, self._stream
        if place is None or stream is None:
            raise Unavailable("The client has no place in the network now.")
        newer = self._renew(place)
        self._renewed(stream, newer)
        return newer

    def _renew(self, place: ClientPlace) -> ClientPlace:
        return renew_client(self._settings, place)

    def _renewed(self, stream: Stream, place: ClientPlace) -> None:
        """Go on with newer tokens, at another combiner if the controller says so."""
        keep_client(self._settings, place)
        with self._changed:
            if self._stream is not stream or self._place is None:
                return
            is_moved = _combiner_of(place) != _combiner_of(self._place)
            self._place, self._object_store = place, place.object_store
        if is_moved:
            _log.info("the controller has moved the client to the combiner %s", place.combiner)
            stream.close()
        else:
            stream.send(renewal_message(place.placement_token))

    def _lose(self, stream: Stream) -> None:
        """Leave the combiner: the network does not renew the client's tokens, and says why when it is asked again."""
        with self._changed:
            if self._stream is not stream:
                return
            self._place = None
        stream.close()

    def _placement_token(self) -> str:
        place = self._place
        return place.placement_token if place else ""

    def _hand_on(self, message: tasks_pb2.CombinerMessage) -> None:
        """Translate a message and pass it on; ignore a message of a later version."""
        match message.WhichOneof("message"):
            case "task":
                try:
                    self._on_message(task_of(message.task))
                except InvalidInput as error:
                    self.send_answer(failure_of(message.task.task_id, error))
            case "cancel":
                self._on_message(cancel_of(message.cancel))
            case "receipt":
                self._on_message(receipt_of(message.receipt))

    def _open(self, place: ClientPlace) -> Stream:
        tls = self._settings.caller_tls if place.tls else None
        stream = Stream(open_channel(place.address, self._placement_token, tls))
        with self._changed:
            self._stream = stream
            is_late = self.stopping.is_set()
        if is_late:
            stream.close()
        return stream

    def _welcome(self, place: ClientPlace) -> None:
        self._was_welcomed = True
        self._told_problems.clear()
        with self._changed:
            self._is_welcome = True
            self._number += 1
            is_told = self._readiness == self._told_readiness
            self._changed.notify_all()
        if not is_told:
            self._tell_readiness()
        _log.info("connected to the combiner %s at %s", place.combiner, place.address)
        self._on_connected(place, self._number)
        self._compare_clocks(place)

    def _compare_clocks(self, place: ClientPlace) -> None:
        """Tell this site and the network about a wrong clock, which may make tokens expire early."""
        if warning := clock_warning(place.seconds_behind):
            _log.warning("%s", warning)
            self._send(log_message(warning, "", tasks_pb2.LogRecord.WARNING))

    def _close(self, stream: Stream) -> None:
        with self._changed:
            self._stream, self._is_welcome = None, False
        stream.close()
        self._on_disconnected()

    def _is_final(self, problem: FednetError, place: ClientPlace | None, *, is_known: bool) -> bool:
        """Return True if a refusal ends the agent: that of the controller, or of the combiner that it has just named.

        A combiner that refuses an older place, or a token, only says that the controller must be asked.
        """
        of_combiner = place is not None
        if is_known or (of_combiner and isinstance(problem, Unauthenticated)):
            return False
        return _is_final(problem, was_welcomed=self._was_welcomed)


def _combiner_of(place: ClientPlace) -> tuple[str, str, bool]:
    """Return the combiner's name and the way to it."""
    return place.combiner, place.address, place.tls


def _is_final(problem: FednetError, *, was_welcomed: bool) -> bool:
    """Return True if a refusal of the network ends the agent.

    A client that was welcome before gives up only if its right is gone. Everything else is temporary: its name, for
    example, counts as taken until the combiner has noticed the loss of its link.
    """
    if problem.retryable or isinstance(problem, LimitExceeded):
        return False
    return not was_welcomed or isinstance(problem, Unauthenticated | PermissionDenied)


def _resolve(answer: Future[Any], ask: Callable[[], Any]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001  it is raised where the answer is used
        answer.set_exception(error)
