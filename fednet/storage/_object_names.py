"""The names of blobs in a bucket and in a URL.

`models/3f2a` is the object `models/3f2a`, and `partials/3f2a/east` is `partials/3f2a.east`. Other characters become
`!` and two hexadecimal digits, so that a name holds only letters, digits, `_`, `-`, `.` and `!`, which every S3 server
accepts and none changes.

Many servers keep objects as files: no name can be both a file and a folder, and a file's name is short. So a name has
one folder; a key of one name lies in `!/`; and a long name continues in a folder whose name ends with `!!`. Some
servers lose objects when many are put into a new folder at the same time: with one folder for each kind of blob,
folders are hardly ever new.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

_piece_characters: Final = 200


def object_name(key: str) -> str:
    """Return the name of a checked key (see `check_key`)."""
    first, *others = (_escaped(name) for name in key.split("/"))
    return f"{_pieces(first)}/{_pieces('.'.join(others))}" if others else f"!/{_pieces(first)}"


def folder_name(folder: str) -> str:
    """Return the beginning of all names whose keys begin with these names and a slash; empty for no names."""
    first, *others = (_escaped(name) for name in folder.split("/"))
    rest = "".join(f"{name}." for name in others)
    return f"{_pieces(first)}/{rest[:_piece_characters]}" if first else ""


def key_of(name: str) -> str | None:
    """Return the key of an object; None if the object is not a blob."""
    whole = name.replace("!!/", "").removeprefix("!/").replace(".", "/")
    key = unquote(whole.replace("!", "%"), errors="surrogateescape")
    return key if all(key.split("/")) and object_name(key) == name else None


def _escaped(name: str) -> str:
    text = quote(name, safe="", errors="surrogatepass")
    return re.sub(r"[.~]", lambda odd: f"%{ord(odd[0]):X}", text).replace("%", "!")


def _pieces(text: str) -> str:
    starts = range(0, len(text), _piece_characters)
    return "!!/".join(text[start : start + _piece_characters] for start in starts)
