"""The network's signing key: made once, in the state store, whatever the data folders hold."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.backup import back_up, restore
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.server import Controller
from fednet.controller.tokens.keys import NetworkKeys
from fednet.errors import FailedPrecondition, Unauthenticated
from fednet.http import Http
from fednet.identity import (
    Signer,
    admin_token,
    keep_signing_key,
    new_signing_key,
    read_local_network,
    read_signing_key,
    write_local_network,
)
from fednet.settings import ControllerSettings
from fednet.storage import open_documents

CONTROLLERS = 4
ANN = Principal.of(Role.ADMIN, "ann-id", "ann")


@pytest.fixture(params=["sqlite", "mongodb", "postgresql"])
def store_url(request, tmp_path):
    """The URL of an empty state store of each kind that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    return request.getfixturevalue(f"{request.param}_url")


def network_signer(records, data_dir):
    return NetworkKeys.open(records, data_dir).signer


@contextmanager
def opened(url):
    with closing(open_documents(url, COLLECTIONS)) as documents:
        yield Records(documents)


@pytest.fixture
def start(tmp_path, store_url):
    """Starts a controller of the store with a data folder of its own."""
    controllers = []

    def started(name):
        settings = ControllerSettings(
            data_dir=tmp_path / name,
            name=name,
            port=0,
            state_store=store_url,
            blob_store=f"file://{tmp_path / 'blobs'}",
        )
        controllers.append(Controller.start(settings))
        return controllers[-1]

    yield started
    for each in controllers:
        each.stop()


def test_controllers_that_begin_at_once_agree_on_one_key(store_url, tmp_path):
    """One makes it, the others take it; each keeps a copy."""
    begin = threading.Barrier(CONTROLLERS)

    def signer(number):
        with opened(store_url) as records:
            begin.wait()
            return network_signer(records, tmp_path / str(number))

    with ThreadPoolExecutor(CONTROLLERS) as pool:
        keys = {each.public_key for each in pool.map(signer, range(CONTROLLERS))}
    copies = {Signer.from_folder(tmp_path / str(number)).public_key for number in range(4)}

    assert len(keys) == 1
    assert copies == keys


def test_controllers_with_folders_of_their_own_take_each_others_tokens(start):
    """Their administrators' tokens, too."""
    first, second = start("a"), start("b")

    for answering, asking in ((first, second), (second, first)):
        with closing(Http(answering.api_url, asking.token)) as http:
            assert http.call("GET", "/api/v1/models/")["count"] == 0


def test_the_key_of_an_older_data_folder_becomes_the_networks(store_url, tmp_path):
    """Tokens that it has signed keep working, at controllers with other folders as well."""
    old = Signer.from_pem(keep_signing_key(tmp_path / "old", new_signing_key()))
    token = old.sign(ANN)

    with opened(store_url) as records:
        signers = [network_signer(records, tmp_path / name) for name in ("old", "new")]

    assert [signer.verifier.verify(token) for signer in signers] == [ANN, ANN]


def test_a_given_key_becomes_the_networks_if_it_has_none(records, tmp_path):
    """Then others who have the key can make tokens before the first controller has started."""
    given = new_signing_key()

    keys = NetworkKeys.open(records, tmp_path / "a", given)

    assert keys.signer.public_key == Signer.from_pem(given).public_key
    assert network_signer(records, tmp_path / "b").public_key == keys.signer.public_key


@pytest.mark.usefixtures("at_once")
def test_a_given_key_may_be_one_that_was_the_networks(records, tmp_path):
    """A rotation does not keep a controller with the older setting from its next start."""
    given = new_signing_key()
    keys = NetworkKeys.open(records, tmp_path / "a", given)
    keys.rotate()
    keys.retire()

    again = NetworkKeys.open(records, tmp_path / "b", given)

    assert again.signer.public_key == keys.signer.public_key != Signer.from_pem(given).public_key


def test_a_given_key_of_another_network_is_refused(records, tmp_path):
    """The error names the setting, and the data folder stays empty."""
    network = network_signer(records, tmp_path / "a")

    with pytest.raises(FailedPrecondition, match="signing_key is not a key of") as caught:
        NetworkKeys.open(records, tmp_path / "b", new_signing_key())

    assert caught.value.field == "signing_key"
    assert read_signing_key(tmp_path / "b") is None
    assert network_signer(records, tmp_path / "c").public_key == network.public_key


def test_a_folder_with_another_key_is_refused(records, tmp_path):
    """Neither key is changed, and the error says what to do."""
    network = network_signer(records, tmp_path / "a")
    other = keep_signing_key(tmp_path / "b", new_signing_key())

    with pytest.raises(
        FailedPrecondition, match=r"move signing\.key and admin\.token away"
    ) as caught:
        network_signer(records, tmp_path / "b")

    assert caught.value.field == "data_dir"
    assert read_signing_key(tmp_path / "b") == other
    assert network_signer(records, tmp_path / "c").public_key == network.public_key


def test_a_folder_joins_the_network_once_its_own_key_is_moved_away(records, tmp_path):
    """As the refusal says."""
    network = network_signer(records, tmp_path / "a")
    keep_signing_key(tmp_path / "b", new_signing_key())
    (tmp_path / "b" / "signing.key").rename(tmp_path / "moved")

    assert network_signer(records, tmp_path / "b").public_key == network.public_key


@pytest.mark.parametrize("content", ["", "no key"])
def test_a_damaged_file_never_becomes_the_networks_key(records, tmp_path, content):
    """The store stays without one."""
    (tmp_path / "signing.key").write_text(content)

    with pytest.raises(FailedPrecondition, match=r"signing\.key holds no Ed25519 key"):
        network_signer(records, tmp_path)

    assert records.count("secrets") == 0


def test_a_damaged_key_in_the_store_is_named(records, tmp_path):
    """The folder gets no copy of it."""
    records.insert("secrets", {"id": "signing_key", "pem": "no key"})

    with pytest.raises(FailedPrecondition, match="document signing_key holds no Ed25519 key"):
        network_signer(records, tmp_path)

    assert read_signing_key(tmp_path) is None


def test_no_route_and_no_repr_shows_the_key(api, app, records, tmp_path):
    """Not even to an admin."""
    signer = network_signer(records, tmp_path)
    routes = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments
    ]

    shown = [api.get(route).data for route in routes]

    assert len(routes) > 20
    assert api.get("/api/v1/secrets/").status_code == 404
    assert not any(b"PRIVATE" in each or b"signing_key" in each for each in shown)
    assert "PRIVATE" not in f"{records!r} {signer!r} {vars(signer)!r}"


def test_a_file_that_holds_the_key_is_its_owners_alone(tmp_path):
    """The embedded state store, and the log beside it."""
    path = tmp_path / "state.db"
    path.touch(0o644)

    with opened(f"sqlite:///{path}") as records:
        network_signer(records, tmp_path / "a")
        modes = {
            each.name: stat.S_IMODE(each.stat().st_mode)
            for each in tmp_path.glob("state.db*")
            if each.name != "state.db-lock"
        }

    assert modes["state.db"] == modes["state.db-wal"] == 0o600


def test_a_restored_network_takes_its_tokens(tmp_path):
    """The key comes with the state; the file that holds it is its owner's alone."""

    def settings(name):
        return ControllerSettings(data_dir=tmp_path / name)

    with opened(settings("old").state_store_url) as records:
        signer = network_signer(records, tmp_path / "old")
        token = admin_token(tmp_path / "old", signer)
    back_up(settings("old"), tmp_path / "backup", lambda *_: None)
    restore(settings("new"), tmp_path / "backup", lambda *_: None)
    with opened(settings("new").state_store_url) as records:
        restored = network_signer(records, tmp_path / "new")

    assert restored.verifier.verify(token).has(Role.ADMIN)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600


@pytest.fixture
def at_once(monkeypatch):
    """Let a new key sign at once, and the older one be retired at any time."""
    monkeypatch.setattr(limits, "key_activation_seconds", 0.0)
    monkeypatch.setattr(limits, "key_overlap_seconds", 0.0)


@pytest.mark.usefixtures("at_once")
def test_of_two_keys_the_newer_one_signs_and_both_verify(records, tmp_path):
    """Until the older one is retired."""
    keys = NetworkKeys.open(records, tmp_path)
    older = keys.signer
    keys.rotate()
    tokens = [signer.sign(ANN) for signer in (older, keys.signer)]

    assert [keys.verifier.verify(token) for token in tokens] == [ANN, ANN]
    assert keys.signer.key_id != older.key_id
    keys.retire()
    assert keys.verifier.verify(tokens[1]) == ANN
    with pytest.raises(Unauthenticated, match="retired key"):
        keys.verifier.verify(tokens[0])


def test_a_new_key_is_trusted_before_it_signs(records, tmp_path):
    """Everybody has heard of it by then."""
    keys = NetworkKeys.open(records, tmp_path)
    older = keys.signer

    keys.rotate()

    assert len(keys.public_keys) == 2
    assert keys.signer.key_id == older.key_id
    assert [each["state"] for each in keys.described()] == ["signs soon", "signs"]
    with pytest.raises(FailedPrecondition, match="Not all members"):
        keys.retire(force=True)


@pytest.mark.usefixtures("at_once")
def test_a_second_rotation_ends_the_first_key(records, tmp_path):
    """Two keys are valid at a time, never three."""
    keys = NetworkKeys.open(records, tmp_path)
    first = keys.signer
    keys.rotate()
    keys.rotate()

    with pytest.raises(Unauthenticated):
        keys.verifier.verify(first.sign(ANN))
    assert len(keys.public_keys) == 2
    assert keys.retired == {first.key_id}


def test_a_rotation_waits_until_members_have_left_the_older_key(records, tmp_path, monkeypatch):
    """Else it would lock out members that have not renewed their tokens yet."""
    monkeypatch.setattr(limits, "key_activation_seconds", 0.0)
    keys = NetworkKeys.open(records, tmp_path)
    keys.rotate()

    with pytest.raises(FailedPrecondition, match=r"too recent: .* in 7\d\d\d s, or retire"):
        keys.rotate()
    keys.retire(force=True)
    keys.rotate()

    assert len(keys.public_keys) == 2


def test_the_older_key_is_not_retired_before_members_have_renewed_their_tokens(
    records, tmp_path, monkeypatch
):
    """With force it is."""
    monkeypatch.setattr(limits, "key_activation_seconds", 0.0)
    keys = NetworkKeys.open(records, tmp_path)
    with pytest.raises(FailedPrecondition, match="no older key"):
        keys.retire()
    keys.rotate()

    with pytest.raises(FailedPrecondition, match=r"Not all members .* in 7\d\d\d s"):
        keys.retire()
    keys.retire(force=True)

    assert len(keys.public_keys) == 1


@pytest.mark.usefixtures("at_once")
def test_the_copies_in_the_folders_follow(records, tmp_path):
    """At once where the key is rotated, at the next reading or start elsewhere; the administrator's token, too."""
    here, there = (NetworkKeys.open(records, tmp_path / name) for name in ("here", "there"))
    token = admin_token(tmp_path / "there", there.signer)
    write_local_network(tmp_path / "there", "http://host:1", token)

    here.rotate()
    there.load()

    folders = [Signer.from_folder(tmp_path / name).key_id for name in ("here", "there")]
    assert folders == [here.signer.key_id] * 2
    renewed = admin_token(tmp_path / "there", there.signer, there.verifier)
    assert renewed != token
    assert read_local_network(tmp_path / "there").token == renewed
    assert there.verifier.read(renewed).principal == there.verifier.read(token).principal


@pytest.mark.usefixtures("at_once")
def test_a_controller_that_slept_through_a_rotation_starts(records, tmp_path):
    """Its folder's key was the network's; its administrator gets a new token."""
    old = NetworkKeys.open(records, tmp_path / "sleeper")
    token = admin_token(tmp_path / "sleeper", old.signer)
    awake = NetworkKeys.open(records, tmp_path / "awake")
    awake.rotate()
    awake.retire()

    keys = NetworkKeys.open(records, tmp_path / "sleeper")

    assert Signer.from_folder(tmp_path / "sleeper").key_id == awake.signer.key_id
    renewed = admin_token(tmp_path / "sleeper", keys.signer, keys.verifier, keys.retired)
    assert renewed != token
    assert keys.verifier.verify(renewed).has(Role.ADMIN)


@pytest.mark.usefixtures("at_once")
def test_two_controllers_that_rotate_at_once_leave_two_keys(store_url, tmp_path):
    """Each change builds on the other's."""

    def rotate(name):
        with opened(store_url) as records:
            NetworkKeys.open(records, tmp_path / name).rotate()

    rotate("first")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(rotate, ("first", "second")))

    with opened(store_url) as records:
        assert len(NetworkKeys.open(records, tmp_path / "first").public_keys) == 2
