"""The marks by which a state store and a blob store know that they belong together.

Blobs that no document names are deleted some time later. With the address of another state store, these would be all
blobs. So each state store has a random id, and puts a blob of this name: its mark. It owns the blobs only while its
mark is alone. Of two state stores with one blob store, even if they start at the same moment, neither owns it. Blobs
of a version without marks are owned by the state store that names all of them; else they get the mark of an unknown
one. An operator may delete the other marks.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from itertools import islice
from typing import Final

from fednet import limits
from fednet.errors import AlreadyExists
from fednet.names import is_id
from fednet.storage import Blobs, Query

from .records import Records

_log = logging.getLogger(__name__)
_DOCUMENT: Final = "blob-store"
_FOLDER: Final = "network/state-stores/"
_UNKNOWN: Final = f"{_FOLDER}unknown"
_NAMED: Final = ("models", "packages")


def belong_together(records: Records, blobs: Blobs) -> bool:
    """Mark the blobs as those of the documents; return True if nobody else has marked them.

    Raises:
        Unavailable: A store does not answer.
    """
    own = _own_mark(records)
    marks = set(blobs.list(_FOLDER))
    if not marks and _has_unknown_files(records, blobs):
        blobs.put(_UNKNOWN, [b""])
    if own not in marks:
        blobs.put(own, [b""])
    is_alone = set(blobs.list(_FOLDER)) == {own}
    if not is_alone:
        _log.warning(
            "another state store uses the blob store, so files without a document are not deleted: check the settings "
            "state_store and blob_store. If both are right, and no other network uses the blob store, run: "
            "fednet controller adopt-blobs"
        )
    return is_alone


def adopt_blobs(records: Records, blobs: Blobs) -> None:
    """Mark the blobs as those of the documents alone.

    Raises:
        Unavailable: A store does not answer.
    """
    own = _own_mark(records)
    blobs.put(own, [b""])
    for mark in set(blobs.list(_FOLDER)) - {own}:
        blobs.delete(mark)


def _own_mark(records: Records) -> str:
    known = records.documents.get("network", _DOCUMENT)
    if known is None:
        with suppress(AlreadyExists):  # another controller of the network was quicker
            records.documents.insert("network", {"id": _DOCUMENT, "mark": str(uuid.uuid4())})
        known = records.get("network", _DOCUMENT)
    return f"{_FOLDER}{known['mark']}"


def _has_unknown_files(records: Records, blobs: Blobs) -> bool:
    """Return True if there is a model or a package of which no document tells."""
    return any(_unknown(records, blobs, name) for name in _NAMED)


def _unknown(records: Records, blobs: Blobs, name: str) -> bool:
    ids = filter(is_id, (key.removeprefix(f"{name}/") for key in blobs.list(f"{name}/")))
    for first in ids:
        some = {first, *islice(ids, limits.page_items_max - 1)}
        if records.count(name, Query(where={"id": sorted(some)})) < len(some):
            return True
    return False
