"""The metrics of a controller for Prometheus; docs/monitoring.md is generated from them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from fednet.collectors import Collectors

ROUND_PARTS = ("round", "plan", "validate", "train", "reduce")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "other")
STATUSES = ("2xx", "3xx", "4xx", "5xx")


class ControllerMetrics:
    """The metrics of one controller.

    Attributes:
        registry: Their registry.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = Collectors("controller", self.registry)
        self.sessions = make.gauge("sessions", "Sessions that this controller drives now.")
        self.rounds = make.counter(
            "rounds",
            "Attempts at rounds that have ended.",
            outcome=("finished", "failed", "terminated"),
        )
        self.round_retries = make.counter(
            "round_retries", "Attempts at rounds after the first one of each round."
        )
        self.round_seconds = make.seconds(
            "round", "Duration of finished rounds, and of each part.", part=ROUND_PARTS
        )
        self.updates = make.counter("updates", "Updates that are merged into models.")
        self.commit_seconds = make.seconds(
            "commit", "Duration of commits of sessions to the state store."
        )
        self.store_retries = make.counter(
            "store_retries", "Repetitions of work because the state store was away."
        )
        self.combiners = make.gauge(
            "combiners_connected", "Combiners that this controller watches."
        )
        self.clients = make.gauge(
            "clients_connected", "Clients that are connected to the watched combiners."
        )
        self.call_seconds = make.seconds(
            "combiner_call",
            "Duration of calls to combiners, with their repetitions.",
            method=("Start", "Withdraw", "Plan", "Close", "Release", "Reduce"),
        )
        self.call_retries = make.counter(
            "combiner_call_retries", "Repetitions of calls to combiners after an error."
        )
        self.calls = make.gauge("combiner_calls", "Calls to combiners that wait or are under way.")
        self.inbox = make.gauge(
            "inbox_events", "Events that wait for the sessions of this controller."
        )
        self.news = make.gauge("news_waiting", "News of combiners that are not stored yet.")
        self.lease = make.gauge("lease_held", "1 while this controller has its lease.")
        self.renewals = make.counter(
            "lease_renewals", "Renewals of the lease.", outcome=("renewed", "failed", "lost")
        )
        self.controllers = make.gauge(
            "controllers_alive", "Controllers whose lease has not expired, as this one sees them."
        )
        self.taken_over = make.counter(
            "sessions_taken_over", "Sessions whose earlier driver had ended, taken up here."
        )
        self.sessions_lost = make.counter(
            "sessions_lost", "Sessions that another controller has taken from this one."
        )
        self.requests = make.counter(
            "requests", "Answered REST requests.", method=METHODS, status=STATUSES
        )
        self.request_seconds = make.seconds("request", "Duration of a REST request's view.")
        self.received_bytes = make.counter(
            "received_bytes", "Bytes in the bodies of REST requests, as announced."
        )
        self.sent_bytes = make.counter(
            "sent_bytes", "Bytes in the bodies of REST answers, as announced."
        )
