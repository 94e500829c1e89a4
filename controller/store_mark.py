"""The mark by which a state store and a blob store know that they belong together.

Blobs that no document names are deleted some time later. With the address of another state store, these would be all
blobs: so a document and a blob hold the same random id. The first controller of a network writes both, each only if
it is absent. A state store that is new beside blobs of others never gets their mark, unless an operator says so.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from typing import Any, Final

from fednet.errors import AlreadyExists, NotFound
from fednet.storage import Blobs

from .records import Records

_log = logging.getLogger(__name__)
_COLLECTION: Final = "network"
_DOCUMENT: Final = "blob-store"
MARK_KEY: Final = "network/state-store"
_NAMED: Final = ("models", "packages")


def belong_together(records: Records, blobs: Blobs) -> bool:
    """Return True if the blobs are those of the documents; mark them if nothing is marked so far.

    Raises:
        Unavailable: A store does not answer.
    """
    mark = _mark_of_documents(records, blobs)
    if mark and blobs.size(MARK_KEY) is None:
        blobs.put(MARK_KEY, [mark.encode()])
    is_ours = bool(mark) and _mark_of_blobs(blobs) == mark
    if not is_ours:
        _log.warning(
            "the blob store belongs to another state store, so files without a document are not deleted: check the "
            "settings state_store and blob_store. If both are right, and no other network uses the blob store, run: "
            "fednet controller adopt-blobs"
        )
    return is_ours


def adopt_blobs(records: Records, blobs: Blobs) -> None:
    """Mark the blobs as those of the documents, whatever they were marked as before.

    Raises:
        Unavailable: A store does not answer.
    """
    mark = str(uuid.uuid4())
    _insert_missing(records, None)
    blobs.put(MARK_KEY, [mark.encode()])
    records.update(_COLLECTION, _DOCUMENT, lambda _: {"mark": mark})


def _mark_of_documents(records: Records, blobs: Blobs) -> str | None:
    """Return the documents' mark; None if they were new when the blobs were not."""
    known = records.documents.get(_COLLECTION, _DOCUMENT)
    if known is None:
        is_strange = blobs.size(MARK_KEY) is not None or _has_unknown_files(records, blobs)
        known = _insert_missing(records, None if is_strange else str(uuid.uuid4()))
    mark: str | None = known["mark"]
    return mark


def _mark_of_blobs(blobs: Blobs) -> str | None:
    with suppress(NotFound):
        return b"".join(blobs.read(MARK_KEY)).decode(errors="replace")
    return None


def _has_unknown_files(records: Records, blobs: Blobs) -> bool:
    """Return True if there are models or packages, and no document tells of any."""
    if any(records.count(name) for name in _NAMED):
        return False
    return any(next(iter(blobs.list(f"{name}/")), None) is not None for name in _NAMED)


def _insert_missing(records: Records, mark: str | None) -> dict[str, Any]:
    with suppress(AlreadyExists):  # another controller of the network was quicker
        return records.documents.insert(_COLLECTION, {"id": _DOCUMENT, "mark": mark})
    return records.get(_COLLECTION, _DOCUMENT)
