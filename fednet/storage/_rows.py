r"""The form of a document in every backend: its JSON text, and a key for each indexed field.

A key is a text that compares and sorts like its value in any store that compares texts by code point, so all backends
agree on equality and order. Most texts are their own keys:

    absent, None    None
    booleans        \x01 and 0 or 1
    numbers         \x02 and the 64 bits of the double, made to order like it
    texts           the text; a text that sorts before \x04 gets \x03 in front
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fednet import limits
from fednet.errors import AlreadyExists, Conflict, InvalidInput, LimitExceeded, NotFound
from fednet.names import is_text

if TYPE_CHECKING:
    from fednet.storage._documents import Collection, Document, Query

Key: TypeAlias = str | None

_exact_integer_max: Final = 2**53  # beyond it, two integers may have the same double


@dataclass(frozen=True)
class Row:
    """A document in its stored form."""

    id: str
    version: int
    keys: Mapping[str, Key]
    body: str

    @property
    def document(self) -> Document:
        """A new copy of the document."""
        return read(self.body)


def new_row(collection: Collection, document: Document) -> Row:
    """Return the first version of a document; raise as `Documents.insert` does, except for AlreadyExists."""
    return _row(collection, {**document, "version": 1})


def changed_row(
    collection: Collection,
    current: Document | None,
    id: str,  # noqa: A002
    changes: Mapping[str, Any],
    expected_version: int,
) -> Row:
    """Return the next version of a document; raise as `Documents.update` does, except for AlreadyExists."""
    if current is None:
        raise not_found(collection, id)
    if current["version"] != expected_version:
        raise conflict(collection, id)
    if changes.get("id", id) != id:
        raise InvalidInput(
            f"Cannot change the id of {id!r} in {collection.name}: leave id out.", field="id"
        )
    return _row(collection, {**current, **changes, "version": expected_version + 1})


def upgraded_row(collection: Collection, body: str) -> Row:
    """Return a stored document in today's form, with its version; raises as `new_row` does."""
    document = read(body)
    return _row(collection, collection.upgraded(document) if collection.upgraded else document)


def read(body: str) -> Document:
    """Return the document in the body of a row."""
    document: Document = json.loads(body)
    return document


def keys_of(collection: Collection, document: Document) -> dict[str, Key]:
    """Return the key of each indexed field of a stored document; raise as `key_of` does."""
    return {field: key_of(_value_at(document, field), field) for field in collection.fields}


def wanted_keys(collection: Collection, query: Query) -> dict[str, set[Key]]:
    """Return for each field of a query the keys of which one must match.

    Raises:
        InvalidInput: The query filters or sorts by a field that is not declared, or compares with a value that is not
            a scalar.
        LimitExceeded: The query has too many values.
    """
    for field in (*query.where, *([query.sort] if query.sort is not None else [])):
        if field not in collection.fields:
            raise InvalidInput(
                f"Cannot filter or sort {collection.name} by {field!r}: use one of "
                f"{', '.join(collection.fields)}.",
                field=field,
            )
    wanted = {field: _keys_of_filter(value, field) for field, value in query.where.items()}
    if sum(len(keys) for keys in wanted.values()) > limits.query_items_max:
        raise LimitExceeded(
            f"A query may compare with at most {limits.query_items_max} values: ask in parts."
        )
    return wanted


def key_of(value: Any, field: str) -> Key:
    """Return a text that compares and sorts like a value.

    Raises:
        InvalidInput: The value is not a scalar, or not every store can hold it; the error names the field.
        LimitExceeded: The text is too long for an index.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return f"\x01{value:d}"
    if isinstance(value, int | float):
        return f"\x02{_number_key(value, field)}"
    if isinstance(value, str):
        return _text_key(value, field)
    raise InvalidInput(
        f"{field} must be a text, a number, a boolean or null, not {type(value).__name__}.",
        field=field,
    )


def id_key(id: str) -> Key:  # noqa: A002
    """Return the key of an id; None, which no document has, for a value that cannot be an id."""
    try:
        return key_of(id, "id")
    except (InvalidInput, LimitExceeded):
        return None


def already_exists(collection: Collection, field: str | None) -> AlreadyExists:
    """Return the error for an id or a unique field that is taken, the same from every backend."""
    what = field or "unique field"
    return AlreadyExists(
        f"Another document in {collection.name} has this {what}: choose another one.", field=field
    )


def not_found(collection: Collection, id: str) -> NotFound:  # noqa: A002
    """Return the error for an absent document, the same from every backend."""
    return NotFound(f"There is no document {id!r} in {collection.name}.")


def conflict(collection: Collection, id: str) -> Conflict:  # noqa: A002
    """Return the error for an unexpected version, the same from every backend."""
    return Conflict(
        f"The document {id!r} in {collection.name} has changed: read it again and decide anew."
    )


def _row(collection: Collection, document: Document) -> Row:
    body = _json_of(document)
    stored = read(body)  # keys come from the stored JSON, not from the given objects
    if not isinstance(stored.get("id"), str) or not stored["id"]:
        raise InvalidInput(f"The id of a document of {collection.name} must be a text.", field="id")
    return Row(stored["id"], stored["version"], keys_of(collection, stored), body)


def _json_of(document: Document) -> str:
    try:
        text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"A document must be JSON: {error}.", field="document") from error
    if len(text) > limits.document_bytes_max:  # one byte each: json escapes other characters
        raise LimitExceeded(
            f"The document is too large: at most {limits.document_bytes_max} bytes are allowed."
        )
    return text


def _value_at(document: Document, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _keys_of_filter(value: Any, field: str) -> set[Key]:
    many = isinstance(value, Sequence) and not isinstance(value, str)
    return {key_of(one, field) for one in (value if many else [value])}


def _number_key(value: float, field: str) -> str:
    exact = abs(value) <= _exact_integer_max if isinstance(value, int) else math.isfinite(value)
    if not exact:
        raise InvalidInput(
            f"{field} must be finite and, if it is an integer, at most 2**53, because it is indexed.",
            field=field,
        )
    # Adding 0.0 turns -0.0 into 0.0. Negative doubles order backwards by their bits: flip them all.
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))
    ordered = bits ^ (2**64 - 1) if bits >> 63 else bits | 1 << 63
    return f"{ordered:016x}"


def _text_key(text: str, field: str) -> str:
    if len(text) > limits.indexed_characters_max:
        raise LimitExceeded(
            f"{field} is too long: at most {limits.indexed_characters_max} characters are allowed.",
            field=field,
        )
    if not is_text(text):
        raise InvalidInput(
            f"{field} has characters that cannot be stored: remove them.", field=field
        )
    return text if text >= "\x04" else f"\x03{text}"
