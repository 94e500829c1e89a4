"""A token is good where it was given for, and nowhere else."""

import contextlib

import pytest

from fednet.contract import Principal, Role
from fednet.errors import NotFound, Unauthenticated
from fednet.http import Http
from fednet.identity import Signer, TokenUse, Verifier, combiner_audience

SECONDS = 200
ROUTES = ["/api/v1/feed", "/api/v1/clients/", "/api/v1/packages/download"]


def registered(net, name):
    """Return the answer to the registration of a client."""
    with contextlib.closing(Http(net.api_url, net.token)) as http:
        body = {"name": name, "needs_package": False, "preferred_combiner": "combiner-1"}
        return http.call("POST", "/api/v1/clients/register", body=body)


@pytest.fixture
def placed(net):
    """Return the answer to the registration of a client that is placed on combiner-1."""
    return registered(net, "placed")


def test_the_token_that_a_combiner_is_shown_opens_no_other_combiner(rogue, refusal_of):
    """A combiner cannot give orders to another one: `Plan` would run code there."""
    stolen = rogue().shown.get(timeout=SECONDS)

    for method in ("Plan", "Watch"):
        assert isinstance(refusal_of("combiner-1", stolen, method), Unauthenticated)


@pytest.mark.parametrize("path", ROUTES)
def test_the_token_that_a_combiner_is_shown_opens_no_route(rogue, refusal_of, path):
    """Nor can it do anything in the controller's name."""
    stolen = rogue().shown.get(timeout=SECONDS)

    assert isinstance(refusal_of("REST", stolen, "GET", path), Unauthenticated)


def test_the_token_that_a_combiner_is_shown_ends_soon(net, rogue):
    """Minutes after it was made."""
    thief = rogue()
    public_key = Signer.from_folder(net.data_dir).public_key
    verifier = Verifier(public_key, audience=combiner_audience(thief.place["id"]))

    read = verifier.read(thief.shown.get(timeout=SECONDS))

    assert read.use == TokenUse.CONTROL
    assert read.expires_at - read.issued_at <= 15 * 60


def test_a_clients_token_is_good_at_the_combiner_where_it_is_placed(placed, refusal_of):
    """The combiner knows the client; it has no task for it."""
    refused = refusal_of("combiner-1", placed["placement_token"], "Received")

    assert isinstance(refused, NotFound)


@pytest.mark.parametrize("method", ["Connect", "Received"])
def test_a_clients_token_opens_no_other_combiner(placed, refusal_of, method):
    """A combiner that has seen it cannot be that client elsewhere."""
    assert isinstance(refusal_of("combiner-2", placed["placement_token"], method), Unauthenticated)


@pytest.mark.parametrize("path", ROUTES)
def test_a_clients_token_for_its_combiner_opens_no_route(placed, refusal_of, path):
    """Nor can the combiner register as that client."""
    assert isinstance(refusal_of("REST", placed["placement_token"], "GET", path), Unauthenticated)


@pytest.mark.parametrize("method", ["Connect", "Received"])
def test_a_combiner_serves_no_token_that_is_no_placement(net, placed, refusal_of, method):
    """A membership, an administrator, and a token that never registered, are refused alike."""
    signer = Signer.from_folder(net.data_dir)
    never_registered = signer.sign(Principal.of(Role.CLIENT, "nobody", "nobody"))

    for token in (placed["token"], net.token, never_registered):
        assert isinstance(refusal_of("combiner-1", token, method), Unauthenticated)


def test_a_combiners_own_token_opens_no_combiner(rogue, refusal_of):
    """It is for the REST API alone."""
    own = rogue().place["token"]

    for method in ("Connect", "Plan"):
        assert isinstance(refusal_of("combiner-1", own, method), Unauthenticated)


def test_a_combiner_cannot_claim_the_client_of_another(net, rogue):
    """The client stays where the controller has placed it, and gets its tasks there."""
    [client] = net.api.get_clients()["result"]
    thief = rogue(claimed=[client["id"]])
    thief.shown.get(timeout=SECONDS)
    assert net._controller.presence.wait_for_combiner("rogue", SECONDS)

    assert net._controller.presence.combiner_of(client["id"]) == "combiner-1"
    assert net.api.get_client("site")["combiner"] == "combiner-1"
    assert net._controller.presence.connected()["rogue"] == {}
