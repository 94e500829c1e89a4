"""Blobs that arrive in pieces: any controller takes any piece, and nothing is visible before the last piece.

In a blob store that is a folder, all pieces are written into one file. In other stores each piece is a blob.
"""

from .in_folder import FolderUploads
from .in_store import STAGED, StoreUploads
from .opening import open_uploads
from .protocol import Uploads

__all__ = ["STAGED", "FolderUploads", "StoreUploads", "Uploads", "open_uploads"]
