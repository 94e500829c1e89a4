"""The option secure beside the others: what needs single updates is refused at the start, with the reason."""

import pytest

from fednet.contract import SessionOptions
from fednet.controller.sessions.consistency import check_consistency
from fednet.errors import InvalidInput

FIVE = {"min_clients": 5, "requested_clients": 5}
AGGREGATE = """
from fednet.server_functions import ServerFunctions


class Functions(ServerFunctions):
    def aggregate(self, previous, updates):
        return previous
"""
SELECT = """
from fednet.server_functions import ServerFunctions


class Functions(ServerFunctions):
    def client_selection(self, clients):
        return clients
"""
NOISE = {"clip": 1.0, "noise_multiplier": 1.0}


@pytest.mark.parametrize("protocol", ["pet", "secagg+"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"aggregator": "fedprox"},
        {"aggregator": "fedopt"},
        {"aggregator": "fedavgm"},
        {"update_codec": "delta"},
        {"server_functions": SELECT},
        {"dp": {**NOISE, "mechanism": "distributed"}},
    ],
)
def test_what_needs_the_mean_alone_goes_with_it(protocol, options):
    """Optimisers see nothing else; functions may choose clients."""
    check_consistency(SessionOptions(secure=protocol, **FIVE, **options))


@pytest.mark.parametrize("protocol", ["pet", "secagg+"])
@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("aggregator", {"aggregator": "krum"}),
        ("aggregator", {"aggregator": "median"}),
        ("aggregator", {"aggregator": "fedbuff"}),
        ("aggregator", {"aggregator": "fednova"}),
        ("server_functions", {"server_functions": AGGREGATE}),
        ("update_codec", {"update_codec": "int8"}),
        ("update_codec", {"update_codec": "delta+zstd"}),
        ("delete_models", {"delete_models": False}),
        ("dp", {"dp": NOISE}),
        ("dp", {"dp": {**NOISE, "mechanism": "local"}}),
        ("dp", {"dp": {**NOISE, "mechanism": "distributed", "clipping": "adaptive"}}),
        ("min_clients", {"min_clients": 2}),
        ("requested_clients", {"requested_clients": 1_001}),
        ("examples_max", {"examples_max": 1e9}),
    ],
)
def test_what_needs_single_updates_is_refused(protocol, field, options):
    """The error names the option that does not go with it."""
    with pytest.raises(InvalidInput) as refused:
        check_consistency(SessionOptions(**{**FIVE, "secure": protocol, **options}))

    assert refused.value.field == field


def test_sum_participants_are_drawn_among_those_that_train():
    """There must be as many."""
    with pytest.raises(InvalidInput, match="at least 7") as refused:
        check_consistency(SessionOptions(secure={"protocol": "pet", "sum_participants": 7}, **FIVE))

    assert refused.value.field == "min_clients"


def test_a_part_of_the_noise_protects_nothing_but_a_sum():
    """The mechanism distributed needs secure aggregation."""
    with pytest.raises(InvalidInput, match="Set secure") as refused:
        check_consistency(SessionOptions(**FIVE, dp={**NOISE, "mechanism": "distributed"}))

    assert refused.value.field == "dp"
