"""The parts of a combiner that many of its other parts work with."""

from __future__ import annotations

from dataclasses import dataclass

from ..measures import CombinerMetrics
from .clients import Clients
from .outbox import Outbox
from .partials import SharedPartials
from .phase_traces import PhaseTraces
from .spool import Spool
from .workers import Workers


@dataclass(frozen=True)
class Means:
    """The shared parts of one combiner.

    Attributes:
        spool: Its files.
        outbox: Its news for the controllers.
        clients: Its connected clients.
        partials: The partials in the blob store.
        workers: Its threads for blocking calls, and its background tasks.
        metrics: Its metrics.
        traces: Takes the spans of its phases.
    """

    spool: Spool
    outbox: Outbox
    clients: Clients
    partials: SharedPartials
    workers: Workers
    metrics: CombinerMetrics
    traces: PhaseTraces
