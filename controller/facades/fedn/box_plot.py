"""The distribution of a metric over the clients, model by model: a Plotly figure as plain values.

Plotly itself is not needed to say what a figure is.
"""

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

from fednet.json_values import as_finite
from fednet.storage import Document

Reading: TypeAlias = tuple[str, dict[str, float]]
"""The model's id, and what one client measured of it that is a plain number."""


def readings(validations: Iterable[Document]) -> list[Reading]:
    """Return the metrics of validations that can be plotted."""
    return [(each["model_id"], _numbers(each)) for each in validations]


def scalar_metrics(measured: Iterable[Reading]) -> list[str]:
    """Return the names of all metrics, in the order in which they were first reported."""
    return list(dict.fromkeys(name for _, numbers in measured for name in numbers))


def box_plot(measured: Iterable[Reading], metric: str) -> dict[str, Any]:
    """Return the figure: a box for each model with the values of its clients, and a line through the means.

    Args:
        measured: In the order in which it was.
        metric: The name of the metric.
    """
    values = _values_by_model(measured, metric)
    return {
        "data": [*map(_box, range(len(values)), values), _means(values)] if values else [],
        "layout": {
            "title": {"text": _title(metric) if values else "No validations yet"},
            "xaxis": {"title": {"text": "Rounds"}},
            "yaxis": {"title": {"text": metric}},
            "margin": {"l": 60, "r": 20, "t": 45, "b": 45},
        },
    }


def _title(metric: str) -> str:
    return f"Metric distribution over clients: {metric}"


def _values_by_model(measured: Iterable[Reading], metric: str) -> list[list[float]]:
    by_model: dict[str, list[float]] = {}
    for model_id, numbers in measured:
        if metric in numbers:
            by_model.setdefault(model_id, []).append(numbers[metric])
    return list(by_model.values())


def _numbers(validation: Document) -> dict[str, float]:
    metrics = validation.get("metrics")
    numbers = {
        name: as_finite(value)
        for name, value in (metrics.items() if isinstance(metrics, dict) else ())
    }
    return {name: number for name, number in numbers.items() if number is not None}


def _box(number: int, values: list[float]) -> dict[str, Any]:
    return {
        "type": "box",
        "name": str(number),
        "y": values,
        "boxpoints": False,
        "marker": {"color": "royalblue"},
        "showlegend": False,
    }


def _means(values: list[list[float]]) -> dict[str, Any]:
    names = [str(number) for number in range(len(values))]
    means = [math.fsum(value / len(each) for value in each) for each in values]
    return {"type": "scatter", "name": "Mean", "x": names, "y": means}
