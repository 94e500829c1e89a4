"""Targets that read what somebody has signed: tokens and warrants."""

import base64
from pathlib import Path

from fednet.blob_ref import BlobRef
from fednet.contract import Principal, Role
from fednet.digests import Algorithm, digest_of
from fednet.errors import Unauthenticated
from fednet.identity import Claims, Signer, Warrant, WarrantReader, new_signing_key
from fednet.identity._verifier import key_id_of

from .target import Target

SIGNER = Signer.from_pem(new_signing_key())
VERIFIER = SIGNER.verifier
WARRANTS = WarrantReader([SIGNER.public_key])
PARTS = 2  # header and claims, each on a line


def _feed_token(content: bytes, _folder: Path) -> None:
    """Feed a text that is taken for a token; two lines of it stand for a header and claims, rightly signed."""
    for text in (content.decode("utf-8", "surrogateescape"), _signed(content)):
        key_id_of(text)
        WARRANTS.knows_key_of(text)
        for read in (VERIFIER.read, WARRANTS.read):
            _read(read, text)


def _read(read, text):
    try:
        read(text)
    except Unauthenticated as error:
        assert error.message  # noqa: PT017  the only refusal


def _signed(content: bytes) -> str:
    """Return the token with this header and these claims, and a signature of the network's own key."""
    header, _, claims = content.partition(b"\n")
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims))
    signature = base64.urlsafe_b64encode(SIGNER._private_key.sign(signed)).rstrip(b"=")
    return b".".join((signed, signature)).decode()


def _seeds(_folder: Path) -> list[bytes]:
    claims = Claims.of(Principal.of(Role.CLIENT, "id", "name"), seconds=1e9, parent="parent")
    package = BlobRef("PACKAGE", "p", digest_of(b"package", Algorithm.SHA256))
    warrant = Warrant("s", "phase", 1, "TRAIN", "numpyhelper", None, package)
    tokens = [SIGNER.sign_claims(claims), SIGNER.sign_warrant(warrant)]
    return [token.encode() for token in tokens] + [_parts_of(token) for token in tokens]


def _parts_of(token: str) -> bytes:
    parts = token.split(".")[:PARTS]
    return b"\n".join(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)


TARGETS = [Target("token", _feed_token, _seeds, (Unauthenticated,))]
