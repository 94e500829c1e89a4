"""The contract of server functions: the class that a source must declare. The source is read, never run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final

from fednet import limits
from fednet.errors import InvalidInput

_FIELD: Final = "server_functions"
_PARAMETERS: Final = {"client_selection": 1, "client_settings": 1, "aggregate": 2}
FUNCTION_METHODS: Final = tuple(_PARAMETERS)
"""The methods that a user's class may have, in the order in which a round calls them."""

_UNSUPPORTED: Final = ("incremental_aggregate", "get_incremental_aggregate_model")


@dataclass(frozen=True)
class DeclaredFunctions:
    """The class that a source declares.

    Args:
        name: Its name.
        methods: Its methods, of `FUNCTION_METHODS`.
    """

    name: str
    methods: tuple[str, ...]


def check_source(source: str) -> DeclaredFunctions:
    """Return the class that a source declares.

    Raises:
        InvalidInput: The source is too long or not valid Python, does not have exactly one class with one of the
            methods, or a method takes other arguments than it gets.
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
            f"Write exactly one class with {_words()}. The source has such classes: {names}.",
            field=_FIELD,
        )
    [(node, methods)] = classes
    for method in methods:
        _check_method(node.name, method)
    return DeclaredFunctions(
        node.name, tuple(name for name in FUNCTION_METHODS if name in _names(methods))
    )


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        line = f"line {error.lineno}: {error.msg}"
        raise InvalidInput(
            f"The server functions are not valid Python: {line}.", field=_FIELD
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput(
            f"The server functions are not valid Python: {error}.", field=_FIELD
        ) from error


def _methods_of(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = (
        each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [each for each in functions if each.name in (*FUNCTION_METHODS, *_UNSUPPORTED)]


def _names(methods: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> set[str]:
    return {method.name for method in methods}


def _check_method(owner: str, method: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if method.name in _UNSUPPORTED:
        raise InvalidInput(
            f"{owner}.{method.name} is not supported. Write aggregate: it gets all updates, as "
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
    """Return True if a function can be called with so many positional arguments and no other."""
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needs_named = any(default is None for default in arguments.kw_defaults)
    at_least = positional - len(arguments.defaults)
    return (
        at_least <= count <= positional or (arguments.vararg is not None and at_least <= count)
    ) and not needs_named


def _words() -> str:
    *most, last = FUNCTION_METHODS
    return f"{', '.join(most)} or {last}"
