"""FEDn's words in a request, translated to ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

_SPELLINGS: Final = {
    "correlationId": "correlation_id",
    "logLevel": "log_level",
    "modelId": "model_id",
    "sessionId": "session_id",
}
"""Other spellings of fields, which 0.9's clients use in queries."""


def asked(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return the fields of a request in our words; see `Dialect.asked`."""
    return {field(name, known): given[name] for name in given}


def field(name: str, known: Collection[str]) -> str:
    """Return our name of a field; see `Dialect.field`."""
    del known
    return _SPELLINGS.get(name, name)
