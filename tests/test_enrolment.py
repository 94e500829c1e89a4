"""How agents become part of a network, and are known again."""

import json
import socket
import stat

import pytest

from fednet.contract import Principal, Role
from fednet.enrolment import (
    CombinerPlace,
    enrol_client,
    enrol_combiner,
    keep_client,
)
from fednet.environment import default_data_dir
from fednet.errors import (
    FailedPrecondition,
    InvalidInput,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from fednet.http import Http
from fednet.identity import Signer, TokenUse, write_local_network
from fednet.settings import ClientSettings, CombinerSettings
from fednet.storage import CONTROLLER, shared_folder
from fednet.testing import FaultProxy, Network

SECONDS_MAX = 60.0
ANSWER = {"id": "i", "name": "n", "token": "own", "public_keys": ["k"], "blob_store": "file:///b"}


@pytest.fixture(scope="module")
def net():
    with Network() as net:
        yield net


@pytest.fixture
def client(net, tmp_path):
    """Makes the settings of a client."""

    def make(**settings):
        defaults = {"name": "a", "api_url": net.api_url, "token": net.token, "data_dir": tmp_path}
        return ClientSettings(**defaults | settings)

    return make


@pytest.fixture
def combiner(tmp_path):
    return CombinerSettings(name="c", api_url="http://controller", token="given", data_dir=tmp_path)


@pytest.fixture
def controller(monkeypatch):
    """Answers in the controller's place."""

    class Controller:
        answer = ANSWER

    def call(_http, _method, _path, **_options):
        if isinstance(Controller.answer, Exception):
            raise Controller.answer
        return Controller.answer

    monkeypatch.setattr(Http, "call", call)
    return Controller


def test_a_client_gets_a_place_and_keeps_it_private(net, client, tmp_path):
    """With its own token it is the same client the next time, and needs no other."""
    place = enrol_client(client(), needs_package=False)
    keep_client(client(), place)

    again = enrol_client(client(token=None), needs_package=False)

    assert place.address == net._combiners["combiner-1"].address
    assert again.id == place.id
    file = tmp_path / "credentials-a.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_kept_before_it_is_said(client, tmp_path):
    """An answer that nobody waits for any more leaves no token, only the id of the attempt."""
    enrol_client(client(name="b"), needs_package=False)

    assert list(json.loads((tmp_path / "credentials-b.json").read_text())) == ["enrolment_id"]


def test_a_registration_whose_answer_was_lost_is_repeated(net, client, tmp_path):
    """The agent died before it had kept the answer; its token was good for one client, once."""
    made = Signer.from_folder(net.data_dir).sign(Principal.of(Role.CLIENT, "lost-id", "lost"))
    settings = client(name="lost", token=made)
    first = enrol_client(settings, needs_package=False)

    again = enrol_client(settings, needs_package=False)
    keep_client(settings, again)

    assert first.id == again.id == "lost-id"
    assert enrol_client(client(name="lost", token=None), needs_package=False).id == "lost-id"
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    with pytest.raises(PermissionDenied, match="already"):
        enrol_client(elsewhere, needs_package=False)


def test_the_credentials_of_an_earlier_version_are_taken(net, client, tmp_path):
    """They hold a token without an end; the agent gets one that has an end."""
    old = Signer.from_folder(net.data_dir).sign(Principal.of(Role.CLIENT, "old-id", "old"))
    (tmp_path / "credentials-old.json").write_text(json.dumps({"token": old, "id": "old-id"}))

    place = enrol_client(client(name="old", token=None), needs_package=False)

    claims = Signer.from_folder(net.data_dir).verifier.read(place.token)
    assert (place.id, claims.use) == ("old-id", TokenUse.MEMBERSHIP)
    assert claims.expires_at


def test_credentials_of_another_network_give_way_to_the_given_token(client, tmp_path):
    """A data folder may have seen an earlier network."""
    (tmp_path / "credentials-d.json").write_text(json.dumps({"token": "of another network"}))

    assert enrol_client(client(name="d"), needs_package=False).combiner == "combiner-1"


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"token": 7}', '"x"'])
def test_credentials_that_cannot_be_read_count_as_none(client, tmp_path, text):
    """They are replaced at the next registration."""
    (tmp_path / "credentials-e.json").write_text(text)

    enrol_client(client(name="e"), needs_package=False)


def test_a_client_registers_with_the_next_controller_when_one_is_away(net, client):
    """The addresses are those of one network."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"

        place = enrol_client(client(name="g", api_url=f"{away},{net.api_url}"), needs_package=False)

    assert place.combiner == "combiner-1"


def test_the_token_of_this_machine_is_for_the_addresses_of_its_network_alone(net, client):
    """A list with any other address goes without."""
    write_local_network(default_data_dir(), f"{net.api_url},http://other:1", net.token)
    elsewhere = client(name="h", token=None, api_url=f"{net.api_url},http://elsewhere:1")

    place = enrol_client(client(name="h", token=None), needs_package=False)

    assert place.combiner == "combiner-1"
    with pytest.raises(Unauthenticated):
        enrol_client(elsewhere, needs_package=False)


def test_without_any_token_the_message_says_how_to_give_one(client):
    """By flag or by environment."""
    with pytest.raises(Unauthenticated, match="--token"):
        enrol_client(client(token=None), needs_package=False)


def test_a_folder_that_cannot_be_written_is_named(client, tmp_path):
    """The error is ours."""
    (tmp_path / "file").write_text("in the way")
    settings = client(name="f")
    place = enrol_client(settings, needs_package=False)

    with pytest.raises(FailedPrecondition):
        keep_client(settings.model_copy(update={"data_dir": tmp_path / "file"}), place)


def test_a_combiner_starts_while_the_controller_is_away(combiner, controller):
    """With what it was told the last time."""
    first = enrol_combiner(combiner, "127.0.0.1:1")
    controller.answer = Unavailable("It is away.")

    assert enrol_combiner(combiner, "127.0.0.1:1") == first
    assert first == CombinerPlace("i", "own", ("k",), CONTROLLER)


@pytest.mark.usefixtures("controller")
@pytest.mark.parametrize("kept", [None, "{}", '{"token": "own"}'])
def test_a_combiner_that_knows_too_little_waits_for_the_controller(
    combiner, controller, tmp_path, kept
):
    """The refusal is the controller's absence."""
    controller.answer = Unavailable("It is away.")
    if kept:
        (tmp_path / "credentials-c.json").write_text(kept)

    with pytest.raises(Unavailable, match="away"):
        enrol_combiner(combiner, "127.0.0.1:1")


@pytest.mark.parametrize(
    "answer", [[], "x", None, {"blob_store": "file:///b"}, {**ANSWER, "token": 7}]
)
def test_what_is_no_controller_is_recognised(combiner, controller, answer):
    """Another server at that address: the field is named."""
    controller.answer = answer

    with pytest.raises(InvalidInput, match="not a fednet controller") as caught:
        enrol_combiner(combiner, "127.0.0.1:1")

    assert caught.value.field == "api_url"


def test_a_combiner_shares_the_folder_of_a_controller_beside_it(combiner, controller, tmp_path):
    """It knows the folder by its mark."""
    controller.answer = ANSWER | shared_folder(f"file://{tmp_path}")

    assert enrol_combiner(combiner, "127.0.0.1:1").blob_store == f"file://{tmp_path}"


@pytest.mark.parametrize("told", [{}, {"blob_store_mark": "other"}, {"blob_store": 7}])
def test_a_combiner_elsewhere_gets_its_blobs_through_the_controller(
    combiner, controller, tmp_path, told
):
    """Also where it has a folder of the same name."""
    shared_folder(f"file://{tmp_path}")
    controller.answer = ANSWER | {"blob_store": f"file://{tmp_path}"} | told

    assert enrol_combiner(combiner, "127.0.0.1:1").blob_store == CONTROLLER


@pytest.mark.usefixtures("controller")
def test_what_a_combiner_is_told_of_the_blob_store_wins_and_is_not_kept(combiner, tmp_path):
    """It may hold a password, and may be another the next time."""
    url = "s3://key:password@host/bucket"
    told = combiner.model_copy(update={"blob_store": url})

    place = enrol_combiner(told, "127.0.0.1:1")

    assert place.blob_store == url
    assert "password" not in repr(place) + repr(told)
    assert "password" not in (tmp_path / "credentials-c.json").read_text()


def test_a_client_that_finds_no_combiner_holds_no_connection(tmp_path):
    """It asks once: its agent pauses between attempts, and thousands of agents may wait for a combiner."""
    with (
        Network(data_dir=tmp_path / "network") as net,
        FaultProxy(net.api_url.removeprefix("http://")) as link,
    ):
        net.remove_combiner("combiner-1")
        settings = ClientSettings(
            name="a", api_url=f"http://{link.address}", token=net.token, data_dir=tmp_path
        )

        with pytest.raises(Unavailable, match="combiner"):
            enrol_client(settings, needs_package=False)

        assert link.accepted == 1
        assert link.wait_until_idle(SECONDS_MAX)
