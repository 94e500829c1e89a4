"""A combiner's place in its network: registered at the start, and again while no controller watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterator
from functools import partial

from fednet import limits
from fednet.enrolment import CombinerPlace, enrol_combiner, renew_combiner
from fednet.errors import AlreadyExists, FednetError, PermissionDenied, Unauthenticated
from fednet.settings import CombinerSettings

from .daemons import in_daemon
from .engine.outbox import Watched
from .measures import CombinerMetrics

_log = logging.getLogger(__name__)


class Registration:
    """The registration of a combiner. All methods belong to the event loop's thread.

    Args:
        settings: The combiner's settings.
        address: Its address, `host:port`.
        metrics: The combiner's metrics.
    """

    def __init__(self, settings: CombinerSettings, address: str, metrics: CombinerMetrics) -> None:
        self._settings = settings
        self._address = address
        self._outcomes = metrics.registrations
        self._on_retry = metrics.api_retries.inc
        self._place: CombinerPlace | None = None

    def token(self) -> str:
        """Return the combiner's newest token for the REST API, from any thread; "" before the registration."""
        place = self._place
        return place.token if place else ""

    async def register(self) -> CombinerPlace:
        """Register; if the controller is away, return the place that it gave the last time.

        Raises:
            FednetError: The controller refuses, or is away and has never been asked.
        """
        with self._counted():
            self._place = await in_daemon(
                partial(enrol_combiner, self._settings, self._address, self._on_retry),
                "registration",
            )
        return self._place

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a registration or a renewal by its outcome."""
        try:
            yield
        except FednetError:
            self._outcomes.labels("failed").inc()
            raise
        self._outcomes.labels("done").inc()

    async def renew(
        self, keys_changed: asyncio.Event, on_place: Callable[[CombinerPlace], None]
    ) -> None:
        """Renew the combiner's token from time to time, and once a new key signs; runs until it is cancelled.

        Args:
            keys_changed: Set when other keys sign and verify tokens.
            on_place: Called with the place after each renewal.
        """
        failures, pause = 0, limits.membership_renewal_seconds
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(keys_changed.wait(), pause)
                keys_changed.clear()
                pause = 1.5 * limits.key_activation_seconds  # by then the new key signs
                continue
            place = self._place
            if place is None:
                continue
            try:
                with self._counted():
                    self._place = await in_daemon(
                        partial(renew_combiner, self._settings, place, self._on_retry), "renewal"
                    )
            except FednetError as error:
                failures += 1
                pause = pause_seconds(failures)
                _log.warning("the combiner's token is not renewed: %s", error)
            else:
                failures, pause = 0, limits.membership_renewal_seconds
                on_place(self._place)

    async def keep(self, watched: Watched, on_place: Callable[[CombinerPlace], None]) -> None:
        """Register again whenever no controller has watched for a while; runs until it is cancelled or refused.

        So a combiner comes back that its controller knows no more, as after its store was restored, or knows at
        another address.

        Args:
            watched: The events that tell if any controller watches.
            on_place: Called with the place after each registration.

        Raises:
            PermissionDenied: The combiner was removed, and its tokens do not bring it back.
            Unauthenticated: The network has other keys.
            AlreadyExists: Another process has its name, and is connected.
        """
        attempts = 0
        while True:
            await watched.by_nobody.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watched.by_somebody.wait(), pause_seconds(attempts))
            if watched.by_somebody.is_set():
                attempts = 0
                continue
            attempts += 1
            await self._register_again(on_place)

    async def _register_again(self, on_place: Callable[[CombinerPlace], None]) -> None:
        _log.info("no controller watches: the combiner registers again")
        try:
            on_place(await self.register())
        except (PermissionDenied, Unauthenticated, AlreadyExists):
            raise
        except FednetError as error:
            _log.warning("the combiner cannot register again: %s", error)


def pause_seconds(attempts: int) -> float:
    """Return the pause before the next attempt, in seconds: growing, capped, with jitter."""
    longest: float = limits.registration_seconds * 2 ** min(attempts, 20)
    longest = min(limits.registration_seconds_max, longest)
    return longest * random.uniform(0.75, 1) if attempts else longest  # noqa: S311  no secret
