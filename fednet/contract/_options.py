"""The form of an option's declaration: a field of a model with a docstring, and traits for what a field cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class OptionTraits:
    """The properties of an option that the type, default, limits and docstring of its field do not tell.

    Attributes:
        fedn: The name under which FEDn shows the option; empty if it shows none. Only FEDn's façade reads it.
        flag: The flag on the command line, if it does not follow from the name.
        is_source: True if the value is Python source, which people give as a class or as a file.
        is_in_a_file: True if people give the value, an object, as a JSON or YAML file on the command line.
        is_for_clients: True if clients get the option with each task, in the settings.
        word_for: The name of the value that a single word gives, in the place of an object; empty if there is none.
    """

    fedn: str = ""
    flag: str = ""
    is_source: bool = False
    is_in_a_file: bool = False
    is_for_clients: bool = False
    word_for: str = ""


@dataclass(frozen=True)
class Option:
    """One option of a declaration.

    Attributes:
        name: The name by which people give it.
        field_name: The name of its field.
        kind: The type of its values. If `default` is None, None is a value, too.
        default: The value if none is given.
        meaning: Its docstring, in one line.
        traits: Its other properties.
    """

    name: str
    field_name: str
    kind: type
    default: Any
    meaning: str
    traits: OptionTraits


def options_of(declaration: type[BaseModel]) -> list[Option]:
    """Return the options that a model declares, in their order."""
    return [_option(name, field) for name, field in declaration.model_fields.items()]


def _option(name: str, field: FieldInfo) -> Option:
    traits = (each for each in field.metadata if isinstance(each, OptionTraits))
    return Option(
        name=field.alias or name,
        field_name=name,
        kind=_kind(field.annotation),
        default=field.default,
        meaning=" ".join((field.description or "").split()),
        traits=next(traits, OptionTraits()),
    )


def _kind(annotation: Any) -> type:
    """Return the class of a field's values: `dict` for `dict[str, Any] | None`."""
    parts = get_args(annotation)
    if NoneType in parts:
        annotation = next(part for part in parts if part is not NoneType)
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    kind: type = get_origin(annotation) or annotation
    return kind
