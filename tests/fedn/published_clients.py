"""The proof that FEDn's published clients, unmodified, drive a network of ours.

`make test-fedn` makes an environment for each of them and runs this file; as it is not called
`test_…`, the other tests pass it by. A controller, a combiner and two clients run in processes of
their own, and the APIClient runs in the environment that it was published for.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from fednet import APIClient
from fednet.packages import create_package

HERE = Path(__file__).parent
VERSIONS = ("0.9.5", "0.33.0")
START_SECONDS_MAX = 60
DRIVE_SECONDS_MAX = 110

# What each object has in the answers of a FEDn 0.9.5 server.
FIELDS = {
    "clients": "id name combiner combiner_preferred ip status updated_at",
    "combiners": "id name address fqdn port ip parent certificate key config updated_at",
    "models": "id key model parent_model session_id committed_at",
    "packages": "id key name description file_name storage_file_name helper committed_at active",
    "rounds": "id round_id status round_config combiners round_data",
    "sessions": "id session_id status session_config",
    "statuses": "id status timestamp log_level data correlation_id type extra session_id sender",
    "validations": "id model_id data correlation_id timestamp session_id meta sender receiver",
}
CONFIG_FIELDS = {
    "aggregator", "aggregator_kwargs", "buffer_size", "clients_requested", "clients_required",
    "committed_at", "delete_models_storage", "helper_type", "model_id", "round_timeout", "rounds",
    "session_id", "task", "validate",
}  # fmt: skip
COMBINER_FIELDS = {"name", "round_id", "model_id", "status", "time_exec_training", "config", "data"}


@contextmanager
def running(*command, **options):
    """A process that is asked to end, and is waited for."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(START_SECONDS_MAX)
        if process.stdout:
            process.stdout.close()


@contextmanager
def network_of_two_clients(folder):
    """A network in processes of its own; where it is and its admin's token."""
    ready = folder / "ready.json"
    up = (
        "up",
        "--port=0",
        "--combiner-port=0",
        f"--data-dir={folder}/data",
        f"--ready-file={ready}",
    )
    with ExitStack() as stack:
        process = stack.enter_context(
            running(sys.executable, "-m", "fednet", *up, stdout=subprocess.PIPE)
        )
        process.stdout.readline()  # the first word comes when everything answers
        network = json.loads(ready.read_text())
        command = (sys.executable, str(HERE / "worker.py"), network["api_url"], network["token"])
        workers = [
            stack.enter_context(running(*command, *settings))
            for settings in (("a", "1.0", "1"), ("b", "2.0", "3"))
        ]
        wait_for_clients(network, workers)
        yield network


def wait_for_clients(network, workers):
    deadline = time.monotonic() + START_SECONDS_MAX
    with client_of(network) as client:
        while client.get_active_clients()["count"] < len(workers):
            assert [worker.poll() for worker in workers] == [None, None], "a client has ended"
            assert time.monotonic() < deadline, "the clients have not connected"
            threading.Event().wait(0.1)


def client_of(network):
    return APIClient(network["api_url"], token=network["token"])


def make_package(folder):
    (folder / "source").mkdir()
    (folder / "source" / "fednet.yaml").write_text("entry_points: {train: {command: 'true'}}\n")
    create_package(folder / "source", folder / "sent.tgz")
    return folder / "sent.tgz"


def make_seed(folder):
    np.savez(folder / "seed.npz", **{"0": np.zeros((3, 2), np.float32)})
    return folder / "seed.npz"


@pytest.fixture(scope="module", params=VERSIONS)
def life(request, repository, tmp_path_factory):
    """All that one FEDn client was told, the truth beside it, and the folder with its downloads."""
    folder = tmp_path_factory.mktemp("life")
    python = repository / f".venv-fedn-{request.param}" / "bin" / "python"
    with network_of_two_clients(folder) as network, client_of(network) as client:
        address = urlsplit(network["api_url"])
        asked = {
            "host": address.hostname,
            "port": address.port,
            "token": network["token"],
            "package": str(make_package(folder)),
            "seed": str(make_seed(folder)),
            "folder": str(folder),
        }
        told = subprocess.run(
            [python, "-W", "ignore", HERE / "driver.py", json.dumps(asked)],
            check=True, stdout=subprocess.PIPE, timeout=DRIVE_SECONDS_MAX,
        )  # fmt: skip
        yield json.loads(told.stdout), client, folder


@pytest.fixture
def told(life):
    """What each method answered."""
    return life[0]


def fields_of(name):
    return set(FIELDS[name].split())


def test_package_model_and_session_are_accepted(told):
    """The three calls that make a network work."""
    assert told["status before"] == {"state": "setup"}
    assert told["set_active_package"]["success"] is True
    assert told["set_active_model"]["success"] is True
    assert told["start_session"]["message"].startswith("Session started")
    assert told["get_active_clients"]["count"] == 2
    assert {each["name"] for each in told["get_active_clients"]["result"]} == {"a", "b"}


def test_the_session_is_watched_to_its_end(told):
    """The session finishes, and the controller rests."""
    assert told["session_is_finished"] is True
    assert told["get_session_status"].lower() == "finished"
    assert told["get_session"]["status"].lower() == "finished"
    assert told["get_controller_status"] == {"state": "idle"}


@pytest.mark.parametrize("life", ["0.9.5"], indirect=True)
def test_a_second_start_is_refused_as_fedn_refuses_it(told):
    """FEDn 0.9 lets one choose the id; 0.33 makes a new one for each call."""
    assert told["start_session again"] == {"success": False, "message": "Session already exists."}


@pytest.mark.parametrize("name", FIELDS)
def test_lists_are_whole_and_have_fedns_fields(told, name):
    """Without n_max everything comes; the count is that of the list, and n_max cuts it."""
    listed, first = told[f"get_{name}"], told[f"get_{name} n_max=1"]

    assert listed["count"] == len(listed["result"]) == told[f"get_{name}_count"]
    assert all(fields_of(name) <= set(each) for each in listed["result"])
    assert first["result"] == listed["result"][:1]
    assert first["count"] == listed["count"]


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"sessions"}))
def test_an_object_is_what_its_list_shows(told, name):
    """Under its id."""
    single = "status" if name == "statuses" else name.rstrip("s")

    assert told[f"get_{single}"] == told[f"get_{name}"]["result"][0]


def test_the_counts_are_the_truth(told):
    """One package, one session of two rounds, three models, four validations."""
    counted = {name: told[f"get_{name}_count"] for name in FIELDS if name != "statuses"}

    assert counted == {
        "clients": 2, "combiners": 1, "models": 3, "packages": 1,
        "rounds": 2, "sessions": 1, "validations": 4,
    }  # fmt: skip
    assert told["get_models of the session"]["count"] == 2
    assert told["get_validations of the session"]["count"] == 4
    assert told["get_validations of the model"]["count"] == 2
    assert told["get_statuses of the session"]["count"] > 0


def test_a_session_tells_its_configuration(told):
    """With the model that it began with, though nobody named one."""
    (config,) = told["get_session"]["session_config"]

    assert set(config) >= CONFIG_FIELDS
    assert (config["rounds"], config["clients_required"]) == (2, 2)
    assert config["model_id"] == told["get_model_trail"][0]["model"]


def test_a_round_tells_what_its_combiners_did(told):
    """Configuration, times and numbers, as FEDn nests them."""
    newest, oldest = told["get_rounds"]["result"]
    (combiner,) = newest["combiners"]

    assert [oldest["round_id"], newest["round_id"]] == ["1", "2"]
    assert set(newest["round_config"]) >= {*CONFIG_FIELDS, "round_id"}
    assert newest["round_config"]["model_id"] == told["get_model_trail"][1]["model"]
    assert set(combiner) >= COMBINER_FIELDS
    assert combiner["status"] == "Success"
    assert combiner["data"]["aggregation_time"]["nr_aggregated_models"] == 2
    assert newest["round_data"]["reduce"]["time_aggregate_model"] >= 0
    assert newest["round_data"]["time_commit"] >= 0


def test_the_trail_leads_from_the_seed_to_the_newest_model(told):
    """Oldest first by default; each model's parent stands before it."""
    trail = told["get_model_trail"]

    parents = [each["parent_model"] for each in trail]
    assert parents == [None, *(each["model"] for each in trail[:-1])]
    assert trail[-1] == told["get_active_model"]
    assert told["ancestors"] == trail[-2::-1]


def test_validations_hold_what_clients_measured(told):
    """The accuracy of the first model is 1.75, that of the second 3.5."""
    measured = {json.loads(each["data"])["accuracy"] for each in told["get_validations"]["result"]}

    assert measured == {1.75, 3.5}
    assert told["plot"]["valid_metrics"] == ["accuracy", "num_examples"]
    assert told["plot"]["traces"] == ["box", "box", "scatter"]


def test_what_is_downloaded_is_what_was_trained_and_sent(life):
    """The model byte by byte, with the right numbers in it; the package likewise."""
    told, client, folder = life

    truth = folder / "truth.npz"
    client.download_model(told["get_active_model"]["id"], str(truth))
    assert (folder / "model.npz").read_bytes() == truth.read_bytes()
    with np.load(folder / "model.npz") as model:
        assert np.array_equal(model["0"], np.full((3, 2), 3.5, np.float32))
    assert (folder / "package.tgz").read_bytes() == (folder / "sent.tgz").read_bytes()


def test_the_configuration_for_clients_names_the_network_and_the_package(life):
    """Where the network is, and the digest of what clients run."""
    told, client, _ = life

    config = told["get_client_config"]
    assert set(config) == {"network_id", "discover_host", "discover_port", "checksum"}
    assert f"http://{config['discover_host']}:{config['discover_port']}" == client.api_url
    assert config["checksum"] == told["get_package_checksum"]["checksum"]
    assert told["get_active_package"] == told["get_packages"]["result"][0]


def test_what_is_not_there_is_told_as_a_message(told):
    """FEDn's client hands on whatever JSON comes."""
    assert "nope" in told["get_client nope"]["message"]


@pytest.mark.parametrize("life", ["0.33.0"], indirect=True)
def test_attributes_are_kept(told):
    """The newest value counts; of an unknown client that is said."""
    client_id, nobody = told["get_current_attributes"]

    assert told["get_current_attributes"][client_id] == {"charging": "false"}
    assert nobody == "nope"


@pytest.mark.parametrize("life", ["0.33.0"], indirect=True)
def test_clients_predict_and_each_answer_is_listed(told):
    """With the active model, in FEDn's fields."""
    assert told["start_predictions"]["message"] == "Prediction session started"
    assert told["get_predictions"]["count"] == 2
    for found in told["get_predictions"]["result"]:
        assert found["model_id"] == told["get_active_model"]["id"]
        assert json.loads(found["data"]).keys() == {"mean"}
        assert found["correlation_id"] == "asked"


@pytest.mark.parametrize("life", ["0.33.0"], indirect=True)
def test_what_fednet_has_not_is_refused_in_words(told):
    """With what to do instead."""
    assert "split learning" in told["start_splitlearning_session"]["message"]


@pytest.mark.parametrize("life", ["0.33.0"], indirect=True)
def test_its_client_program_says_why_it_cannot_join(life, repository):
    """It shows the controller's sentence, which names the command to start instead, and ends without a traceback."""
    network = json.loads((life[2] / "ready.json").read_text())
    address = urlsplit(network["api_url"])
    place = ("--api-url", f"http://{address.hostname}", "--api-port", str(address.port))
    ended = subprocess.run(
        [
            repository / ".venv-fedn-0.33.0" / "bin" / "fedn",
            *("client", "start", *place, "--token", network["token"], "--name", "c"),
        ],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=DRIVE_SECONDS_MAX,
    )  # fmt: skip

    assert "Start `fednet client start`" in ended.stdout
    assert "NoneType" not in ended.stdout
    assert "Traceback" not in ended.stdout


@pytest.mark.parametrize("life", ["0.33.0"], indirect=True)
def test_a_session_is_found_by_its_name_and_continued(told):
    """For one more round than it had."""
    assert told["get_session by name"]["session_id"] == told["get_session"]["session_id"]
    assert told["continue_session"]["message"] == "Session started"
    assert told["get_session continued"]["round_number"] == 3
