"""A client's vault: identity, promises and trusted identities are on disk before anybody hears of them."""

import base64

import pytest

from fednet import limits
from fednet.client.vault import Vault, read_known_clients
from fednet.errors import Conflict, FailedPrecondition, InvalidInput

ROUND = "ab" * 32
KEYS = {"one": bytes([1] * 32), "two": bytes([2] * 32)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a" / "secure"


def line_of(client, key):
    return f"{client} {base64.b64encode(key).decode()}\n"


def test_a_client_keeps_its_identity(folder):
    """The next process has the same one, and nobody else may read it."""
    public = Vault(folder).identity.public

    assert Vault(folder).identity.public == public
    assert (folder / "identity").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_two_clients_have_different_identities(folder, tmp_path):
    """Each folder has its own."""
    assert Vault(folder).identity.public != Vault(tmp_path / "b").identity.public


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe", base64.b64encode(bytes(31))])
def test_a_damaged_identity_is_never_replaced_by_itself(folder, content):
    """The site hears of it: with another identity the others would refuse this client."""
    folder.mkdir(parents=True)
    (folder / "identity").write_bytes(content)

    with pytest.raises(FailedPrecondition, match=r"identity .* is damaged"):
        _ = Vault(folder).identity


def test_a_round_has_a_secret_that_outlives_the_process(folder):
    """Another round has another one, and so has another client."""
    secret = Vault(folder).secret(ROUND)

    assert Vault(folder).secret(ROUND) == secret
    assert len(secret) == 32
    assert Vault(folder).secret("cd" * 32) != secret
    assert (folder / "rounds" / ROUND).stat().st_mode & 0o777 == 0o600


def test_a_promise_outlives_the_process(folder):
    """The same digest may be promised again, another one may not; purposes and rounds are apart."""
    secret = Vault(folder).secret(ROUND)
    Vault(folder).bind(ROUND, "roster", "1")
    Vault(folder).bind(ROUND, "roster", "1")
    Vault(folder).bind(ROUND, "survivors", "2")
    Vault(folder).bind("cd" * 32, "roster", "2")

    with pytest.raises(Conflict, match="another roster"):
        Vault(folder).bind(ROUND, "roster", "2")
    with pytest.raises(Conflict):
        Vault(folder).bind(ROUND, "survivors", "1")
    assert Vault(folder).secret(ROUND) == secret


def test_the_secret_of_an_old_round_goes_with_its_promises(folder, monkeypatch):
    """Whoever replays a forgotten round meets another secret."""
    monkeypatch.setattr(limits, "secure_rounds_max", 3)
    secret = Vault(folder).secret(ROUND)
    Vault(folder).bind(ROUND, "roster", "1")
    for number in range(3):
        Vault(folder).secret(f"{number:064}")

    assert len(list((folder / "rounds").iterdir())) == 3
    Vault(folder).bind(ROUND, "roster", "2")
    assert Vault(folder).secret(ROUND) != secret


def test_clients_are_trusted_on_first_use(folder):
    """From then on no other identity of theirs is."""
    assert Vault(folder).admit(KEYS) == {}
    assert Vault(folder).admit(KEYS) == {}

    refused = Vault(folder).admit({"one": KEYS["two"], "three": bytes([3] * 32)})

    assert list(refused) == ["one"]
    assert "known.json" in refused["one"]
    assert Vault(folder).admit({"three": bytes([3] * 32), "one": KEYS["one"]}) == {}


def test_a_site_can_pin_all_clients(folder, tmp_path):
    """Others are refused, also on first use; a change of the file counts at once."""
    pins = tmp_path / "known"
    pins.write_text("# our hospitals\n\n" + line_of("one", KEYS["one"]))
    vault = Vault(folder, pins)

    assert list(vault.admit(KEYS)) == ["two"]
    assert list(vault.admit({"one": KEYS["two"]})) == ["one"]
    pins.write_text(line_of("one", KEYS["one"]) + line_of("two", KEYS["two"]))
    assert vault.admit(KEYS) == {}
    assert not (folder / "known.json").exists()


@pytest.mark.parametrize(
    "text", ["one\n", "one two three\n", "one !!!!\n", line_of("one", bytes(31))]
)
def test_a_damaged_file_of_known_clients_is_told_at_the_start(folder, tmp_path, text):
    """The error names the line and the setting."""
    pins = tmp_path / "known"
    pins.write_text(line_of("zero", bytes(32)) + text)

    with pytest.raises(InvalidInput, match="Line 2 of") as refusal:
        Vault(folder, pins)
    assert refusal.value.field == "known_clients"


def test_a_missing_file_of_known_clients_is_told_at_the_start(folder, tmp_path):
    """A client that was told to pin others never falls back to trust on first use."""
    with pytest.raises(InvalidInput, match="Cannot read the known clients"):
        Vault(folder, tmp_path / "missing")


def test_known_clients_come_from_their_lines(tmp_path):
    """Each line has an id and a key."""
    pins = tmp_path / "known"
    pins.write_text("".join(line_of(*each) for each in KEYS.items()))

    assert read_known_clients(pins) == KEYS


@pytest.mark.parametrize("content", [b"", b"[]", b'{"clients": []}', b'{"clients": {"one": "x"}}'])
def test_damaged_identities_of_others_are_told(folder, content):
    """Trust is not given anew without a word."""
    folder.mkdir(parents=True)
    (folder / "known.json").write_bytes(content)

    with pytest.raises(FailedPrecondition, match="damaged"):
        Vault(folder).admit(KEYS)


def test_the_number_of_known_clients_has_a_limit(folder, monkeypatch):
    """A network that invents clients fills no disk."""
    monkeypatch.setattr(limits, "secure_known_clients_max", 1)

    with pytest.raises(FailedPrecondition, match="at most 1"):
        Vault(folder).admit(KEYS)
