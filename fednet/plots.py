"""Figures: the clients' validations, the time of each round, the spent privacy, and the trail of models.

Each function makes a Plotly figure of documents from the REST API. Plotly is loaded with the first figure; install it
with `pip install 'fednet[plots]'`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.errors import InvalidInput, MissingExtra
from fednet.json_values import as_finite

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Document = Mapping[str, Any]

_SCALE = "Viridis"  # the only colour scale: readable in print and by colour-blind people
_INK = "#222222"
_NAMED_CLIENTS_MAX = 20  # more would make the legend longer than the figure

# A round's steps in their order; "other" is the rest of the round.
_STEPS = {
    "plan": "plan, hand out tasks",
    "validate": "validate the last model (last client)",
    "download": "download the model (slowest client)",
    "train": "train (slowest client)",
    "upload": "upload the update (slowest client)",
    "fold": "fold the update (slowest client)",
    "other": "wait for others, exchange messages",
    "reduce": "reduce",
    "commit": "commit",
}
_OF_ANSWERS = ("download", "train", "upload", "fold")
_FAILED = "came to nothing"


def validations(
    session: Document, rounds: Sequence[Document], found: Sequence[Document], metric: str
) -> Figure:
    """Draw a line for each client, and one for their mean, weighted by num_examples where it is reported.

    Args:
        session: The session.
        rounds: Its rounds.
        found: Its validations.
        metric: The metric to draw.

    Raises:
        InvalidInput: No validation has this metric.
        MissingExtra: Plotly is not installed.
    """
    lines, mean = _series(rounds, found, metric)
    figure = _figure(
        f"{metric} in session {session['name']}",
        {"title": "round", "tickformat": "d"},
        {"title": _readable(metric)},
    )
    named = len(lines) <= _NAMED_CLIENTS_MAX
    colors = _colors(len(lines))
    for (client, points), color in zip(sorted(lines.items()), colors, strict=True):
        _add_line(figure, client, points, {"color": color, "width": 1.5}, showlegend=named)
    _add_line(figure, "mean of the clients", mean, {"color": _INK, "width": 3.5})
    figure.update_layout(hovermode="x unified" if named else "closest")
    return figure


def rounds(session: Document, found: Sequence[Document]) -> Figure:
    """Draw a bar for each finished round, divided into its steps.

    Args:
        session: The session.
        found: Its rounds, in their order.

    Raises:
        MissingExtra: Plotly is not installed.
    """
    figure = _figure(
        f"Time by step in session {session['name']}",
        {"title": "round", "tickformat": "d"},
        {"title": "time in seconds", "rangemode": "tozero"},
    )
    ended = [each for each in found if "round" in each["seconds"]]
    done = [each for each in ended if "train" in each["seconds"]]
    steps = [_steps(each) for each in done]
    for (step, name), color in zip(_STEPS.items(), _colors(len(_STEPS)), strict=True):
        _add_bars(figure, name, done, [each[step] for each in steps], color)
    if failed := [each for each in ended if "train" not in each["seconds"]]:
        seconds = [each["seconds"]["round"] for each in failed]
        _add_bars(figure, _FAILED, failed, seconds, "#bbbbbb")
    figure.update_layout(barmode="stack", bargap=0.25, legend_traceorder="reversed")
    return figure


def privacy(session: Document, found: Sequence[Document]) -> Figure:
    """Draw a line for ε that a session has spent after each round, and one for its budget.

    Args:
        session: The session.
        found: Its rounds, in their order.

    Raises:
        InvalidInput: The session has no differential privacy.
        MissingExtra: Plotly is not installed.
    """
    spent = [(each["number"], each["privacy"]) for each in found if each.get("privacy")]
    if not spent:
        raise InvalidInput(
            f"The session {session['name']!r} has no round with differential privacy. Start one with the option dp.",
            field="session_id",
        )
    _, last = spent[-1]
    figure = _figure(
        f"Spent privacy in session {session['name']}",
        {"title": "round", "tickformat": "d"},
        {"title": f"ε, at δ = {last['delta']:g}", "rangemode": "tozero"},
    )
    _add_line(
        figure,
        "ε",
        [(number, each["epsilon"]) for number, each in spent],
        {"color": _INK, "width": 3},
    )
    if (most := last["epsilon_max"]) is not None:
        ends = [(number, most) for number, _ in (spent[0], spent[-1])]
        _add_line(figure, "budget", ends, {"color": "#888888", "dash": "dash"}, mode="lines")
    return figure


def model_trail(trail: Sequence[Document]) -> Figure:
    """Draw a point for each model at the time of its commit, with a colour for each session.

    Args:
        trail: The models, oldest first.

    Raises:
        MissingExtra: Plotly is not installed.
    """
    figure = _figure(
        "The trail of models",
        {"title": "committed (UTC)"},
        {"title": "models since the first", "tickformat": "d", "rangemode": "tozero"},
    )
    generations = list(range(len(trail)))
    times = [each["committed_at"] for each in trail]
    _add_line(
        figure, "", list(zip(times, generations, strict=True)),
        {"color": "#cccccc", "width": 2}, mode="lines", showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    origins = [_origin(each) for each in trail]
    sessions = list(dict.fromkeys(origins))
    for origin, color in zip(sessions, _colors(len(sessions)), strict=True):
        chosen = [number for number in generations if origins[number] == origin]
        _add_models(figure, origin, [(trail[number], number) for number in chosen], color)
    return figure


# Reading the documents


Points = list[tuple[Any, float]]


def _series(
    rounds_: Sequence[Document], found: Sequence[Document], metric: str
) -> tuple[dict[str, Points], Points]:
    """Return the points of each client, and those of the mean."""
    numbers = {each["id"]: each["number"] for each in rounds_}
    lines: defaultdict[str, dict[int, float]] = defaultdict(dict)
    weighted: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for each in found:
        number, value = numbers.get(each["round_id"]), _number(each, metric)
        if number is not None and value is not None:
            lines[each["client"]["name"]][number] = value
            weighted[number].append((value, _weight(each)))
    if not lines:
        raise _no_such_metric(found, metric)
    mean = [(number, _mean(weighted[number])) for number in sorted(weighted)]
    return {client: sorted(points.items()) for client, points in lines.items()}, mean


def _number(validation: Document, metric: str) -> float | None:
    """Return a metric as a number; None if it cannot be drawn."""
    metrics = validation["metrics"]
    value = metrics.get(metric) if isinstance(metrics, Mapping) else None
    return as_finite(value)


def _weight(validation: Document) -> float:
    """Return the number of examples of a validation; 1 if it has reported none that can count."""
    count = _number(validation, "num_examples")
    return count if count is not None and 0 < count <= limits.update_examples_max else 1.0


def _mean(weighted: Sequence[tuple[float, float]]) -> float:
    total = sum(weight for _, weight in weighted)
    return sum(value * (weight / total) for value, weight in weighted)


def _no_such_metric(found: Sequence[Document], metric: str) -> InvalidInput:
    reported = [each["metrics"] for each in found if isinstance(each["metrics"], Mapping)]
    known = ", ".join(sorted({name for metrics in reported for name in metrics}))
    instead = f"They report {known}." if known else "The session has no validations yet."
    return InvalidInput(
        f"No client has reported {metric!r} in this session. {instead}", field="metric"
    )


def _steps(each: Document) -> dict[str, float]:
    """Return the seconds of each step; of the clients' steps the longest."""
    seconds, longest = each["seconds"], each.get("answer_seconds", {})
    steps = {
        "plan": seconds["plan"],
        "validate": seconds.get("validate", 0.0),  # missing in rounds of earlier versions
        **{name: longest.get(name, {}).get("max", 0.0) for name in _OF_ANSWERS},
        "reduce": seconds["reduce"],
        "commit": seconds.get("commit", 0.0),  # missing if the controller died during the round
    }
    return {**steps, "other": max(seconds["round"] - sum(steps.values()), 0.0)}


def _origin(model: Document) -> str:
    return f"session {model['session_id']}" if model["session_id"] else "uploaded"


def _readable(name: str) -> str:
    return name.replace("_", " ")


# Drawing


def _figure(title: str, x: Mapping[str, Any], y: Mapping[str, Any]) -> Figure:
    """Return an empty figure in the common style."""
    grid = {"showgrid": True, "gridcolor": "#e8e8e8", "zeroline": False, "linecolor": "#888888"}
    figure: Figure = _plotly().Figure()
    figure.update_layout(
        title=title,
        template="simple_white",
        font={"color": _INK, "size": 13},
        xaxis={**grid, **x},
        yaxis={**grid, **y},
    )
    return figure


def _add_line(
    figure: Figure, name: str, points: Points, line: Mapping[str, Any], **options: Any
) -> None:
    x, y = [point[0] for point in points], [point[1] for point in points]
    style = {"mode": "lines+markers", "marker": {"size": 5}, **options}
    figure.add_trace(_plotly().Scatter(name=name, x=x, y=y, line=dict(line), **style))


def _add_bars(
    figure: Figure,
    name: str,
    drawn: Sequence[Document],
    seconds: Sequence[float],
    color: str,
) -> None:
    numbers = [each["number"] for each in drawn]
    hover = f"{name}: %{{y:.3f}} s<br>round %{{x}}<extra></extra>"
    figure.add_trace(
        _plotly().Bar(
            name=name,
            x=numbers,
            y=list(seconds),
            hovertemplate=hover,
            marker_color=color,
        )
    )


def _add_models(
    figure: Figure, origin: str, models: Sequence[tuple[Document, int]], color: str
) -> None:
    hover = "model %{customdata[0]}<br>%{x}<br>%{customdata[1]:,} bytes<extra></extra>"
    figure.add_trace(
        _plotly().Scatter(
            name=origin,
            x=[model["committed_at"] for model, _ in models],
            y=[generation for _, generation in models],
            customdata=[[model["id"], model["size_bytes"]] for model, _ in models],
            hovertemplate=hover,
            mode="markers",
            marker={"color": color, "size": 11},
        )
    )


def _colors(count: int) -> list[str]:
    """Return a number of colours, spread evenly over the scale."""
    from plotly.colors import sample_colorscale

    places = [(number + 0.5) / count for number in range(count)]
    return list(sample_colorscale(_SCALE, places))


def _plotly() -> Any:
    try:
        from plotly import graph_objects
    except ImportError as error:
        raise MissingExtra("Plots need Plotly. Install it: pip install 'fednet[plots]'.") from error
    return graph_objects
