"""The form of the settings that a person gives to a session, as the OpenAPI document tells it.

`check_given_settings` checks them, because its messages name the place. Their size and their depth are in no schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, RootModel, TypeAdapter, WithJsonSchema

from fednet import limits
from fednet.contract._given_settings import FEDNETS_OWN
from fednet.contract._text_forms import Text
from fednet.names import TEXT_PATTERN

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class _Closed:
    """Tells that an object has no other names than those of its form."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "additionalProperties": False}


class SettingsForm:
    """Tells the form of settings."""

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON schema of settings: values by name, at any depth."""
        told = handler(_SETTINGS.core_schema)
        return {
            **told,
            "propertyNames": {**told["propertyNames"], "not": {"enum": sorted(FEDNETS_OWN)}},
        }


_BITS = limits.settings_integer_bits_max
_SettingName = Annotated[
    str, Field(min_length=1, max_length=limits.name_characters_max, pattern=TEXT_PATTERN)
]
_Integer = Annotated[int, Field(ge=-(2 ** (_BITS - 1)), lt=2**_BITS)]
_Fraction = Annotated[float, WithJsonSchema({"type": "number", "not": {"type": "integer"}})]
_Scalar = bool | _Integer | _Fraction | Text


class Setting(
    RootModel["_Scalar | list[Setting] | Annotated[dict[_SettingName, Setting], _Closed()] | None"]
):
    """The value of one setting."""


_SETTINGS: TypeAdapter[Any] = TypeAdapter(Annotated[dict[_SettingName, Setting], _Closed()])
