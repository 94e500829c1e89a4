"""The links to all combiners: opened as combiners come, closed as they go; orders go out over them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .link import CombinerLink, Then
from .requests import Call
from .watch import Absorb

__all__ = ["CombinerLinks", "Then"]


class CombinerLinks:
    """A link to each combiner that has registered.

    Args:
        token: The controller's own token, for the combiners.
        controller: The controller's name.
    """

    def __init__(self, token: str, controller: str) -> None:
        self._token = token
        self._controller = controller
        self._links: dict[str, CombinerLink] = {}
        self._connecting = threading.Lock()  # one at a time opens or closes, which may take long
        self._lock = threading.Lock()  # over _links; nothing is waited for under it
        self._closed = False

    def connect(
        self, name: str, address: str, absorb: Absorb, on_down: Callable[[str], None]
    ) -> None:
        """Open a link to a combiner; the link to its earlier process ends before.

        Args:
            name: The combiner's name.
            address: Its address, `host:port`.
            absorb: Stores a batch of its news.
            on_down: Called when it is out of sight.
        """
        with self._connecting:
            if older := self._links.get(name):
                older.close()
            if self._closed:
                return
            link = CombinerLink(
                name, address, self._token, self._controller, absorb=absorb, on_down=on_down
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

    def addresses(self) -> dict[str, str]:
        """Return the address of each combiner that there is a link to."""
        with self._lock:
            return {name: link.address for name, link in self._links.items()}

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
