"""The end of a combiner: its clients go to others, and it finishes the work that only it can do."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from fednet import limits

from ..machine.news import CombinerStopping
from .controller_calls import ControllerCalls
from .means import Means
from .phases import Phases
from .uploads import Uploads

_log = logging.getLogger(__name__)
_REASON: Final = "The combiner stops. Ask the controller for another one."


class Handover:
    """Hands the clients and the tasks of one combiner over. All methods belong to the event loop's thread.

    Args:
        means: The parts of the combiner that it works with.
        phases: The phases that run here.
        uploads: The updates on their way.
        controllers: The orders under way.
    """

    def __init__(
        self, means: Means, phases: Phases, uploads: Uploads, controllers: ControllerCalls
    ) -> None:
        self._means = means
        self._phases = phases
        self._uploads = uploads
        self._controllers = controllers

    async def run(self) -> None:
        """Send the clients away, and return once nothing here is needed any more; the caller limits the time.

        A client that delivers an answer goes after its receipt, so nobody works twice. The controllers hear of the stop
        first, so they place nobody here. They withdraw the tasks of clients that join other combiners. Phases end in
        the usual way, and their partials are shared.
        """
        self._means.outbox.mention(CombinerStopping(), "")
        self._means.clients.send_away(_REASON, self._is_delivering)
        await self._means.clients.gone.wait()
        _log.info("all clients have left")
        await self._released()

    def _is_delivering(self, client_id: str) -> bool:
        phases = self._phases.of_client(client_id)
        return self._uploads.is_uploading(client_id) or any(
            each.is_delivered_by(client_id) for each in phases
        )

    async def _released(self) -> None:
        """Wait until no phase is left; give up once nothing has changed for a while, as without another combiner."""
        while list(self._phases) or self._controllers.are_under_way:
            try:
                async with asyncio.timeout(limits.handover_quiet_seconds_max):
                    await self._phases.changed()
            except TimeoutError:
                if not self._is_busy():
                    _log.info("the remaining phases stay in the spool")
                    return

    def _is_busy(self) -> bool:
        """Return True while an order is carried out, or a partial is shared, however long that takes."""
        return self._controllers.are_under_way or any(each.is_finishing for each in self._phases)
