"""Every option of a session as people send it: a senseless value is refused with the option's name."""

import numpy as np
import pytest
import requests

from fednet import limits
from fednet.contract import SessionOptions, options_of
from fednet.parameters import write_model
from fednet.testing import Network

SECONDS = 200


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """Give a network with a model and two clients."""
    folder = tmp_path_factory.mktemp("options")
    write_model(folder / "seed.npz", [np.zeros(4, np.float32)])
    with Network(data_dir=folder / "network") as network:
        network.api.set_active_model(str(folder / "seed.npz"))
        for name in ("a", "b"):
            network.add_client(name, train=lambda found, _: (found, {"num_examples": 1}))
        yield network


def post(net, options, route="/api/v1/sessions/"):
    headers = {"Authorization": f"Bearer {net.token}"}
    return requests.post(net.api_url + route, json=options, headers=headers, timeout=SECONDS)


LONG = "x" * (limits.name_characters_max + 1)
REFUSED = [
    # Options alone
    (422, "rounds", {"rounds": 0}),
    (422, "server_functions", {"server_functions": 7}),
    (422, "server_functions", {"server_functions": "print('no class')"}),
    (422, "rounds", {"rounds": 2.5}),
    (422, "rounds", {"rounds": True}),
    (422, "rounds", {"rounds": "many"}),
    (422, "rounds", {"rounds": limits.session_rounds_max + 1}),
    (422, "round_timeout", {"round_timeout": 0}),
    (422, "round_timeout", {"round_timeout": True}),
    (422, "round_timeout", {"round_timeout": "inf"}),
    (422, "round_timeout", {"round_timeout": "nan"}),
    (422, "round_timeout", {"round_timeout": limits.round_seconds_max + 1}),
    (422, "round_retries", {"round_retries": -1}),
    (422, "round_retries", {"round_retries": limits.round_retries_max + 1}),
    (422, "round_buffer_size", {"round_buffer_size": -2}),
    (400, "round_buffer_size", {"round_buffer_size": 0}),
    (422, "min_clients", {"min_clients": 0}),
    (422, "requested_clients", {"requested_clients": 0}),
    (422, "requested_clients", {"requested_clients": limits.session_clients_max + 1}),
    (422, "delete_models", {"delete_models": "perhaps"}),
    (422, "validate", {"validate": 7}),
    (422, "seed", {"seed": -1}),
    (422, "seed", {"seed": 2**limits.session_seed_bits_max}),
    (422, "name", {"name": ""}),
    (422, "name", {"name": LONG}),
    (422, "id", {"id": "a/b"}),
    (422, "id", {"id": "count"}),
    (422, "aggregator", {"aggregator": LONG}),
    (400, "aggregator", {"aggregator": "os.system"}),
    (422, "aggregator_kwargs", {"aggregator_kwargs": "mu=1"}),
    (422, "helper", {"helper": LONG}),
    (400, "helper", {"helper": "pickle"}),
    (422, "model_id", {"model_id": LONG}),
    (400, "model_id", {"model_id": "nobodys"}),
    (422, "settings", {"settings": "mu=1"}),
    (422, "settings", {"settings": {"rounds": 1}}),
    (422, "settings", {"settings": {"a": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}}),
    (422, "settings", {"settings": {"a": "x" * limits.settings_bytes_max}}),
    (422, "update_codec", {"update_codec": "int4"}),
    (422, "examples_max", {"examples_max": 0}),
    (422, "examples_max", {"examples_max": "nan"}),
    (422, "dp", {"dp": {"clip": 0, "noise_multiplier": 1}}),
    (422, "models_kept", {"models_kept": 0}),
    (422, "secure", {"secure": "xaynet"}),
    (422, "secure", {"secure": {"protocol": "pet", "threshold": 4}}),
    (422, "retries", {"retries": 1}),
    # Options that do not go together
    (400, "requested_clients", {"min_clients": 9}),
    (400, "requested_clients", {"min_clients": 2, "requested_clients": 1}),
    (400, "round_buffer_size", {"min_clients": 2, "round_buffer_size": 1}),
    (400, "round_buffer_size", {"round_buffer_size": 9}),
    (400, "aggregator_kwargs", {"aggregator_kwargs": {"mu": 1}}),
    (400, "aggregator_kwargs", {"aggregator": "fedprox", "aggregator_kwargs": {"mu": "1"}}),
    (400, "min_clients", {"aggregator": "krum"}),
    (400, "min_clients", {"secure": "pet"}),
    (400, "requested_clients", {"aggregator": "fedmedian", "requested_clients": 501}),
    # An option and the network
    (400, "helper", {"helper": "safetensors"}),
    (409, "min_clients", {"min_clients": 3}),
]


@pytest.mark.parametrize(("status", "field", "options"), REFUSED, ids=str)
def test_what_makes_no_sense_is_refused_with_its_name(net, status, field, options):
    """No session is left behind."""
    before = net.api.get_sessions_count()

    answer = post(net, options)

    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["success"] is False
    assert net.api.get_sessions_count() == before


@pytest.mark.parametrize("options", [{"rounds": True}, {"id": "count"}, {"server_functions": "x"}])
def test_our_own_checks_speak_like_all_others(net, options):
    """The refusal is the option's name, a sentence and one full stop, without a word of the checking library."""
    message = post(net, options).json()["message"]

    assert "Value error" not in message
    assert message.endswith(".")
    assert not message.endswith("..")


def test_every_option_is_refused_for_something():
    """An option that takes any value would promise more than it does."""
    names = {option.name for option in options_of(SessionOptions)}

    assert names == {field for _, field, _ in REFUSED} - {"retries"}


def test_numbers_may_come_as_texts_and_whole_numbers_as_floats(net):
    """Numbers come as some of FEDn's clients send them, and are kept as they are."""
    asked = {"rounds": "1", "round_timeout": 60, "min_clients": 2.0, "round_buffer_size": "-1"}
    asked |= {"delete_models": "true", "validate": 0, "seed": "7"}

    answer = post(net, asked)

    assert answer.status_code == 201
    config = answer.json()["config"]
    assert (config["rounds"], config["min_clients"], config["seed"]) == (1, 2, 7)
    assert (config["round_timeout"], config["round_buffer_size"]) == (60.0, -1)
    assert (config["delete_models"], config["validate"]) == (True, False)
    net.api.wait_session(answer.json()["session_id"], timeout=SECONDS)


def test_fedns_clients_may_wait_for_more_than_they_request(net):
    """FEDn never read requested_clients: on its routes the option grows to the awaited number."""
    asked = {"session_id": "fedns", "rounds": 1, "round_buffer_size": 9, "requested_clients": 8}

    answer = post(net, asked, "/start_session")

    assert answer.json()["success"] is True
    config = net.api.get_session("fedns")["options"]
    assert config["requested_clients"] == 9
    net.api.wait_session("fedns", timeout=SECONDS)


def test_the_client_sends_every_option(net):
    """The arguments of start_session stand in the session's configuration."""
    given = {"name": "for people", "round_retries": 0, "seed": 3, "delete_models": False}
    given |= {"rounds": 1, "requested_clients": 1, "validate": False, "round_timeout": 30}

    started = net.api.start_session("all", **given)

    assert started["success"], started
    session = net.api.wait_session("all", timeout=SECONDS)
    assert session["name"] == "for people"
    assert {**session["options"], **given} == session["options"]
