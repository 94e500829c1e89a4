"""The file of each blob in a folder: `models/3f2a` lies in `models/3f2a.blob`.

Letters, digits, `_`, `-` and `~` stand for themselves; every other character is percent-encoded. No encoded name
holds a dot, so a blob's file never has the name of a folder or of another store's file, and no path leads out of
the root. A name that is too long for a file system continues in a folder whose name ends with a plus.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

_piece_characters: Final = 200
_suffix: Final = ".blob"


def file_name(key: str) -> str:
    """Return the file of a checked key (see `check_key`), relative to the root."""
    return folder_name(key) + _suffix


def folder_name(key: str) -> str:
    """Return the folder, relative to the root, of the keys that begin with this one and a slash."""
    return "/".join(_pieces(name) for name in key.split("/") if name)


def is_blob(file_name: str) -> bool:
    """Return True if a file of this name holds a blob."""
    return file_name.endswith(_suffix)


def key_of(file_name: str) -> str:
    """Return the key of a blob's file, which is given relative to the root."""
    return unquote(file_name.removesuffix(_suffix).replace("+/", ""))


def _pieces(name: str) -> str:
    text = quote(name, safe="", errors="surrogatepass").replace(".", "%2E")
    starts = range(0, len(text), _piece_characters)
    return "+/".join(text[start : start + _piece_characters] for start in starts)
