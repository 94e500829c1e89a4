"""Checks that a function can be called with parameters and settings, before a task calls it."""

from __future__ import annotations

import inspect
from typing import Any, Final

from fednet.errors import InvalidInput

_RETURNS: Final = {
    "train": 'parameters, {"num_examples": 120}',
    "validate": '{"accuracy": 0.9}',
    "predict": '{"labels": [0, 1]}',
}


def check_signature(name: str, function: Any) -> None:
    """Check that a user's function can be called as `function(parameters, settings)` and returns its result.

    Args:
        name: Its task: "train", "validate" or "predict".
        function: The function, method, partial, or object with `__call__`.

    Raises:
        InvalidInput: It cannot; the message has the right signature, and the field is `name`.
    """
    if not callable(function):
        raise _wrong(name, f"is {type(function).__name__}, which cannot be called")
    called = function if inspect.isroutine(function) else getattr(function, "func", function)
    for each in (called, getattr(called, "__call__", None)):  # noqa: B004  an object may define it by async def
        if inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each):
            raise _wrong(name, "is asynchronous, and a task calls it without an event loop")
        if inspect.isgeneratorfunction(each):
            raise _wrong(name, "is a generator, which returns nothing when it is called")
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function of an extension module may have none
        return
    try:
        signature.bind(object(), object())
    except TypeError as error:
        raise _wrong(name, f"has the signature {signature}: {error}") from error


def _wrong(name: str, problem: str) -> InvalidInput:
    return InvalidInput(
        f"The {name} function {problem}. Write it as `def {name}(parameters, settings):`, which returns "
        f"`{_RETURNS[name]}`.",
        field=name,
    )
