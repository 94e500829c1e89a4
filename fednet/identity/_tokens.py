"""Tokens: JSON Web Tokens (RFC 7519), signed with the network's Ed25519 key (RFC 8037).

The claims are `role`, `sub` (the id), `name`, `iat`, `jti` and, for a token that ends, `exp`.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.contract import Principal, Role
from fednet.errors import FailedPrecondition, InvalidInput, MissingExtra, Unauthenticated
from fednet.identity import _private_files
from fednet.identity._known_tokens import KnownTokens

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

_ALGORITHM = "EdDSA"
_CLAIMS = ["role", "sub", "name", "iat", "jti"]


class Verifier:
    """Reads tokens of one network.

    Args:
        public_key: The network's public key, in PEM.

    Raises:
        InvalidInput: It is no Ed25519 key.
        MissingExtra: PyJWT or cryptography is not installed here.
    """

    def __init__(self, public_key: str) -> None:
        self._jwt = _import_jwt()
        self._public_key = _load_public_key(public_key)
        self._known = KnownTokens()

    def verify(self, token: str) -> Principal:
        """Whom the token speaks for.

        Raises:
            Unauthenticated: It is no token of this network, or it has ended; says which.
        """
        if len(token) > limits.token_characters_max:
            raise Unauthenticated("This is no token: it is too long.")
        if known := self._known.find(token, time.time()):
            return known
        claims = self._verified(token)
        principal = _principal(claims)
        self._known.add(token, principal, claims.get("exp"))
        return principal

    def _verified(self, token: str) -> dict[str, Any]:
        """Return the claims of a token, whose signature and end are checked."""
        try:
            claims: dict[str, Any] = self._jwt.decode(
                token,
                self._public_key,
                algorithms=[_ALGORITHM],
                leeway=limits.clock_skew_seconds_max,
                options={"require": _CLAIMS},
            )
        except self._jwt.PyJWTError as error:
            raise Unauthenticated(self._reason(error)) from error
        return claims

    def _reason(self, error: Exception) -> str:
        if isinstance(error, self._jwt.ExpiredSignatureError):
            return "The token has expired. Ask for a new one."
        if isinstance(error, self._jwt.InvalidSignatureError):
            return (
                "The token was signed by another network, or altered. Use a token of this network."
            )
        if isinstance(error, self._jwt.InvalidAlgorithmError):
            return "The token is not signed with Ed25519 (EdDSA). Use a token of this network."
        return f"This is no valid token: {error}. Use a token of this network, whole."


class Signer:
    """Makes tokens of one network.

    Args:
        private_key: The network's signing key.

    Attributes:
        public_key: What others verify the tokens with, in PEM.
        verifier: A verifier of this network's tokens.
    """

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._jwt = _import_jwt()
        self._private_key = private_key
        self.public_key = _public_pem(private_key)
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
        _import_jwt()
        return cls(_private_key(pem, source))

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
        """Return a token for a principal.

        Args:
            principal: Whom it speaks for.
            seconds: How long it is valid; None for ever.
        """
        now = datetime.now(UTC)
        claims: dict[str, Any] = {
            "role": next(iter(principal.roles)).value,
            "sub": principal.id,
            "name": principal.name,
            "iat": now,
            "jti": str(uuid.uuid4()),
        }
        if seconds is not None:
            claims["exp"] = now + timedelta(seconds=seconds)
        return str(self._jwt.encode(claims, self._private_key, algorithm=_ALGORITHM))


def signing_key_file(data_dir: Path) -> Path:
    """Return the file in which the controller with this data folder keeps the network's signing key."""
    return data_dir / "signing.key"


def read_signing_key(data_dir: Path) -> str | None:
    """Return the data folder's signing key in PEM; None if there is none.

    Raises:
        FailedPrecondition: The file cannot be read.
    """
    return _read_if_there(signing_key_file(data_dir))


def keep_signing_key(data_dir: Path, pem: str) -> str:
    """Write the signing key into the data folder (mode 0600) unless it has one; return the key that it has now.

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    return _private_files.create_once(signing_key_file(data_dir), pem)


def new_signing_key() -> str:
    """Return a new Ed25519 private key in PEM (PKCS #8, not encrypted).

    Raises:
        MissingExtra: PyJWT or cryptography is not installed here.
    """
    _import_jwt()
    return _new_private_pem()


def admin_token_file(data_dir: Path) -> Path:
    """Where the controller with this data folder keeps the token of its administrator."""
    return data_dir / "admin.token"


def admin_token(data_dir: Path, signer: Signer) -> str:
    """The administrator's token, which is made (file mode 0600) if there is none yet.

    Raises:
        FailedPrecondition: The folder cannot be written, or its token is not of the signer's
            network.
    """
    path = admin_token_file(data_dir)
    token = _read_if_there(path) or _private_files.create_once(path, _new_admin_token(signer))
    try:
        signer.verifier.verify(token.strip())
    except Unauthenticated as error:
        raise FailedPrecondition(
            f"{path} was not signed with the network's key. Delete it: a new one is made at the next "
            "start.",
            field="data_dir",
        ) from error
    return token.strip()


def _new_admin_token(signer: Signer) -> str:
    return signer.sign(Principal.of(Role.ADMIN, str(uuid.uuid4()), "admin")) + "\n"


def _principal(claims: dict[str, Any]) -> Principal:
    role, subject, name = claims["role"], claims["sub"], claims["name"]
    if not (role in list(Role) and isinstance(subject, str) and isinstance(name, str)):
        raise Unauthenticated("The token names no role of fednet. Use a token of this network.")
    return Principal.of(Role(role), subject, name)


def _import_jwt() -> ModuleType:
    try:
        import cryptography  # noqa: F401 - PyJWT needs it for Ed25519 and would only say so later
        import jwt
    except ImportError as error:
        raise MissingExtra(
            "Tokens need PyJWT and cryptography: pip install 'fednet[controller]' or "
            "'fednet[combiner]'."
        ) from error
    return jwt


def _new_private_pem() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def _load_public_key(pem: str) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    message = "The public key must be an Ed25519 key in PEM, as the controller hands it out."
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(message, field="public_key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(message, field="public_key")
    return key


def _private_key(pem: str, source: str) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable_key(source) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable_key(source)
    return key


def _unreadable_key(source: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"{source} holds no Ed25519 key. Restore it from a backup; without it, all tokens of this "
        "network are invalid.",
        field="data_dir",
    )


def _public_pem(private_key: Ed25519PrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization

    pem = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()


def _read_if_there(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"{path} cannot be read: {error}.", field="data_dir") from error
