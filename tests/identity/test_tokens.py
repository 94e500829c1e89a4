"""Tokens: who they let in, and whom they do not."""

import base64
import json
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fednet import limits
from fednet.contract import Principal, Role
from fednet.errors import FailedPrecondition, InvalidInput, Unauthenticated
from fednet.identity import (
    Signer,
    Verifier,
    admin_token,
    admin_token_file,
    keep_signing_key,
    new_signing_key,
)

CLIENT = Principal.of(Role.CLIENT, "id-1", "hospital-1")
CLAIMS = {"role": "client", "sub": "id-1", "name": "hospital-1", "iat": 1_700_000_000, "jti": "x"}


@pytest.fixture
def private_key():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def signer(private_key):
    return Signer(private_key)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("role", list(Role))
def test_a_token_says_who_it_is_for(signer, role):
    """What was signed is what a verifier with the public key alone reads."""
    identity = Principal.of(role, "id-1", "Klinikum Köln")

    assert Verifier(signer.public_key).verify(signer.sign(identity)) == identity


def test_every_token_is_another(signer):
    """Two tokens of one identity differ, so that one may be revoked without the other."""
    assert signer.sign(CLIENT) != signer.sign(CLIENT)


def test_a_token_of_another_network_is_refused(signer):
    """Only the network's own key makes its tokens."""
    stranger = Signer(Ed25519PrivateKey.generate())

    with pytest.raises(Unauthenticated, match="another network"):
        signer.verifier.verify(stranger.sign(CLIENT))


def test_a_token_with_altered_claims_is_refused(signer):
    """A client cannot make itself an admin."""
    header, _, signature = signer.sign(CLIENT).split(".")

    with pytest.raises(Unauthenticated, match="another network"):
        signer.verifier.verify(f"{header}.{part({**CLAIMS, 'role': 'admin'})}.{signature}")


def test_an_unsigned_token_is_refused(signer):
    """`alg: none` is no algorithm here."""
    token = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(CLAIMS)}."

    with pytest.raises(Unauthenticated, match="Ed25519"):
        signer.verifier.verify(token)


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(signer):
    """The public key is no HMAC secret."""
    import hashlib
    import hmac

    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(CLAIMS)}"
    digest = hmac.new(signer.public_key.encode(), signed.encode(), hashlib.sha256).digest()
    token = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    with pytest.raises(Unauthenticated, match="Ed25519"):
        signer.verifier.verify(token)


@pytest.mark.parametrize("missing", sorted(CLAIMS))
def test_a_token_without_one_of_its_claims_is_refused(signer, private_key, missing):
    """The reason names the claim."""
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    token = jwt.encode(claims, private_key, algorithm="EdDSA")

    with pytest.raises(Unauthenticated, match=missing):
        signer.verifier.verify(token)


@pytest.mark.parametrize(
    "odd", [{"role": "god"}, {"role": None}, {"role": ["admin"]}, {"name": 7}, {"sub": 7}]
)
def test_a_token_with_odd_claims_is_refused(signer, private_key, odd):
    """A valid signature alone is not enough."""
    token = jwt.encode({**CLAIMS, **odd}, private_key, algorithm="EdDSA")

    with pytest.raises(Unauthenticated):
        signer.verifier.verify(token)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ä.ö.ü", "x" * 100_000, "\x00"])
def test_what_is_no_token_is_refused(signer, text):
    """Anything at all may be sent in place of a token."""
    with pytest.raises(Unauthenticated):
        signer.verifier.verify(text)


def test_a_token_ends_after_its_seconds(signer, private_key):
    """The reason says that it has expired; a little difference between clocks is forgiven."""
    long_ago = datetime.now(UTC) - timedelta(seconds=limits.clock_skew_seconds_max + 10)
    token = jwt.encode({**CLAIMS, "exp": long_ago}, private_key, algorithm="EdDSA")

    assert signer.verifier.verify(signer.sign(CLIENT, seconds=1)) == CLIENT
    with pytest.raises(Unauthenticated, match="expired"):
        signer.verifier.verify(token)


@pytest.mark.parametrize("skew", [-3600.0, -90.0, 0.0, 90.0])
def test_a_clock_that_is_minutes_wrong_refuses_no_new_token(signer, skew):
    """A clock may be behind by any time: a token that was signed in its future is good."""
    verifier = Verifier(signer.public_key, clock=lambda: time.time() + skew)

    assert verifier.verify(signer.sign(CLIENT, seconds=10)) == CLIENT


def test_the_reason_for_an_expired_token_has_the_time_since(signer):
    """So that a wrong clock is seen."""
    ahead = 10 + limits.clock_skew_seconds_max + 600
    verifier = Verifier(signer.public_key, clock=lambda: time.time() + ahead)

    with pytest.raises(Unauthenticated, match=r"\d{3} s ago by the clock"):
        verifier.verify(signer.sign(CLIENT, seconds=10))


@pytest.mark.parametrize("odd", [{"iat": "now"}, {"exp": "never"}, {"iat": None}, {"exp": [1]}])
def test_times_that_are_no_numbers_are_refused(signer, private_key, odd):
    """A valid signature alone is not enough."""
    token = jwt.encode({**CLAIMS, **odd}, private_key, algorithm="EdDSA")

    with pytest.raises(Unauthenticated):
        signer.verifier.verify(token)


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END"])
def test_a_verifier_wants_an_ed25519_key(text):
    """What the controller hands out as public_key is checked before it is used."""
    with pytest.raises(InvalidInput) as caught:
        Verifier(text)

    assert caught.value.field == "public_key"


def test_a_folder_keeps_the_key_that_it_got_first(tmp_path):
    """Only the folder's owner reads it."""
    folder = tmp_path / "new" / "data"
    first, second = new_signing_key(), new_signing_key()

    assert [keep_signing_key(folder, pem) for pem in (first, second)] == [first, first]
    assert Signer.from_folder(folder).public_key == Signer.from_pem(first).public_key
    assert [path.name for path in folder.iterdir()] == ["signing.key"]
    assert stat.S_IMODE((folder / "signing.key").stat().st_mode) == 0o600


def test_a_folder_without_a_key_has_no_signer(tmp_path):
    """A key that is made here would be no network's."""
    with pytest.raises(FailedPrecondition, match="No controller has run") as caught:
        Signer.from_folder(tmp_path)

    assert caught.value.field == "data_dir"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nx\n-----END"])
def test_a_damaged_key_is_not_replaced_in_silence(tmp_path, content):
    """A new key would make every token of the network invalid."""
    (tmp_path / "signing.key").write_text(content)

    with pytest.raises(FailedPrecondition, match=r"signing\.key"):
        Signer.from_folder(tmp_path)

    assert (tmp_path / "signing.key").read_text() == content


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """The error names the path and the setting."""
    (tmp_path / "file").write_text("")

    with pytest.raises(FailedPrecondition, match="file") as caught:
        keep_signing_key(tmp_path / "file", new_signing_key())

    assert caught.value.field == "data_dir"


def test_the_admin_token_is_made_once_and_only_its_owner_reads_it(tmp_path):
    """It survives restarts, and it is an admin's."""
    signer = Signer.from_pem(new_signing_key())

    token = admin_token(tmp_path, signer)

    assert admin_token(tmp_path, signer) == token
    assert signer.verifier.verify(token).has(Role.ADMIN)
    assert admin_token_file(tmp_path).read_text().strip() == token
    assert stat.S_IMODE(admin_token_file(tmp_path).stat().st_mode) == 0o600


def test_an_admin_token_of_another_key_is_named(tmp_path):
    """A file that lies there from another network is noticed at the start."""
    admin_token(tmp_path, Signer.from_pem(new_signing_key()))

    with pytest.raises(FailedPrecondition, match=r"admin\.token"):
        admin_token(tmp_path, Signer.from_pem(new_signing_key()))


def test_importing_identity_loads_no_cryptography():
    """A client machine has neither PyJWT nor cryptography."""
    program = "import sys, fednet.identity; sys.exit('jwt' in sys.modules or 'cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_signing_key_file_is_plain_pkcs8(tmp_path):
    """Other tools can read a backup of it."""
    keep_signing_key(tmp_path, new_signing_key())
    signer = Signer.from_folder(tmp_path)

    key = serialization.load_pem_private_key((tmp_path / "signing.key").read_bytes(), None)

    assert signer.verifier.verify(Signer(key).sign(CLIENT)) == CLIENT
