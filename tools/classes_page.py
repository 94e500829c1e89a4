"""The generated parts of the pages on classes: signatures and docstrings of what people import."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from fednet import APIClient
from fednet.client import Client
from fednet.client.participant import (
    AsyncParticipant,
    InternalParticipant,
    ParticipantABC,
    spawn_async_participant,
    spawn_participant,
)
from fednet.testing import FaultProxy, Network

_SECTION: Final = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$")
_ENTRY: Final = re.compile(r"^(\*{0,2}[\w.]+): (.*)$", re.DOTALL)
_TITLES: Final = {"Args": "Arguments", "Yields": "Yields"}
_INDENT: Final = "    "


def api_client() -> str:
    """Return the part of docs/api-client.md."""
    return _page(APIClient)


def client() -> str:
    """Return the part of docs/client.md."""
    return _page(Client)


def network() -> str:
    """Return the part of docs/network.md."""
    return _page(Network) + _page(FaultProxy)


def participant() -> str:
    """Return the part of docs/participant.md."""
    functions = (spawn_participant, spawn_async_participant)
    kinds = (ParticipantABC, InternalParticipant, AsyncParticipant)
    return "".join([*map(_function, functions), *map(_page, kinds)])


def _function(function: Any) -> str:
    return f"\n## `{function.__name__}{_signature(function)}`\n\n{_text(function)}"


def _page(kind: type) -> str:
    """Return the class, then its public methods in the order of the source, those of its bases in fednet last."""
    parts = [f"\n## `{kind.__name__}{_signature(kind)}`\n\n{_text(kind)}"]
    for name, method in _methods(kind):
        parts.append(f"\n### `{name}{_signature(method)}`\n\n{_text(method)}")
    return "".join(parts) + "\n"


def _methods(kind: type) -> Iterator[tuple[str, Any]]:
    for base in kind.__mro__[:-1]:
        for name, member in vars(base).items():
            is_shown = not name.startswith("_") and getattr(kind, name) is getattr(base, name)
            if is_shown and inspect.isfunction(member) and member.__module__.startswith("fednet"):
                yield name, member


def _signature(function: Any) -> str:
    """Return the parameters with their defaults, without the types, which the text tells."""
    parameters = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in inspect.signature(function).parameters.values()
        if each.name != "self"
    ]
    return str(inspect.Signature(parameters))


def _text(documented: Any) -> str:
    """Return a docstring as Markdown: its sections become lists."""
    text, section = [], ""
    for line in (inspect.getdoc(documented) or "").splitlines():
        if match := _SECTION.match(line):
            section = match[1]
            text.append(f"\n**{_TITLES.get(section, section)}**\n")
        elif line and not line.startswith(_INDENT):
            section = ""
            text.append(line)
        else:
            text.append(line[len(_INDENT) :] if section else line)
    return _with_lists("\n".join(text)).strip() + "\n"


def _with_lists(text: str) -> str:
    """Return the text with each entry of a section, which may have several lines, as one item of a list."""
    lines: list[str] = []
    in_section = False
    for line in text.splitlines():
        in_section = in_section or (line.startswith("**") and line.endswith("**"))
        lines.append(_item(line) if in_section else line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _item(line: str) -> str:
    """Return a line of a section: the begin of an item, a further line of it, or other text."""
    if match := _ENTRY.match(line):
        return f"- `{match[1]}`: {match[2]}"
    return textwrap.indent(line.strip(), "  ") if line.startswith(_INDENT) else line
