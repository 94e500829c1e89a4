"""One call of a WSGI application: threads make its answer a batch at a time, as its caller reads."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from wsgiref.types import WSGIApplication

from fednet import limits

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


@dataclass(frozen=True)
class Batch:
    """Some bytes of an answer's body, and True if they are the last."""

    body: bytes
    is_last: bool


class ViewCall:
    """Calls the application once.

    Between two batches the answer holds no thread, so a caller who reads slowly takes none. Any thread may make the
    next batch: all of them work in one context, as Flask's streams need.

    Args:
        app: The application.
        environ: The request's environment.

    Attributes:
        head: The beginning of the answer, once `begin` has returned.
        has_failed: True if the body is incomplete.
        is_open: True until the answer has been made to its end or closed.
    """

    def __init__(self, app: WSGIApplication, environ: dict[str, Any]) -> None:
        self._app = app
        self._environ = environ
        self._context = contextvars.Context()
        self._written: list[bytes] = []
        self._answer: Iterable[bytes] = ()
        self._pieces: Iterator[bytes] = iter(())
        self._has_started = False
        self.head = AnswerHead(500, [("Content-Length", "0")])
        self.has_failed = False
        self.is_open = True

    def begin(self) -> Batch:
        """Call the application, and return the beginning of its answer's body. Blocks."""
        return self._context.run(self._begin)

    def more(self) -> Batch:
        """Return the next bytes of the body. Blocks."""
        return self._context.run(self._more)

    def close(self) -> None:
        """End the answer, whole or not. Blocks; a second call does nothing."""
        self._context.run(self._close)

    def _begin(self) -> Batch:
        try:
            self._answer = self._app(self._environ, self._start_response)
            self._pieces = iter(self._answer)
        except Exception as error:  # noqa: BLE001  the server goes on
            return self._broken_off(error)
        return self._more()

    def _more(self) -> Batch:
        try:
            batch = self._next_batch()
            if batch.is_last:
                self._close()
        except Exception as error:  # noqa: BLE001  the server goes on
            return self._broken_off(error)
        return batch

    def _next_batch(self) -> Batch:
        pieces = self._written
        self._written, size = [], sum(map(len, pieces))
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size >= limits.rest_batch_bytes:
                return Batch(b"".join(pieces), is_last=False)
        return Batch(b"".join(pieces), is_last=True)

    def _close(self) -> None:
        answer, self._answer, self.is_open = self._answer, (), False
        close = getattr(answer, "close", None)
        if close:
            close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], _problem: Any = None
    ) -> Any:
        self._has_started = True
        self.head = AnswerHead(int(status.split(" ", 1)[0]), headers)
        return self._written.append

    def _broken_off(self, error: Exception) -> Batch:
        """Report the error, and return the end of the body; without a head of its own the answer is a 500."""
        _log.error("the answer to %s broke off", self._environ["PATH_INFO"], exc_info=error)
        self.has_failed = self._has_started
        return Batch(b"", is_last=True)
