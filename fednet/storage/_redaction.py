"""The address of a store without secrets, for errors, logs and answers."""

from __future__ import annotations

import re
from typing import Final

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)  # RFC 3986, section 3.1


def redacted(url: str) -> str:
    """Return the scheme and the place of a URL, without user, password and parameters.

    If a question mark comes before the last `@`, a password cannot be told from parameters: then return only the
    scheme.
    """
    found = _SCHEME.match(url)
    scheme = found[0] if found else ""
    rest = url.removeprefix(scheme)
    secret, at, place = rest.rpartition("@")
    if "?" in secret:
        return f"{scheme}***"
    place, question, _ = place.partition("?")
    return f"{scheme}{'***@' if at else ''}{place}{'?***' if question else ''}"
