"""The log of a server on stderr: one line for each event, as text or as JSON."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fednet import limits
from fednet.log_context import log_fields

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ("debug", "info", "warning", "error")
LIBRARIES = (
    "asyncio",
    "concurrent",
    "flask",
    "grpc",
    "gunicorn",
    "opentelemetry",
    "pymongo",
    "requests",
    "sqlalchemy",
    "urllib3",  # it logs every URL at debug; a URL of an object store is a credential
    "uvicorn",
    "werkzeug",
)
"""The loggers of libraries, of which only warnings are shown."""


def log_to_stderr(level: str, *, as_json: bool) -> None:
    """Send this process's log to stderr.

    Args:
        level: The lowest level that is shown, one of `LEVELS`.
        as_json: Write a JSON object for each event instead of a line of text.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLine() if as_json else _TextLine())
    handler.addFilter(_Repeats(time.monotonic))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))


class _Repeats(logging.Filter):
    """Drops a warning that repeats an earlier one, so that an absence costs one line and not one for each attempt.

    A warning counts as a repetition until its logger has said anything else, or has been silent for
    `limits.log_repetition_seconds`.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, tuple[str, float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        said, now = record.getMessage(), self._clock()
        before, at = self._last.get(record.name, ("", 0.0))
        self._last[record.name] = (said, now)
        is_repeated = said == before and now - at < limits.log_repetition_seconds
        return not (is_repeated and record.levelno >= logging.WARNING)


class _TextLine(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO logger: message`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().replace("\n", "\\n")
        line = f"{_time(record)} {record.levelname} {record.name}: {message}"
        if record.exc_info:
            line += "\n    " + self.formatException(record.exc_info).replace("\n", "\n    ")
        return line


class _JsonLine(logging.Formatter):
    """An object with time, level, logger, message, `fednet.log_context`, and the traceback of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **log_fields(),
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
