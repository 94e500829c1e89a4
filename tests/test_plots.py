"""The figures, from documents as the REST API shows them."""

import sys

import pytest

from fednet import plots
from fednet.errors import InvalidInput, MissingExtra

SESSION = {"name": "digits"}


LONGEST = {"download": 0.1, "train": 2.0, "upload": 0.2, "fold": 0.05}


def finished(number):
    return {
        "id": f"r{number}",
        "number": number,
        "answer_seconds": {
            part: {"max": value, "sum": 2 * value} for part, value in LONGEST.items()
        },
        "seconds": {"round": 3.5, "plan": 0.25, "train": 2.75, "reduce": 0.25, "commit": 0.125},
    }


def failed(number):
    return {"id": f"r{number}", "number": number, "answer_seconds": {}, "seconds": {"round": 7.0}}


def validation(client, number, **metrics):
    return {"round_id": f"r{number}", "client": {"name": client}, "metrics": metrics}


def model(name, session_id, minute):
    time = f"2026-11-21T10:{minute:02d}:00.000000Z"
    return {"id": name, "session_id": session_id, "committed_at": time, "size_bytes": 10}


def trace(figure, name):
    found = [each for each in figure.data if each.name == name]
    assert len(found) == 1
    return found[0]


def points(figure, name):
    drawn = trace(figure, name)
    return list(zip(drawn.x, drawn.y, strict=True))


@pytest.fixture
def two_clients():
    """Validations of two rounds, in the order in which they are listed: newest first."""
    return [
        validation("b", 2, accuracy=0.8, num_examples=30),
        validation("a", 2, accuracy=0.6, num_examples=10),
        validation("b", 1, accuracy=0.4, num_examples=30),
        validation("a", 1, accuracy=0.2, num_examples=10),
    ]


def test_each_client_has_its_line(two_clients):
    """By round, whatever the order of the validations."""
    figure = plots.validations(SESSION, [finished(1), finished(2)], two_clients, "accuracy")

    assert points(figure, "a") == [(1, 0.2), (2, 0.6)]
    assert points(figure, "b") == [(1, 0.4), (2, 0.8)]


def test_the_mean_is_weighted_by_examples(two_clients):
    """A client with more examples counts more."""
    figure = plots.validations(SESSION, [finished(1), finished(2)], two_clients, "accuracy")

    mean = points(figure, "mean of the clients")
    assert [number for number, _ in mean] == [1, 2]
    assert [value for _, value in mean] == pytest.approx([0.35, 0.75])


def test_what_cannot_be_drawn_is_left_out():
    """A metric that is missing, no number or not finite; a validation of no known round."""
    odd = [
        validation("a", 1, accuracy=0.5),
        validation("b", 1, accuracy="good"),
        validation("c", 1, accuracy=float("nan")),
        validation("d", 1, loss=1.0),
        validation("g", 1, accuracy=10**400),
        validation("h", 1, accuracy=True),
        validation("i", 1, accuracy=None),
        validation("j", 1, accuracy=[0.5]),
        validation("e", 9, accuracy=0.5),
        {**validation("f", 1), "metrics": "no JSON"},
    ]

    figure = plots.validations(SESSION, [finished(1)], odd, "accuracy")

    assert [each.name for each in figure.data] == ["a", "mean of the clients"]


def test_odd_numbers_of_examples_count_as_one():
    """A weight that is no number above zero has no say in the mean; the largest floats do not overflow it."""
    for odd in (-1, 0, None, "many", 10**400, float("inf"), True):
        pair = [
            validation("a", 1, accuracy=0.2, num_examples=odd),
            validation("b", 1, accuracy=0.4, num_examples=1),
        ]
        figure = plots.validations(SESSION, [finished(1)], pair, "accuracy")
        assert points(figure, "mean of the clients") == [(1, pytest.approx(0.3))]

    huge = [validation(name, 1, accuracy=1.7e308, num_examples=1000) for name in "ab"]
    figure = plots.validations(SESSION, [finished(1)], huge, "accuracy")
    assert points(figure, "mean of the clients") == [(1, pytest.approx(1.7e308))]


def test_a_metric_that_nobody_reports_is_refused_with_those_that_there_are(two_clients):
    """So that a typing error is seen."""
    with pytest.raises(InvalidInput, match="accuracy, num_examples") as refused:
        plots.validations(SESSION, [finished(1)], two_clients, "acuracy")
    with pytest.raises(InvalidInput, match="no validations"):
        plots.validations(SESSION, [], [], "accuracy")

    assert refused.value.field == "metric"


def test_a_legend_does_not_name_a_crowd():
    """The mean stays in it."""
    crowd = [validation(f"client-{number}", 1, loss=1.0) for number in range(50)]

    figure = plots.validations(SESSION, [finished(1)], crowd, "loss")

    named = [each.name for each in figure.data if each.showlegend is not False]
    assert named == ["mean of the clients"]


def test_the_steps_of_a_round_make_up_its_time():
    """Those of training are the slowest client's."""
    figure = plots.rounds(SESSION, [finished(1), finished(2)])

    bars = [each for each in figure.data if each.name != "came to nothing"]
    assert [sum(each.y[place] for each in bars) for place in (0, 1)] == pytest.approx([3.5, 3.5])
    assert points(figure, "train (slowest client)") == [(1, 2.0), (2, 2.0)]
    assert points(figure, "plan, hand out tasks") == [(1, 0.25), (2, 0.25)]
    assert points(figure, "reduce") == [(1, 0.25), (2, 0.25)]
    assert points(figure, "commit") == [(1, 0.125), (2, 0.125)]


def test_a_round_that_came_to_nothing_is_one_bar():
    """One that has not ended is none."""
    pending = {"id": "r3", "number": 3, "answer_seconds": {}, "seconds": {}}

    figure = plots.rounds(SESSION, [finished(1), failed(2), pending])

    assert points(figure, "came to nothing") == [(2, 7.0)]
    assert {number for each in figure.data for number in each.x} == {1, 2}


def test_the_trail_has_a_colour_for_each_session():
    """And one for what was uploaded."""
    trail = [model("m0", None, 0), model("m1", "one", 1), model("m2", "one", 2)]

    figure = plots.model_trail(trail)

    assert points(figure, "uploaded") == [(trail[0]["committed_at"], 0)]
    assert [y for _, y in points(figure, "session one")] == [1, 2]
    colors = {trace(figure, name).marker.color for name in ("uploaded", "session one")}
    assert len(colors) == 2


def test_every_axis_has_a_title(two_clients):
    """With its unit, where there is one."""
    figures = [
        plots.validations(SESSION, [finished(1)], two_clients, "accuracy"),
        plots.rounds(SESSION, [finished(1)]),
        plots.model_trail([model("m0", None, 0)]),
    ]

    titles = [(each.layout.xaxis.title.text, each.layout.yaxis.title.text) for each in figures]

    assert titles == [
        ("round", "accuracy"),
        ("round", "time in seconds"),
        ("committed (UTC)", "models since the first"),
    ]


def test_without_plotly_the_extra_is_named(monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "plotly", None)

    with pytest.raises(MissingExtra, match=r"pip install 'fednet\[plots\]'"):
        plots.model_trail([])


def private(number, epsilon, most):
    spent = {"epsilon": epsilon, "delta": 1e-5, "epsilon_max": most}
    return {"number": number, "privacy": spent}


def test_the_spent_privacy_is_a_line_below_its_budget():
    """One point for each round; the budget is drawn where there is one."""
    spent = [(1, 0.5), (2, 0.9)]

    figure = plots.privacy(SESSION, [private(*each, 2.0) for each in spent])
    without = plots.privacy(SESSION, [private(*each, None) for each in spent])

    assert points(figure, "ε") == spent
    assert points(figure, "budget") == [(1, 2.0), (2, 2.0)]
    assert [each.name for each in without.data] == ["ε"]


def test_a_session_without_privacy_has_no_plot_of_it():
    """The error says which option there is."""
    with pytest.raises(InvalidInput, match="option dp"):
        plots.privacy(SESSION, [{"number": 1, "privacy": None}, {"number": 2}])
