"""The settings of aggregators: known by name, held to their limits."""

import numpy as np
import pytest

from fednet.aggregation import aggregator
from fednet.errors import InvalidInput

BAD = [
    ("fedopt", "serveropt", "sgd"),
    ("fedopt", "serveropt", None),
    ("fedopt", "serveropt", ["adam"]),
    ("fedopt", "learning_rate", 0),
    ("fedopt", "learning_rate", "0.1"),
    ("fedopt", "learning_rate", True),
    ("fedopt", "learning_rate", np.nan),
    ("fedopt", "learning_rate", np.inf),
    ("fedopt", "learning_rate", 10**400),
    ("fedopt", "beta1", 1),
    ("fedopt", "beta1", -0.1),
    ("fedopt", "beta2", 1.5),
    ("fedopt", "tau", 0),
    ("fedavgm", "momentum", 1),
    ("fedavgm", "learning_rate", -1),
    ("fedprox", "mu", -0.5),
    ("fedtrimmedavg", "beta", 0.5),
    ("fedtrimmedavg", "beta", 0),
    ("geometric_median", "iterations", 0),
    ("geometric_median", "iterations", 2.0),
    ("geometric_median", "smoothing", 0),
    ("krum", "byzantine", -1),
    ("krum", "byzantine", 1.5),
    ("krum", "byzantine", None),
    ("bulyan", "byzantine", 1000),
    ("multikrum", "selected", 0),
]


@pytest.mark.parametrize(("name", "setting", "value"), BAD)
def test_a_value_beyond_its_limits_is_refused_by_name(name, setting, value):
    """The refusal says which setting, what it was and what it may be."""
    with pytest.raises(InvalidInput, match=f"{setting!r} is .* it must be") as caught:
        aggregator(name, {setting: value})

    assert caught.value.field == "aggregator_kwargs"


@pytest.mark.parametrize("name", ["fedopt", "fedavgm", "fednova", "krum", "bulyan"])
def test_an_unknown_setting_is_refused_by_name(name):
    """No aggregator ignores what it does not know."""
    with pytest.raises(InvalidInput, match="no setting 'momentun'"):
        aggregator(name, {"momentun": 0.5})


def test_whole_numbers_are_numbers():
    """FEDn refuses 1 where it wants 1.0; here both are the same."""
    assert aggregator("fedopt", {"learning_rate": 1}) == aggregator(
        "fedopt", {"learning_rate": 1.0}
    )


def test_an_optional_setting_may_be_left_open():
    """None stands for the default that depends on the round."""
    assert aggregator("multikrum", {"selected": None}) == aggregator("multikrum")


def test_fedprox_tells_its_clients_mu():
    """And no other aggregator tells them anything."""
    assert aggregator("fedprox", {"mu": 0.1}).client_settings == {"mu": 0.1}
    assert dict(aggregator("fedavg").client_settings) == {}
