"""The generated part of docs/monitoring.md, made from the declarations of the components' metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Metric

from fednet.client.measures import ClientMetrics
from fednet.combiner.measures import CombinerMetrics
from fednet.controller.measures import ControllerMetrics

REGISTRIES: Final[Mapping[str, Callable[[], CollectorRegistry]]] = {
    "controller": lambda: ControllerMetrics().registry,
    "combiner": lambda: CombinerMetrics().registry,
    "client": lambda: ClientMetrics().registry,
}
"""A new registry of each component, with all its metrics."""

_HEAD: Final = ("| metric | type | labels | meaning |", "|---|---|---|---|")


def part() -> str:
    """Return a table for each component."""
    sections = [["", f"## {name}", "", *_HEAD, *_rows(make())] for name, make in REGISTRIES.items()]
    return "\n".join([*(line for lines in sections for line in lines), ""])


def _rows(registry: CollectorRegistry) -> Iterator[str]:
    for metric in registry.collect():
        name = metric.name + ("_total" if metric.type == "counter" else "")
        labels = "; ".join(_labels(metric))
        yield f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |".replace(
            "|  |", "| |"
        )


def _labels(metric: Metric) -> Iterator[str]:
    """Yield each label with its values, which all have a series from the start."""
    series = [sample.labels for sample in metric.samples]
    for label in dict.fromkeys(name for labels in series for name in labels if name != "le"):
        yield f"{label}: {_words(dict.fromkeys(labels[label] for labels in series))}"


def _words(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
