"""The API against what its own description allows, and what it does not: it answers as it says."""

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks

from fednet import limits
from fednet.packages import create_package
from fednet.parameters import write_model
from fednet.testing import Network

EXAMPLES = settings(
    max_examples=5,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ACCEPTANCE = "positive_data_acceptance"
UNTOLD = {
    "PUT /api/v1/blobs/{name}": "One of two digests must be there.",
    "POST /api/v1/combiners/register": "The port of an address has a bound, and an IPv6 address many forms.",
    "POST /api/v1/models/": "The file must be a model.",
    "POST /api/v1/packages/": "The file must be a package.",
    "POST /api/v1/sessions/": "Each aggregator has settings of its own, and server functions are Python.",
}
"""The operations that refuse values which their schema allows, each with what no schema tells."""


def train(parameters, _settings):
    return parameters, {"num_examples": 1}


def validate(_parameters, _settings):
    return {"accuracy": 0.5}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network in which a session has run: every kind of object is there. Nobody is left to begin another."""
    folder = tmp_path_factory.mktemp("seed")
    (folder / "code").mkdir()
    (folder / "code" / "fednet.yaml").write_text("entry_points: {train: {command: python t.py}}\n")
    create_package(folder / "code", folder / "package.tgz")
    write_model(folder / "seed.npz", [np.ones(3, np.float32)])
    with Network() as running:
        running.api.set_active_package(str(folder / "package.tgz"), "numpyhelper")
        running.api.set_active_model(str(folder / "seed.npz"))
        running.add_client("a", train=train, validate=validate)
        running.api.start_session("one", rounds=2)
        running.api.wait_session("one", timeout=200)
        running.remove_client("a")
        # Nobody finds a place to wait for something that does not come.
        running._controller._engine._feed._listeners._count_max = 0
        with pytest.MonkeyPatch.context() as patch:
            # Clients that register here never connect.
            patch.setattr(limits, "joining_seconds_max", 0.0)
            yield running


def described(network):
    """Every operation that is there; those of FEDn's that are refused as such say 501."""
    schema = schemathesis.openapi.from_url(f"{network.api_url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    return [each for each in operations if "501" not in each.definition.raw["responses"]]


def checks_of(operation):
    """All checks; without that of accepted values where the schema cannot tell them."""
    left_out = {ACCEPTANCE} if operation.label in UNTOLD else set()
    return CHECKS.get_by_names([each for each in CHECKS.get_all_names() if each not in left_out])


def test_every_operation_keeps_to_its_description(network):
    """With good values and bad, it answers what it says it answers, and never with a fault."""
    load_all_checks()
    headers = {"Authorization": f"Bearer {network.token}"}
    operations = described(network)

    for operation in operations:
        checks = checks_of(operation)

        @EXAMPLES
        @given(case=operation.as_strategy())
        def hold(case):
            case.call_and_validate(headers=headers, checks=checks)  # noqa: B023  called in this turn

        hold()

    assert len(operations) > 50
    assert set(UNTOLD) < {operation.label for operation in operations}
