"""The module fednet/api_starter.py: the methods of APIClient whose arguments are declared options."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fednet.contract import PredictionOptions, SessionOptions, options_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fednet.contract import Option

_BEGIN: Final = '''\
"""The calls that start something, with the declared options as arguments.

Generated from `fednet/contract/_session_options.py` by `make docs`: change the declarations, not this file.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fednet.server_functions import source_of

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.http import Http


class APIStarter:
    """The part of APIClient that starts sessions."""

    _http: Http
'''
_WIDTH: Final = 100
_TYPES: Final[dict[type, str]] = {dict: "dict[str, Any]"}
_SOURCE_TYPE: Final = "type | str | Path"
_SOURCE_FORMS: Final = "Give the class, its source, or the path of a file with it."


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        name: Its name.
        route: The route that it calls.
        declaration: The options that are its arguments.
        last_positional: The last argument that may be given by position.
        docstring: Its docstring, up to the arguments.
        returns: The description of its return value.
        raises: The description of its errors.
    """

    name: str
    route: str
    declaration: type[BaseModel]
    last_positional: str
    docstring: str
    returns: str
    raises: str = ""


_REFUSALS: Final = """\
InvalidInput: An option is invalid; names it.
    AlreadyExists: The id is taken.
    FailedPrecondition: There is no model, or too few clients are connected; says what to do."""
_METHODS: Final = (
    Method(
        name="start_session",
        route="/api/v1/sessions/",
        declaration=SessionOptions,
        last_positional="requested_clients",
        docstring="Start a session; `docs/sessions.md` has a table of the options with their limits.",
        returns="success (True), message, session_id and config.",
        raises=_REFUSALS,
    ),
    Method(
        name="start_predictions",
        route="/api/v1/predictions/start",
        declaration=PredictionOptions,
        last_positional="round_timeout",
        docstring=(
            "Let clients predict with a model, in a session of its own.\n\n"
            "`wait_session(prediction_id)` waits until all have answered, and\n"
            "`get_predictions(prediction_id=prediction_id)` returns their results."
        ),
        returns="success (True), message and prediction_id.",
        raises=_REFUSALS,
    ),
)


def file() -> str:
    """Return the text of the module."""
    return _BEGIN + "".join(f"\n{textwrap.indent(_method(each), '    ')}" for each in _METHODS)


def _method(method: Method) -> str:
    options = options_of(method.declaration)
    lines = [
        f"def {method.name}(",
        "    self,",
        *_parameters(options, method.last_positional),
        ") -> dict[str, Any]:",
        *_docstring(method, options),
        "    options = {",
        *(f'        "{option.name}": {_sent(option)},' for option in options),
        "    }",
        f'    return self._http.create("{method.route}", options)',
    ]
    return "\n".join(lines) + "\n"


def _parameters(options: list[Option], last_positional: str) -> list[str]:
    lines: list[str] = []
    for option in options:
        lines.append(f"    {option.name}: {_type(option)} = {_literal(option.default)},")
        if option.name == "id":
            lines[-1] += "  # noqa: A002 - the name of the field"
        if option.name == last_positional and option is not options[-1]:
            lines.append("    *,")
    return lines


def _type(option: Option) -> str:
    kind = (
        _SOURCE_TYPE if option.traits.is_source else _TYPES.get(option.kind, option.kind.__name__)
    )
    return f"{kind} | None" if option.default is None else kind


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _sent(option: Option) -> str:
    """Return the expression of the value that is sent."""
    if option.field_name == "session_id":
        return f"{option.name} or str(uuid.uuid4())"
    if option.traits.is_source:
        return f"None if {option.name} is None else source_of({option.name})"
    return option.name


def _docstring(method: Method, options: list[Option]) -> list[str]:
    sections = [method.docstring, "Args:\n" + "\n".join(map(_argument, options))]
    sections.append(f"Returns:\n    {method.returns}")
    if method.raises:
        sections.append(f"Raises:\n    {method.raises}")
    text = "\n\n".join(sections)
    return textwrap.indent(f'"""{text}\n"""', "    ").splitlines()


def _argument(option: Option) -> str:
    """Return an option's paragraph in the docstring."""
    forms = f" {_SOURCE_FORMS}" if option.traits.is_source else ""
    text = f"{option.name}: {option.meaning}{forms}"
    return textwrap.fill(
        text, _WIDTH - 8, initial_indent=" " * 4, subsequent_indent=" " * 8, break_long_words=False
    )
