"""One request and its answer, on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from typing import Any

from fednet import limits

from .call import AnswerHead, ViewCall
from .environ import environ_of
from .later import WAITS, Waits, Wakeable
from .pipes import Pipe, RequestBody, spool
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
        self._size = 0
        self._has_started = False

    async def run(self) -> None:
        """Receive the request, call the view, and send its answer."""
        beginning = spool()
        try:
            self._check_size(_content_length(self._scope))
            is_whole = await self._receive_beginning(beginning)
            await self._answer(beginning, is_whole=is_whole)
        except _TooLarge:
            await self._refuse_size()
        except _Gone:
            await self._drop()
        finally:
            beginning.close()

    # The request

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
                await rest.aput(piece)
            rest.afinish()
        except (_Gone, _TooLarge):
            rest.break_off()
            raise

    async def _receive(self) -> tuple[bytes, bool]:
        """Return the next piece of the body, and True if it is the last."""
        try:
            async with asyncio.timeout(limits.rest_idle_seconds_max):
                message = await self._receive_message()
        except TimeoutError as error:
            raise _Gone from error
        if message["type"] == "http.disconnect":
            raise _Gone
        piece = message.get("body", b"")
        self._check_size(self._size + len(piece))
        self._size += len(piece)
        return piece, not message.get("more_body", False)

    def _check_size(self, size: int) -> None:
        if size > self._views.body_bytes_max:
            raise _TooLarge

    # The answer

    async def _answer(self, beginning: Any, *, is_whole: bool) -> None:
        rest = None if is_whole else Pipe(self._loop, limits.rest_pipe_bytes_max)
        environ = environ_of(self._scope, RequestBody(beginning, rest, self._views.broken))
        waits = environ[WAITS] = Waits()
        caller = asyncio.ensure_future(self._follow_caller(rest))
        try:
            while True:
                call = ViewCall(
                    self._views.app, environ, Pipe(self._loop, limits.rest_pipe_bytes_max)
                )
                await self._run(call, waits, caller)
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
        """Run a view in a thread, and send its answer; stop it if the caller disconnects."""
        working = self._views.in_thread(call.run)
        sending = asyncio.ensure_future(self._send_answer(call, waits))
        try:
            await asyncio.wait((sending, caller), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                caller.result()
            await sending
        finally:
            call.body.break_off()
            sending.cancel()
            await asyncio.gather(sending, working, return_exceptions=True)

    async def _send_answer(self, call: ViewCall, waits: Waits) -> None:
        head = await call.head
        if waits.awaited is not None:
            return
        if waits.stream is not None:
            await self._start(head.without_length())
            await self._send_stream(waits)
        else:
            await self._start(head)
            while piece := await call.body.atake():
                await self._send(piece)
        if call.has_failed:
            raise _Gone
        await self._send(b"", is_last=True)

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
        """Send, unless the caller does not read within the time limit."""
        try:
            async with asyncio.timeout(limits.rest_idle_seconds_max):
                await self._send_message(message)
        except TimeoutError as error:
            raise _Gone from error

    async def _refuse_size(self) -> None:
        if self._has_started:
            await self._drop()
            return
        text = f"The request is too large: at most {self._views.body_bytes_max} bytes are allowed.".encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
        await self._start(AnswerHead(413, [*headers, ("Connection", "close")]))
        await self._send(text, is_last=True)

    async def _drop(self) -> None:
        """End the connection, and wait until it has ended."""
        self._scope["state"]["connection"].drop()
        while (await self._receive_message())["type"] != "http.disconnect":
            pass


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _content_length(scope: Message) -> int:
    """Return the length in the request's header; 0 without one. The protocol has checked that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
