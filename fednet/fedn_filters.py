"""FEDn's keywords for the filters of APIClient: code that was written for FEDn's goes on with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping


class FednFilters(TypedDict, total=False):
    """FEDn's keywords; None takes everything."""

    correlation_id: str | None
    sender_name: str | None
    sender_role: str | None
    receiver_name: str | None
    receiver_role: str | None


_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "predictions": {
        "correlation_id": "prediction_id",
        "sender_name": "client.name",
        "receiver_name": "combiner",
    },
    "statuses": {"sender_name": "source.name", "sender_role": "source.kind"},
    "validations": {
        "correlation_id": "task_id",
        "sender_name": "client.name",
        "receiver_name": "combiner",
    },
}
"""The filter that each keyword stands for, by resource."""

_ROLES: Final = {"sender_role": "WORKER", "receiver_role": "COMBINER"}
"""The only role of those who send and receive results."""

_KINDS: Final = {"WORKER": "client", "COMBINER": "combiner"}


TRANSLATED: Final = frozenset(_NAMES)
"""The resources whose filters have keywords of FEDn's."""


_ATTRIBUTE: Final = {"name": "name", "role": "kind", "client_id": "id"}


def in_our_source(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute with a `source` in place of FEDn's `sender`; one with a source stays as it is."""
    fields = dict(given)
    sender = fields.pop("sender", None)
    if not isinstance(sender, dict):
        return dict(given)
    told = {_ATTRIBUTE.get(name, name): value for name, value in sender.items() if value}
    kinds = {**_KINDS, "CLIENT": "client"}
    source = {
        name: kinds.get(value, value) if name == "kind" else value for name, value in told.items()
    }
    return {"source": source, **fields}


def in_our_words(resource: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters that FEDn's keywords stand for.

    Args:
        resource: The objects that are listed.
        given: The keywords.

    Raises:
        InvalidInput: A keyword or a role is none of these objects'.
    """
    filters = {}
    for keyword, value in given.items():
        ours = _NAMES[resource].get(keyword)
        if ours:
            filters[ours] = _KINDS.get(value, value) if ours == "source.kind" else value
        elif keyword not in _ROLES or resource == "statuses":
            raise InvalidInput(f"There is no filter {keyword!r} for {resource}.", field=keyword)
        elif value not in (None, _ROLES[keyword]):
            raise InvalidInput(
                f"The {keyword} of {resource} is always {_ROLES[keyword]!r}, not {value!r}. Leave it out.",
                field=keyword,
            )
    return filters
