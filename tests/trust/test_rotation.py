"""The signing key is rotated, and a lost token replaced, while the network works."""

import contextlib

import pytest
from agents import Running, Trainer

from fednet import APIClient, limits
from fednet.client.agent import Agent
from fednet.client.runtime import CallbackRuntime
from fednet.contract import Principal, Role
from fednet.errors import FailedPrecondition, PermissionDenied, Unauthenticated
from fednet.http import Http
from fednet.identity import Signer, admin_token_file
from fednet.settings import ClientSettings

SECONDS = 200


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch):
    """Let a new key sign soon, and members renew their tokens soon."""
    monkeypatch.setattr(limits, "key_activation_seconds", 0.5)
    monkeypatch.setattr(limits, "key_overlap_seconds", 2.0)
    monkeypatch.setattr(limits, "placement_token_seconds", 2.0)


@pytest.fixture
def rest(net):
    """Give a function that calls the REST API with the administrator's token of the moment."""

    def call(method, path, body=None):
        token = admin_token_file(net.data_dir).read_text().strip()
        with contextlib.closing(Http(net.api_url, token)) as http:
            return http.call(method, f"/api/v1/{path}", body=body)

    return call


@pytest.fixture
def agent(net, tmp_path):
    """Give a function that starts an agent in a folder of its own, and waits until it is connected or has ended."""
    running = []

    def start(name, token, folder="first"):
        settings = ClientSettings(
            name=name, api_url=net.api_url, token=token, data_dir=tmp_path / folder
        )
        runtime = CallbackRuntime(Trainer(), None)
        running.append(Running(lambda ready: Agent(settings, runtime, ready)))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def retire_when_possible(rest, *, force=False):
    while True:
        with contextlib.suppress(FailedPrecondition):
            return rest("POST", "keys/retire", {"force": force})


def test_members_outlive_a_rotation(net, rest, agent):
    """Their tokens are renewed with the new key before the older one is retired; sessions run before and after."""
    invited = rest("POST", "tokens/", {"kind": "client", "name": "stays"})
    member = agent("stays", invited["token"])
    member.ready.get(timeout=SECONDS)
    [older] = rest("GET", "keys/")

    rest("POST", "keys/rotate")
    [newer] = retire_when_possible(rest)

    assert (older["id"] != newer["id"], newer["state"]) == (True, "signs")
    assert session_of(net)["status"] == "FINISHED"
    assert member.thread.is_alive()
    assert member.ready.empty()


def session_of(net):
    """Run a round with both clients, with the administrator's token of the moment."""
    token = admin_token_file(net.data_dir).read_text().strip()
    with APIClient(net.api_url, token=token) as api:
        started = api.start_session(rounds=1, min_clients=2, validate=False)
        return api.wait_session(started["session_id"], timeout=2 * SECONDS)


def test_tokens_of_a_retired_key_are_refused_everywhere(net, rest, refusal_of):
    """By the controller and by a running combiner."""
    old = Signer.from_folder(net.data_dir)
    token = old.sign(Principal.of(Role.ADMIN, "ann-id", "ann"))
    assert refusal_of("REST", token, "GET", "/api/v1/models/") is None

    rest("POST", "keys/rotate")
    assert refusal_of("REST", token, "GET", "/api/v1/models/") is None
    retire_when_possible(rest, force=True)

    for refused in (token, net.token):
        assert isinstance(refusal_of("REST", refused, "GET", "/api/v1/models/"), Unauthenticated)


def test_a_lost_token_is_replaced_and_the_client_is_itself_again(rest, agent):
    """With the same id; the older tokens are good for nothing, and the new one admits once."""
    invited = rest("POST", "tokens/", {"kind": "client", "name": "lost"})
    first = agent("lost", invited["token"])
    client_id = first.ready.get(timeout=SECONDS)["client_id"]

    made = rest("POST", "tokens/reissue", {"kind": "client", "name": "lost"})

    assert first.has_ended_soon()
    assert isinstance(first.problem, Unauthenticated | PermissionDenied)
    second = agent("lost", made["token"], "second")
    assert second.ready.get(timeout=SECONDS)["client_id"] == client_id
    third = agent("lost", made["token"], "third")
    assert third.has_ended_soon()
    assert isinstance(third.problem, PermissionDenied)


def test_a_revoked_token_ends_its_client(rest, agent):
    """Wherever it is connected."""
    invited = rest("POST", "tokens/", {"kind": "client", "name": "revoked"})
    member = agent("revoked", invited["token"])
    client_id = member.ready.get(timeout=SECONDS)["client_id"]
    listed = rest("GET", f"tokens/?principal.id={client_id}&use=membership")["result"]

    rest("DELETE", f"tokens/{listed[0]['id']}")

    assert member.has_ended_soon()
    assert rest("GET", f"tokens/{listed[0]['id']}")["revoked_at"]
