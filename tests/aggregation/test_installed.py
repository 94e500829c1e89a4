"""Aggregators of others, found by their entry points and by nothing else."""

import sys

import numpy as np
import pytest

from fednet.aggregation import aggregator, aggregator_names
from fednet.errors import FailedPrecondition, InvalidInput
from fednet.parameters import Structure

MODULE = '''
"""An aggregator of the largest numbers."""

from dataclasses import dataclass, field, make_dataclass
from typing import ClassVar

import numpy as np

from fednet.aggregation import Aggregator, Limits, Partial, check_settings, setting
from fednet.parameters import open_model, write_model


@dataclass(frozen=True)
class Largest(Aggregator):
    margin: float = setting(0.0, Limits(float, "what is added", least=0, most=1))

    name: ClassVar[str] = "largest"

    def __post_init__(self):
        check_settings(self)

    def partial(self, structure):
        return LargestPartial(structure, self.margin)

    def load(self, path, structure):
        partial = self.partial(structure)
        with open_model(path) as file:
            *partial.arrays, (partial.weight, partial.updates) = map(np.array, file.arrays)
        return partial


@dataclass(frozen=True)
class Needy(Largest):
    need: float = field(kw_only=True)


@dataclass(frozen=True)
class Fussy(Largest):
    def __post_init__(self):
        raise ValueError("the margin must be even")


Foreign = make_dataclass("Foreign", [])


class LargestPartial(Partial):
    def __init__(self, structure, margin):
        self.weight, self.updates, self.margin = 0.0, 0, margin
        self.arrays = [np.full(spec.shape, -np.inf) for spec in structure.arrays]

    def accumulate(self, arrays, weight, metadata=None):
        self.arrays = list(map(np.maximum, self.arrays, arrays))
        self.weight, self.updates = self.weight + weight, self.updates + 1

    def merge(self, other):
        self.arrays = list(map(np.maximum, self.arrays, other.arrays))
        self.weight, self.updates = self.weight + other.weight, self.updates + other.updates

    def finish(self, base, state):
        return (array + self.margin for array in self.arrays)

    def save(self, path):
        write_model(path, [*self.arrays, np.array([self.weight, self.updates])])
'''

ENTRY_POINTS = """
[fednet.aggregators]
largest = largest_of_all:Largest
needy = largest_of_all:Needy
broken = no_such_module:Anything
plain = largest_of_all:LargestPartial
foreign = largest_of_all:Foreign
fussy = largest_of_all:Fussy
leaving = leaves_when_imported:Anything
fedavg = largest_of_all:Largest
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed distributions, with one that brings aggregators."""
    (tmp_path / "largest_of_all.py").write_text(MODULE)
    (tmp_path / "leaves_when_imported.py").write_text("raise SystemExit(3)")
    info = tmp_path / "largest-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: largest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("largest_of_all", None)


@pytest.mark.usefixtures("site")
def test_an_installed_aggregator_is_used_by_its_name():
    """It takes settings as others do, and inherits the defaults of the protocols."""
    rule = aggregator("largest", {"margin": 0.5})
    partial = rule.partial(Structure.of([np.zeros(2)]))
    partial.accumulate([np.array([1.0, 4.0])], 1)
    partial.accumulate([np.array([3.0, 2.0])], 1)

    assert [array.tolist() for array in partial.finish([], None)] == [[3.5, 4.5]]
    assert partial.advance([], None) is None
    assert (rule.updates_min, rule.updates_max, dict(rule.client_settings)) == (1, None, {})


@pytest.mark.usefixtures("site")
def test_its_settings_are_checked_like_those_of_others():
    """Unknown names and values beyond the limits are refused."""
    for settings in ({"margins": 1}, {"margin": 2}):
        with pytest.raises(InvalidInput, match="margin") as caught:
            aggregator("largest", settings)
        assert caught.value.field == "aggregator_kwargs"


@pytest.mark.usefixtures("site")
def test_a_check_of_its_own_refuses_settings():
    """In its words, as Python's classes refuse values."""
    with pytest.raises(InvalidInput, match="the margin must be even") as caught:
        aggregator("fussy")

    assert caught.value.field == "aggregator_kwargs"


@pytest.mark.usefixtures("site")
def test_a_setting_without_a_default_has_to_be_given():
    """The refusal names it."""
    with pytest.raises(InvalidInput, match="'need'") as caught:
        aggregator("needy")

    assert caught.value.field == "aggregator_kwargs"


@pytest.mark.usefixtures("site")
def test_names_are_listed_and_nothing_is_loaded_for_it():
    """Only the one that is asked for is imported."""
    assert {"largest", "broken"} <= set(aggregator_names())
    assert "largest_of_all" not in sys.modules


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", ["broken", "leaving", "plain", "foreign"])
def test_one_that_cannot_be_used_is_named_with_where_it_comes_from(name):
    """A module that is not there or ends the process, a class without settings, and Unknown aggregator."""
    with pytest.raises(FailedPrecondition, match="is installed as") as caught:
        aggregator(name)

    assert caught.value.field == "aggregator"


@pytest.mark.usefixtures("site")
def test_nobody_takes_the_place_of_a_built_in_one():
    """A name of fednet stays fednet's."""
    assert type(aggregator("fedavg")).__module__.startswith("fednet.")


@pytest.mark.parametrize("name", ["os:system", "largest_of_all", "fednet.aggregation", ""])
def test_a_name_is_never_a_module(name):
    """What a request says is looked up and never imported."""
    with pytest.raises(InvalidInput, match="Unknown aggregator"):
        aggregator(name)
