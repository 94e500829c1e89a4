"""What a blob is called where names are no paths of ours: in a bucket, and in a URL.

`models/3f2a` is the object `models/3f2a`, to be found there by everybody, and `partials/3f2a/east` is
`partials/3f2a.east`. Odd characters become `!` and two hexadecimal digits, so that a name holds nothing but letters,
digits, `_`, `-`, `.` and `!`, which every S3 server takes and none changes.

Many servers keep objects as files, where nothing is both a file and a folder, and a file's name is short. So a name has
one folder; a key of one name lies in `!/`; and a long name goes on in a folder whose name ends with `!!`. Some lose
sight of what many put at the same time into a new folder: with one for each kind of blob, hardly any is ever new.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

_piece_characters: Final = 200


def object_name(key: str) -> str:
    """The name of a key that `check_key` has passed."""
    first, *others = (_escaped(name) for name in key.split("/"))
    return f"{_pieces(first)}/{_pieces('.'.join(others))}" if others else f"!/{_pieces(first)}"


def folder_name(folder: str) -> str:
    """What all names begin with whose keys begin with these names and a slash; empty for none."""
    first, *others = (_escaped(name) for name in folder.split("/"))
    rest = "".join(f"{name}." for name in others)
    return f"{_pieces(first)}/{rest[:_piece_characters]}" if first else ""


def key_of(name: str) -> str | None:
    """The key of an object; None for one that is no blob."""
    whole = name.replace("!!/", "").removeprefix("!/").replace(".", "/")
    key = unquote(whole.replace("!", "%"), errors="surrogateescape")
    return key if all(key.split("/")) and object_name(key) == name else None


def _escaped(name: str) -> str:
    text = quote(name, safe="", errors="surrogatepass")
    return re.sub(r"[.~]", lambda odd: f"%{ord(odd[0]):X}", text).replace("%", "!")


def _pieces(text: str) -> str:
    starts = range(0, len(text), _piece_characters)
    return "!!/".join(text[start : start + _piece_characters] for start in starts)
