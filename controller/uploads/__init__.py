"""Blobs that arrive in pieces: any controller takes any piece, and nothing is visible before the last one is in.

Where the blob store is a folder, pieces are written into one file in it. Elsewhere each piece is a blob of its own.
"""

from .in_folder import FolderUploads
from .in_store import STAGED, StoreUploads
from .opening import open_uploads
from .protocol import Uploads

__all__ = ["STAGED", "FolderUploads", "StoreUploads", "Uploads", "open_uploads"]
