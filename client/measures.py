"""The metrics of a client agent for Prometheus; docs/monitoring.md is generated from them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from fednet.collectors import Collectors

KINDS = (
    "TRAIN",
    "TRAIN_PRIVATELY",
    "TRAIN_MASKED",
    "SUM_MASKS",
    "EXCHANGE_SECURELY",
    "VALIDATE",
    "PREDICT",
    "other",
)


class ClientMetrics:
    """The metrics of one client agent.

    Attributes:
        registry: Their registry.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = Collectors("client", self.registry)
        self.connected = make.gauge("connected", "1 while a combiner has welcomed the client.")
        self.connections = make.counter("connections", "Welcomes by a combiner.")
        self.tasks = make.counter(
            "tasks", "Tasks that were worked at.", kind=KINDS, outcome=("answered", "failed")
        )
        self.task_seconds = make.seconds(
            "task",
            "Duration of each part of the answered tasks.",
            part=("download", "work", "upload"),
        )
        self.received_bytes = make.counter(
            "received_bytes", "Bytes of models and packages that were fetched."
        )
        self.sent_bytes = make.counter("sent_bytes", "Bytes of updates that were sent.")
        self.tasks_waiting = make.gauge("tasks_waiting", "Tasks that wait for the one in work.")
        self.answers_kept = make.gauge(
            "answers_kept", "Answers on the client's disk that have no receipt yet."
        )
        self.delivery_retries = make.counter(
            "delivery_retries", "Deliveries of answers that were put off after an error."
        )
        self.connection_retries = make.counter(
            "connection_retries", "Failed attempts to have a place and an open stream."
        )
