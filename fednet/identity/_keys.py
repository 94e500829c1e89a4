"""Ed25519 keys in PEM (RFC 8410), and the ids by which tokens name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet.errors import FailedPrecondition, InvalidInput, MissingExtra

if TYPE_CHECKING:
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

_ID_CHARACTERS = 16


def import_jwt() -> ModuleType:
    """Return PyJWT.

    Raises:
        MissingExtra: PyJWT or cryptography is not installed here.
    """
    try:
        import cryptography  # noqa: F401 - PyJWT needs it for Ed25519 and would only say so later
        import jwt
    except ImportError as error:
        raise MissingExtra(
            "Tokens and warrants need PyJWT and cryptography: pip install 'fednet[controller]', "
            "'fednet[combiner]' or 'fednet[client]'."
        ) from error
    return jwt


def new_signing_key() -> str:
    """Return a new Ed25519 private key in PEM (PKCS #8, not encrypted).

    Raises:
        MissingExtra: PyJWT or cryptography is not installed here.
    """
    import_jwt()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def load_public_key(pem: str) -> Ed25519PublicKey:
    """Return a public key.

    Raises:
        InvalidInput: It is no Ed25519 key in PEM.
    """
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


def load_private_key(pem: str, source: str) -> Ed25519PrivateKey:
    """Return a private key.

    Args:
        pem: The key.
        source: Where it lies, for the error.

    Raises:
        FailedPrecondition: It is no Ed25519 key in PEM.
    """
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


def public_pem(key: Ed25519PublicKey) -> str:
    """Return a public key in PEM."""
    from cryptography.hazmat.primitives import serialization

    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()


def key_id(key: Ed25519PublicKey) -> str:
    """Return the id of a key: the beginning of its bytes, in hexadecimal."""
    return key.public_bytes_raw().hex()[:_ID_CHARACTERS]


def _unreadable_key(source: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"{source} holds no Ed25519 key. Restore it from a backup; without it, all tokens of this "
        "network are invalid.",
        field="data_dir",
    )
