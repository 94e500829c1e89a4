"""Hears in the feed which tokens were revoked and which keys sign, at whatever controller, and tells the combiners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError

from ..feed.entries import Entry, EntryKind, Interest
from ..feed.feed import Feed
from ..feed.listeners import FeedListener
from .keys import NetworkKeys
from .revocations import Revocations

_log = logging.getLogger(__name__)

_INTEREST: Final = Interest(kinds=frozenset({EntryKind.REVOKED, EntryKind.KEYS_CHANGED}))


@dataclass(frozen=True)
class TrustChange:
    """The news of whom to trust, for a combiner.

    Attributes:
        public_keys: All keys that sign tokens now, in PEM; empty if they have not changed.
        revoked_ids: Ids that are refused besides those told before.
        misplaced_clients: The ids of clients that are connected to the combiner and not placed on it.
    """

    public_keys: Sequence[str] = ()
    revoked_ids: Sequence[str] = ()
    misplaced_clients: Sequence[str] = field(default=())


def whole_trust(keys: NetworkKeys, revocations: Revocations) -> TrustChange:
    """Return all that a combiner has to know at the beginning of a watch."""
    return TrustChange(keys.public_keys, revocations.recent())


class Trust:
    """Follows the feed in a thread of its own, from `open` to `close`.

    Args:
        feed: The feed.
        keys: The keys that sign; kept up to date.
        revocations: The ids that are refused; kept up to date.
        tell: Called with each change, for all combiners.
    """

    def __init__(
        self,
        feed: Feed,
        keys: NetworkKeys,
        revocations: Revocations,
        tell: Callable[[TrustChange], None],
    ) -> None:
        self._feed = feed
        self._keys = keys
        self._revocations = revocations
        self._tell = tell
        self._after = 0
        self._listener: FeedListener | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trust", daemon=True)

    def open(self) -> None:
        """Read all revocations, and follow the feed from here on.

        Raises:
            Unavailable: The store does not answer.
        """
        self._after = self._feed.head
        self._revocations.load()
        self._thread.start()

    def close(self) -> None:
        """Follow the feed no more."""
        self._closing.set()
        if listener := self._listener:
            listener.wake()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            listener = self._listener = self._feed.listen(_INTEREST)
            if self._closing.is_set():
                return
            try:
                self._catch_up()
                failures = 0
            except FednetError as error:
                failures += 1
                _log.info("revocations cannot be read now: %s", error)
                self._closing.wait(backoff_seconds(failures))
                continue
            if listener is None:
                self._closing.wait(limits.trust_seconds)
            else:
                listener.wait(limits.trust_seconds)
                listener.close()

    def _catch_up(self) -> None:
        """Learn all that the feed tells by now."""
        while True:
            page = self._feed.after(self._after)
            entries = page.chosen(_INTEREST).entries
            if page.is_gap or any(entry.kind == EntryKind.ENTRIES_LOST for entry in entries):
                self._keys.load()
                self._revocations.load()
                self._tell(whole_trust(self._keys, self._revocations))
            self._learn(entries)
            self._after = page.next
            if page.next >= page.head:
                return

    def _learn(self, entries: Sequence[Entry]) -> None:
        revoked = [
            str(entry.ids["revoked_id"]) for entry in entries if entry.kind == EntryKind.REVOKED
        ]
        if any(entry.kind == EntryKind.KEYS_CHANGED for entry in entries):
            self._keys.load()
            self._tell(TrustChange(public_keys=self._keys.public_keys))
        for id_ in revoked:
            self._revocations.learn(id_)
        if revoked:
            self._tell(TrustChange(revoked_ids=revoked))
