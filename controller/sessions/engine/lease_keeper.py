"""The thread that renews the controller's lease, and looks at the leases of others each time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from fednet import limits
from fednet.errors import Conflict, FednetError

from ...leases import Leases
from ...measures import ControllerMetrics
from .running import RunningSessions

_log = logging.getLogger(__name__)


class LeaseKeeper:
    """The renewal of the lease, on a timer.

    Args:
        leases: The leases.
        running: The sessions that end here if the lease is lost.
        look_around: Called after each renewal.
        metrics: The controller's metrics.
    """

    def __init__(
        self,
        leases: Leases,
        running: RunningSessions,
        look_around: Callable[[], None],
        metrics: ControllerMetrics,
    ) -> None:
        self._leases = leases
        self._running = running
        self._look_around = look_around
        self._renewals = metrics.renewals
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the lease stays until `give_back`, or until it expires."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def give_back(self) -> None:
        """Release the lease, so that others take the sessions over at once."""
        try:
            self._leases.release()
        except FednetError as error:
            _log.warning("the lease is not given back, it will expire: %s", error)

    def _run(self) -> None:
        renewed_at = time.monotonic()
        while not self._stopping.wait(self._seconds_to_wait()):
            try:
                with self._running.lost_time.store_in_use():
                    self._leases.renew()
                self._renewals.labels("renewed").inc()
                if time.monotonic() - renewed_at > limits.lease_seconds:
                    self._give_up_lost_sessions()
                renewed_at = time.monotonic()
                self._look_around()
            except Conflict:
                self._renewals.labels("lost").inc()
                _log.exception(
                    "another process has taken this controller's name; its sessions go on there"
                )
                self._give_up(lambda _: True)
            except FednetError as error:
                self._renewals.labels("failed").inc()
                _log.warning("the lease is not renewed: %s", error)
            except Exception:  # noqa: BLE001  the lease must be renewed next time
                self._renewals.labels("failed").inc()
                _log.exception("the lease is not renewed")

    def _seconds_to_wait(self) -> float:
        return min(limits.lease_renew_seconds, self._leases.next_expiry())

    def _give_up_lost_sessions(self) -> None:
        """Give up sessions that others have taken over while the lease was not renewed."""
        self._give_up(lambda session_id: not self._running.is_owned(session_id, self._leases.owner))

    def _give_up(self, is_lost: Callable[[str], bool]) -> None:
        for actor in self._running.actors():
            if is_lost(actor.session.session_id):
                actor.give_up()
