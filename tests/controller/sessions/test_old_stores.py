"""A session that was in progress in a store of the schema before, which had FEDn's words."""

import json
import sqlite3
import threading
from contextlib import closing

import pytest
import requests

from fednet.controller.server import Controller
from fednet.settings import ControllerSettings

SECONDS = 200
OLD_NAMES = {
    "clients": {"preferred_combiner": "combiner_preferred"},
    "models": {"parent_id": "parent_model"},
    "sessions": {"options": "session_config"},
}


class Site:
    """Adds one to every parameter, once it may, and counts."""

    def __init__(self):
        self.number = 1
        self.trained = 0
        self.is_training = threading.Event()
        self.may_train = threading.Event()

    def train(self, parameters, _settings):
        self.is_training.set()
        assert self.may_train.wait(SECONDS)
        self.trained += 1
        return [array + 1 for array in parameters], {"num_examples": 1}


def in_old_words(name, document):
    """Return a document of a collection as the schema before had it."""
    old = {OLD_NAMES[name].get(field, field): value for field, value in document.items()}
    if name == "models":
        old |= {"key": "models", "model": document.get("id", "")}
    elif name == "clients":
        old["combiner_preferred"] = old["combiner_preferred"] or False
    else:
        old["session_config"] = [old["session_config"]]
        old["projections"] = [carried_in_old_words(each) for each in old["projections"]]
    return old


def carried_in_old_words(projection):
    if projection["collection"] != "models":
        return projection
    return {**projection, "fields": in_old_words("models", projection["fields"])}


def make_old(path):
    """Leave a store as the schema before has left it, with its unique field of models."""
    with closing(sqlite3.connect(path)) as database, database:
        for name in OLD_NAMES:
            rows = database.execute(f"SELECT _sequence, _body FROM {name}").fetchall()
            for sequence, body in rows:
                old = json.dumps(in_old_words(name, json.loads(body)))
                change = f"UPDATE {name} SET _body = ? WHERE _sequence = ?"
                database.execute(change, (old, sequence))
        database.execute("ALTER TABLE models ADD COLUMN model TEXT")
        database.execute("UPDATE models SET model = id")
        database.execute("CREATE UNIQUE INDEX ix_models_model ON models (model)")
        database.execute("UPDATE _schema SET version = 2")


@pytest.fixture
def upgraded(new_network, controllers, zeros):
    """A network whose controller was stopped in the middle of a session, and goes on with its store made old."""
    site = Site()
    net = new_network(1, [site])
    net.api.set_active_model(zeros)
    net.api.start_session("old", rounds=2, validate=False)
    assert site.is_training.wait(SECONDS)
    controllers[-1].stop()
    make_old(net.data_dir / "state.db")
    port = int(net.api_url.rpartition(":")[2])
    Controller.start(ControllerSettings(port=port, data_dir=net.data_dir))
    site.may_train.set()
    return net, site


def test_a_session_in_progress_goes_on(upgraded):
    """From its state, with nothing done twice; its documents are in our words from then on."""
    net, site = upgraded

    session = net.api.wait_session("old", timeout=SECONDS)

    assert session["status"] == "FINISHED", session["reason"]
    assert site.trained == 2
    assert session["options"]["rounds"] == 2
    trail = net.api.get_model_trail()
    assert [each["parent_id"] for each in trail] == [None, trail[0]["id"], trail[1]["id"]]
    assert all("key" not in each for each in trail)
    assert net.api.get_client("site-1")["preferred_combiner"] == "combiner-1"


def test_fedns_clients_see_the_session_as_before(upgraded):
    """With its configuration in FEDn's words."""
    net, _ = upgraded
    headers = {"Authorization": f"Bearer {net.token}"}

    answer = requests.get(
        f"{net.api_url}/api/v1/sessions/old", headers=headers, timeout=SECONDS
    ).json()

    (config,) = answer["session_config"]
    assert (config["rounds"], config["clients_required"]) == (2, 1)
    assert net.api.wait_session("old", timeout=SECONDS)["status"] == "FINISHED"
