"""FEDn's forms of what we store."""

import pytest

from fednet.contract import SessionOptions

STARTED = "2026-11-21T16:56:04.471773Z"


@pytest.fixture
def session(records):
    """A session of which one round is done and the second under way."""
    options = SessionOptions(
        id="s", rounds=2, min_clients=2, round_timeout=600, helper="numpyhelper"
    )
    config = options.model_dump(by_alias=True, exclude={"session_id"})
    records.insert(
        "sessions",
        {"session_id": "s", "committed_at": STARTED, "model_id": "m1", "options": config},
    )
    for model_id, parent in (("m0", None), ("m1", "m0")):
        records.insert("models", {"id": model_id, "parent_id": parent})
    answer_seconds = {"fold": {"max": 0.25, "sum": 0.5}}
    share = {"name": "c", "clients": 2, "updates": 2, "examples": 4.0, "failure": ""}
    done = {"round_id": "1", "number": 1, "status": "Finished", "model_id": "m1"}
    running = {"round_id": "2", "number": 2, "status": "Pending", "model_id": None}
    times = {"round": 2.25, "plan": 0.25, "train": 1.0, "reduce": 0.5, "commit": 0.5}
    for about, seconds in ((done, times), (running, {})):
        records.insert(
            "rounds",
            {
                "session_id": "s",
                "started_at": STARTED,
                "answer_seconds": answer_seconds,
                "updates": 2,
                "seconds": seconds,
                "combiners": [share],
                **about,
            },
        )


@pytest.mark.usefixtures("session")
def test_a_session_shows_its_options_in_both_words(api):
    """With the model that it began with, though no option named one."""
    (config,) = api.get("/api/v1/sessions/s").json["session_config"]

    assert (config["min_clients"], config["clients_required"]) == (2, 2)
    assert (config["requested_clients"], config["clients_requested"]) == (8, 8)
    assert (config["round_buffer_size"], config["buffer_size"]) == (-1, -1)
    assert (config["helper"], config["helper_type"]) == ("numpyhelper", "numpyhelper")
    assert config["model_id"] == "m0"
    assert config["committed_at"] == STARTED


@pytest.mark.usefixtures("session")
def test_a_finished_round_tells_where_its_time_went(api):
    """As FEDn nests it."""
    shown = api.get("/api/v1/rounds/1").json

    (combiner,) = shown["combiners"]
    assert shown["round_config"]["model_id"] == "m0"
    assert shown["round_config"]["task"] == "training"
    assert combiner["status"] == "Success"
    assert combiner["time_exec_training"] == 1.0
    assert combiner["config"]["clients_required"] == "2"
    assert combiner["config"]["aggregator_kwargs"] == "None"
    assert combiner["data"] == {
        "nr_expected_updates": 2,
        "nr_required_updates": 2,
        "timeout": 600.0,
        "time_combination": 0.5,
        "aggregation_time": {
            "nr_aggregated_models": 2,
            "time_model_aggregation": 0.5,
            "time_model_load": 0.0,
        },
    }
    assert shown["round_data"]["reduce"]["time_aggregate_model"] == 0.5
    assert shown["round_data"]["time_commit"] == 0.5


@pytest.mark.usefixtures("session")
def test_a_running_round_began_with_its_sessions_newest_model(api):
    """It has no times yet."""
    shown = api.get("/api/v1/rounds/2").json

    assert shown["round_config"]["model_id"] == "m1"
    assert shown["combiners"][0]["status"] == "Pending"
    assert shown["round_data"] == {}


def test_an_id_has_fedns_name_too(api, records):
    """FEDn 0.33 calls the id after the kind of object; a round's is its number."""
    for name in ("clients", "combiners", "models", "packages", "statuses", "validations"):
        records.insert(name, {"id": "x", "name": "x"})
    records.insert("rounds", {"id": "x", "round_id": "7"})

    shown = {name: api.get(f"/api/v1/{name}/x").json for name in ("models", "statuses", "rounds")}

    assert shown["models"]["model_id"] == "x"
    assert shown["statuses"]["status_id"] == "x"
    assert shown["rounds"]["round_id"] == "7"
    assert api.get("/api/v1/clients/").json["result"][0]["client_id"] == "x"
