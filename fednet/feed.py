"""Reads the feed of a network: everything that happens in it, in one order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from fednet.http import Http

GAP = "gap"
"""The kind of an entry that replaces entries that are no longer kept."""


def page_of_feed(
    http: Http,
    after: int,
    kinds: Sequence[str] | None,
    session_id: str | None,
    seconds: float,
) -> dict[str, Any]:
    """Return the entries after a number; see `APIClient.get_feed`."""
    query = {
        "after": after,
        "kind": ",".join(kinds) if kinds else None,
        "session_id": session_id,
        "seconds": seconds,
    }
    longest = seconds + limits.call_seconds_max
    return dict(http.call("GET", "/api/v1/feed", query=query, seconds=longest))


def entries_of_feed(
    http: Http,
    after: int,
    kinds: Sequence[str] | None,
    session_id: str | None,
    pause: threading.Event,
) -> Iterator[dict[str, Any]]:
    """Yield entries as they come; see `APIClient.watch_feed`.

    Args:
        http: The connection to the network.
        after: The number of the last entry that the caller has.
        kinds: Only these kinds.
        session_id: Only this session.
        pause: An event to wait for between failures.

    Raises:
        FednetError: The controllers refuse, or none has answered for `limits.controller_absence_seconds_max`.
    """
    answered_at, failures = time.monotonic(), 0
    while True:
        try:
            page = page_of_feed(http, after, kinds, session_id, limits.wait_seconds_max)
        except (Unavailable, DeadlineExceeded):
            if time.monotonic() - answered_at > limits.controller_absence_seconds_max:
                raise
            failures += 1
            pause.wait(backoff_seconds(failures))
            continue
        asked_at, answered_at, failures = answered_at, time.monotonic(), 0
        if page["is_gap"]:
            yield {"number": page["next"], "kind": GAP, "ids": {"oldest": page["oldest"]}}
        yield from page["entries"]
        is_early = answered_at - asked_at < limits.wait_seconds_max / 2
        if is_early and page["next"] == after and not page["entries"]:
            pause.wait(
                limits.waiting_pause_seconds
            )  # the controller has no room for another waiting call, or stops
        after = page["next"]
