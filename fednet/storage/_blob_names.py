"""Which file holds which blob: `models/3f2a` lies in `models/3f2a.blob`.

Letters, digits, `_`, `-` and `~` stand for themselves, everything else for its percent-encoding. As
no name holds a dot, a blob's file never has the name of a folder or of another store's file, and
nothing leads out of the root. A name too long for a file system continues in a folder whose name
ends with a plus.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

_piece_characters: Final = 200
_suffix: Final = ".blob"


def file_name(key: str) -> str:
    """The file of a key that `check_key` has passed, relative to the root."""
    return folder_name(key) + _suffix


def folder_name(key: str) -> str:
    """The folder, relative to the root, of the keys that go on after this one and a slash."""
    return "/".join(_pieces(name) for name in key.split("/") if name)


def is_blob(file_name: str) -> bool:
    """Whether a file holds a blob."""
    return file_name.endswith(_suffix)


def key_of(file_name: str) -> str:
    """The key of a blob's file, given relative to the root."""
    return unquote(file_name.removesuffix(_suffix).replace("+/", ""))


def _pieces(name: str) -> str:
    text = quote(name, safe="", errors="surrogatepass").replace(".", "%2E")
    starts = range(0, len(text), _piece_characters)
    return "+/".join(text[start : start + _piece_characters] for start in starts)
