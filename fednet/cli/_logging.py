"""The log of a server on stderr: one line for each event, as text or as JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warning", "error")


def log_to_stderr(level: str, *, as_json: bool) -> None:
    """Send this process's log to stderr.

    Args:
        level: The lowest level that is shown, one of `LEVELS`.
        as_json: Write a JSON object for each event instead of a line of text.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLine() if as_json else _TextLine())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # It logs every URL at debug; a URL of an object store is a credential.
    logging.getLogger("urllib3").setLevel(max(logging.INFO, logging.getLogger().level))


class _TextLine(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO logger: message`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().replace("\n", "\\n")
        line = f"{_time(record)} {record.levelname} {record.name}: {message}"
        if record.exc_info:
            line += "\n    " + self.formatException(record.exc_info).replace("\n", "\n    ")
        return line


class _JsonLine(logging.Formatter):
    """An object with time, level, logger, message and the traceback of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
