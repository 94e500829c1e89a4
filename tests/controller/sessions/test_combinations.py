"""Whole sessions that use several features at once: the promises of each hold beside the others."""

import threading
import time
from collections import Counter

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fednet.controller.server import Controller
from fednet.parameters import model_format
from fednet.settings import ControllerSettings

SECONDS = 200
HELPERS = ["numpyhelper", "binaryhelper", "androidhelper", "safetensors"]
RAW = {"binaryhelper": np.float64, "androidhelper": np.float32}
SEED = np.zeros(6)
SEES_FILES = "process"  # the sandbox in which functions see the files of a test


class Site:
    """One client's code: it adds its number to a model, predicts its sum, and can be held up at its next task."""

    def __init__(self, number):
        self.number = number
        self.heard = []
        self.is_busy = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def train(self, parameters, settings):
        self.heard.append(settings)
        self.is_busy.set()
        assert self.may_go_on.wait(SECONDS)
        return [array + self.number for array in parameters], {"num_examples": self.number}

    def predict(self, parameters, _settings):
        return {"sum": sum(float(array.sum()) for array in parameters) + self.number}


@pytest.fixture
def sites():
    """Give sites 1 to 6; each task that still waits in one of them is let go at the end."""
    made = [Site(number) for number in range(1, 7)]
    yield made
    for site in made:
        site.may_go_on.set()


@pytest.fixture
def network(new_network, tmp_path, sites):
    """Return a function that makes a network with a model of zeros in a format, and sites on its combiners."""

    def make(combiners=1, helper="numpyhelper", **settings):
        net = new_network(combiners, sites, **settings)
        net.api.set_active_model(str(seed_file(tmp_path, helper)), helper=helper)
        return net

    return make


def seed_file(folder, helper):
    """Return a model of zeros, written without fednet where its format allows."""
    path = folder / f"seed{model_format(helper).suffix}"
    if helper == "safetensors":
        save_file({"weights": SEED.reshape(2, 3)}, path)
    elif helper in RAW:
        SEED.astype(RAW[helper]).tofile(path)
    else:
        np.savez(path, **{"0": SEED.reshape(2, 3)})
    return path


def first_value(net, session, folder):
    """Return the first number of a session's newest model, read without fednet."""
    helper, path = session["options"]["helper"], folder / "made"
    net.api.download_model(session["model_id"], str(path))
    if helper == "safetensors":
        [array] = load_file(path).values()
    elif helper in RAW:
        array = np.fromfile(path, RAW[helper])
    else:
        with np.load(path) as found:
            array = found["0"]
    assert array.size == SEED.size
    np.testing.assert_allclose(array, array.flat[0], rtol=1e-6)
    return float(array.flat[0])


def start(net, **options):
    started = net.api.start_session(**{"validate": False, "rounds": 2} | options)
    assert started["success"], started
    return started["session_id"]


def finish(net, session_id):
    session = net.api.wait_session(session_id, timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    return session


def retained(net, combiners):
    """Return the number of updates that each combiner has retained."""
    folders = [
        net.data_dir / f"combiner-{n}" / "spool" / "retained" for n in range(1, combiners + 1)
    ]
    return [len([p for p in folder.glob("*/*") if p.name != "round.json"]) for folder in folders]


def wait_until(holds):
    """Wait for a state that no event tells."""
    over = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < over
        threading.Event().wait(0.01)


# Asynchronous sessions


@pytest.mark.parametrize("helper", HELPERS)
def test_stale_updates_are_merged_in_every_format(network, tmp_path, helper):
    """Each of them moves the model up, by what its site adds over the root of one plus its age."""
    net = network(2, helper)

    session = finish(net, start(net, aggregator="fedbuff", round_buffer_size=3, rounds=3))

    # A site may answer more than once in a round; in the third an update is two rounds old at the most.
    least = sum(1 / np.sqrt(1 + age) for age in range(3))
    assert least * (1 - 1e-6) <= first_value(net, session, tmp_path) <= 3 * 6


def test_updates_of_an_asynchronous_session_stay_where_it_wants_to_keep_them(network):
    """Each combiner has the updates of its clients, at least those in models."""
    net = network(2)

    finish(net, start(net, aggregator="fedbuff", round_buffer_size=3, delete_models=False))

    wait_until(lambda: sum(retained(net, 2)) >= 2 * 3)


# Server functions


class Sum:
    """Functions that tell everybody the round, and sum the updates."""

    def __init__(self):
        self.rounds = 0

    def client_settings(self, _global_model):
        self.rounds += 1
        return {"told": self.rounds}

    def aggregate(self, previous_global, client_updates):
        updates = [parameters for parameters, _ in client_updates.values()]
        return [
            before + sum(update[place] - before for update in updates)
            for place, before in enumerate(previous_global)
        ]


@pytest.mark.parametrize("helper", HELPERS)
def test_server_functions_plan_and_aggregate_in_every_format(network, sites, tmp_path, helper):
    """The sums are NumPy's, over two combiners."""
    net = network(2, helper)

    session = finish(net, start(net, server_functions=Sum))

    assert first_value(net, session, tmp_path) == 2 * sum(range(1, 7))
    assert [each["told"] for each in sites[0].heard] == [1, 2]


def test_updates_that_server_functions_are_given_stay_on_their_combiners(network, tmp_path):
    """Each update stays once, although it also travelled to the combiner that aggregates."""
    net = network(3)

    session = finish(net, start(net, server_functions=Sum, delete_models=False))

    assert first_value(net, session, tmp_path) == 2 * sum(range(1, 7))
    wait_until(lambda: retained(net, 3) == [4, 4, 4])


class Count:
    """Functions whose model is the number of their updates."""

    def aggregate(self, previous_global, client_updates):
        return [np.full_like(array, len(client_updates)) for array in previous_global]


def test_server_functions_aggregate_as_many_updates_as_are_enough(network, sites, tmp_path):
    """With a buffer of three, nobody waits for the other clients."""
    net = network(1)
    for site in sites[3:]:
        site.may_go_on.clear()

    session_id = start(net, server_functions=Count, round_buffer_size=3, rounds=1)

    assert first_value(net, finish(net, session_id), tmp_path) == 3


def clients_of(net, round_id):
    """Return the names of the clients whose updates are in a round's model."""
    answers = net.api.get_round_answers(round_id, outcome="counted")["result"]
    return sorted(each["client"]["name"] for each in answers)


def test_the_same_seed_draws_the_same_where_functions_only_tell(network):
    """The draw is the same as without functions: settings change no draw."""
    net = network(2)

    drawn = []
    for functions in (Sum, Sum, None):
        options = {"requested_clients": 2, "seed": 7, "server_functions": functions}
        session_id = finish(net, start(net, **options))["session_id"]
        rounds = [
            each for each in net.api.get_rounds()["result"] if each["session_id"] == session_id
        ]
        drawn.append({each["number"]: clients_of(net, each["id"]) for each in rounds})

    assert drawn[0] == drawn[1] == drawn[2]
    assert [len(clients) for clients in drawn[0].values()] == [2, 2]


WAITS = """
class Waits:
    def __init__(self):
        self.plans = 0

    def client_selection(self, client_ids):
        self.plans += 1
        open({begun!r}, "w").close()
        while not os.path.exists({may!r}):
            time.sleep(0.01)
        return client_ids

    def client_settings(self, global_model):
        return {{"plans": self.plans}}
"""


@pytest.fixture
def waiting(network, tmp_path):
    """Give a network, a session that is in PLANNING, and a function that lets its functions go on."""
    begun, may = tmp_path / "begun", tmp_path / "may"
    net = network(2, sandbox=SEES_FILES)
    session_id = start(net, server_functions=WAITS.format(begun=str(begun), may=str(may)))
    wait_until(begun.exists)
    assert net.api.get_session(session_id)["progress"]["phase"] == "planning"
    yield net, session_id, may.touch
    may.touch()


def test_a_session_that_is_paused_while_it_plans_finishes_that_round(waiting):
    """The session begins no other round until it is resumed."""
    net, session_id, go_on = waiting

    net.api.pause_session(session_id)
    go_on()
    wait_until(lambda: net.api.get_session(session_id)["progress"]["phase"] == "waiting")
    paused = net.api.get_session(session_id)
    net.api.resume_session(session_id)

    assert (paused["status"], paused["progress"]["phase"]) == ("PAUSED", "waiting")
    finish(net, session_id)


def test_a_session_that_is_stopped_while_it_plans_can_be_continued(waiting, sites):
    """The functions begin with their memory before the abandoned plan."""
    net, session_id, go_on = waiting

    stopped = net.api.stop_session(session_id)
    go_on()
    continued = net.api.continue_session(session_id, rounds=1)

    assert stopped["status"] == "TERMINATED"
    assert continued["rounds_total"] == 3
    finish(net, session_id)
    assert [each["plans"] for each in sites[0].heard] == [1, 2, 3]


@pytest.mark.parametrize("which", ["controller", "combiners"])
def test_a_plan_survives_a_restart(waiting, sites, controllers, which):
    """The plan is asked for again, and counted once."""
    net, session_id, go_on = waiting
    if which == "controller":
        controllers[-1].stop()
        port = int(net.api_url.rpartition(":")[2])
        Controller.start(ControllerSettings(port=port, data_dir=net.data_dir))
    else:
        for name in ("combiner-1", "combiner-2"):
            net.remove_combiner(name)
            net.add_combiner(name, sandbox=SEES_FILES)
    go_on()

    finish(net, session_id)

    told = {(each["round"], each["plans"]) for site in sites for each in site.heard}
    assert told == {(1, 1), (2, 2)}


def test_a_round_tells_how_long_its_planning_took(waiting):
    """The functions' time is part of the plan, not of the training; the parts make up the whole."""
    net, session_id, go_on = waiting
    asked_at = time.monotonic()
    net.api.get_session(session_id)
    waited = time.monotonic() - asked_at
    go_on()

    finish(net, session_id)

    first, second = sorted(net.api.get_rounds()["result"], key=lambda each: each["number"])
    seconds = first["seconds"]
    assert seconds["plan"] >= waited
    parts = sum(seconds[part] for part in ("plan", "train", "reduce", "commit"))
    assert parts <= seconds["round"] + 0.001
    assert second["seconds"]["plan"] > 0


# Predictions


def test_clients_predict_while_a_session_trains(network, sites):
    """Both sessions end; a client serves them in turn."""
    net = network(2)
    sites[0].may_go_on.clear()
    session_id = start(net)
    assert sites[0].is_busy.wait(SECONDS)

    net.api.start_predictions("beside")
    wait_until(lambda: net.api.get_predictions_count() >= 5)
    sites[0].may_go_on.set()

    assert net.api.wait_session("beside", timeout=SECONDS)["reason"] == "6 of 6 clients predicted"
    finish(net, session_id)
    found = net.api.get_predictions(prediction_id="beside")["result"]
    assert Counter(each["result"]["sum"] for each in found) == Counter(range(1, 7))


@pytest.mark.parametrize("helper", HELPERS)
def test_clients_predict_with_a_model_of_any_format(network, helper):
    """The model was made by a session in that format."""
    net = network(1, helper)
    finish(net, start(net, rounds=1, aggregator="fedmedian"))

    net.api.start_predictions("p")

    assert net.api.wait_session("p", timeout=SECONDS)["reason"] == "6 of 6 clients predicted"
    found = net.api.get_predictions(prediction_id="p")["result"]
    assert sorted(each["result"]["sum"] for each in found) == [21 + n for n in range(1, 7)]
