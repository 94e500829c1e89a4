"""One combiner without its protocols: its parts put together, and their life."""

from __future__ import annotations

import contextlib

from fednet import limits
from fednet.errors import Superseded
from fednet.storage import Blobs
from fednet.traces import Traces

from ..machine.fence import Fence
from ..measures import CombinerMetrics
from ..ports import Ports
from .blobs import LocalBlobs
from .checked_blobs import CheckedBlobs
from .client_blobs import ClientBlobs
from .client_calls import ClientCalls
from .clients import Clients
from .controller_calls import ControllerCalls
from .function_processes import Bounds, FunctionProcesses
from .function_runs import FunctionRuns
from .handover import Handover
from .means import Means
from .objects import ObjectUploads
from .orphans import Orphans
from .outbox import Outbox
from .partials import SharedPartials
from .phase_traces import PhaseTraces
from .phases import Phases
from .reduction import Reducer
from .retained import Retained
from .spool import Spool
from .uploads import Uploads
from .workers import Workers


class Engine:
    """All phases and all clients of one combiner. All methods belong to the event loop's thread.

    Args:
        name: The combiner's name.
        spool: Its files.
        store: The blob store of the network.
        clients_max: The number of clients that may be connected at once.
        threads: The number of threads that check updates, fold them and make models.
        retained_bytes_max: The size that all retained updates together may have.
        bounds: Bounds of one run of server functions.
        object_part_bytes: The size of a part of an update on its way through the object store.
        retained_seconds_max: The age up to which retained updates stay; None for any age.
        metrics: The combiner's metrics; by default some that nobody reads.
        traces: Takes the spans of phases; by default they are dropped.

    Attributes:
        blobs: Models and packages for the clients that have a task with them.
        clients: The calls of clients about their tasks.
        uploads: The ways of updates into the spool.
        controllers: The orders of controllers, and the news for them.
        outbox: The news for the controllers.
        local: Models and packages as files on this machine.
        objects: Updates in the object store.
        metrics: The combiner's metrics.
    """

    def __init__(
        self,
        name: str,
        spool: Spool,
        store: Blobs,
        clients_max: int,
        threads: int,
        retained_bytes_max: int = limits.retained_bytes_max,
        bounds: Bounds | None = None,
        object_part_bytes: int = limits.object_part_bytes,
        retained_seconds_max: float | None = None,
        metrics: CombinerMetrics | None = None,
        traces: Traces | None = None,
    ) -> None:
        metrics = self.metrics = metrics or CombinerMetrics()
        self._spool = spool
        self._fence = Fence()
        self._workers = Workers(name, threads, metrics.work.labels("updates"))
        self.outbox = Outbox(self._fence.controller_of)
        checked = CheckedBlobs(store)
        self.local = LocalBlobs(checked, spool)
        self.objects = ObjectUploads(name, store, spool, object_part_bytes)
        clients, partials = Clients(clients_max), SharedPartials(name, checked, spool)
        spans = PhaseTraces(name, traces or Traces(None, "combiner", name))
        means = Means(spool, self.outbox, clients, partials, self._workers, metrics, spans)
        retained = Retained(spool, retained_bytes_max, retained_seconds_max)
        orphans = Orphans(partials, spool, self._workers)
        self._phases = Phases(means, self.local, self.objects, retained, orphans)
        reducer = Reducer(self.local, partials, spool)
        processes = FunctionProcesses(self.local, spool, bounds or Bounds())
        self._functions = FunctionRuns(
            name, processes, reducer, self.outbox, metrics.work.labels("functions")
        )
        self.controllers = ControllerCalls(
            name, self._fence, means, self._phases, reducer, self._functions
        )
        self.clients = ClientCalls(name, means, self._phases)
        self.blobs = ClientBlobs(self.local, self._phases, metrics)
        self.uploads = Uploads(self._phases, self.clients.is_new, spool, self.objects, metrics)
        self._handover = Handover(means, self._phases, self.uploads, self.controllers)
        self._measure(clients)

    @property
    def ports(self) -> Ports:
        """Everything that a protocol may use."""
        return Ports(self.clients, self.uploads, self.blobs, self.controllers)

    def _measure(self, clients: Clients) -> None:
        """Let the gauges read the present state at each scrape."""
        metrics, outbox = self.metrics, self.outbox
        metrics.clients.set_function(lambda: len(clients))
        metrics.controllers.set_function(lambda: outbox.watchers)
        metrics.phases.set_function(lambda: len(self._phases))
        metrics.news.set_function(lambda: outbox.kept.number)
        metrics.news_bytes.set_function(lambda: outbox.kept.size_bytes)

    async def recover(self) -> None:
        """Take up the phases that an earlier process left in the spool.

        Raises:
            FednetError: The blob store is away.
        """
        records = list(self._spool.records())
        for record in records:
            with contextlib.suppress(Superseded):  # a newer record of the session came first
                self._fence.admit(record.assignment.authority)
        await self._phases.recover(records)

    async def hand_over(self) -> None:
        """Hand the clients over to other combiners; see `Handover.run`."""
        await self._handover.run()

    async def close(self) -> None:
        """Stop; the spool stays for the next process."""
        self._phases.stop()
        await self.controllers.close()
        self._phases.stop()  # also those that began meanwhile
        self.clients.close()
        self.outbox.close()
        await self._functions.close()
        await self._workers.close()
