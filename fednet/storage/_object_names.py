"""What a blob is called where names are no paths of ours: in a bucket, and in a URL.

`models/3f2a` is the object `models/3f2a`, to be found there by everybody. Odd characters become `!` and two
hexadecimal digits, so that a name holds nothing but letters, digits, `_`, `-` and `!`, which every S3 server takes and
none changes.

Many servers keep objects as files, where nothing is both a file and a folder, and a file's name is short. So a name
that others follow ends with `!`, unless it is the first; a key of one name lies in `!/`; and a long name goes on in a
folder whose name ends with `!!`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

_piece_characters: Final = 200


def object_name(key: str) -> str:
    """The name of a key that `check_key` has passed."""
    folder, _, last = key.rpartition("/")
    return (folder_name(folder) if folder else "!/") + _pieces(last)


def folder_name(folder: str) -> str:
    """What all names begin with whose keys begin with these names and a slash; empty for none."""
    first, *others = [_pieces(name) for name in folder.split("/") if name] or [""]
    return "/".join([first, *(f"{name}!" for name in others), ""]) if first else ""


def key_of(name: str) -> str | None:
    """The key of an object; None for one that is no blob."""
    whole = name.replace("!!/", "").removeprefix("!/")
    key = unquote(re.sub(r"!(?=/)", "", whole).replace("!", "%"), errors="surrogateescape")
    return key if all(key.split("/")) and object_name(key) == name else None


def _pieces(name: str) -> str:
    text = quote(name, safe="", errors="surrogatepass")
    text = re.sub(r"[.~]", lambda odd: f"%{ord(odd[0]):X}", text).replace("%", "!")
    starts = range(0, len(text), _piece_characters)
    return "!!/".join(text[start : start + _piece_characters] for start in starts)
