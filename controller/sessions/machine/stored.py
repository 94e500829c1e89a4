"""The stored states of earlier versions, brought into the present form when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fednet.contract import SessionOptions, options_of

_ENDED = frozenset({"FINISHED", "FAILED", "TERMINATED"})


def present_state(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's stored state in the present form.

    Earlier versions stored the options beside the other fields, and a SHA-256 in the place of a digest. Version 0.1.0
    stored no kind: its ended sessions get theirs, so that they can be continued; an unfinished one has other steps and
    cannot go on.
    """
    state = {name: _with_digests(value) for name, value in values.items()}
    state.setdefault("options", _options_beside(state))
    if state.get("status") in _ENDED and "kind" not in state:
        state["kind"] = _kind_of(state)
    return state


def _with_digests(value: Any) -> Any:
    """Return a stored value with a digest in the place of each size and SHA-256."""
    if isinstance(value, list):
        return [_with_digests(each) for each in value]
    if not isinstance(value, dict):
        return value
    if {"size_bytes", "sha256"} <= value.keys():
        return _with_digest(**value)
    return {name: _with_digests(each) for name, each in value.items()}


def _with_digest(size_bytes: int, sha256: str, **others: Any) -> dict[str, Any]:
    """Return the reference to a blob, or the digest of a partial, which has no further values."""
    digest = {"algorithm": "sha256", "value": sha256, "size_bytes": size_bytes}
    return {**others, "digest": digest} if others else digest


def stored_options(stored: Any) -> SessionOptions:
    """Return the options in a state: each one that is missing has its default.

    They were checked when the session began, so they are not checked again: a session goes on under the limits of its
    start.
    """
    if isinstance(stored, SessionOptions):
        return stored
    known = {name: stored[name] for name in SessionOptions.model_fields if name in stored}
    return SessionOptions.model_construct(**known)


def _options_beside(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a state in which they are fields like any other."""
    found = {
        option.field_name: state[option.name]
        for option in options_of(SessionOptions)
        if option.name in state
    }
    functions, seed = state.get("functions") or {}, state.get("seed")
    found["server_functions"] = functions.get("source")
    found["seed"] = None if seed in {None, "", state.get("session_id")} else int(seed)
    return found


def _kind_of(state: Mapping[str, Any]) -> str:
    if "min_clients" not in state:
        return "prediction"
    return "asynchronous" if state.get("staleness_max") else "training"
