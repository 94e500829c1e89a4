"""The metrics of all components: each moves in a real network with troubles, and the dashboard knows them all."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import numpy as np
import requests
from sqlalchemy import create_engine

from fednet import limits
from fednet.client.measures import ClientMetrics
from fednet.combiner.machine.assignment import tasks_of
from fednet.combiner.measures import CombinerMetrics
from fednet.combiner.server import Combiner
from fednet.controller.measures import ControllerMetrics
from fednet.controller.records import COLLECTIONS
from fednet.controller.server import Controller
from fednet.settings import CombinerSettings, ControllerSettings
from fednet.storage import Query, open_documents
from fednet.testing import Network

SECONDS = 120
FUNCTIONS = """
class Functions(ServerFunctionsBase):
    def client_settings(self, global_model):
        return {}
"""


def declared():
    """The names of all metrics."""
    kinds = (ControllerMetrics, CombinerMetrics, ClientMetrics)
    return {metric.name for kind in kinds for metric in kind().registry.collect()}


class Site:
    """A client's code that can be held up, and can fail."""

    def __init__(self):
        self.is_training = threading.Event()
        self.may_train = threading.Event()
        self.may_train.set()
        self.fails = 0

    def train(self, parameters, _settings):
        self.is_training.set()
        assert self.may_train.wait(SECONDS)
        if self.fails:
            self.fails -= 1
            raise ValueError("no data")
        return parameters, {"num_examples": 1}

    @contextmanager
    def held_up(self):
        """Hold up trainings while the block lasts."""
        self.is_training.clear()
        self.may_train.clear()
        try:
            yield
        finally:
            self.may_train.set()


class Scraper:
    """Notes which metrics have been other than 0 at any look."""

    def __init__(self, net):
        self.net = net
        self.moved = set()
        self.addresses = {net.api_url: net.token}

    def look(self):
        for address, token in self.addresses.items():
            headers = {"Authorization": f"Bearer {token}"}
            answer = requests.get(f"{address}/metrics", headers=headers, timeout=SECONDS)
            series = re.findall(
                r"^(fednet_\w+?)(?:_total|_bucket|_count|_sum)?(?:{.*})? (\S+)$",
                answer.text,
                re.MULTILINE,
            )
            self.moved |= {name for name, value in series if float(value)}
        for combiner in list(self.net._combiners.values()):
            self._note(combiner._engine.metrics.registry.collect())
        for client in list(self.net._clients.values()):
            self._note(client._agent.metrics.registry.collect())

    def _note(self, metrics):
        self.moved |= {each.name for each in metrics if any(one.value for one in each.samples)}

    def wait_for(self, *names):
        """Look until these have moved."""
        wanted = {f"fednet_{name}" for name in names}
        over = time.monotonic() + SECONDS
        while not wanted <= self.moved:
            assert time.monotonic() < over, wanted - self.moved
            self.look()
            threading.Event().wait(0.05)


@contextmanager
def sessions_locked(url):
    """Keep everybody else from changing sessions in the state store."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE sessions IN EXCLUSIVE MODE")
        yield
    engine.dispose()


@contextmanager
def spool_in_the_way(net, combiner):
    """Give a function that puts a folder in the place of each awaited update, until the block ends."""
    engine, folders = net._combiners[combiner]._engine, []

    def block():
        for phase in engine._phases:
            for task in tasks_of(phase.assignment.phase_id, phase.assignment.clients):
                update = engine._spool.update_path(phase.assignment.phase_id, task)
                folders.append(update.with_name(f"{task}.part"))
                folders[-1].mkdir()

    yield block
    for each in folders:
        each.rmdir()


@contextmanager
def running(settings):
    """Run a further controller while the block lasts."""
    controller = Controller.start(settings)
    try:
        yield controller
    finally:
        controller.stop()


def hand_over(state_store, session_id, controller):
    """Give a session to another controller, as if that had taken it while its driver was stopped."""
    with closing(open_documents(state_store, COLLECTIONS)) as documents:
        (session,) = documents.find("sessions", Query(where={"session_id": session_id}))
        incarnation = documents.get("controllers", controller)["incarnation"]
        owner = {"name": controller, "incarnation": incarnation}
        changes = {"owner": owner, "term": session["term"] + 1}
        documents.update("sessions", session["id"], changes, expected_version=session["version"])


def repeat_a_round(net, site, scraper):
    """Let the first attempt at a round fail, and server functions run."""
    site.fails = 1
    net.api.start_session("functions", rounds=1, validate=False, server_functions=FUNCTIONS)
    scraper.wait_for("combiner_work", "controller_combiner_calls")
    net.api.wait_session("functions", timeout=SECONDS)
    scraper.wait_for("controller_round_retries", "controller_lease_renewals")


def lock_the_store(net, site, scraper, url):
    """Let events, news and tasks queue up behind a store that takes nothing."""
    with site.held_up():
        for name in ("one", "two"):
            net.api.start_session(name, rounds=1, validate=False)
        scraper.wait_for("client_tasks_waiting", "combiner_phases")
        assert site.is_training.wait(SECONDS)
        with ThreadPoolExecutor() as asking, sessions_locked(url):
            site.may_train.set()
            scraper.wait_for("controller_store_retries")
            coming = asking.submit(net.add_client, "b", train=site.train)
            scraper.wait_for("controller_news_waiting")
            asking.submit(net.api.stop_session, "one")
            asking.submit(net.api.stop_session, "two")
            scraper.wait_for("controller_inbox_events")
        coming.result()
    for name in ("one", "two"):
        net.api.wait_session(name, timeout=SECONDS)


def block_the_spool(net, site, scraper):
    """Let the deliveries of updates fail for a while."""
    with site.held_up(), spool_in_the_way(net, "combiner-1") as block:
        net.api.start_session("late", rounds=1, validate=False)
        assert site.is_training.wait(SECONDS)
        block()
        site.may_train.set()
        scraper.wait_for("client_delivery_retries", "client_answers_kept")
    net.api.wait_session("late", timeout=SECONDS)


def lose_the_combiner(net, site, scraper):
    """Let calls to a combiner and the streams of clients fail, until it is back; it asks another controller first."""
    with site.held_up():
        net.api.start_session("away", rounds=1, validate=False)
        assert site.is_training.wait(SECONDS)
        net.remove_combiner("combiner-1")
        net.api.stop_session("away")
        scraper.wait_for("controller_combiner_call_retries", "client_connection_retries")
    settings = CombinerSettings(
        name="combiner-1",
        api_url=f"http://127.0.0.1:1,{net.api_url}",
        token=net.token,
        port=0,
        data_dir=net.data_dir / "combiner-1",
    )
    net._combiners["combiner-1"] = net._loop.run(Combiner.start(settings))
    scraper.wait_for("combiner_api_retries")
    net._controller.presence.wait_for_clients("TRAIN", 1, SECONDS)


def change_the_driver(net, site, scraper, url):
    """Let another controller take a session."""
    further = ControllerSettings(port=0, data_dir=net.data_dir, name="second", state_store=url)
    with running(further) as second:
        scraper.addresses[second.api_url] = second.token
        with site.held_up():
            net.api.start_session("lost", rounds=1, validate=False)
            assert site.is_training.wait(SECONDS)
            hand_over(url, "lost", "second")
        scraper.wait_for("controller_sessions_lost", "controller_sessions_taken_over")
        net.api.wait_session("lost", timeout=SECONDS)
        scraper.look()


def test_every_metric_moves(tmp_path, postgresql_url, monkeypatch):
    """A session with a failing client, a store, a combiner and a controller away moves all that are declared."""
    monkeypatch.setattr(limits, "store_wait_seconds_max", 0.2)
    site = Site()
    with Network(data_dir=tmp_path, state_store=postgresql_url) as net:
        scraper = Scraper(net)
        net.api.set_active_model([np.zeros(3)])
        net.add_client("a", train=site.train)
        repeat_a_round(net, site, scraper)
        lock_the_store(net, site, scraper, postgresql_url)
        block_the_spool(net, site, scraper)
        lose_the_combiner(net, site, scraper)
        change_the_driver(net, site, scraper, postgresql_url)

    assert declared() - scraper.moved == set()


def test_the_dashboard_uses_declared_metrics_only(repository):
    """Each query of each panel names metrics that a component has."""
    dashboard = json.loads((repository / "charts/fednet/dashboards/fednet.json").read_text())
    queries = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())
    ]

    named = {name for query in queries for name in re.findall(r"fednet_\w+", query)}

    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named} <= declared()
    assert all(re.search(r"fednet_\w+", query) for query in queries)


def test_names_follow_the_conventions_of_prometheus():
    """A name has the component and, for durations and sizes, the unit; a label has few values, and none is an id."""
    for make in (ControllerMetrics, CombinerMetrics, ClientMetrics):
        component = make.__name__.removesuffix("Metrics").lower()
        for metric in make().registry.collect():
            assert metric.name.startswith(f"fednet_{component}_")
            assert (metric.type == "histogram") is metric.name.endswith("_seconds")
            assert len({tuple(each.labels.items()) for each in metric.samples}) <= 100
