"""Whole sessions over a whole network: real combiners, real clients, a real store."""

import json
import threading
from collections import Counter

import numpy as np
import pytest
import requests

from fednet import limits
from fednet.combiner.engine.spool import Spool
from fednet.contract import Principal, Role, SessionOptions
from fednet.controller.feed.entries import Interest
from fednet.controller.records import timestamp
from fednet.controller.server import Controller
from fednet.controller.sessions.engine import reports
from fednet.controller.sessions.engine.commit import Commits
from fednet.controller.sessions.engine.news import TaskSent
from fednet.controller.sessions.engine.ownership import Ownership
from fednet.errors import FailedPrecondition, InvalidInput, Unavailable
from fednet.packages import create_package
from fednet.parameters import load_parameters, write_model
from fednet.settings import ControllerSettings
from fednet.storage import open_blobs
from fednet.testing import Network

ADMIN = Principal.of(Role.ADMIN, "admin-id", "admin")

SECONDS = 200


class Site:
    """One client's code: it adds its number, and counts how often it trained in each round."""

    def __init__(self, number, trained=None):
        self.number = number
        self.trained = Counter() if trained is None else trained
        self.may_train = threading.Event()
        self.may_train.set()
        self.is_training = threading.Event()

    def train(self, parameters, settings):
        self.trained[self.number, settings["session_id"], settings["round"]] += 1
        self.is_training.set()
        assert self.may_train.wait(SECONDS)
        return [array + self.number for array in parameters], {"num_examples": 10 * self.number}

    def validate(self, parameters, _settings):
        return {"accuracy": float(parameters[0][0])}


@pytest.fixture
def seed(tmp_path):
    """Return a model of zeros."""
    write_model(tmp_path / "seed.npz", [np.zeros(4, np.float32), np.zeros((2, 3), np.float32)])
    return tmp_path / "seed.npz"


@pytest.fixture
def network(new_network, seed):
    """Return a function that makes a network with a seed model."""

    def make(combiners=1, sites=()):
        net = new_network(combiners, sites)
        net.api.set_active_model(str(seed))
        return net

    return make


def finish(net, session_id, expected=frozenset({"FINISHED", "FAILED"})):
    """Wait until a session has ended; return its document."""
    session = net.api.wait_session(session_id, timeout=SECONDS)
    assert session["status"] in expected
    return session


def run(net, **options):
    started = net.api.start_session(**options)
    assert started["success"], started
    return finish(net, started["session_id"])


def rounds_of(net, session):
    """Return the rounds of a session, in their order."""
    found = net.api.get_rounds()["result"]
    mine = [each for each in found if each["session_id"] == session["session_id"]]
    return sorted(mine, key=lambda each: each["number"])


def answers_of(net, round_):
    """Return the answers that count in a round."""
    return net.api.get_round_answers(round_["id"], outcome="counted")["result"]


def clients_of(net, round_):
    return {answer["client"]["name"] for answer in answers_of(net, round_)}


def parameters_of(net, model_id, folder):
    net.api.download_model(model_id, str(folder / f"{model_id}.npz"))
    return load_parameters(folder / f"{model_id}.npz")


# Sessions that go well


def test_one_two_and_three_combiners_give_the_same_model(network, tmp_path):
    """The mean is by examples, on any combiner: (1·10 + 2·20 + 3·30) / 60 in each round."""
    models = []
    for combiners in (1, 2, 3):
        net = network(combiners, [Site(number) for number in (1, 2, 3)])
        session = run(net, rounds=2)
        models.append(parameters_of(net, session["model_id"], tmp_path))

    for model in models:
        assert all(np.allclose(array, 2 * 140 / 60, rtol=1e-6) for array in model)


def test_a_session_leaves_its_rounds_its_trail_and_its_validations(network):
    """One of each for each round, and each client's validation of each model."""
    net = network(2, [Site(1), Site(2)])

    session = run(net, rounds=3)

    rounds = net.api.get_rounds()["result"]
    assert {(each["number"], each["status"], each["updates"]) for each in rounds} == {
        (number, "Finished", 2) for number in (1, 2, 3)
    }
    assert len(net.api.get_model_trail()) == 4
    assert net.api.get_validations()["count"] == 6
    assert net.api.get_active_model()["id"] == session["model_id"]
    assert session["reason"] == "all rounds are done"


def test_two_sessions_at_once_come_to_their_ends(network):
    """Each with its own rounds; the network counts them through."""
    site = Site(1)
    net = network(1, [site, Site(2)])
    site.may_train.clear()

    first = net.api.start_session(rounds=2)["session_id"]
    second = net.api.start_session(rounds=2)["session_id"]
    site.may_train.set()

    assert [finish(net, each)["status"] for each in (first, second)] == ["FINISHED"] * 2
    rounds = net.api.get_rounds()["result"]
    assert Counter(each["session_id"] for each in rounds) == {first: 2, second: 2}
    assert sorted(int(each["round_id"]) for each in rounds) == [1, 2, 3, 4]


def test_a_round_tells_where_its_time_went(network):
    """The stages make the round up except for messages; of the clients' steps each has the longest and the sum."""
    net = network(2, [Site(1), Site(2)])

    session = run(net, rounds=2, min_clients=2)

    for each in rounds_of(net, session):
        seconds = each["seconds"]
        stages = [seconds[name] for name in ("plan", "train", "reduce", "commit")]
        assert min(stages) > 0
        assert sum(stages) <= seconds["round"]
        for step, told in each["answer_seconds"].items():
            answered = [answer["seconds"][step] for answer in answers_of(net, each)]
            assert told == {"max": max(answered), "sum": sum(answered)}
            assert 0 < told["max"] < seconds["round"]
        assert set(each["answer_seconds"]) == {"download", "train", "upload", "fold"}


@pytest.mark.parametrize("delete_models", [True, False])
def test_updates_go_with_their_round_unless_they_are_to_stay(network, tmp_path, delete_models):
    """Each combiner retains the updates of its clients, and a status says where; partials go in any case."""
    net = network(2, [Site(1), Site(2)])

    session = run(net, rounds=2, min_clients=2, delete_models=delete_models)
    another = run(net, rounds=1)  # combiners hear of its start after all releases of the first
    for number in (1, 2):
        net.remove_combiner(f"combiner-{number}")

    spools = [net.data_dir / f"combiner-{number}" / "spool" for number in (1, 2)]
    numbers = {each["id"]: each["number"] for each in rounds_of(net, session)}
    found = Counter()
    for page in (page for spool in spools for page in spool.glob("retained/*/round.json")):
        told = json.loads(page.read_text())
        [update] = told["updates"]
        before = parameters_of(net, told["model_id"], tmp_path)
        after = load_parameters(page.with_name(update["file"]))
        np.testing.assert_allclose(after[0] - before[0], update["num_examples"] / 10, rtol=1e-6)
        found[numbers[told["round_id"]]] += 1
    assert found == ({} if delete_models else {1: 2, 2: 2})
    held = [record.assignment for spool in spools for record in Spool(spool).records()]
    assert {phase.session_id for phase in held} <= {another["session_id"]}
    blobs = open_blobs(f"file://{net.data_dir}/blobs")
    shared = {key.split("/")[1] for key in blobs.list("partials/")}
    assert shared <= {phase.phase_id for phase in held}


def test_where_updates_are_retained_is_told_by_their_combiner(network):
    """The place is a status of the session."""
    net = network(1, [Site(1)])

    session = run(net, rounds=2, delete_models=False)

    statuses = net.api.get_statuses(session_id=session["session_id"])["result"]
    told = [each for each in statuses if "are retained in" in each["message"]]
    first = told[
        -1
    ]  # it comes before the second round's news; the second's may come after the session's end
    assert first["source"] == {"kind": "combiner", "name": "combiner-1", "id": ""}
    assert (first["log_level"], first["details"]["round"]) == ("INFO", 1)


def test_sessions_share_their_clients_fairly(network):
    """A client works on one task at a time, of whichever session, and no session waits for the end of another."""
    lock, orders = threading.Lock(), {name: [] for name in ("a", "b")}
    at_work, both_started = Counter(), threading.Event()

    def site(name):
        def train(parameters, settings):
            with lock:
                at_work[name] += 1
                orders[name].append((settings["session_id"], at_work[name]))
            assert both_started.wait(SECONDS)
            with lock:
                at_work[name] -= 1
            return parameters, {"num_examples": 1}

        return train

    net = network(2)
    for name, combiner in (("a", "combiner-1"), ("b", "combiner-2")):
        net.add_client(name, train=site(name), preferred_combiner=combiner)
    for session_id in ("one", "two"):
        net.api.start_session(session_id, rounds=10, min_clients=2, validate=False)
    both_started.set()

    assert [finish(net, each)["status"] for each in ("one", "two")] == ["FINISHED"] * 2
    for order in orders.values():
        served = [session_id for session_id, _ in order]
        assert Counter(served) == {"one": 10, "two": 10}
        assert {working for _, working in order} == {1}
        assert served.index("one") < last(served, "two")
        assert served.index("two") < last(served, "one")


def last(items, item):
    return len(items) - 1 - items[::-1].index(item)


def test_as_many_clients_as_requested_are_asked_and_a_seed_repeats_the_draw(network):
    """Two of four in each round, not always the same; another session with the seed asks the same."""
    net = network(2, [Site(number) for number in (1, 2, 3, 4)])

    drawn = []
    for seed in (7, 7, 8):
        session = run(net, rounds=10, requested_clients=2, validate=False, seed=seed)
        rounds = rounds_of(net, session)
        assert [each["clients"] for each in rounds] == [2] * 10
        drawn.append([clients_of(net, each) for each in rounds])

    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(map(frozenset, drawn[0]))) > 1


def test_the_buffer_size_ends_a_round_without_the_slow(network):
    """The round goes on with the updates that are enough."""
    slow = Site(2)
    slow.may_train.clear()
    net = network(2, [Site(1), slow])

    session = run(net, rounds=1, round_buffer_size=1, validate=False)

    slow.may_train.set()
    assert (session["status"], net.api.get_rounds()["result"][0]["updates"]) == ("FINISHED", 1)


# Clients that do not do well


def broken(_parameters, _settings):
    raise ValueError("the data is not here")


def with_nan(parameters, _settings):
    return [array * np.nan for array in parameters], {"num_examples": 1}


def with_other_shapes(parameters, _settings):
    return [array[:1] for array in parameters], {"num_examples": 1}


def without_examples(parameters, _settings):
    return parameters, {"num_examples": 0}


BAD = {
    broken: "the data is not here",
    with_nan: "finite",
    with_other_shapes: "shape",
    without_examples: "num_examples",
}


@pytest.mark.parametrize("train", BAD, ids=lambda train: train.__name__)
def test_a_session_goes_on_without_a_client_that_fails(network, tmp_path, train):
    """The model is that of the others; a status says why the client failed."""
    net = network(1, [Site(1)])
    net.add_client("bad", train=train)

    session = run(net, rounds=1, validate=False)

    assert session["status"] == "FINISHED"
    assert np.allclose(parameters_of(net, session["model_id"], tmp_path)[0], 1)
    [told] = [each for each in net.api.get_statuses()["result"] if each["log_level"] == "ERROR"]
    assert told["source"]["name"] == "bad"
    assert BAD[train] in told["message"] + told["details"]["traceback"]


def test_the_traceback_of_a_client_is_in_its_status(network):
    """The author of the code finds the line."""
    net = network(1, [Site(1)])
    net.add_client("bad", train=broken)

    run(net, rounds=1, validate=False)

    [told] = [each for each in net.api.get_statuses()["result"] if each["log_level"] == "ERROR"]
    assert "in broken" in told["details"]["traceback"]


def test_a_session_fails_with_the_reason_where_too_few_answer(network):
    """The session fails after its retries; the seed model stays the active one."""
    net = network(1, [Site(1)])
    net.add_client("bad", train=broken)
    before = net.api.get_active_model()["id"]

    session = run(net, rounds=1, min_clients=2)

    assert session["status"] == "FAILED"
    assert session["reason"].startswith("Round 1 failed 4 times; the last time 1 of at least 2")
    assert "bad: " in session["reason"]
    assert net.api.get_active_model()["id"] == before


def test_at_the_deadline_a_round_with_enough_answers_goes_on(network, tmp_path):
    """The model is that of the clients that have answered; the other one is told as late."""
    slow = Site(2)
    slow.may_train.clear()
    net = network(1, [Site(1), slow])

    session = run(net, rounds=1, round_timeout=1, validate=False)

    slow.may_train.set()
    assert session["status"] == "FINISHED"
    assert np.allclose(parameters_of(net, session["model_id"], tmp_path)[0], 1)
    [round_] = rounds_of(net, session)
    assert (round_["clients"], round_["updates"], round_["attempt"]) == (2, 1, 0)
    assert round_["problems"] == ["site-2: The phase has closed: the deadline had passed."]


@pytest.mark.parametrize("retries", [0, 2])
def test_at_the_deadline_a_round_with_too_few_answers_is_repeated(network, retries):
    """The round is repeated round_retries times; then the session has failed, and its round says why."""
    slow = Site(2)
    slow.may_train.clear()
    net = network(1, [Site(1), slow])
    asked = {"rounds": 1, "min_clients": 2, "round_timeout": 0.5, "round_retries": retries}

    session = run(net, **asked)

    slow.may_train.set()
    often = ":" if retries == 0 else f" {retries + 1} times; the last time"
    assert session["status"] == "FAILED"
    assert session["reason"].startswith(f"Round 1 failed{often} 1 of at least 2")
    [round_] = rounds_of(net, session)
    assert (round_["status"], round_["attempt"]) == ("Failed", retries)
    assert (round_["clients"], round_["updates"], round_["model_id"]) == (2, 1, None)
    assert round_["problems"] == ["site-2: The phase has closed: the deadline had passed."]
    assert round_["seconds"]["round"] > 0
    assert round_["answer_seconds"]["train"]["max"] >= 0
    assert round_["ended_at"] > round_["started_at"]


# Parts that stop and start again


def start_controller_again(net):
    """Start a controller on the folder and the port of the one that was stopped."""
    port = int(net.api_url.rpartition(":")[2])
    Controller.start(ControllerSettings(port=port, data_dir=net.data_dir))


def test_a_controller_started_again_finishes_the_session_with_nothing_redone(
    network, controllers, tmp_path
):
    """Stopped while clients train: every one of them trains once in each round."""
    sites = [Site(1), Site(2)]
    net = network(2, sites)
    sites[1].may_train.clear()
    session_id = net.api.start_session(rounds=3)["session_id"]
    assert sites[1].is_training.wait(SECONDS)

    controllers[-1].stop()
    start_controller_again(net)
    sites[1].may_train.set()

    session = finish(net, session_id)
    assert session["status"] == "FINISHED"
    assert np.allclose(parameters_of(net, session["model_id"], tmp_path)[0], 3 * 50 / 30)
    for site in sites:
        assert site.trained == {(site.number, session_id, number): 1 for number in (1, 2, 3)}


def test_updates_that_come_while_the_controller_is_away_count(network, controllers):
    """The combiners keep the news until a controller has stored it."""
    site = Site(1)
    net = network(1, [site])
    site.may_train.clear()
    session_id = net.api.start_session(rounds=1, validate=False)["session_id"]
    assert site.is_training.wait(SECONDS)

    controllers[-1].stop()
    site.may_train.set()
    start_controller_again(net)

    assert finish(net, session_id)["status"] == "FINISHED"
    assert set(site.trained.values()) == {1}


def test_a_combiner_started_again_finishes_the_session(network, controllers):
    """The combiner has another port; it folds its spool again, and nobody trains twice."""
    fast, slow = Site(1), Site(2)
    slow.may_train.clear()
    net = network(1, [fast, slow])
    session_id = net.api.start_session(rounds=2, min_clients=2)["session_id"]
    assert slow.is_training.wait(SECONDS)
    wait_for_answers(controllers[-1]._engine, session_id, 1)

    net.remove_combiner("combiner-1")
    net.add_combiner("combiner-1")
    slow.may_train.set()

    assert finish(net, session_id)["status"] == "FINISHED"
    for site in (fast, slow):
        assert site.trained == {(site.number, session_id, number): 1 for number in (1, 2)}


def wait_for_answers(engine, session_id, count):
    """Until the controller knows of so many answers; told by the session's changes."""
    while True:
        change = engine._running._feed.listen(Interest(session_id=session_id))
        if engine.document(session_id)["progress"]["answers"] >= count:
            change.close()
            return
        assert change.wait(SECONDS)


# Refusals


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"aggregator": "magic"}, "aggregator"),
        ({"aggregator_kwargs": {"no": 1}}, "aggregator_kwargs"),
        ({"min_clients": 2}, "min_clients"),
        ({"min_clients": 3, "requested_clients": 2}, "requested_clients"),
        ({"round_buffer_size": 0}, "round_buffer_size"),
        ({"rounds": 0}, "rounds"),
        ({"model_id": "nope"}, "model_id"),
        ({"helper": "pickle"}, "helper"),
        ({"session_id": "../../x"}, "session_id"),
    ],
)
def test_a_start_that_is_refused_leaves_nothing_behind(network, options, field):
    """No session, no round; the error names the option."""
    net = network(1, [Site(1)])

    refused = post_session(net, options)

    assert (refused["success"], refused["field"]) == (False, field)
    assert net.api.get_sessions()["count"] == 0
    assert net.api.get_rounds()["count"] == 0


def post_session(net, options):
    """Return the REST API's answer, also a refusal."""
    headers = {"Authorization": f"Bearer {net.token}"}
    url = f"{net.api_url}/api/v1/sessions/"
    return requests.post(url, json=options, headers=headers, timeout=SECONDS).json()


def test_without_a_model_no_session_starts(new_network):
    """The refusal says how to set one."""
    net = new_network(1, [Site(1)])

    refused = post_session(net, {})

    assert (refused["code"], refused["field"]) == ("failed_precondition", "model_id")
    assert "set_active_model" in refused["message"]
    assert net.api.get_sessions()["count"] == 0


def test_without_a_package_no_session_starts_if_a_client_needs_one(network):
    """The refusal says how to set one."""
    net = network(1, [Site(1)])
    net.add_client("in-package-mode")

    refused = post_session(net, {})

    assert (refused["code"], refused["field"]) == ("failed_precondition", "package")
    assert "set_active_package" in refused["message"]


def test_with_a_package_that_does_not_train_no_session_starts(network, tmp_path):
    """Its manifest says so before a client is asked."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "fednet.yaml").write_text("entry_points: {validate: {command: v}}\n")
    create_package(tmp_path / "code", tmp_path / "package.tgz")
    net = network(1, [Site(1)])
    net.add_client("in-package-mode")
    net.api.set_active_package(str(tmp_path / "package.tgz"), "numpyhelper")

    refused = post_session(net, {})

    assert (refused["code"], refused["field"]) == ("failed_precondition", "package")
    assert "entry point train" in refused["message"]


def test_the_same_start_twice_is_one_session(network):
    """A caller who lost the answer may ask again; with other options the id is taken."""
    net = network(1, [Site(1)])
    first = post_session(net, {"session_id": "mine", "rounds": 1})

    again = post_session(net, {"session_id": "mine", "rounds": 1})
    other = post_session(net, {"session_id": "mine", "rounds": 2})
    finish(net, "mine")

    assert first == again
    assert (other["code"], other["field"]) == ("already_exists", "session_id")
    assert net.api.get_sessions()["count"] == 1


# Faults inside


def test_news_that_can_never_be_stored_hold_up_nothing(network, controllers, monkeypatch, caplog):
    """Such news is dropped with a line in the log; later news is heard."""
    net = network(1, [Site(1)])

    def refuse(*_arguments):
        raise InvalidInput("The store will never take it.")

    documents = controllers[-1]._engine._records.documents
    monkeypatch.setattr(type(documents), "insert_missing", refuse)

    session = run(net, rounds=1)

    assert session["status"] == "FINISHED"
    assert "a document for statuses cannot be stored" in caplog.text


def test_news_that_cannot_be_read_hold_up_nothing(network, monkeypatch, caplog):
    """Such news is dropped with a line in the log; later news is heard."""
    net = network(1, [Site(1)])

    documents_of = reports.documents_of

    def broken(news, epoch, client_name):
        if isinstance(news.what, TaskSent):
            raise RuntimeError("a bug")  # noqa: TRY004  any bug
        return documents_of(news, epoch, client_name)

    monkeypatch.setattr(reports, "documents_of", broken)

    session = run(net, rounds=1)

    assert session["status"] == "FINISHED"
    assert "of combiner-1 is dropped" in caplog.text


def test_a_wait_ends_when_the_controller_stops(network, controllers, monkeypatch):
    """Nobody who waits holds it up."""
    site = Site(1)
    site.may_train.clear()
    net = network(1, [site])
    session_id = net.api.start_session(rounds=1)["session_id"]
    assert site.is_training.wait(SECONDS)
    asked, answers = listened(controllers[-1], monkeypatch), []
    path = f"/api/v1/sessions/{session_id}?wait_for=end&wait_seconds={limits.wait_seconds_max}"
    waiting = threading.Thread(target=lambda: answers.append(net.api._http.call("GET", path)))
    waiting.start()
    assert asked.wait(SECONDS)

    controllers[-1].stop()

    waiting.join(SECONDS)
    site.may_train.set()
    assert (answers[0]["session_id"], answers[0]["status"]) == (session_id, "STARTED")


def listened(controller, monkeypatch):
    """An event that is set as soon as somebody waits."""
    asked, feed = threading.Event(), controller._engine._running._feed
    listen = feed.listen

    def and_tell(interest):
        listener = listen(interest)
        asked.set()
        return listener

    monkeypatch.setattr(feed, "listen", and_tell)
    return asked


def test_a_wait_for_the_end_is_not_answered_before(network):
    """However often the session changes on the way."""
    net = network(1, [Site(1)])
    session_id = net.api.start_session(rounds=3)["session_id"]

    path = f"/api/v1/sessions/{session_id}?wait_for=end&wait_seconds={limits.wait_seconds_max}"
    session = net.api._http.call("GET", path, seconds=SECONDS)

    assert (session["status"], session["round_number"]) == ("FINISHED", 3)


def test_a_controller_that_stops_starts_no_session(network, controllers):
    """The error says that the controller stops; the caller may try again."""
    network(1, [Site(1)])
    controllers[-1]._engine.close()

    with pytest.raises(Unavailable, match="stopping"):
        controllers[-1]._engine.start(ADMIN, SessionOptions(rounds=1))


def test_a_session_of_another_version_fails_and_stops_no_other(network, controllers):
    """A controller that cannot read one session still takes up all others."""
    net = network(1, [Site(1)])
    records = controllers[-1]._engine._records
    old = {"session_id": "old", "status": "STARTED", "state": {"session_id": "old"}}
    records.insert("sessions", old)

    controllers[-1].stop()
    start_controller_again(net)

    assert net.api.get_session("old")["status"] == "FAILED"
    assert "another version" in net.api.get_session("old")["reason"]


def test_a_closed_network_leaves_no_thread_behind(tmp_path, seed, join):
    """No thread is left, also if a session was running."""
    before = set(threading.enumerate())
    site = Site(1)
    with Network(2, data_dir=tmp_path / "network") as net:
        join(net, site)
        net.api.set_active_model(str(seed))
        net.api.start_session(rounds=100)
        assert site.is_training.wait(SECONDS)

    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if name.startswith(("link-", "session-", "rest"))}


# Stopping, pausing, more rounds


def test_a_stopped_session_is_terminated_and_cannot_be_paused(network):
    """Its clients hear that their task is not wanted, and nobody waits for the session any more."""
    site = Site(1)
    site.may_train.clear()
    net = network(1, [site])
    session_id = net.api.start_session(rounds=3)["session_id"]
    assert site.is_training.wait(SECONDS)

    stopped = net.api.stop_session(session_id)
    site.may_train.set()

    assert stopped["status"] == "TERMINATED"
    with pytest.raises(FailedPrecondition, match="TERMINATED"):
        net.api.pause_session(session_id)


def test_a_stop_while_the_store_does_not_answer_says_so(network, controllers, monkeypatch):
    """The error comes after a bounded wait; the session ends once the store is back."""
    site = Site(1)
    site.may_train.clear()
    net = network(1, [site])
    session_id = net.api.start_session(rounds=3)["session_id"]
    assert site.is_training.wait(SECONDS)
    engine = controllers[-1]._engine
    documents = engine._records.documents

    def away(*_arguments, **_options):
        raise Unavailable("It is away.")

    monkeypatch.setattr(limits, "command_seconds_max", 0.2)
    monkeypatch.setattr(type(documents), "update", away)
    with pytest.raises(Unavailable, match="state store does not answer"):
        engine.stop(ADMIN, session_id)
    monkeypatch.undo()

    assert finish(net, session_id, {"TERMINATED"})
    site.may_train.set()


def test_a_paused_session_finishes_its_round_and_begins_none_until_it_is_resumed(network):
    """The work under way is not thrown away."""
    site = Site(1)
    site.may_train.clear()
    net = network(1, [site])
    session_id = net.api.start_session(rounds=2)["session_id"]
    assert site.is_training.wait(SECONDS)

    net.api.pause_session(session_id)
    site.may_train.set()
    paused = net.api.get_session(session_id)
    while paused["progress"]["phase"] != "waiting":
        paused = net.api._get(  # the long-poll beneath wait_session
            f"sessions/{session_id}", query={"after_version": paused["version"], "wait_seconds": 5}
        )
    resumed = net.api.resume_session(session_id)

    assert (paused["status"], paused["round_number"]) == ("PAUSED", 1)
    assert resumed["status"] == "STARTED"
    assert finish(net, session_id)["status"] == "FINISHED"
    assert site.trained == {(1, session_id, number): 1 for number in (1, 2)}


def test_a_session_that_is_not_paused_cannot_be_resumed(network):
    """The error names the session's state."""
    net = network(1, [Site(1)])
    session_id = run(net, rounds=1)["session_id"]

    with pytest.raises(FailedPrecondition, match="FINISHED"):
        net.api.resume_session(session_id)


def test_a_finished_session_goes_on_with_more_rounds(network):
    """The session goes on from its newest model, under its own id."""
    site = Site(1)
    net = network(1, [site])
    session_id = run(net, rounds=2)["session_id"]

    net.api.continue_session(session_id, 1)
    session = finish(net, session_id)

    assert (session["status"], session["rounds_total"]) == ("FINISHED", 3)
    assert site.trained == {(1, session_id, number): 1 for number in (1, 2, 3)}
    assert len(net.api.get_model_trail()) == 4


def test_a_session_neither_starts_nor_goes_on_with_a_model_that_is_deleted_at_that_moment(
    network, controllers, monkeypatch
):
    """The file went after the check, and before the session's document named it."""
    net = network(1, [Site(1)])
    session_id = run(net, rounds=1)["session_id"]
    records = controllers[-1]._engine._records
    newest = net.api.get_active_model()["id"]
    before = records.find("sessions")

    def but_first_delete(method):
        def call(self, *more):
            self._records.update("models", newest, lambda _: {"file_deleted_at": timestamp()})
            return method(self, *more)

        return call

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Commits, "commit", but_first_delete(Commits.commit))
        with pytest.raises(FailedPrecondition, match="deleted by retention"):
            net.api.continue_session(session_id, 1)
    records.update("models", newest, lambda _: {"file_deleted_at": None})
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(
            Ownership, "first_rights", but_first_delete(Ownership.first_rights)
        )  # after the admission
        with pytest.raises(FailedPrecondition, match="deleted by retention"):
            net.api.start_session("second", rounds=1)

    (left,) = records.find("sessions")
    assert left["status"] == "FINISHED"
    assert {**left, "version": 0} == {**before[0], "version": 0}


def test_a_running_session_can_have_more_rounds(network):
    """The rounds are added to the session's own."""
    site = Site(1)
    site.may_train.clear()
    net = network(1, [site])
    session_id = net.api.start_session(rounds=1)["session_id"]
    assert site.is_training.wait(SECONDS)

    net.api.continue_session(session_id, 1)
    site.may_train.set()

    assert finish(net, session_id)["rounds_total"] == 2
