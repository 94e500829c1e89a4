"""Makes tokens with the network's private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet.errors import FailedPrecondition
from fednet.identity._claims import Claims
from fednet.identity._key_files import read_signing_key, signing_key_file
from fednet.identity._keys import import_jwt, key_id, load_private_key, public_pem
from fednet.identity._verifier import ALGORITHM, Verifier
from fednet.identity._warrants import WARRANT_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from fednet.contract import Principal
    from fednet.identity._warrants import Warrant


class Signer:
    """Makes tokens of one network.

    Args:
        private_key: The network's signing key.

    Attributes:
        key_id: The id of the key, which each token names.
        public_key: What others verify the tokens with, in PEM.
        verifier: A verifier of this key's tokens for the REST API.
    """

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._jwt = import_jwt()
        self._private_key = private_key
        self.key_id = key_id(private_key.public_key())
        self.public_key = public_pem(private_key.public_key())
        self.verifier = Verifier(self.public_key)

    @classmethod
    def from_pem(cls, pem: str, source: str = "The signing key") -> Signer:
        """Return the signer with a private key.

        Args:
            pem: An Ed25519 key as `new_signing_key` makes it.
            source: Where the key lies, for the error.

        Raises:
            FailedPrecondition: It is no Ed25519 key.
            MissingExtra: PyJWT or cryptography is not installed here.
        """
        import_jwt()
        return cls(load_private_key(pem, source))

    @classmethod
    def from_folder(cls, data_dir: Path) -> Signer:
        """Return the signer with the key that a controller keeps in its data folder.

        Raises:
            FailedPrecondition: The folder has no key, or its key cannot be read.
            MissingExtra: PyJWT or cryptography is not installed here.
        """
        pem = read_signing_key(data_dir)
        if pem is None:
            raise FailedPrecondition(
                f"No controller has run with the data folder {data_dir}. Give its --data-dir, on the "
                "machine where it runs.",
                field="data_dir",
            )
        return cls.from_pem(pem, str(signing_key_file(data_dir)))

    def sign(self, principal: Principal, seconds: float | None = None) -> str:
        """Return a token of the usual use for a principal, to be shown to controllers.

        Args:
            principal: Whom it speaks for.
            seconds: How long it is valid; None for ever.
        """
        return self.sign_claims(Claims.of(principal, seconds=seconds))

    def sign_warrant(self, warrant: Warrant) -> str:
        """Return a warrant as a client takes it."""
        headers = {"kid": self.key_id, "typ": WARRANT_TYPE}
        return str(
            self._jwt.encode(warrant.to_payload(), self._private_key, ALGORITHM, headers=headers)
        )

    def sign_claims(self, claims: Claims) -> str:
        """Return the token with this content."""
        headers = {"kid": self.key_id}
        return str(
            self._jwt.encode(claims.to_payload(), self._private_key, ALGORITHM, headers=headers)
        )
