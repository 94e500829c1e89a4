"""Who joins the network, and as whom."""

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.client_statuses import ClientStatuses
from fednet.controller.presence import Capabilities
from fednet.controller.registry import Registry, address_of
from fednet.errors import AlreadyExists, InvalidInput, PermissionDenied, Unavailable
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


def join(registry, caller, name, **wishes):
    return registry.register_client(caller, name, "10.0.0.8", needs_package=False, **wishes)


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
    assert answer["public_key"] == signer.public_key
    assert answer["blob_store"] == "file:///blobs"
    assert address_of(records.get("combiners", "c1")) == "[::1]:12080"


def test_a_store_that_is_no_folder_stays_with_the_controller(records, presence, signer, admin):
    """Its URL may hold credentials; and nobody else needs the state store."""
    told = shared_folder("s3://key:secret@host/bucket")
    registry = Registry(records, presence, signer, lambda _: None, lambda: told)

    answer = registry.register_combiner(admin, "c1", "host:1", None)

    assert set(answer) == {"id", "name", "token", "public_key"}


def test_a_combiner_is_announced_after_it_was_written(records, presence, signer, admin):
    """Whoever is told finds the document."""
    found = []
    registry = Registry(
        records,
        presence,
        signer,
        lambda each: found.append(records.get("combiners", each["id"])),
        dict,
    )

    registry.register_combiner(admin, "c1", "host:1", None)

    assert [each["name"] for each in found] == ["c1"]


@pytest.mark.parametrize("is_itself", [True, False])
def test_the_name_of_a_connected_combiner_is_not_taken_at_another_address(
    registry, records, admin, monkeypatch, is_itself
):
    """Whatever the token; the same address may be registered again."""
    monkeypatch.setattr(limits, "joining_seconds_max", 0.01)
    first = registry.register_combiner(admin, "c1", "host:1", None)
    caller = Principal.of(Role.COMBINER, first["id"], "c1") if is_itself else admin

    with pytest.raises(AlreadyExists, match="connected at host:1") as refused:
        registry.register_combiner(caller, "c1", "host:2", None)
    again = registry.register_combiner(
        Principal.of(Role.COMBINER, first["id"], "c1"), "c1", "host:1", None
    )

    assert (refused.value.field, again["id"]) == ("name", first["id"])
    assert records.get("combiners", "c1")["port"] == 1


def test_a_combiner_that_comes_again_keeps_its_id(registry, records, admin, presence):
    """With its own token, and a new address."""
    first = registry.register_combiner(admin, "c1", "host:1", None)
    itself = Principal.of(Role.COMBINER, first["id"], "c1")

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
def test_a_client_that_comes_again_does_not_count_against_itself(registry, admin):
    """It stays where it was, with its id."""
    first = join(registry, admin, "a")

    second = join(registry, Principal.of(Role.CLIENT, first["id"], "a"), "a")

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
def test_one_client_cannot_take_the_name_of_another(registry, admin):
    """Nor make up a new one: that is for admins."""
    other = Principal.of(Role.CLIENT, join(registry, admin, "other")["id"], "other")
    join(registry, admin, "a")

    with pytest.raises(AlreadyExists):
        join(registry, other, "a")
    with pytest.raises(PermissionDenied):
        join(registry, other, "new")


@pytest.mark.usefixtures("combiners")
def test_a_token_made_for_a_name_lets_that_client_join_under_its_id(registry, records, admin):
    """Nobody needs to hand out an admin's token; the name must be free, and the very one."""
    invited = Principal.of(Role.CLIENT, "an-id", "new")

    with pytest.raises(PermissionDenied):
        join(registry, invited, "another")
    assert join(registry, invited, "new")["id"] == "an-id"
    assert records.get("clients", "new")["id"] == "an-id"
    join(registry, admin, "taken")
    with pytest.raises(AlreadyExists):
        join(registry, Principal.of(Role.CLIENT, "other-id", "taken"), "taken")


def test_a_token_made_for_a_combiner_lets_that_combiner_join(registry, records):
    """A client's token of the same name does not."""
    with pytest.raises(PermissionDenied):
        registry.register_combiner(Principal.of(Role.CLIENT, "an-id", "c1"), "c1", "host:1", None)

    answer = registry.register_combiner(
        Principal.of(Role.COMBINER, "an-id", "c1"), "c1", "host:1", None
    )

    assert answer["id"] == "an-id"
    assert records.get("combiners", "c1")["id"] == "an-id"


@pytest.mark.usefixtures("combiners")
def test_a_client_that_was_removed_comes_back_only_through_an_admin(registry, signer, admin):
    """Its own token outlives it, and is good for nothing."""
    removed = join(registry, admin, "a")
    registry.forget_client(admin, removed["id"])

    with pytest.raises(PermissionDenied, match="removed"):
        join(registry, signer.verifier.verify(removed["token"]), "a")
    again = join(registry, admin, "a")

    assert again["id"] != removed["id"]


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
    registry, records, presence, signer, admin
):
    """The call was repeated at the other one, while the first still thought."""
    answers = []
    slower = Registry(
        Interrupted(records, lambda: answers.append(join(registry, admin, "a"))),
        presence,
        signer,
        lambda _: None,
        dict,
    )

    answers.append(join(slower, admin, "a"))

    assert len({each["id"] for each in answers}) == 1
    assert records.count("clients") == 1
    assert records.get("clients", "a")["combiner"] == answers[1]["combiner"]


def test_two_controllers_that_register_a_combiner_at_once_give_one_identity(
    registry, records, presence, signer, admin
):
    """It keeps the id of the first document."""
    answers = []

    def act():
        answers.append(registry.register_combiner(admin, "c", "host:1", None))

    slower = Registry(Interrupted(records, act), presence, signer, lambda _: None, dict)
    answers.append(slower.register_combiner(admin, "c", "host:1", None))

    assert len({each["id"] for each in answers}) == 1
    assert records.count("combiners") == 1


@pytest.mark.usefixtures("combiners")
def test_of_two_clients_that_claim_a_new_name_at_once_one_gets_it(
    registry, records, presence, signer
):
    """The other one is told that it is taken, although it was free when it asked."""
    mine, yours = (Principal.of(Role.CLIENT, f"{who}-id", "a") for who in ("mine", "yours"))
    slower = Registry(
        Interrupted(records, lambda: join(registry, mine, "a")),
        presence,
        signer,
        lambda _: None,
        dict,
    )

    with pytest.raises(AlreadyExists) as caught:
        join(slower, yours, "a")

    assert caught.value.field == "name"
    assert records.get("clients", "a")["id"] == "mine-id"
