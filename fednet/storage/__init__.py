"""The state of a network: documents (sessions, rounds, models …) and blobs (files)."""

from fednet.storage._backup import back_up, restore
from fednet.storage._backup_file import BackupContents
from fednet.storage._blobs import Blobs, Presigner
from fednet.storage._directory import is_shared, shared_folder
from fednet.storage._documents import (
    EVERYTHING,
    Collection,
    Document,
    Documents,
    Query,
    Scalar,
)
from fednet.storage._object_names import key_of
from fednet.storage._opening import (
    CONTROLLER,
    is_server,
    object_store_of,
    open_blobs,
    open_documents,
)

__all__ = [
    "CONTROLLER",
    "EVERYTHING",
    "BackupContents",
    "Blobs",
    "Collection",
    "Document",
    "Documents",
    "Presigner",
    "Query",
    "Scalar",
    "back_up",
    "is_server",
    "is_shared",
    "key_of",
    "object_store_of",
    "open_blobs",
    "open_documents",
    "restore",
    "shared_folder",
]
