"""Warrants: only those of the network's controller are read, and a token is none."""

import base64
import json
from dataclasses import asdict

import jwt
import pytest

from fednet.blob_ref import BlobRef
from fednet.contract import Principal, Role
from fednet.digests import Digest
from fednet.errors import Unauthenticated
from fednet.identity import Signer, Warrant, WarrantReader, new_signing_key

MODEL = BlobRef("MODEL", "m", Digest.read("a" * 64, 7))
PACKAGE = BlobRef("PACKAGE", "p", Digest.read("b" * 64, 8))
WARRANT = Warrant("s", "phase", 3, "TRAIN", "numpyhelper", MODEL, PACKAGE)


@pytest.fixture(scope="module")
def signer():
    return Signer.from_pem(new_signing_key())


@pytest.fixture
def reader(signer):
    return WarrantReader([signer.public_key])


@pytest.mark.parametrize(
    "warrant", [WARRANT, Warrant("s", "phase", 0, "EXCHANGE", "numpyhelper", None, None)]
)
def test_a_warrant_is_read_as_it_was_signed(signer, reader, warrant):
    """Every field comes back, and the key is known."""
    text = signer.sign_warrant(warrant)

    assert reader.read(text) == warrant
    assert reader.knows_key_of(text)


def test_a_reader_takes_warrants_of_all_keys_of_the_network(signer):
    """While the network changes its key, two are valid."""
    newer = Signer.from_pem(new_signing_key())
    reader = WarrantReader([newer.public_key, signer.public_key])

    assert reader.read(signer.sign_warrant(WARRANT)) == WARRANT
    assert reader.read(newer.sign_warrant(WARRANT)) == WARRANT


def forged(payload, **header):
    """Return a warrant without a signature."""
    parts = [{"alg": "none", "typ": "fednet-warrant"} | header, payload]
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts]
    return ".".join(each.rstrip("=") for each in (*encoded, ""))


def forgeries(signer):
    """Return texts that are no warrants of the network, by what they are."""
    good, other = signer.sign_warrant(WARRANT), Signer.from_pem(new_signing_key())
    head, body, signature = good.split(".")
    altered = json.loads(base64.urlsafe_b64decode(body + "=="))
    altered["package"]["digest"] = "c" * 64
    changed = base64.urlsafe_b64encode(json.dumps(altered).encode()).decode().rstrip("=")
    key_id, payload = signer.key_id, asdict(WARRANT)
    typed = {"kid": key_id, "typ": "fednet-warrant"}
    return {
        "empty": "",
        "no JWS": "abc",
        "of another network": other.sign_warrant(WARRANT),
        "altered": f"{head}.{changed}.{signature}",
        "without a signature": f"{head}.{body}.",
        "alg none": forged(payload, kid=key_id),
        "signed with the public key": forged(payload, kid=key_id, alg="HS256") + "AAAA",
        "another key under our key's id": jwt.encode(
            payload, other._private_key, "EdDSA", headers=typed
        ),
        "without a key id": jwt.encode(
            payload, signer._private_key, "EdDSA", headers={"typ": "fednet-warrant"}
        ),
        "a token": signer.sign(Principal.of(Role.ADMIN, "id", "name")),
        "a token's type": jwt.encode(
            payload, signer._private_key, "EdDSA", headers={"kid": key_id, "typ": "JWT"}
        ),
        "without a model": jwt.encode(
            {"session_id": "s"}, signer._private_key, "EdDSA", headers=typed
        ),
        "too long": good + "A" * 5_000,
    }


@pytest.mark.parametrize(
    "what",
    [
        "empty",
        "no JWS",
        "of another network",
        "altered",
        "without a signature",
        "alg none",
        "signed with the public key",
        "another key under our key's id",
        "without a key id",
        "a token",
        "a token's type",
        "without a model",
        "too long",
    ],
)
def test_what_the_controller_has_not_signed_as_a_warrant_is_refused(signer, reader, what):
    """The signature, the key and the type count."""
    with pytest.raises(Unauthenticated, match="warrant"):
        reader.read(forgeries(signer)[what])


def test_a_warrant_is_no_token(signer):
    """A combiner, which sees warrants, cannot show one as a token."""
    with pytest.raises(Unauthenticated):
        signer.verifier.verify(signer.sign_warrant(WARRANT))
