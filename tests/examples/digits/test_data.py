"""The split of the digits between clients."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from fednet.examples.digits import data


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(0.05, 100))
def test_a_partition_deals_every_row_once(clients, seed, alpha):
    """No row is lost, none is given twice, and every client has some."""
    labels = np.arange(600) % 10

    parts = data.partition(labels, clients, np.random.default_rng(seed), alpha=alpha)

    assert sorted(np.concatenate(parts)) == list(range(600))
    assert min(len(part) for part in parts) >= data.TRAIN_ROWS_MIN


def test_too_many_clients_are_refused():
    """There are no rows for them."""
    with pytest.raises(ValueError, match="Cannot split 20 rows between 3 clients"):
        data.partition(np.zeros(20, int), 3, np.random.default_rng(0))


def test_the_same_seed_gives_the_same_split():
    """Another seed gives another one."""
    first, again, other = data.split(3, 1), data.split(3, 1), data.split(3, 2)

    assert all(np.array_equal(first[0][key], again[0][key]) for key in first[0])
    assert not np.array_equal(first[0]["y_test"], other[0]["y_test"])


def test_a_fifth_is_held_out_evenly():
    """All digits are there, and the test rows are spread to within one."""
    parts = data.split(5)
    held_out = [len(part["y_test"]) for part in parts]

    assert sum(held_out) == 359
    assert max(held_out) - min(held_out) <= 1
    assert sum(len(part["y_train"]) for part in parts) == 1797 - 359


def test_clients_differ():
    """Their shares of the digits are far from equal."""
    counts = [np.bincount(part["y_train"], minlength=10) for part in data.split(5)]
    shares = np.array([count / count.sum() for count in counts])

    assert shares.std(axis=0).mean() > 0.05


def test_features_are_scaled_floats():
    """Sixteen grey levels become 0 to 1."""
    part = data.split(2)[0]

    assert part["x_train"].dtype == np.float32
    assert part["x_train"].shape[1] == 64
    assert (part["x_train"].min(), part["x_train"].max()) == (0, 1)


def test_the_script_writes_a_file_per_client(tmp_path):
    """As the README says."""
    command = [sys.executable, data.__file__, "--clients", "3", "--out", str(tmp_path / "out")]

    done = subprocess.run(command, check=True, capture_output=True, text=True)

    names = [f"client-{number}.npz" for number in (1, 2, 3)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert done.stdout.count("held out") == 3


def test_the_rows_are_scikit_learns_own():
    """Read from its file, in its order."""
    digits = load_digits()

    rows = data._digits()

    np.testing.assert_array_equal(rows[:, :-1], digits.data)
    np.testing.assert_array_equal(rows[:, -1], digits.target)
