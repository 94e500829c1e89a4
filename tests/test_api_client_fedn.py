"""The methods of APIClient that FEDn's has too: their names, parameters and defaults."""

import inspect

import pytest

from fednet import APIClient
from fednet.fedn_filters import in_our_source

N_MAX = {"n_max": None}
ID = {"id": ...}
FEDNS_METHODS = {
    "__init__": {
        "host": ..., "port": None, "secure": False, "verify": False,
        "token": None, "auth_scheme": None,
    },
    "download_model": {"id": ..., "path": ...},
    "download_package": {"path": ...},
    "get_active_clients": {"combiner_id": None, "n_max": None},
    "get_active_model": {},
    "get_active_package": {},
    "get_client": ID,
    "get_client_config": {"checksum": True},
    "get_clients": N_MAX,
    "get_clients_count": {},
    "get_combiner": ID,
    "get_combiners": N_MAX,
    "get_combiners_count": {},
    "get_controller_status": {},
    "get_model": ID,
    "get_model_trail": {"id": None, "include_self": True, "reverse": True, "n_max": None},
    "get_models": {"session_id": None, "n_max": None},
    "get_models_count": {},
    "get_package": ID,
    "get_package_checksum": {},
    "get_packages": N_MAX,
    "get_packages_count": {},
    "get_round": ID,
    "get_rounds": N_MAX,
    "get_rounds_count": {},
    "get_session": {"id": None, "name": None},
    "get_session_status": ID,
    "get_sessions": N_MAX,
    "get_sessions_count": {},
    "get_status": ID,
    "get_statuses_count": {},
    "get_validation": ID,
    "get_validations_count": {},
    "session_is_finished": ID,
    "set_active_model": {"path": ...},
    "set_active_package": {"path": ..., "helper": ..., "name": None, "description": None},
    "start_session": {
        "id": None, "aggregator": "fedavg", "aggregator_kwargs": None, "model_id": None,
        "round_timeout": 180, "rounds": 5, "round_buffer_size": -1, "delete_models": True,
        "validate": True, "helper": None, "min_clients": 1, "requested_clients": 8,
    },
}  # fmt: skip
"""The methods of FEDn 0.9.5's APIClient: parameters in order with defaults; ... for none.

Two defaults differ. FEDn's helper is "numpyhelper"; ours is None, for that of the model to begin with. FEDn checks no
certificate, so anybody on the way can read the token; ours checks it.
Three lists have filters in our words, and take FEDn's keywords besides; see test_fedn_filters.py.
"""


@pytest.mark.parametrize("name", FEDNS_METHODS)
def test_the_parameters_are_fedns(name):
    """The same names in the same order with the same defaults; only here the host may be left out, and TLS is checked.

    What is ours is given by keyword, and may be left out.
    """
    parameters = inspect.signature(getattr(APIClient, name)).parameters
    ours = [each for each in parameters.values() if each.kind is inspect.Parameter.KEYWORD_ONLY]

    found = {
        each.name: ... if each.default is inspect.Parameter.empty else each.default
        for each in parameters.values()
        if each.name != "self" and each not in ours
    }

    expected = FEDNS_METHODS[name] | ({"host": None, "verify": True} if name == "__init__" else {})
    assert list(found.items()) == list(expected.items())
    assert all(each.default is not inspect.Parameter.empty for each in ours)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("get_session", ["id", "name"]),
        ("get_sessions", ["n_max", "name"]),
        ("continue_session", ["session_id", "rounds"]),
        ("start_predictions", ["prediction_id", "model_id"]),
        ("get_current_attributes", ["client_list"]),
        ("add_attributes", ["attribute"]),
    ],
)
def test_what_0_33_has_in_addition_is_there(name, parameters):
    """`make test-fedn` compares all methods with the published package."""
    ours = list(inspect.signature(getattr(APIClient, name)).parameters)

    assert set(parameters) <= set(ours)


@pytest.mark.parametrize(
    ("sender", "source"),
    [
        ({"name": "", "role": "", "client_id": "abc"}, {"id": "abc"}),
        ({"name": "a", "role": "CLIENT"}, {"name": "a", "kind": "client"}),
        ({"role": "WORKER", "client_id": "abc"}, {"kind": "client", "id": "abc"}),
        ({"name": "c", "role": "COMBINER"}, {"name": "c", "kind": "combiner"}),
    ],
)
def test_an_attribute_may_name_fedns_sender(sender, source):
    """It is sent in our words."""
    given = {"key": "charging", "value": "true", "sender": sender}

    assert in_our_source(given) == {"source": source, "key": "charging", "value": "true"}
    assert in_our_source({"key": "k", "source": source}) == {"key": "k", "source": source}
