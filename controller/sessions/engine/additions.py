"""Documents that never change: written once, in batches; existing ones stay as they are."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from fednet import limits
from fednet.errors import FednetError
from fednet.storage import Document

from ...records import Records

_log = logging.getLogger(__name__)


def add(records: Records, documents: Sequence[tuple[str, Document]]) -> None:
    """Write documents, each with its collection.

    A document that can never be stored is dropped: it would keep away all others for ever.
    """
    by_collection: defaultdict[str, list[Document]] = defaultdict(list)
    for collection, document in documents:
        by_collection[collection].append(document)
    for collection, all_ in by_collection.items():
        for first in range(0, len(all_), limits.query_items_max):
            _add_batch(records, collection, all_[first : first + limits.query_items_max])


def _add_batch(records: Records, collection: str, batch: Sequence[Document]) -> None:
    try:
        records.insert_missing(collection, batch)
    except FednetError as error:
        if error.retryable:
            raise
        _add_singly(records, collection, batch)


def _add_singly(records: Records, collection: str, batch: Sequence[Document]) -> None:
    for document in batch:
        try:
            records.insert_missing(collection, [document])
        except FednetError as error:
            if error.retryable:
                raise
            _log.exception("a document for %s cannot be stored", collection)
