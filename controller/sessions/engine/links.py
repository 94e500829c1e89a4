"""The links to all combiners: opened as combiners come, closed as they go; orders go out over them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fednet.storage import Document
from fednet.tls import CallerTLS

from ...measures import ControllerMetrics
from ...tokens.control import ControlTokens
from ...tokens.trust import TrustChange
from .link import CombinerAt, CombinerLink, Then, place_of
from .requests import Call
from .watch import Absorb

__all__ = ["CombinerLinks", "Then", "place_of"]


class CombinerLinks:
    """A link to each combiner that has registered.

    Args:
        tokens: Makes the controller's tokens for the combiners.
        trust: Returns whom combiners may trust now.
        metrics: The controller's metrics.
        tls: The controller's files as a caller.
    """

    def __init__(
        self,
        tokens: ControlTokens,
        trust: Callable[[], TrustChange],
        metrics: ControllerMetrics,
        tls: CallerTLS,
    ) -> None:
        self._tokens = tokens
        self._trust = trust
        self._metrics = metrics
        self._tls = tls
        self._links: dict[str, CombinerLink] = {}
        self._connecting = threading.Lock()  # one at a time opens or closes, which may take long
        self._lock = threading.Lock()  # over _links; nothing is waited for under it
        self._closed = False

    def connect(self, combiner: Document, absorb: Absorb, on_down: Callable[[str], None]) -> None:
        """Open a link to a combiner; the link to its earlier process ends before.

        Args:
            combiner: The combiner's document.
            absorb: Stores a batch of its news.
            on_down: Called when it is out of sight.
        """
        name, place = combiner["name"], place_of(combiner)
        with self._connecting:
            if older := self._links.get(name):
                older.close()
            if self._closed:
                return
            link = CombinerLink(
                name,
                place,
                self._tokens.for_combiner(place.id),
                self._tokens.controller,
                self._trust,
                self._metrics,
                absorb=absorb,
                on_down=on_down,
                tls=self._tls,
            )
            with self._lock:
                self._links[name] = link

    def disconnect(self, combiner: str) -> None:
        """Close the link to a removed combiner."""
        with self._connecting:
            with self._lock:
                link = self._links.pop(combiner, None)
            if link:
                link.close()

    def places(self) -> dict[str, CombinerAt]:
        """Return the place of each combiner that there is a link to, by its name."""
        with self._lock:
            return {name: link.place for name, link in self._links.items()}

    @property
    def news_waiting(self) -> int:
        """The number of news of all combiners that are not stored yet."""
        with self._lock:
            return sum(link.news_waiting for link in self._links.values())

    def tell(self, change: TrustChange, combiner: str | None = None) -> None:
        """Tell a change of trust to a combiner, or to all."""
        with self._lock:
            links = [link for name, link in self._links.items() if combiner in {None, name}]
        for link in links:
            link.tell(change)

    def close(self) -> None:
        """End all links, for good."""
        with self._connecting:
            self._closed = True
            for link in self._links.values():
                link.close()

    def give(self, combiner: str, call: Call, then: Then) -> None:
        """Make a call; repeat it later if the combiner is away or unknown."""
        with self._lock:
            link = self._links.get(combiner)
        if link:
            link.give(call, then)
