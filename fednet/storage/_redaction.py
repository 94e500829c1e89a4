"""A store's URL as it may be shown: in errors, logs and answers, without what opens the store."""

from __future__ import annotations


def redacted(url: str) -> str:
    """The scheme and the place, without user, password and parameters.

    Where a question mark before the last `@` leaves open which of them belongs to a password, only
    the scheme is left.
    """
    start = url.find("://") + len("://") if "://" in url else 0
    scheme, rest = url[:start], url[start:]
    secret, at, place = rest.rpartition("@")
    if "?" in secret:
        return f"{scheme}***"
    place, question, _ = place.partition("?")
    return f"{scheme}{'***@' if at else ''}{place}{'?***' if question else ''}"
