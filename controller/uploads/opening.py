"""The choice between the two ways to keep pieces."""

from __future__ import annotations

from fednet.storage import Blobs

from ..records import Records
from .in_folder import FolderUploads
from .in_store import StoreUploads
from .protocol import Uploads


def open_uploads(records: Records, blobs: Blobs) -> Uploads:
    """Return the uploads into a blob store; all controllers of the store share them.

    A folder is written once, and the whole file is moved into its place. Any other store takes each piece as a blob,
    and the whole is written once more.
    """
    folder = blobs.work_folder
    return StoreUploads(records, blobs) if folder is None else FolderUploads(blobs, folder)
