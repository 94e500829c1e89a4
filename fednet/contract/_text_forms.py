"""The forms of texts in requests, as the OpenAPI document tells them.

Names and ids are checked where a request is read, texts where they are stored or looked up.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from fednet import limits
from fednet.names import ID_PATTERN, NAME_PATTERN, TEXT_PATTERN, check_id, check_name


def _checked_name(name: str) -> str:
    check_name(name)
    return name


def _checked_id(text: str) -> str:
    return check_id(text, "id")


Name = Annotated[
    str,
    AfterValidator(_checked_name),
    WithJsonSchema(
        {"type": "string", "pattern": NAME_PATTERN, "maxLength": limits.name_characters_max}
    ),
]
"""The name of a client, a combiner or a user, in a field `name`."""

Id = Annotated[
    str, AfterValidator(_checked_id), WithJsonSchema({"type": "string", "pattern": ID_PATTERN})
]
"""An id of fednet's making, in a field `id`."""

Text = Annotated[str, Field(json_schema_extra={"pattern": TEXT_PATTERN})]
"""A text that the store finds documents by. The store checks it."""
