"""Declarations of Prometheus metrics: each in a registry of its component, with all its label values from the start.

So a series is there with 0 before anything has happened, and no label can have a value without a bound, such as an id.
Only components import this module: the base installs without prometheus-client.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from fednet.monitoring import Page

_Made = TypeVar("_Made", bound=MetricWrapperBase)

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)


class Collectors:
    """The makers of one component's metrics.

    Args:
        component: The component, a part of each name.
        registry: The metrics' registry.
    """

    def __init__(self, component: str, registry: CollectorRegistry) -> None:
        self._prefix = f"fednet_{component}_"
        self._registry = registry

    def counter(self, name: str, text: str, **labels: Sequence[str]) -> Counter:
        """Return a counter `fednet_<component>_<name>_total`.

        Args:
            name: The name, with its unit at the end.
            text: The help for people.
            **labels: The values of each label.
        """
        counter = Counter(self._prefix + name, text, tuple(labels), registry=self._registry)
        return _with_series(counter, labels)

    def gauge(self, name: str, text: str, **labels: Sequence[str]) -> Gauge:
        """Return a gauge `fednet_<component>_<name>`; the arguments are those of `counter`."""
        gauge = Gauge(self._prefix + name, text, tuple(labels), registry=self._registry)
        return _with_series(gauge, labels)

    def seconds(self, name: str, text: str, **labels: Sequence[str]) -> Histogram:
        """Return a histogram of durations, `fednet_<component>_<name>_seconds`."""
        full = f"{self._prefix}{name}_seconds"
        histogram = Histogram(full, text, tuple(labels), buckets=_SECONDS, registry=self._registry)
        return _with_series(histogram, labels)


def metrics_page(registry: CollectorRegistry) -> Page:
    """Return all metrics of a registry in Prometheus' text format, without the times at which series were made."""
    return Page(generate_latest(_WithoutCreated(registry)), _TEXT)


class _WithoutCreated(CollectorRegistry):
    """A view of a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._whole = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._whole.collect():
            metric.samples = [each for each in metric.samples if not _is_time(each.name)]
            yield metric


def _is_time(name: str) -> bool:
    return name.endswith("_created")


def _with_series(made: _Made, labels: dict[str, Sequence[str]]) -> _Made:
    if labels:
        for values in itertools.product(*labels.values()):
            made.labels(*values)
    return made
