"""How a metric is distributed over the clients, model by model: a Plotly figure as plain values.

Plotly itself is not needed to say what a figure is.
"""

import math
from collections.abc import Iterable
from typing import Any

from fednet.storage import Document


def scalar_metrics(validations: Iterable[Document]) -> list[str]:
    """The names of all metrics that are plain numbers, in the order in which they were first reported."""
    return list(dict.fromkeys(name for each in validations for name in _numbers(each)))


def box_plot(validations: Iterable[Document], metric: str) -> dict[str, Any]:
    """The figure: a box for each model with the values of its clients, and a line through the means.

    Args:
        validations: In the order in which they were made.
        metric: The name of the metric.
    """
    values = _values_by_model(validations, metric)
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


def _values_by_model(validations: Iterable[Document], metric: str) -> list[list[float]]:
    by_model: dict[str, list[float]] = {}
    for each in validations:
        numbers = _numbers(each)
        if metric in numbers:
            by_model.setdefault(each["model_id"], []).append(numbers[metric])
    return list(by_model.values())


def _numbers(validation: Document) -> dict[str, float]:
    """The plain numbers among a validation's metrics."""
    metrics = validation.get("metrics")
    return {
        name: float(value)
        for name, value in (metrics.items() if isinstance(metrics, dict) else ())
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


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
    means = [math.fsum(each) / len(each) for each in values]
    return {"type": "scatter", "name": "Mean", "x": names, "y": means}
