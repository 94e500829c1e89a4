"""The stored states of earlier versions, brought into the present form when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fednet.contract import SessionOptions, options_of

_ENDED = frozenset({"FINISHED", "FAILED", "TERMINATED"})


def present_state(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's stored state in the present form.

    Earlier versions stored the options beside the other fields. Version 0.1.0 stored no kind: its ended sessions get
    theirs, so that they can be continued; an unfinished one has other steps and cannot go on.
    """
    state = dict(values)
    state.setdefault("options", _options_beside(state))
    if state.get("status") in _ENDED and "kind" not in state:
        state["kind"] = _kind_of(state)
    return state


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
