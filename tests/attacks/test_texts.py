"""Texts that fuzzing has found: each broke its reader, or told a secret."""

import jwt
import pytest
from bad_tokens import odd_texts

from fednet.errors import InvalidInput, Unauthenticated
from fednet.identity import Signer, WarrantReader, new_signing_key
from fednet.identity._verifier import key_id_of
from fednet.storage import open_blobs, open_documents


@pytest.fixture(scope="module")
def signer():
    return Signer.from_pem(new_signing_key())


@pytest.mark.parametrize("text", [*odd_texts().values(), "a.\udcff.c"])
def test_a_text_that_is_no_token_has_no_key_and_no_reader(signer, text):
    """Whoever asks first: for the key that it names, for a token or for a warrant."""
    warrants = WarrantReader([signer.public_key])

    assert key_id_of(text) is None
    assert not warrants.knows_key_of(text)
    for read in (signer.verifier.read, warrants.read):
        with pytest.raises(Unauthenticated):
            read(text)


@pytest.mark.parametrize("model", [{"digest": 7, "size_bytes": 1}, "text", ["MODEL"], 7])
def test_a_signed_warrant_of_another_form_is_refused(signer, model):
    """A controller of another version may sign what this one does not know."""
    payload = {
        "session_id": "s",
        "phase_id": "p",
        "round_number": 1,
        "kind": "TRAIN",
        "helper": "h",
    }
    headers = {"kid": signer.key_id, "typ": "fednet-warrant"}
    text = jwt.encode(
        {**payload, "model": model, "package": None}, signer._private_key, "EdDSA", headers
    )

    with pytest.raises(Unauthenticated, match="warrant"):
        WarrantReader([signer.public_key]).read(text)


@pytest.mark.parametrize(
    "url",
    [
        "//user:hunter22@host/name?x=s3://host",
        "postgres:user:hunter22@host/name://",
        "sqlite://postgresql://user:hunter22@host/name",
        "file://s3://KEY:hunter22@host/bucket",
    ],
)
@pytest.mark.parametrize("opening", [lambda url: open_documents(url, []), open_blobs])
def test_a_misspelt_url_is_refused_without_its_password(opening, url):
    """However its scheme is misspelt, or two are written together."""
    with pytest.raises(InvalidInput) as refused:
        opening(url)

    assert "hunter22" not in refused.value.message
