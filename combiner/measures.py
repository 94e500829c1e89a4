"""The metrics of a combiner for Prometheus; docs/monitoring.md is generated from them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from fednet.collectors import Collectors

from .machine.answers import Why
from .machine.values import TaskKind

KINDS = tuple(str(kind) for kind in TaskKind if kind is not TaskKind.EXCHANGE_SECURELY)
WAYS = ("grpc", "object-store")


def label_of(kind: TaskKind) -> str:
    """Return the label of a kind of task; those of secure aggregation are exchanges like others."""
    return str(TaskKind.EXCHANGE if kind is TaskKind.EXCHANGE_SECURELY else kind)


class CombinerMetrics:
    """The metrics of one combiner.

    Attributes:
        registry: Their registry.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = Collectors("combiner", self.registry)
        self.clients = make.gauge("clients_connected", "Clients that are connected.")
        self.controllers = make.gauge("controllers_watching", "Controllers that watch.")
        self.phases = make.gauge("phases", "Phases that are held, until their release.")
        self.phase_seconds = make.seconds(
            "phase", "Duration of phases from their order to their close.", kind=KINDS
        )
        self.tasks = make.counter(
            "tasks",
            "Tasks by what has become of them; one may be sent several times.",
            kind=KINDS,
            outcome=("sent", "answered", *(why.lower() for why in Why)),
        )
        self.fold_seconds = make.seconds("fold", "Duration of the check and fold of one update.")
        self.folded_bytes = make.counter(
            "folded_bytes",
            "Bytes of folded updates; divided by the seconds of folds, the throughput.",
        )
        self.reduce_seconds = make.seconds(
            "reduce", "Duration of merges of partials into a model, with its storage."
        )
        self.received_bytes = make.counter(
            "received_bytes", "Bytes of updates that have arrived.", way=WAYS
        )
        self.sent_bytes = make.counter(
            "sent_bytes", "Bytes of models and packages sent to clients through this combiner."
        )
        self.news = make.gauge("news_waiting", "News that no controller has acknowledged.")
        self.news_bytes = make.gauge(
            "news_waiting_bytes", "Memory of the news that no controller has acknowledged."
        )
        self.work = make.gauge(
            "work", "Work that waits for a thread or is under way.", pool=("updates", "functions")
        )
        self.registrations = make.counter(
            "registrations",
            "Registrations and renewals at a controller.",
            outcome=("done", "failed"),
        )
        self.api_retries = make.counter(
            "api_retries", "Repetitions of REST calls to controllers after an error."
        )
