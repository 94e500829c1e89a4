"""One request and its answer, on the event loop."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from typing import Any

from fednet import limits

from .call import AnswerHead, Batch, ViewCall
from .environ import environ_of
from .head import HEAD, HeadCheck
from .later import WAITS, Waits, Wakeable
from .pace import Pace
from .pipes import Pipe, RequestBody, spool
from .protocol import Connection
from .views import Views

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _TooLarge(Exception):
    """The request's body is too large."""


class _Gone(Exception):
    """The caller has disconnected, or is silent for too long."""


class RequestInHand:
    """One request and its answer."""

    def __init__(self, views: Views, scope: Message, receive: Receive, send: Send) -> None:
        self._views = views
        self._scope = scope
        self._receive_message = receive
        self._send_message = send
        self._loop = asyncio.get_running_loop()
        self._body_bytes_max = views.body_bytes_max
        self._size = 0
        self._pace = Pace()
        self._has_started = False

    async def run(self) -> None:
        """Receive the request, call the view, and send its answer."""
        beginning = spool()
        try:
            if await self._is_admitted():
                is_whole = await self._receive_beginning(beginning)
                await self._answer(beginning, is_whole=is_whole)
        except _TooLarge:
            await self._refuse_size()
        except _Gone:
            await self._drop()
        finally:
            beginning.close()

    # The request

    async def _is_admitted(self) -> bool:
        """Return True if the body may be received; send the application's refusal otherwise."""
        if len(self._scope["headers"]) > limits.rest_headers_max:
            await self._refuse(431, f"At most {limits.rest_headers_max} headers are allowed.")
            return False
        if _content_length(self._scope) > self._body_bytes_max:
            raise _TooLarge
        if not self._views.checks_heads or self._is_small_and_whole():
            return True
        environ = self._environ_of(io.BytesIO())
        check = environ[HEAD] = HeadCheck()
        call = ViewCall(self._views.app, environ)
        refusal = await self._views.in_thread(call.begin)
        try:
            if not check.may_go_on:
                await self._send_answer(call, refusal)
        finally:
            await self._close(call)
        self._body_bytes_max = min(check.body_bytes_max, self._body_bytes_max)
        return check.may_go_on

    def _environ_of(self, body: io.BufferedIOBase) -> dict[str, Any]:
        return environ_of(self._scope, body, behind_proxy=self._views.behind_proxy)

    def _is_small_and_whole(self) -> bool:
        """Return True if the request has arrived to its end, with a body of the announced length, if with any."""
        is_chunked = any(name == b"transfer-encoding" for name, _ in self._scope["headers"])
        return self._connection.has_whole_request and not is_chunked

    async def _receive_beginning(self, beginning: Any) -> bool:
        """Read the beginning of the body; return True if it is the whole body."""
        is_whole = False
        while not is_whole and beginning.tell() < limits.rest_spooled_bytes_max:
            piece, is_whole = await self._receive()
            beginning.write(piece)
        beginning.seek(0)
        return is_whole

    async def _receive_rest(self, rest: Pipe) -> None:
        """Pass on the rest of the body as fast as the view reads."""
        try:
            is_whole = False
            while not is_whole:
                piece, is_whole = await self._receive()
                await rest.put(piece)
            rest.finish()
        except (_Gone, _TooLarge):
            rest.break_off()
            raise

    async def _receive(self) -> tuple[bytes, bool]:
        """Return the next piece of the body, and True if it is the last."""
        async with self._in_time() as moved:
            message = await self._receive_message()
            piece = message.get("body", b"")
            moved(len(piece))
        if message["type"] == "http.disconnect":
            raise _Gone
        self._size += len(piece)
        if self._size > self._body_bytes_max:
            raise _TooLarge
        return piece, not message.get("more_body", False)

    # The answer

    async def _answer(self, beginning: Any, *, is_whole: bool) -> None:
        rest = None if is_whole else Pipe(self._loop, limits.rest_pipe_bytes_max)
        body = io.BufferedReader(RequestBody(beginning, rest, self._views.broken))
        environ = self._environ_of(body)
        waits = environ[WAITS] = Waits()
        caller = asyncio.ensure_future(self._follow_caller(rest))
        try:
            while True:
                await self._run(ViewCall(self._views.app, environ), waits, caller)
                if (awaited := waits.awaited) is None:
                    return
                waits.awaited = None
                await self._wait(awaited, waits, caller)
        finally:
            caller.cancel()
            await asyncio.gather(caller, return_exceptions=True)

    async def _follow_caller(self, rest: Pipe | None) -> None:
        """Read the rest of the body, then wait until the caller disconnects."""
        if rest:
            await self._receive_rest(rest)
        while (await self._receive_message())["type"] != "http.disconnect":
            pass
        raise _Gone

    async def _run(self, call: ViewCall, waits: Waits, caller: asyncio.Future[None]) -> None:
        """Run a view in threads, and send its answer; stop it if the caller disconnects."""
        answering = asyncio.ensure_future(self._begin(call, waits))
        try:
            await asyncio.wait((answering, caller), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                caller.result()
            await answering
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            await self._close(call)

    async def _begin(self, call: ViewCall, waits: Waits) -> None:
        beginning = await self._in_thread(call.begin)
        if waits.awaited is not None:
            return
        if waits.stream is not None:
            await self._start(call.head.without_length())
            await self._send_stream(waits)
            await self._send(b"", is_last=True)
        else:
            await self._send_answer(call, beginning)

    async def _send_answer(self, call: ViewCall, beginning: Batch) -> None:
        """Send an answer a batch at a time; no thread works at it while its reader is slow."""
        batch = beginning
        if not call.has_failed:
            await self._start(call.head)
        while not batch.is_last:
            await self._send(batch.body)
            batch = await self._in_thread(call.more)
        if call.has_failed:
            raise _Gone
        await self._send(batch.body, is_last=True)

    async def _close(self, call: ViewCall) -> None:
        if call.is_open:
            await self._views.in_thread(call.close)

    async def _in_thread(self, work: Callable[[], Batch]) -> Batch:
        """Run a blocking function in a thread, and wait for its end even if the caller is gone."""
        working = self._views.in_thread(work)
        try:
            return await asyncio.shield(working)
        finally:
            await asyncio.gather(working, return_exceptions=True)

    async def _send_stream(self, waits: Waits) -> None:
        """Send the pieces of a stream until it ends or the server stops."""
        assert waits.stream is not None
        pieces = waits.stream.pieces(self._views.in_thread)
        stopped = asyncio.ensure_future(self._views.stopped())
        try:
            while True:
                coming = asyncio.ensure_future(anext(pieces, None))
                await asyncio.wait((coming, stopped), return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)
                    return
                if (piece := coming.result()) is None:
                    return
                await self._send(piece)
        finally:
            stopped.cancel()
            await pieces.aclose()

    async def _wait(self, awaited: Wakeable, waits: Waits, caller: asyncio.Future[None]) -> None:
        """Wait until the awaited event happens, the time is over, or the server stops.

        Raises:
            _Gone: The caller has disconnected.
        """
        happened = self._loop.create_future()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(_set, happened)

        awaited.on_wake(wake)
        stopped = asyncio.ensure_future(self._views.stopped())
        left = max(0.0, (waits.deadline or 0.0) - time.monotonic())
        try:
            await asyncio.wait(
                (happened, stopped, caller), timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopped.cancel()
            awaited.close()
        if caller.done():
            caller.result()
        waits.is_over = self._views.is_stopping

    async def _start(self, head: AnswerHead) -> None:
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in head.headers
        ]
        headers.append((b"date", formatdate(usegmt=True).encode()))
        self._has_started = True
        if self._views.is_stopping:
            headers.append((b"connection", b"close"))
        await self._send_in_time(
            {"type": "http.response.start", "status": head.status, "headers": headers}
        )

    async def _send(self, piece: bytes, *, is_last: bool = False) -> None:
        await self._send_in_time(
            {"type": "http.response.body", "body": piece, "more_body": not is_last}
        )

    async def _send_in_time(self, message: Message) -> None:
        """Send, unless the caller reads too slowly."""
        async with self._in_time() as moved:
            await self._send_message(message)
            moved(len(message.get("body", b"")))

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[Callable[[int], None]]:
        """Wait for the caller no longer than its pace allows; call what is given with the bytes that have moved.

        Raises:
            _Gone: The caller is too slow.
        """
        began = self._loop.time()
        try:
            async with asyncio.timeout(self._pace.seconds_left):
                yield lambda size: self._pace.note(self._loop.time() - began, size)
        except TimeoutError as error:
            raise _Gone from error

    async def _refuse_size(self) -> None:
        await self._refuse(
            413, f"The request is too large: at most {self._body_bytes_max} bytes are allowed."
        )

    async def _refuse(self, status: int, text: str) -> None:
        if self._has_started:
            await self._drop()
            return
        body = text.encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        await self._start(AnswerHead(status, headers))
        await self._send(body, is_last=True)

    async def _drop(self) -> None:
        """End the connection, and wait until it has ended."""
        self._connection.drop()
        while (await self._receive_message())["type"] != "http.disconnect":
            pass

    @property
    def _connection(self) -> Connection:
        connection: Connection = self._scope["state"]["connection"]
        return connection


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _content_length(scope: Message) -> int:
    """Return the length in the request's header; 0 without one. The protocol has checked that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
