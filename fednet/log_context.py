"""The session, round, task and client that the present work belongs to, for the lines of the log.

It is set where work enters a component, and follows asyncio's tasks by itself. A function for a thread takes it along
by `in_context`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, copy_context
from types import MappingProxyType
from typing import Any, Final, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

_present: Final[ContextVar[Mapping[str, Any]]] = ContextVar(
    "log_context", default=MappingProxyType({})
)


@contextlib.contextmanager
def logged_as(
    *, session: str = "", round_number: int = 0, task: str = "", client: str = ""
) -> Iterator[None]:
    """Let lines of the log say, while the block lasts, what they belong to; empty values keep those outside."""
    given = {"session": session, "round": round_number, "task": task, "client": client}
    token = _present.set({**_present.get(), **{key: each for key, each in given.items() if each}})
    try:
        yield
    finally:
        _present.reset(token)


def log_fields() -> Mapping[str, Any]:
    """Return the fields of a line that is logged now: some of session, round, task and client."""
    return _present.get()


def in_context(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Return a function that does the same with the present context, once, in any thread."""
    context = copy_context()

    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        return context.run(function, *args, **kwargs)

    return run
