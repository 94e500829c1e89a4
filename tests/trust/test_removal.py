"""Who is removed, or whose token is revoked, is served no longer than some seconds."""

import contextlib
import threading

import pytest
from agents import Running, Trainer

from fednet import limits
from fednet.client import connection
from fednet.client.agent import Agent
from fednet.client.runtime import CallbackRuntime
from fednet.combiner.server import Combiner
from fednet.contract import Principal, Role
from fednet.errors import Unauthenticated
from fednet.http import Http
from fednet.identity import Signer
from fednet.rpc import open_channel
from fednet.settings import ClientSettings, CombinerSettings

SECONDS = 200


@pytest.fixture
def member(net, tmp_path):
    """Give a function that starts an agent with a token that was made for it, and waits until it is connected."""
    running = []

    def start(name, train=None, combiner="combiner-1"):
        made = Signer.from_folder(net.data_dir).sign(Principal.of(Role.CLIENT, f"{name}-id", name))
        settings = ClientSettings(
            name=name,
            api_url=net.api_url,
            token=made,
            data_dir=tmp_path / "members",
            preferred_combiner=combiner,
        )
        runtime = CallbackRuntime(train or Trainer(), None)
        running.append(Running(lambda ready: Agent(settings, runtime, ready)))
        running[-1].ready.get(timeout=SECONDS)
        assert net._controller.presence.wait_for_client(f"{name}-id", SECONDS)
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def rest(net):
    """Return the REST API with the administrator's token."""
    with contextlib.closing(Http(net.api_url, net.token)) as http:
        yield http


def test_a_connected_client_that_is_removed_ends_within_seconds(net, member, rest):
    """Its stream ends at the combiner, and its agent ends with the reason."""
    gone = member("gone")

    rest.call("DELETE", "/api/v1/clients/gone-id")

    assert gone.has_ended_soon()
    assert isinstance(gone.problem, Unauthenticated)
    assert "removed" in gone.problem.message
    assert net._controller.presence.combiner_of("gone-id") is None


def test_the_update_of_a_removed_client_decides_nothing(net, member, rest):
    """It trains while it is removed; the round goes on with the others."""
    training, may_train = threading.Event(), threading.Event()

    def wait():
        training.set()
        assert may_train.wait(SECONDS)

    gone = member("gone", Trainer(wait))
    options = {"rounds": 1, "min_clients": 1, "round_timeout": 15, "validate": False}
    session_id = net.api.start_session(**options)["session_id"]
    assert training.wait(SECONDS)

    rest.call("DELETE", "/api/v1/clients/gone-id")
    may_train.set()

    assert gone.has_ended_soon()
    assert net.api.wait_session(session_id, timeout=200)["status"] == "FINISHED"
    [round_] = net.api.get_rounds()["result"]
    answers = net.api.get_round_answers(round_["round_id"])["result"]
    assert [each["client"]["name"] for each in answers if each["num_examples"]] == ["site"]


def test_a_removed_combiner_can_do_nothing_more(net, rogue, rest, refusal_of):
    """The controller hangs up, and refuses its token."""
    combiner = rogue()
    assert net._controller.presence.wait_for_combiner("rogue", SECONDS)
    token = combiner.place["token"]
    assert refusal_of("REST", token, "POST", "/api/v1/combiners/renew") is None

    rest.call("DELETE", f"/api/v1/combiners/{combiner.place['id']}")

    assert net._controller.presence.wait_until_gone("rogue", SECONDS)
    for path in ("/api/v1/combiners/renew", "/api/v1/combiners/register"):
        assert isinstance(refusal_of("REST", token, "POST", path), Unauthenticated)


@pytest.fixture
def soon_registered(monkeypatch):
    """Let combiners register again at once when nobody watches."""
    monkeypatch.setattr(limits, "registration_seconds", 0.1)


@pytest.fixture
def third(net):
    """Start a combiner with a token of its own, which does not bring it back once it is removed."""
    made = Signer.from_folder(net.data_dir).sign(Principal.of(Role.COMBINER, "third-id", "third"))
    folder = net.data_dir / "third"
    settings = CombinerSettings(
        name="third", api_url=net.api_url, token=made, port=0, data_dir=folder
    )
    combiner = net._loop.run(Combiner.start(settings))
    assert net._controller.presence.wait_for_combiner("third", SECONDS)
    yield combiner
    net._loop.run(combiner.stop())


@pytest.mark.usefixtures("soon_registered")
def test_the_clients_of_a_removed_combiner_do_not_try_it_again(third, member, rest, monkeypatch):
    """They hear that it has left the network, and ask the controller at once."""
    moves = member("moves", combiner="third")
    tried = []
    monkeypatch.setattr(
        connection,
        "open_channel",
        lambda address, *given: tried.append(address) or open_channel(address, *given),
    )

    rest.call("DELETE", "/api/v1/combiners/third-id")

    assert moves.ready.get(timeout=SECONDS)["combiner"] != "third"
    assert third.address not in tried


@pytest.mark.usefixtures("soon_registered")
def test_a_combiner_that_comes_back_as_another_member_keeps_no_client_that_it_cannot_serve(
    net, member, rest
):
    """Its clients' tokens are for the removed one; they get new ones, and deliver their updates."""
    agent = member("stays")
    [removed] = [
        each["id"] for each in net.api.get_combiners()["result"] if each["name"] == "combiner-1"
    ]

    rest.call("DELETE", f"/api/v1/combiners/{removed}")

    agent.ready.get(timeout=SECONDS)
    wait_for_clients(net.api, 2)
    options = {"rounds": 1, "min_clients": 2, "requested_clients": 2, "validate": False}
    session_id = net.api.start_session(**options)["session_id"]
    assert net.api.wait_session(session_id, timeout=SECONDS)["status"] == "FINISHED"


def wait_for_clients(api, count):
    """Wait until the controller knows of so many connected clients."""
    number = 0
    while api.get_active_clients(n_max=1)["count"] < count:
        number = api.get_feed(number, kinds=["client_joined"], seconds=30)["next"]


@pytest.fixture
def short_placements(monkeypatch):
    """Let placements end after three seconds, and the clocks agree."""
    monkeypatch.setattr(limits, "placement_token_seconds", 3.0)
    monkeypatch.setattr(limits, "clock_skew_seconds_max", 0.0)


@pytest.mark.usefixtures("short_placements")
def test_a_stream_outlives_no_token_and_breaks_for_no_member(net, member):
    """The agent renews its placement in time; it is welcomed once, whatever the placements' life."""
    agent = member("stays")

    agent.thread.join(3 * limits.placement_token_seconds)

    assert agent.thread.is_alive()
    assert agent.ready.empty()
    assert net._controller.presence.combiner_of("stays-id") == "combiner-1"
