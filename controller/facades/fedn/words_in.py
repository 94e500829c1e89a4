"""FEDn's words in a request, translated to ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from .words_out import ROLES

_SPELLINGS: Final = {
    "correlationId": "correlation_id",
    "logLevel": "log_level",
    "modelId": "model_id",
    "sessionId": "session_id",
}
"""Other spellings of fields, which 0.9's clients use in queries."""

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "combiner_preferred": ("preferred_combiner",),
    "correlation_id": ("task_id", "prediction_id"),
    "model": ("id",),
    "parent_model": ("parent_id",),
    "receiver.name": ("combiner",),
    "sender.client_id": ("source.id", "client.id"),
    "sender.name": ("source.name", "client.name"),
    "sender.role": ("source.kind",),
}
"""Our names of a field; a route knows one of them."""

_FIXED: Final = {
    "receiver.role": ("combiner", "COMBINER"),
    "sender.role": ("client.name", "WORKER"),
}
"""Fields that say the same of every object: one of ours beside it, and the only value."""

_KINDS: Final = {role: kind for kind, role in ROLES.items()}


def asked(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return the fields of a request in our words; see `Dialect.asked`."""
    translated: dict[str, Any] = {}
    for name, value in given.items():
        ours = field(name, known)
        if ours in _FIXED and ours not in known and _FIXED[ours][0] in known:
            translated |= _nothing_unless_fixed(ours, value)
        elif ours == "sender" and "source" in known:
            translated["source"] = _source(value)
        else:
            translated[ours] = _in_kinds(value) if ours == "source.kind" else value
    return translated


def field(name: str, known: Collection[str]) -> str:
    """Return our name of a field; see `Dialect.field`."""
    spelled = _SPELLINGS.get(name, name)
    if spelled in known:
        return spelled
    return next((ours for ours in _NAMES.get(spelled, ()) if ours in known), spelled)


def _nothing_unless_fixed(name: str, value: Any) -> dict[str, Any]:
    """Return a filter that finds nothing, where another value is asked for than the only one."""
    beside, only = _FIXED[name]
    wanted = value.split(",") if isinstance(value, str) else value
    return {} if isinstance(wanted, list) and only in wanted else {beside: []}


def _in_kinds(value: Any) -> Any:
    return _each(value, lambda role: _KINDS.get(role, role))


def _each(value: Any, translate: Callable[[str], str]) -> Any:
    """Return one text, several that commas separate, or a list of them, each translated."""
    if isinstance(value, str):
        return ",".join(translate(each) for each in value.split(","))
    if isinstance(value, list):
        return [translate(each) if isinstance(each, str) else each for each in value]
    return value


def _source(sender: Any) -> Any:
    """Return the source of a report; what is no object is refused by whoever checks it."""
    if not isinstance(sender, dict):
        return sender
    names = {"role": "kind", "client_id": "id"}
    renamed = {names.get(name, name): value for name, value in sender.items()}
    return {name: _in_kinds(value) if name == "kind" else value for name, value in renamed.items()}
