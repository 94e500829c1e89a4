"""Aggregators that stand a minority of liars: known answers, and what liars cannot do."""

import subprocess
import sys

import numpy as np
import pytest

from fednet.aggregation import aggregator
from fednet.parameters import Structure

ROBUST = ["fedmedian", "fedtrimmedavg", "geometric_median", "krum", "multikrum", "bulyan"]


def combined(name, rows, weights=None, **settings):
    """The model that an aggregator makes of updates of one array each."""
    rows = [np.array(row, np.float64) for row in rows]
    partial = aggregator(name, settings).partial(Structure.of(rows[:1]))
    for row, weight in zip(rows, weights or [1] * len(rows), strict=True):
        partial.accumulate([row], weight)
    [model] = partial.finish([], None)
    return model.tolist()


@pytest.mark.parametrize("name", ROBUST)
@pytest.mark.parametrize("lie", [1e6, -1e30, 1e200, sys.float_info.max])
def test_one_liar_in_seven_moves_nothing_far(name, lie):
    """However huge its numbers are, the model stays among the honest."""
    honest = np.random.default_rng(0).normal(size=(6, 5))

    model = combined(name, [*honest, np.full(5, lie)])

    assert (np.array(model) >= honest.min(0) - 1e-6).all()
    assert (np.array(model) <= honest.max(0) + 1e-6).all()


@pytest.mark.parametrize("name", [*ROBUST, "fedavg"])
def test_equal_updates_make_that_model(name):
    """Where all say the same there is nothing to choose."""
    assert combined(name, [[1.5, -2]] * 7) == pytest.approx([1.5, -2])


def test_medians_are_those_of_each_parameter():
    """The middle one of an odd number, the mean of the two middle ones of an even number."""
    assert combined("fedmedian", [[1, 9], [5, 2], [3, 100]]) == [3, 9]
    assert combined("fedmedian", [[1], [2], [10], [50]]) == [6]


def test_trimming_leaves_out_the_ends():
    """With beta 0.2 one of five at each end, two of ten; without a rest from binary fractions."""
    assert combined("fedtrimmedavg", [[1], [2], [3], [4], [1000]]) == [3]
    assert combined("fedtrimmedavg", [[2**n] for n in range(10)]) == [
        sum(2**n for n in range(2, 8)) / 6
    ]
    assert aggregator("fedtrimmedavg", {"beta": 0.29})._trimmed(100) == 29


@pytest.mark.parametrize(
    ("beta", "needed"), [(0.2, 5), (0.49, 3), (0.1, 10), (0.3, 4), (0.002, 500)]
)
def test_trimming_needs_enough_to_leave_one_out(beta, needed):
    """With fewer updates it would be a plain mean, which nobody asked for."""
    assert aggregator("fedtrimmedavg", {"beta": beta}).updates_min == needed


def test_the_geometric_median_of_a_triangle_is_its_fermat_point():
    """From the Fermat point of a triangle its corners are seen 120 degrees apart."""
    corners = np.array([[0, 0], [4, 0], [1, 3]])

    towards = corners - combined("geometric_median", corners, smoothing=1e-12)

    towards /= np.linalg.norm(towards, axis=1)[:, None]
    np.testing.assert_allclose(towards @ towards.T, np.where(np.eye(3), 1, -0.5), atol=1e-5)


def test_the_geometric_median_of_a_quadrilateral_is_where_its_diagonals_cross():
    """Of four corners no other point has a smaller sum of distances."""
    corners = [[0, 0], [6, 0], [4, 4], [0, 3]]

    x, y = combined("geometric_median", corners)

    assert (x, y) == (pytest.approx(2, abs=1e-5), pytest.approx(2, abs=1e-5))


def test_on_a_line_the_geometric_median_is_the_weighted_median():
    """More than half of the examples in one point: the median is that point."""
    assert combined("geometric_median", [[0], [1], [10]], [1, 5, 3]) == pytest.approx([1], abs=1e-4)


def test_one_iteration_of_weiszfeld_is_known():
    """From the median 1 of 0, 1, 4 and 0.5 at least: weights 1, 2 and 1/3 over 10/3."""
    [found] = combined("geometric_median", [[0], [1], [4]], iterations=1, smoothing=0.5)

    assert found == pytest.approx((2 + 4 / 3) / (10 / 3))


def test_krum_takes_the_update_with_the_nearest_neighbours():
    """Of 0, 1, 1.5, 7, 8 with f = 1 the scores are those of two neighbours: 1 wins, by 1.25."""
    rows = [[0], [1], [1.5], [7], [8]]

    assert combined("krum", rows) == [1]
    assert combined("multikrum", rows) == [np.mean([0, 1, 1.5, 7])]
    assert combined("multikrum", rows, selected=2) == [1.25]
    assert combined("multikrum", rows, selected=1) == combined("krum", rows)


def test_of_equal_scores_the_smaller_numbers_win():
    """Two that are each other's nearest have one score; who came first plays no part."""
    rows = [[5, 1], [5, 2], [90, 0]]

    assert combined("krum", rows, byzantine=0) == [5, 1]
    assert combined("krum", rows[::-1], byzantine=0) == [5, 1]


def test_krum_looks_at_all_parameters_together():
    """A liar that is right in each parameter but one is found out."""
    rows = [[0, 0.1], [0.1, 0], [0, 0], [0.1, 0.1], [0.05, 90]]

    assert 90 not in combined("krum", rows)
    assert combined("multikrum", rows) == pytest.approx([0.05, 0.05])


def test_bulyan_takes_the_values_nearest_to_the_median():
    """Of 0 … 6 with f = 1 five are chosen, and of these the three nearest to their median."""
    assert combined("bulyan", [[n] for n in (0, 1, 2, 3, 4, 5, 1000)]) == [2]
    assert combined("bulyan", [[1], [2], [4], [5]], byzantine=0) == [3]


@pytest.mark.parametrize(
    ("name", "byzantine", "needed"), [("krum", 2, 7), ("multikrum", 0, 3), ("bulyan", 2, 11)]
)
def test_as_many_updates_are_needed_as_the_proofs_need(name, byzantine, needed):
    """N >= 2 f + 3 for Krum, n >= 4 f + 3 for Bulyan."""
    assert aggregator(name, {"byzantine": byzantine}).updates_min == needed


def test_multikrum_needs_as_many_as_it_is_to_select():
    """A mean of ten takes ten."""
    assert aggregator("multikrum", {"selected": 10}).updates_min == 10


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from fednet.aggregation import aggregator
from fednet.parameters import Structure, open_model, write_model

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

name, folder = sys.argv[1], Path(sys.argv[2])
paths = [folder / str(n) for n in range(16)]
for n, path in enumerate(paths):
    write_model(path, (np.full((1000, 250), n + k, np.float32) for k in range(8)))
base = [np.zeros((1000, 250), np.float32)] * 8
before = peak()
partial = aggregator(name).partial(Structure.of(base))
for path in paths:
    with open_model(path) as opened:
        partial.accumulate(opened.arrays, 1)
write_model(folder / "model", partial.finish(base, None))
print((peak() - before) / sum(array.nbytes for array in base))
"""


@pytest.mark.parametrize("name", ["fedmedian", "geometric_median", "bulyan"])
def test_memory_does_not_grow_with_the_number_of_updates(name, tmp_path):
    """Sixteen updates in files take less memory than three, also when they are read again and again."""
    command = [sys.executable, "-c", SCRIPT, name, str(tmp_path)]
    growth = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert float(growth) < 3


def test_krum_tells_apart_integers_that_float64_does_not():
    """Of updates that differ beyond 2**53 only, the smaller one wins, whoever came first."""
    numbers = [np.array([2**53 + place]) for place in range(5)]

    for order in (numbers, numbers[::-1]):
        partial = aggregator("krum").partial(Structure.of([np.zeros(1, np.int64)]))
        for array in order:
            partial.accumulate([array], 1)
        [model] = partial.finish()
        assert model.dtype == np.int64
        assert model.tolist() == [2**53]
