"""The source of server functions, read but never run: which class it is, and what it can do."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fednet import limits
from fednet.errors import InvalidInput

_FIELD: Final = "server_functions"
_PARAMETERS: Final = {"client_selection": 1, "client_settings": 1, "aggregate": 2}
METHODS: Final = tuple(_PARAMETERS)
"""What a user's class may have, in the order in which a round calls it."""

_UNSERVED: Final = ("incremental_aggregate", "get_incremental_aggregate_model")


@dataclass(frozen=True)
class Declared:
    """What a source declares.

    Args:
        name: The name of the class.
        methods: Those of `METHODS` that it has.
    """

    name: str
    methods: tuple[str, ...]


def source_of(given: type | str | Path) -> str:
    """The source text of server functions, however they are given.

    Args:
        given: The class, or its source as a text, or the path of a file with it.

    Raises:
        InvalidInput: There is no source of the class to be found, or the file cannot be read.
    """
    if isinstance(given, str):
        return given
    try:
        if isinstance(given, Path):
            return given.read_text(encoding="utf-8")
        return textwrap.dedent(inspect.getsource(given))
    except (OSError, TypeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The source of {given} cannot be read: {error}. Write the class into a file and give "
            "its path.",
            field=_FIELD,
        ) from error


def check_source(source: str) -> Declared:
    """Read a source.

    Raises:
        InvalidInput: It is no Python, or has no class, or several, with one of the methods, or a
            method takes other arguments than it is given, or it is too long.
    """
    if len(source) > limits.server_functions_characters_max:
        raise InvalidInput(
            f"The server functions have {len(source)} characters; at most "
            f"{limits.server_functions_characters_max} are allowed. Write them shorter.",
            field=_FIELD,
        )
    found = [node for node in _parsed(source).body if isinstance(node, ast.ClassDef)]
    classes = [(node, methods) for node in found if (methods := _methods_of(node))]
    if len(classes) != 1:
        names = ", ".join(node.name for node, _ in classes) or "none"
        raise InvalidInput(
            f"Server functions are one class with {_words()}; here such classes are: {names}.",
            field=_FIELD,
        )
    [(node, methods)] = classes
    for method in methods:
        _check_method(node.name, method)
    return Declared(node.name, tuple(name for name in METHODS if name in _names(methods)))


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        line = f"line {error.lineno}: {error.msg}"
        raise InvalidInput(f"The server functions are no Python: {line}.", field=_FIELD) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput(f"The server functions are no Python: {error}.", field=_FIELD) from error


def _methods_of(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = (
        each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [each for each in functions if each.name in (*METHODS, *_UNSERVED)]


def _names(methods: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> set[str]:
    return {method.name for method in methods}


def _check_method(owner: str, method: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if method.name in _UNSERVED:
        raise InvalidInput(
            f"{owner}.{method.name} is not served. Write aggregate: it is given all updates, as "
            "views into files that take no memory.",
            field=_FIELD,
        )
    if isinstance(method, ast.AsyncFunctionDef) or method.decorator_list:
        raise InvalidInput(
            f"{owner}.{method.name} must be a plain method: no async, no decorator.", field=_FIELD
        )
    count = _PARAMETERS[method.name]
    if not _takes(method.args, count + 1):
        raise InvalidInput(
            f"{owner}.{method.name} must take self and {count} argument{'s' * (count > 1)}.",
            field=_FIELD,
        )


def _takes(arguments: ast.arguments, count: int) -> bool:
    """Whether a function can be called with so many positional arguments and no other."""
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needs_named = any(default is None for default in arguments.kw_defaults)
    at_least = positional - len(arguments.defaults)
    return (
        at_least <= count <= positional or (arguments.vararg is not None and at_least <= count)
    ) and not needs_named


def _words() -> str:
    *most, last = METHODS
    return f"{', '.join(most)} or {last}"
