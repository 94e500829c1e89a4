"""The id by which a new member repeats its registration. It becomes the id of the member's token, and is not shown."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from fednet.names import ID_PATTERN
from fednet.storage import Document

EnrolmentId = Annotated[
    str | None,
    Field(
        pattern=ID_PATTERN,
        description="The id that the token of a new member is to have, a UUID of the member's own. With the same one, "
        "a registration whose answer was lost may be repeated.",
    ),
]

_HIDDEN = {"token_id", "reissued_token"}


def without_token_ids(members: Sequence[Document]) -> list[Document]:
    """Return members without the ids of their tokens: with a spent token, such an id would repeat a registration."""
    return [{name: each[name] for name in each if name not in _HIDDEN} for each in members]
