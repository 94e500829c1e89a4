"""Where a network keeps its state: documents (sessions, rounds, models …) and blobs (files)."""

from fednet.storage._blobs import Blob, Blobs
from fednet.storage._documents import (
    EVERYTHING,
    Collection,
    Document,
    Documents,
    Query,
    Scalar,
)
from fednet.storage._opening import open_blobs, open_documents

__all__ = [
    "EVERYTHING",
    "Blob",
    "Blobs",
    "Collection",
    "Document",
    "Documents",
    "Query",
    "Scalar",
    "open_blobs",
    "open_documents",
]
