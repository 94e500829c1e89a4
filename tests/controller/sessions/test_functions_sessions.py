"""Whole sessions with server functions: over any number of combiners, over restarts, and with failures."""

import inspect
import threading

import numpy as np
import pytest
import requests

from fednet.controller.server import Controller
from fednet.parameters import load_parameters, model_format
from fednet.server_functions import ServerFunctionsBase
from fednet.settings import ControllerSettings

SECONDS = 200
SITES = (1, 2, 3, 4, 5)


class Schedule(ServerFunctionsBase):
    """Functions that choose, tell and aggregate by their memory, with the names that need no import."""

    def __init__(self) -> None:
        self.round = 0
        self.seen = []

    def client_selection(self, client_ids):
        self.round += 1
        return client_ids[: 2 + self.round]

    def client_settings(self, global_model):
        return {"step": np.float64(1) / self.round, "largest": float(global_model[0].max())}

    def aggregate(self, previous_global, client_updates):
        self.seen.append(sorted(client_updates))
        total = sum(said["num_examples"] for _, said in client_updates.values())
        return [
            before + self.round * sum(
                (arrays[place] - before) * (said["num_examples"] / total)
                for arrays, said in client_updates.values()
            )
            for place, before in enumerate(previous_global)
        ]  # fmt: skip


class Site:
    """One client's code: it moves a number by a step that it is told, and can be held up in a round."""

    def __init__(self, number):
        self.number = number
        self.stops_in = 0
        self.is_stopped = threading.Event()
        self.may_go_on = threading.Event()
        self.heard = []

    def train(self, parameters, settings):
        self.heard.append(settings)
        if settings["round"] == self.stops_in:
            self.is_stopped.set()
            assert self.may_go_on.wait(SECONDS)
        step = settings.get("step", 0.5)
        made = [p + np.asarray((self.number - p) * step, p.dtype) for p in parameters]
        return made, {"num_examples": self.number, "site": self.number}


@pytest.fixture
def network(new_network, zeros):
    """Return a function that makes a network with a model of zeros and sites 1 to 5; combiners can forbid functions."""

    def make(combiners=1, sites=None, forbidding=(), **settings):
        everyone = [Site(number) for number in SITES]
        net = new_network(combiners, sites or everyone, forbidding, **settings)
        net.api.set_active_model(zeros)
        return net

    return make


def run(net, functions, **options):
    options = {"validate": False, "rounds": 3} | options
    started = net.api.start_session(server_functions=functions, **options)
    assert started["success"], started
    return net.api.wait_session(started["session_id"], timeout=SECONDS)


def final_model(net, session, folder):
    assert session["status"] == "FINISHED", session["reason"]
    net.api.download_model(session["model_id"], str(folder / "final.npz"))
    return load_parameters(folder / "final.npz")


def ids_of(net):
    """Return the number of each client's site by its id, in the order of the ids."""
    clients = net.api.get_clients()["result"]
    return {
        each["id"]: int(each["name"].removeprefix("site-"))
        for each in sorted(clients, key=lambda each: each["id"])
    }


def expected_model(numbers, rounds):
    """Return the parameters that `Schedule` makes of sites in this order of `client_selection`, in float64."""
    model = [np.zeros(4), np.zeros((2, 3))]
    for number in range(1, rounds + 1):
        chosen = np.array(numbers[: 2 + number], float)
        weights, step = chosen / chosen.sum(), 1 / number
        updates = [[p + (site - p) * step for p in model] for site in chosen]
        model = [
            before
            + number
            * sum(w * (update[place] - before) for w, update in zip(weights, updates, strict=True))
            for place, before in enumerate(model)
        ]
    return model


@pytest.mark.parametrize("combiners", [1, 3])
def test_functions_choose_tell_and_aggregate(network, tmp_path, combiners):
    """The models are NumPy's on any number of combiners; the ids are those of the clients."""
    sites = [Site(number) for number in SITES]
    net = network(combiners, sites)

    session = run(net, Schedule)

    numbers = list(ids_of(net).values())
    for made, expected in zip(
        final_model(net, session, tmp_path), expected_model(numbers, 3), strict=True
    ):
        np.testing.assert_allclose(made, expected, rtol=1e-5)
    heard = {site.number: [each["step"] for each in site.heard] for site in sites}
    assert heard[numbers[0]] == [1, 1 / 2, 1 / 3]
    assert heard[numbers[4]] == [1 / 3]
    assert sites[0].heard[0]["rounds"] == 3
    rounds = sorted(net.api.get_rounds()["result"], key=lambda each: each["number"])
    assert [each["clients"] for each in rounds] == [3, 4, 5]


def restart(net, controllers):
    """Start a controller on the same data and port, and combiners on theirs."""
    names = [combiner["name"] for combiner in net.api.get_combiners()["result"]]
    controllers[-1].stop()
    for name in names:
        net.remove_combiner(name)
    port = int(net.api_url.rpartition(":")[2])
    Controller.start(ControllerSettings(port=port, data_dir=net.data_dir))
    for name in names:
        net.add_combiner(name)


class Counter(ServerFunctionsBase):
    def __init__(self):
        self.planned = []
        self.made = []

    def client_settings(self, global_model):
        self.planned.append(float(global_model[0][0]))
        return {"planned": self.planned, "made": self.made}

    def aggregate(self, previous_global, client_updates):
        self.made.append(float(previous_global[0][0]))
        return [array + len(client_updates) for array in previous_global]


def test_what_they_remember_survives_a_restart_of_everything_but_the_clients(
    network, controllers, tmp_path
):
    """Controller and combiner stop in the third of four rounds; each round is counted once."""
    site = Site(1)
    site.stops_in = 3
    net = network(1, [site])
    started = net.api.start_session(server_functions=Counter, rounds=4, validate=False)
    assert site.is_stopped.wait(SECONDS)
    restart(net, controllers)
    site.may_go_on.set()

    session = net.api.wait_session(started["session_id"], timeout=SECONDS)

    assert final_model(net, session, tmp_path)[0].tolist() == [4.0] * 4
    last = site.heard[-1]
    assert (last["planned"], last["made"]) == ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    states = list((net.data_dir / "blobs" / "states").iterdir())
    assert len(states) <= 4


FAILS_ONCE = """
class F(ServerFunctionsBase):
    def __init__(self):
        self.rounds = 0
    def client_selection(self, client_ids):
        self.rounds += 1
        return client_ids
    def aggregate(self, previous_global, client_updates):
        if self.rounds == 2 and not os.path.exists({mark!r}):
            open({mark!r}, "w").close()
            raise RuntimeError("not this time")
        return [array + self.rounds for array in previous_global]
"""


def test_a_round_that_failed_is_repeated_as_if_it_had_not_been(network, tmp_path):
    """The memory counts every round once, also one that was tried twice."""
    net = network(sandbox="process")  # in which functions see the file of the test

    session = run(net, FAILS_ONCE.format(mark=str(tmp_path / "mark")), rounds=4)

    made = final_model(net, session, tmp_path)
    attempts = [each["attempt"] for each in net.api.get_rounds()["result"]]
    assert made[0].tolist() == [1 + 2 + 3 + 4] * 4
    assert sorted(attempts) == [0, 0, 0, 1]


class Broken(ServerFunctionsBase):
    def client_settings(self, global_model):
        return {"x": 1 / int(global_model[0][0])}


class BrokenInTheEnd(ServerFunctionsBase):
    def aggregate(self, previous_global, client_updates):
        print("about to fail")  # noqa: T201
        return [previous_global[0] / client_updates]


@pytest.mark.parametrize(
    ("functions", "words", "line"),
    [
        (Broken, "ZeroDivisionError", 'return {"x": 1 / int(global_model[0][0])}'),
        (BrokenInTheEnd, "TypeError", "return [previous_global[0] / client_updates]"),
    ],
)
def test_an_error_fails_the_session_with_its_traceback(network, functions, words, line):
    """The traceback is in the reason, in the round's problems and in the log; the next session runs."""
    net = network()

    session = run(net, functions)

    assert session["status"] == "FAILED"
    assert session["reason"].startswith("Round 1 failed 4 times; the last time")
    [found] = net.api.get_rounds()["result"]
    assert found["status"] == "Failed"
    statuses = net.api.get_statuses(session_id=session["session_id"])["result"]
    errors = [each["message"] for each in statuses if each["log_level"] == "ERROR"]
    sources = {each["source"]["kind"] for each in statuses if each["log_level"] == "ERROR"}
    assert len(errors) == 4
    assert sources == {"combiner"}
    for text in (session["reason"], found["problems"][-1], errors[0]):
        assert words in text
        assert line in text
    assert run(net, None, rounds=1)["status"] == "FINISHED"


class Endless(ServerFunctionsBase):
    def client_selection(self, client_ids):
        while client_ids:
            pass
        return client_ids


def test_an_endless_loop_ends_with_the_rounds_time(network):
    """Other sessions do not wait for it."""
    net = network()
    started = net.api.start_session(server_functions=Endless, round_timeout=1, validate=False)
    other = run(net, None, rounds=2)

    session = net.api.wait_session(started["session_id"], timeout=SECONDS)

    assert other["status"] == "FINISHED"
    assert session["status"] == "FAILED"
    assert "took longer than 1 seconds" in session["reason"]


def test_an_optimiser_and_a_selection_get_along(network, tmp_path):
    """The optimiser and the selection have separate memories."""
    net = network(2)
    source = "class F:\n    def client_selection(self, ids):\n        self.ids = ids\n        return ids\n"

    session = run(net, source, aggregator="fedavgm")

    first = net.api.get_model_trail()[0]["id"]
    reference = run(net, None, aggregator="fedavgm", model_id=first)
    for made, expected in zip(
        final_model(net, session, tmp_path), final_model(net, reference, tmp_path), strict=True
    ):
        np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_they_work_on_a_model_of_any_format(network, tmp_path):
    """The functions get arrays, and give arrays."""
    net = network()
    model_format("safetensors").write(tmp_path / "seed.bin", [np.zeros(4, np.float32)])
    net.api.set_active_model(str(tmp_path / "seed.bin"), helper="safetensors")

    session = run(net, Counter, rounds=2)

    assert session["status"] == "FINISHED", session["reason"]
    net.api.download_model(session["model_id"], str(tmp_path / "made.bin"))
    made = model_format("safetensors").load(tmp_path / "made.bin")
    assert [array.tolist() for array in made] == [[10.0] * 4]


AGGREGATES = "class F:\n    def aggregate(self, a, b): ...\n"
REFUSED = [
    ({"server_functions": "class F"}, "server_functions", "not valid Python"),
    ({"server_functions": ""}, "server_functions", "one class with"),
    ({"server_functions": 5}, "server_functions", "string"),
    (
        {"server_functions": AGGREGATES, "aggregator": "fedopt"},
        "aggregator",
        "only one of them can make the model",
    ),
    (
        {"server_functions": AGGREGATES, "aggregator": "fedbuff"},
        "aggregator",
        "only one of them can make the model",
    ),
    (
        {"server_functions": AGGREGATES, "requested_clients": 501},
        "requested_clients",
        "at most 500",
    ),
]


def test_functions_that_cannot_be_used_are_refused_at_the_start(network):
    """The start is refused with the field and an advice, and nothing is left behind."""
    net = network(1, [Site(1)])

    for options, field, words in REFUSED:
        answer = requests.post(
            f"{net.api_url}/api/v1/sessions/",
            json=options,
            headers={"Authorization": f"Bearer {net.token}"},
            timeout=SECONDS,
        ).json()
        assert (answer["success"], answer["field"]) == (False, field), answer
        assert words in answer["message"]
    assert net.api.get_sessions()["count"] == 0


@pytest.mark.parametrize("forbidding", ["combiner-1", "combiner-2"])
def test_one_combiner_that_allows_them_is_enough(network, tmp_path, forbidding):
    """That combiner plans and aggregates, and the clients of the other take part, at the first attempt."""
    net = network(2, forbidding=[forbidding])

    session = run(net, Schedule, round_retries=0)

    expected = expected_model(list(ids_of(net).values()), 3)
    for made, array in zip(final_model(net, session, tmp_path), expected, strict=True):
        np.testing.assert_allclose(made, array, rtol=1e-5)


@pytest.mark.parametrize("functions", [Counter, Schedule])
def test_it_is_enough_also_where_it_has_no_clients(network, tmp_path, functions):
    """The updates of the combiner that forbids them come by the blob store."""
    net = network(1, [Site(1), Site(2), Site(3)], forbidding=["combiner-1"])
    net.add_combiner("combiner-2")

    session = run(net, functions, round_retries=0)

    assert final_model(net, session, tmp_path)[0][0] > 0


def test_where_all_combiners_forbid_them_the_start_is_refused(network):
    """The refusal has the field and an advice; sessions without functions start."""
    net = network(2, [Site(1), Site(2)], forbidding=["combiner-1", "combiner-2"])

    refused = requests.post(
        f"{net.api_url}/api/v1/sessions/",
        json={"server_functions": inspect.getsource(Counter)},
        headers={"Authorization": f"Bearer {net.token}"},
        timeout=SECONDS,
    )

    answer = refused.json()
    assert (refused.status_code, answer["code"]) == (409, "failed_precondition")
    assert answer["field"] == "server_functions"
    assert "No connected combiner allows server functions. Set" in answer["message"]
    assert net.api.get_sessions()["count"] == 0
    assert run(net, None, rounds=1)["status"] == "FINISHED"
