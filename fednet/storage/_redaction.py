"""The address of a store without secrets, for errors, logs and answers."""

from __future__ import annotations


def redacted(url: str) -> str:
    """Return the scheme and the place of a URL, without user, password and parameters.

    If a question mark comes before the last `@`, a password cannot be told from parameters: then return only the
    scheme.
    """
    start = url.find("://") + len("://") if "://" in url else 0
    scheme, rest = url[:start], url[start:]
    secret, at, place = rest.rpartition("@")
    if "?" in secret:
        return f"{scheme}***"
    place, question, _ = place.partition("?")
    return f"{scheme}{'***@' if at else ''}{place}{'?***' if question else ''}"
