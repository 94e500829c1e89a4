"""Where a network keeps its state: documents (sessions, rounds, models …) and blobs (files)."""

from fednet.storage._backup import back_up, restore
from fednet.storage._backup_file import BackupContents
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
    "BackupContents",
    "Blob",
    "Blobs",
    "Collection",
    "Document",
    "Documents",
    "Query",
    "Scalar",
    "back_up",
    "open_blobs",
    "open_documents",
    "restore",
]
