"""Who joins the network, and as whom."""

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.client_statuses import ClientStatuses
from fednet.controller.members.addresses import address_of
from fednet.controller.members.registry import Registry
from fednet.controller.presence import Capabilities
from fednet.errors import (
    AlreadyExists,
    InvalidInput,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from fednet.identity import Claims, TokenUse
from fednet.storage import shared_folder

ODD_NAMES = [
    "",
    " a",
    "a b",
    "../a",
    "a/b",
    "ä",
    "a\n",
    "-a",
    "x" * (limits.name_characters_max + 1),
]


@pytest.fixture
def combiners(registry, admin):
    """Two connected combiners, c1 and c2."""
    for number in (1, 2):
        registry.register_combiner(admin, f"c{number}", f"10.0.0.{number}:12080", "10.0.0.9")


@pytest.fixture
def admin(admin):
    """Return the content of an admin's token."""
    return Claims.of(admin)


def join(registry, caller, name, **wishes):
    return registry.register_client(caller, name, "10.0.0.8", needs_package=False, **wishes)


def invited(role, id_, name):
    """Return the content of a token that was made for a name."""
    return Claims.of(Principal.of(role, id_, name))


@pytest.fixture
def own(signer):
    """Give a function that returns the content of the token that a registration has answered."""
    return lambda answer: signer.verifier.read(answer["token"])


def connect(presence, answer):
    """The client's stream to its combiner is open."""
    capabilities = Capabilities(frozenset({"TRAIN"}), needs_package=False)
    presence.client_joined(answer["combiner"], answer["id"], capabilities)


def test_a_combiner_gets_what_it_needs_to_serve(registry, records, signer, admin):
    """A token of its own role, the key to verify others', and the shared folder."""
    answer = registry.register_combiner(admin, "c1", "[::1]:12080", "10.0.0.9")

    assert signer.verifier.verify(answer["token"]) == Principal.of(
        Role.COMBINER, answer["id"], "c1"
    )
    assert answer["public_keys"] == [signer.public_key]
    assert answer["blob_store"] == "file:///blobs"
    assert address_of(records.get("combiners", "c1")) == "[::1]:12080"


def test_a_store_that_is_no_folder_stays_with_the_controller(records, presence, tokens, admin):
    """Its URL may hold credentials; and nobody else needs the state store."""
    told = shared_folder("s3://key:secret@host/bucket")
    registry = Registry(records, presence, tokens, lambda _: None, lambda: ["key"], lambda: told)

    answer = registry.register_combiner(admin, "c1", "host:1", None)

    assert set(answer) == {"id", "name", "token", "public_keys", "time"}


def test_a_combiner_is_announced_after_it_was_written(records, presence, tokens, admin):
    """Whoever is told finds the document."""
    found = []
    registry = Registry(
        records,
        presence,
        tokens,
        lambda each: found.append(records.get("combiners", each["id"])),
        list,
        dict,
    )

    registry.register_combiner(admin, "c1", "host:1", None)

    assert [each["name"] for each in found] == ["c1"]


@pytest.mark.parametrize("is_itself", [True, False])
def test_the_name_of_a_connected_combiner_is_not_taken_at_another_address(
    registry, records, admin, own, monkeypatch, is_itself
):
    """Whatever the token; the same address may be registered again."""
    monkeypatch.setattr(limits, "joining_seconds_max", 0.01)
    first = registry.register_combiner(admin, "c1", "host:1", None)
    caller = own(first) if is_itself else admin

    with pytest.raises(AlreadyExists, match="connected at host:1") as refused:
        registry.register_combiner(caller, "c1", "host:2", None)
    again = registry.register_combiner(own(first), "c1", "host:1", None)

    assert (refused.value.field, again["id"]) == ("name", first["id"])
    assert records.get("combiners", "c1")["port"] == 1


@pytest.mark.parametrize("address", ["0.0.0.0:12080", "[::]:12080"])
def test_an_address_that_means_all_addresses_is_refused(registry, records, admin, address):
    """Clients would look for the combiner on their own machine; the error names the setting to change."""
    with pytest.raises(InvalidInput, match="--advertise-host") as refused:
        registry.register_combiner(admin, "c1", address, None)

    assert refused.value.field == "address"
    assert records.count("combiners") == 0


def test_a_combiner_that_comes_again_keeps_its_id(registry, records, admin, own, presence):
    """With its own token, and a new address."""
    first = registry.register_combiner(admin, "c1", "host:1", None)
    itself = own(first)

    presence.combiner_down("c1")
    second = registry.register_combiner(itself, "c1", "host:2", None)

    assert second["id"] == first["id"]
    assert address_of(records.get("combiners", "c1")) == "host:2"
    assert records.count("combiners") == 1


@pytest.mark.parametrize(
    "address",
    ["", "host", "host:", ":1", "host:0", "host:65536", "http://host:1", "a b:1", "a:b:1"],
)
def test_an_address_must_be_host_and_port(registry, admin, address):
    """The error names the field."""
    with pytest.raises(InvalidInput) as caught:
        registry.register_combiner(admin, "c1", address, None)

    assert caught.value.field == "address"


@pytest.mark.usefixtures("combiners")
def test_a_client_gets_an_identity_and_a_combiner(registry, records, signer, admin):
    """Its document says what FEDn's says, and what it needs."""
    answer = join(registry, admin, "a")

    assert signer.verifier.verify(answer["token"]) == Principal.of(Role.CLIENT, answer["id"], "a")
    assert (answer["combiner"], answer["address"]) == ("c1", "10.0.0.1:12080")
    client = records.get("clients", "a")
    assert (client["status"], client["ip"], client["combiner"]) == ("available", "10.0.0.8", "c1")
    assert client["preferred_combiner"] is None
    assert client["needs_package"] is False


@pytest.mark.usefixtures("combiners")
def test_clients_that_register_together_are_spread(registry, admin):
    """Placed counts, connected or not."""
    placed = [join(registry, admin, f"client-{number}")["combiner"] for number in range(5)]

    assert placed == ["c1", "c2", "c1", "c2", "c1"]


@pytest.mark.usefixtures("combiners")
def test_a_client_that_left_makes_room(registry, records, admin):
    """Offline clients are no load."""
    first, statuses = join(registry, admin, "a"), ClientStatuses(records)
    statuses.offline(first["id"], "c1")
    statuses.write()

    assert join(registry, admin, "b")["combiner"] == "c1"


@pytest.mark.usefixtures("combiners")
def test_a_client_that_comes_again_does_not_count_against_itself(registry, admin, own):
    """It stays where it was, with its id."""
    first = join(registry, admin, "a")

    second = join(registry, own(first), "a")

    assert (second["id"], second["combiner"]) == (first["id"], "c1")


@pytest.mark.usefixtures("combiners")
def test_a_wish_is_remembered_and_granted(registry, records, admin):
    """The preferred combiner stands in the document."""
    assert join(registry, admin, "a", preferred_combiner="c2")["combiner"] == "c2"
    assert records.get("clients", "a")["preferred_combiner"] == "c2"


def test_without_a_combiner_a_client_must_wait(registry, records, admin):
    """Nothing is written; the error says what to do and that it is worth a retry."""
    with pytest.raises(Unavailable, match="Start one"):
        join(registry, admin, "a")

    assert records.count("clients") == 0


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.usefixtures("combiners")
def test_an_odd_name_is_refused(registry, admin, name):
    """Names become parts of file names and of headers."""
    with pytest.raises(InvalidInput) as client:
        join(registry, admin, name)
    with pytest.raises(InvalidInput) as combiner:
        registry.register_combiner(admin, name, "host:1", None)

    assert (client.value.field, combiner.value.field) == ("name", "name")


@pytest.mark.usefixtures("combiners")
def test_the_name_of_a_connected_client_is_taken(registry, presence, admin):
    """Even for an admin."""
    connect(presence, join(registry, admin, "a"))

    with pytest.raises(AlreadyExists) as caught:
        join(registry, admin, "a")

    assert caught.value.field == "name"


@pytest.mark.usefixtures("combiners")
def test_one_client_cannot_take_the_name_of_another(registry, admin, own):
    """Nor make up a new one: that is for admins."""
    other = own(join(registry, admin, "other"))
    join(registry, admin, "a")

    with pytest.raises(AlreadyExists):
        join(registry, other, "a")
    with pytest.raises(PermissionDenied):
        join(registry, other, "new")


@pytest.mark.usefixtures("combiners")
def test_a_token_made_for_a_name_lets_that_client_join_under_its_id(registry, records, admin):
    """Nobody needs to hand out an admin's token; the name must be free, and the very one."""
    guest = invited(Role.CLIENT, "an-id", "new")

    with pytest.raises(PermissionDenied):
        join(registry, guest, "another")
    assert join(registry, guest, "new")["id"] == "an-id"
    assert records.get("clients", "new")["id"] == "an-id"
    join(registry, admin, "taken")
    with pytest.raises(AlreadyExists):
        join(registry, invited(Role.CLIENT, "other-id", "taken"), "taken")


def test_a_token_made_for_a_combiner_lets_that_combiner_join(registry, records):
    """A client's token of the same name does not."""
    with pytest.raises(PermissionDenied):
        registry.register_combiner(invited(Role.CLIENT, "an-id", "c1"), "c1", "host:1", None)

    answer = registry.register_combiner(invited(Role.COMBINER, "an-id", "c1"), "c1", "host:1", None)

    assert answer["id"] == "an-id"
    assert records.get("combiners", "c1")["id"] == "an-id"


@pytest.mark.usefixtures("combiners")
def test_a_client_that_was_removed_comes_back_only_through_an_admin(registry, tokens, own, admin):
    """Its own token outlives it, and is good for nothing; so is the one that it joined with."""
    removed = join(registry, admin, "a")
    registry.forget_client(admin.principal, removed["id"])

    with pytest.raises(Unauthenticated, match="removed"):
        tokens.read(removed["token"])
    for caller in (own(removed), invited(Role.CLIENT, removed["id"], "a")):
        with pytest.raises(PermissionDenied, match="removed"):
            join(registry, caller, "a")
    again = join(registry, admin, "a")

    assert again["id"] != removed["id"]


ENROLMENT_ID = "11111111-1111-1111-1111-111111111111"


@pytest.mark.usefixtures("combiners")
def test_a_token_that_was_made_for_a_client_admits_it_once(registry):
    """Who finds it later cannot be that client."""
    guest = invited(Role.CLIENT, "an-id", "a")
    join(registry, guest, "a", enrolment_id=ENROLMENT_ID)

    with pytest.raises(PermissionDenied, match="token reissue --client a") as caught:
        join(registry, guest, "a", enrolment_id=ENROLMENT_ID.replace("1", "2"))
    with pytest.raises(PermissionDenied):
        join(registry, guest, "a")

    assert caught.value.field == "token"


@pytest.mark.usefixtures("combiners")
def test_a_registration_whose_answer_was_lost_is_repeated_with_the_same_id(registry, own):
    """The client has written the id down before it asked."""
    guest = invited(Role.CLIENT, "an-id", "a")

    first, again = (join(registry, guest, "a", enrolment_id=ENROLMENT_ID) for _ in range(2))

    assert own(first).id == own(again).id == ENROLMENT_ID


@pytest.mark.usefixtures("combiners")
def test_a_members_token_is_recorded_and_ends(registry, records, own, admin):
    """The record names the member, and who has admitted it."""
    claims = own(join(registry, admin, "a"))

    record = records.get("tokens", claims.id)
    assert record["id"] == claims.id
    assert record["principal"] == {"kind": "client", "id": claims.principal.id, "name": "a"}
    assert (record["use"], record["issued_by"]["name"]) == ("membership", "admin")
    assert claims.expires_at == record["expires"]
    life = claims.expires_at - claims.issued_at
    assert life == pytest.approx(limits.membership_token_seconds, abs=2)


@pytest.mark.usefixtures("combiners")
def test_a_member_has_one_token_whoever_registers_it(registry, tokens, own, admin):
    """It keeps the id of its own token; an admin's registration gives another, and revokes the older one."""
    first = join(registry, admin, "a")

    again = join(registry, own(first), "a")
    other = join(registry, admin, "a")

    assert own(again).id == own(first).id != own(other).id
    with pytest.raises(Unauthenticated, match="revoked"):
        tokens.read(first["token"])
    assert tokens.read(other["token"]).principal.id == first["id"]
    assert len(tokens.memberships(first["id"])) == 1


@pytest.mark.usefixtures("combiners")
def test_a_token_of_an_earlier_version_brings_its_client_back_once(registry, records, own):
    """It has no use and no end; the client gets one that has both."""
    old = invited(Role.CLIENT, "an-id", "a")
    assert old.use is TokenUse.ENROLMENT
    records.insert("clients", {"id": "an-id", "name": "a", "combiner": "c1", "status": "offline"})

    claims = own(join(registry, old, "a"))

    assert (claims.principal.id, claims.use) == ("an-id", TokenUse.MEMBERSHIP)
    with pytest.raises(PermissionDenied):
        join(registry, old, "a")


@pytest.mark.usefixtures("combiners")
def test_a_renewal_gives_new_tokens_and_changes_no_placement(registry, records, own, admin):
    """The client stays connected meanwhile."""
    first = join(registry, admin, "a", preferred_combiner="c2")
    before = records.get("clients", "a")

    renewed = registry.renew_client(own(first))

    assert records.get("clients", "a") == before
    assert renewed["placement_token"] != first["placement_token"]
    assert (renewed["combiner"], renewed["id"]) == ("c2", first["id"])
    assert own(renewed).id == own(first).id


@pytest.mark.usefixtures("combiners")
def test_a_renewal_makes_a_members_token_last_once_half_of_its_life_is_over(
    registry, records, own, admin
):
    """Before that, nothing is written."""
    claims = own(join(registry, admin, "a"))
    registry.renew_client(claims)
    untouched = records.get("tokens", claims.id)
    records.update("tokens", claims.id, lambda _: {"expires": claims.issued_at + 100})

    renewed = own(registry.renew_client(claims))

    assert untouched["version"] == 1
    assert renewed.expires_at >= claims.expires_at
    assert records.get("tokens", claims.id)["expires"] == renewed.expires_at


@pytest.mark.usefixtures("combiners")
def test_a_client_whose_combiner_was_removed_is_moved_by_its_renewal(
    registry, records, presence, own, admin
):
    """It hears of it within half of the life of its placement."""
    first = join(registry, admin, "a", preferred_combiner="c2")
    presence.combiner_down("c2")
    registry.forget_combiner(admin.principal, records.get("combiners", "c2"))

    assert registry.renew_client(own(first))["combiner"] == "c1"
    assert records.get("clients", "a")["combiner"] == "c1"


@pytest.mark.usefixtures("combiners")
def test_only_members_renew_their_tokens(registry, own, admin):
    """No admin, no token that was made for a name, no combiner in a client's place."""
    combiner = own(registry.register_combiner(admin, "c3", "host:1", None))

    for caller in (admin, invited(Role.CLIENT, "an-id", "a"), combiner):
        with pytest.raises(PermissionDenied):
            registry.renew_client(caller)
    assert registry.renew_combiner(combiner)["id"] == combiner.principal.id


@pytest.mark.usefixtures("combiners")
def test_a_name_that_is_the_id_of_another_client_is_a_new_client(registry, admin):
    """Names and ids are not mixed up."""
    first = join(registry, admin, "a")

    second = join(registry, admin, first["id"])

    assert second["id"] != first["id"]


class Interrupted:
    """The records; just before a document is inserted, another controller inserts one of its own."""

    def __init__(self, records, act):
        self._records = records
        self._act = act

    def __getattr__(self, name):
        return getattr(self._records, name)

    def insert(self, collection, document):
        self._act()
        return self._records.insert(collection, document)


@pytest.mark.usefixtures("combiners")
def test_two_controllers_that_register_a_new_client_at_once_give_one_identity(
    registry, records, presence, tokens, admin
):
    """The call was repeated at the other one, while the first still thought."""
    answers = []
    slower = Registry(
        Interrupted(records, lambda: answers.append(join(registry, admin, "a"))),
        presence,
        tokens,
        lambda _: None,
        list,
        dict,
    )

    answers.append(join(slower, admin, "a"))

    assert len({each["id"] for each in answers}) == 1
    assert records.count("clients") == 1
    assert records.get("clients", "a")["combiner"] == answers[1]["combiner"]


def test_two_controllers_that_register_a_combiner_at_once_give_one_identity(
    registry, records, presence, tokens, admin
):
    """It keeps the id of the first document."""
    answers = []

    def act():
        answers.append(registry.register_combiner(admin, "c", "host:1", None))

    slower = Registry(Interrupted(records, act), presence, tokens, lambda _: None, list, dict)
    answers.append(slower.register_combiner(admin, "c", "host:1", None))

    assert len({each["id"] for each in answers}) == 1
    assert records.count("combiners") == 1


@pytest.mark.usefixtures("combiners")
def test_of_two_clients_that_claim_a_new_name_at_once_one_gets_it(
    registry, records, presence, tokens
):
    """The other one is told that it is taken, although it was free when it asked."""
    mine, yours = (invited(Role.CLIENT, f"{who}-id", "a") for who in ("mine", "yours"))
    slower = Registry(
        Interrupted(records, lambda: join(registry, mine, "a")),
        presence,
        tokens,
        lambda _: None,
        list,
        dict,
    )

    with pytest.raises(AlreadyExists) as caught:
        join(slower, yours, "a")

    assert caught.value.field == "name"
    assert records.get("clients", "a")["id"] == "mine-id"
