"""The renewal of a client's tokens while a stream is open, so that the stream need not end with its token."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fednet.backoff import backoff_seconds
from fednet.enrolment import ClientPlace
from fednet.errors import FednetError

_log = logging.getLogger(__name__)


class Renewals:
    """Renews a client's tokens at half of the placement's life, in a thread of its own, until it is closed.

    While the controller is away it tries again; the stream ends when the old token does.

    Args:
        place: The client's present place.
        renew: Returns a place with newer tokens.
        on_renewed: Called with each newer place.
        on_refused: Called when the network does not renew the tokens; that ends the renewals.
    """

    def __init__(
        self,
        place: ClientPlace,
        renew: Callable[[ClientPlace], ClientPlace],
        on_renewed: Callable[[ClientPlace], None],
        on_refused: Callable[[], None],
    ) -> None:
        self._place = place
        self._renew = renew
        self._on_renewed = on_renewed
        self._on_refused = on_refused
        self._closing = threading.Event()
        threading.Thread(target=self._run, name="renewals", daemon=True).start()

    def close(self) -> None:
        """Renew no more; a call that is under way has no effect."""
        self._closing.set()

    def _run(self) -> None:
        failures = 0
        while not self._closing.wait(self._pause(failures)):
            try:
                place = self._renew(self._place)
            except FednetError as problem:
                _log.warning("the client's tokens are not renewed: %s", problem)
                if not problem.retryable:
                    self._end()
                    return
                failures += 1
            else:
                failures, self._place = 0, place
                if not self._closing.is_set():
                    self._on_renewed(place)

    def _pause(self, failures: int) -> float:
        """Return the seconds until the next attempt; many clients must not ask an absent controller all the time."""
        life = self._place.placement_seconds
        return max(backoff_seconds(failures), life / 60) if failures else life / 2

    def _end(self) -> None:
        if not self._closing.is_set():
            self._on_refused()
