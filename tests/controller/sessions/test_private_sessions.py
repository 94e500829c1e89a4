"""The options of a session beside the option dp."""

import pytest

from fednet.contract import SessionOptions
from fednet.controller.sessions.consistency import check_consistency
from fednet.errors import InvalidInput, MissingExtra

PRIVATE = {"clip": 1, "noise_multiplier": 1}
FUNCTIONS = """
class ServerFunctions:
    def {method}(self, *given):
        return None
"""


@pytest.mark.parametrize(
    ("options", "field", "words"),
    [
        ({"aggregator": "fedmedian"}, "aggregator", "nothing but the mean"),
        ({"aggregator": "krum", "min_clients": 5}, "aggregator", "nothing but the mean"),
        ({"aggregator": "fednova"}, "aggregator", "nothing but the mean"),
        ({"aggregator": "fedbuff"}, "aggregator", "nothing but the mean"),
        ({"examples_max": 9}, "examples_max", "count alike"),
        ({"delete_models": False}, "delete_models", "no noise"),
        (
            {"server_functions": FUNCTIONS.format(method="aggregate")},
            "server_functions",
            "Leave out their aggregate",
        ),
        ({"dp": {**PRIVATE, "epsilon_max": 0.1}}, "dp", "first round alone"),
        (
            {"dp": {**PRIVATE, "clipping": "adaptive", "count_noise": 1}},
            "dp",
            "count_noise",
        ),
        (
            {"dp": {**PRIVATE, "clipping": "adaptive", "mechanism": "local"}},
            "dp",
            "central mechanism",
        ),
    ],
)
def test_options_that_would_break_the_guarantee_are_refused(options, field, words):
    """The refusal names the option and its reason."""
    given = SessionOptions(**{"dp": PRIVATE, **options})

    with pytest.raises(InvalidInput, match=words) as refusal:
        check_consistency(given)

    assert refusal.value.field == field


@pytest.mark.parametrize("aggregator", ["fedavg", "fedavgm", "fedopt", "fedprox"])
def test_every_aggregator_that_is_a_mean_takes_privacy(aggregator):
    """Also with server functions that only choose clients, and with the updates of local privacy kept for people."""
    functions = FUNCTIONS.format(method="client_settings")
    local = {**PRIVATE, "mechanism": "local"}

    check_consistency(SessionOptions(aggregator=aggregator, dp=PRIVATE, server_functions=functions))
    check_consistency(SessionOptions(aggregator=aggregator, dp=local, delete_models=False))


def test_privacy_is_refused_where_the_accountant_is_not_installed(monkeypatch):
    """The refusal says what to install; a session without the option needs nothing."""
    monkeypatch.setitem(__import__("sys").modules, "dp_accounting", None)

    with pytest.raises(MissingExtra, match=r"fednet\[dp\]"):
        check_consistency(SessionOptions(dp=PRIVATE))
    check_consistency(SessionOptions())
