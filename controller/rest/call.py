"""One call of a WSGI application in a thread; its answer goes through a pipe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from wsgiref.types import WSGIApplication

from .pipes import Broken, Pipe

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnswerHead:
    """The beginning of an answer.

    Attributes:
        status: Its status code.
        headers: Its headers.
    """

    status: int
    headers: Sequence[tuple[str, str]]

    def without_length(self) -> AnswerHead:
        """Return the head of the same answer with another body."""
        kept = [each for each in self.headers if each[0].lower() != "content-length"]
        return AnswerHead(self.status, kept)


class ViewCall:
    """Calls the application once.

    Args:
        app: The application.
        environ: The request's environment.
        body: Takes the answer's body.

    Attributes:
        head: Done when the application has answered; on the loop.
        body: The answer's body.
        has_failed: True if the body is incomplete.
    """

    def __init__(self, app: WSGIApplication, environ: dict[str, Any], body: Pipe) -> None:
        self._app = app
        self._environ = environ
        self._loop = asyncio.get_running_loop()
        self._started: AnswerHead | None = None
        self.head: asyncio.Future[AnswerHead] = self._loop.create_future()
        self.body = body
        self.has_failed = False

    def run(self) -> None:
        """Call the application, and put its answer into the pipe. Blocks."""
        try:
            self._run()
        except Broken:
            _log.debug("the caller of %s has disconnected", self._environ["PATH_INFO"])
        except Exception:  # noqa: BLE001  the server goes on
            _log.exception("the answer to %s broke off", self._environ["PATH_INFO"])
            self.has_failed = self._started is not None
            self._begin(AnswerHead(500, [("Content-Length", "0")]))
        finally:
            self.body.finish()

    def _run(self) -> None:
        answer: Iterable[bytes] = self._app(self._environ, self._start_response)
        try:
            for piece in answer:
                self._begin()
                if piece:
                    self.body.put(piece)
            self._begin()
        finally:
            close = getattr(answer, "close", None)
            if close:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], _problem: Any = None
    ) -> Any:
        self._started = AnswerHead(int(status.split(" ", 1)[0]), headers)
        return self.body.put

    def _begin(self, otherwise: AnswerHead | None = None) -> None:
        head = self._started or otherwise
        if head is None:
            raise RuntimeError("The application has not called start_response.")
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(_set, self.head, head)


def _set(future: asyncio.Future[AnswerHead], head: AnswerHead) -> None:
    if not future.done():
        future.set_result(head)
