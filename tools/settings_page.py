"""The generated part of docs/settings.md, made from the settings classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fednet.environment import default_data_dir
from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings, variable

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_KINDS = (ControllerSettings, CombinerSettings, ClientSettings)


def part() -> str:
    """Return a section for each component."""
    return "\n".join(["", *(_section(kind) for kind in _KINDS), ""])


def _section(kind: Any) -> str:
    rows = [_row(kind, name, field) for name, field in kind.fields().items()]
    head = "| setting | variable | default | what it is |\n|---|---|---|---|"
    return "\n".join([f"## {kind.section}\n", f"{kind.__doc__}\n", head, *rows, ""])


def _row(kind: Any, name: str, field: FieldInfo) -> str:
    marks = [*(["**Secret.**"] if name in kind.secrets() else []), *_bounds(field)]
    meaning = " ".join([" ".join((field.description or "").split()), *marks])
    return f"| `{name}` | `{variable(kind, name)}` | {_default(field)} | {meaning} |"


def _bounds(field: FieldInfo) -> list[str]:
    words = {
        "ge": "From",
        "gt": "Above",
        "le": "to",
        "min_length": "Characters: from",
        "max_length": "to",
    }
    said = [
        f"{word} {getattr(bound, name)}"
        for bound in field.metadata
        for name, word in words.items()
        if getattr(bound, name, None) is not None
    ]
    return [" ".join(said) + "."] if said else []


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value in (None, ()):
        return "none"
    return f"`{str(value).replace(str(default_data_dir()), '<data folder>')}`"
