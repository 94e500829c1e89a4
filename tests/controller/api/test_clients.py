"""Joining over REST."""

import pytest

from fednet.contract import Principal, Role
from fednet.controller.presence import Capabilities
from fednet.readiness import Approval, Readiness

CLIENTS = "/api/v1/clients"
COMBINER = {"name": "c1", "address": "127.0.0.1:12080"}


def client(name="a"):
    return {"name": name, "needs_package": True}


def test_a_combiner_and_a_client_join(api, signer):
    """First the combiner, then the client that is placed on it."""
    combiner = api.post("/api/v1/combiners/register", json=COMBINER)
    joined = api.post(f"{CLIENTS}/register", json={**client(), "preferred_combiner": "c1"})

    assert (combiner.status_code, joined.status_code) == (200, 200)
    assert set(combiner.json) == {
        *("id", "name", "token", "public_keys", "time"),
        *("blob_store", "blob_store_mark"),
    }
    assert set(joined.json) == {
        *("id", "name", "token", "combiner", "address", "tls"),
        *("placement_token", "placement_seconds", "public_keys", "object_store", "time"),
    }
    assert joined.json["address"] == "127.0.0.1:12080"
    assert signer.verifier.verify(joined.json["token"]).has(Role.CLIENT)


def test_a_client_is_shown(api):
    """By its name or its id, with where it came from."""
    api.post("/api/v1/combiners/register", json=COMBINER)
    joined = api.post(f"{CLIENTS}/register", json=client()).json

    shown = api.get(f"{CLIENTS}/a").json

    assert shown == api.get(f"{CLIENTS}/{joined['id']}").json
    assert (shown["status"], shown["ip"]) == ("available", "127.0.0.1")
    assert "token" not in shown


def test_the_sandbox_of_a_client_is_shown(api):
    """As its agent has told it at its last start; a client with its own code has none."""
    api.post("/api/v1/combiners/register", json=COMBINER)
    joined = api.post(f"{CLIENTS}/register", json=client()).json
    before = api.get(f"{CLIENTS}/a").json["sandbox"]
    again = {**client(), "sandbox": "bwrap"}
    api.post(
        f"{CLIENTS}/register", json=again, headers={"Authorization": f"Bearer {joined['token']}"}
    )

    assert before is None
    assert api.get(f"{CLIENTS}/a").json["sandbox"] == "bwrap"


def test_a_combiner_is_shown_without_secrets(api):
    """Its address, and neither a token nor a key."""
    api.post("/api/v1/combiners/register", json=COMBINER)

    shown = api.get("/api/v1/combiners/c1").json

    assert (shown["address"], shown["port"]) == ("127.0.0.1", 12080)
    assert not {"key", "certificate", "token"} & set(shown)


def test_without_a_combiner_a_client_is_told_to_come_back(api):
    """503 is worth a retry."""
    answer = api.post(f"{CLIENTS}/register", json=client())

    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")


def test_a_taken_name_is_a_conflict(api, client_with, presence):
    """When its client is connected, or when another client asks for it."""
    api.post("/api/v1/combiners/register", json=COMBINER)
    first = api.post(f"{CLIENTS}/register", json=client("a")).json
    other = api.post(f"{CLIENTS}/register", json=client("b")).json
    as_other = client_with(Principal.of(Role.CLIENT, other["id"], "b"))

    stolen = as_other.post(f"{CLIENTS}/register", json=client("a"))
    presence.client_joined("c1", first["id"], Capabilities(frozenset(), needs_package=True))
    doubled = api.post(f"{CLIENTS}/register", json=client("a"))

    assert [(each.status_code, each.json["code"]) for each in (stolen, doubled)] == [
        (409, "already_exists")
    ] * 2


def test_a_client_comes_back_with_its_own_token(api, client_showing):
    """And keeps its id; a name of its choice it cannot make up."""
    api.post("/api/v1/combiners/register", json=COMBINER)
    first = api.post(f"{CLIENTS}/register", json=client("a")).json
    itself = client_showing(first["token"])

    assert itself.post(f"{CLIENTS}/register", json=client("a")).json["id"] == first["id"]
    assert itself.post(f"{CLIENTS}/register", json=client("new")).status_code == 403


def test_a_member_renews_its_token(api, client_showing):
    """A client and a combiner get what their registration gave; an admin is no member."""
    combiner = api.post("/api/v1/combiners/register", json=COMBINER).json
    first = api.post(f"{CLIENTS}/register", json=client("a")).json

    renewed = client_showing(first["token"]).post(f"{CLIENTS}/renew").json
    keys = client_showing(combiner["token"]).post("/api/v1/combiners/renew").json["public_keys"]

    assert (renewed["id"], renewed["combiner"]) == (first["id"], "c1")
    assert keys == combiner["public_keys"]
    assert api.post(f"{CLIENTS}/renew").status_code == 403


@pytest.mark.parametrize("odd", ["", "x", "../x", 7, "11111111-1111-1111-1111-11111111111A"])
def test_an_enrolment_id_is_a_uuid(api, odd):
    """It becomes the id of a token."""
    answer = api.post(f"{CLIENTS}/register", json={**client("a"), "enrolment_id": odd})

    assert (answer.status_code, answer.json["field"]) == (422, "enrolment_id")


def test_what_a_client_says_of_itself_is_checked(api):
    """The field is named."""
    missing = api.post(f"{CLIENTS}/register", json={"name": "a"})
    unknown = api.post(f"{CLIENTS}/register", json={**client(), "role": "admin"})
    odd = api.post(f"{CLIENTS}/register", json=client("../a"))

    assert (missing.status_code, missing.json["field"]) == (422, "needs_package")
    assert (unknown.status_code, unknown.json["field"]) == (422, "role")
    assert (odd.status_code, odd.json["field"]) == (400, "name")


def test_a_client_can_be_forgotten(api, presence, client_showing):
    """Its name is free then, and its token is good for nothing; also while it is connected."""
    api.post("/api/v1/combiners/register", json=COMBINER)
    joined = api.post(f"{CLIENTS}/register", json=client("a")).json
    presence.client_joined("c1", joined["id"], Capabilities(frozenset(), needs_package=True))

    forgotten = api.delete(f"{CLIENTS}/a")
    refused = client_showing(joined["token"]).post(f"{CLIENTS}/renew")

    assert (refused.status_code, refused.json["code"]) == (401, "unauthenticated")
    assert forgotten.json == {"success": True, "message": "Client deleted."}
    assert api.get(f"{CLIENTS}/a").status_code == 404
    assert api.post(f"{CLIENTS}/register", json=client("a")).json["id"] != joined["id"]


def test_a_client_that_awaits_approvals_is_shown_with_them(api, presence):
    """What waits: the digest of a package, or of the settings of one session."""
    api.post("/api/v1/combiners/register", json=COMBINER)
    id_ = api.post(f"{CLIENTS}/register", json=client("a")).json["id"]
    waits = Readiness(awaited=(Approval("p"), Approval("d", "s")))
    able = Capabilities(frozenset(), needs_package=True, readiness=waits)
    before = api.get(f"{CLIENTS}/{id_}").json
    presence.client_joined("c1", id_, able)

    shown = api.get(f"{CLIENTS}/{id_}").json

    assert (before["readiness"], before["awaiting_approval"]) == (None, None)
    assert shown["readiness"] == "WAITING_APPROVAL"
    assert shown["awaiting_approval"] == [
        {"digest": "p", "session_id": ""},
        {"digest": "d", "session_id": "s"},
    ]


def test_a_client_that_prepares_is_shown_with_its_step(api, presence):
    """The step of the moment, in the list and alone; a client that is ready has none."""
    api.post("/api/v1/combiners/register", json=COMBINER)
    ids = [api.post(f"{CLIENTS}/register", json=client(name)).json["id"] for name in "ab"]
    kinds = frozenset({"TRAIN"})
    installing = Capabilities(kinds, needs_package=True, readiness=Readiness("installing"))
    presence.client_joined("c1", ids[0], installing)
    presence.client_joined("c1", ids[1], Capabilities(kinds, needs_package=True))

    listed = api.get(f"{CLIENTS}/").json["result"]

    assert {each["id"]: each["preparing"] for each in listed} == {
        ids[0]: "installing",
        ids[1]: None,
    }
    assert api.get(f"{CLIENTS}/{ids[0]}").json["preparing"] == "installing"
