"""The choice between the two implementations of uploads."""

from __future__ import annotations

from fednet.storage import Blobs

from ..records import Records
from .in_folder import FolderUploads
from .in_store import StoreUploads
from .protocol import Uploads


def open_uploads(records: Records, blobs: Blobs) -> Uploads:
    """Return the uploads into a blob store; all controllers of the store share them.

    In a folder, the pieces form one file, which is then moved into its place. Any other store takes each piece as a
    blob, and the whole blob is written once more.
    """
    folder = blobs.work_folder
    return StoreUploads(records, blobs) if folder is None else FolderUploads(blobs, folder)
