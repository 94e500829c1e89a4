"""The Ed25519 keys that sign packages, in files (PEM, RFC 8410)."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fednet import limits
from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput
from fednet.files import PRIVATE, write_new
from fednet.identity._keys import load_private_key, load_public_key, new_signing_key, public_pem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_SUFFIXES = {".pem", ".pub"}


def create_package_key(private: Path, public: Path) -> str:
    """Write a new key pair in two files (the private one with mode 0600); return the public key, hexadecimal.

    Raises:
        InvalidInput: Both paths are the same.
        AlreadyExists: One of the files exists.
        FailedPrecondition: A file cannot be written.
        MissingExtra: cryptography is not installed here.
    """
    if private == public:
        raise InvalidInput(
            f"{public} is the name of the public key: give the private one another name, such as "
            f"{public.with_suffix('.pem')}.",
            field="out",
        )
    pem = new_signing_key()
    key = load_private_key(pem, str(private)).public_key()
    with _writing_key():
        write_new(private, pem.encode(), mode=PRIVATE)
        try:
            write_new(public, public_pem(key).encode())
        except OSError:
            private.unlink()
            raise
    return key.public_bytes_raw().hex()


@contextmanager
def _writing_key() -> Iterator[None]:
    """Name the refusals of the system."""
    try:
        yield
    except FileExistsError as error:
        raise AlreadyExists(
            f"{error.filename} exists already: choose another name for the key.", field="out"
        ) from error
    except OSError as error:
        raise FailedPrecondition(
            f"Cannot write the key {error.filename}: {error.strerror}.", field="out"
        ) from error


def read_package_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in a file.

    Raises:
        InvalidInput: The file has no Ed25519 private key in PEM, or cannot be read.
    """
    try:
        return load_private_key(_text(path, "key"), str(path))
    except FailedPrecondition as error:
        raise InvalidInput(
            f"{path} holds no Ed25519 private key in PEM: make one with `fednet package keygen`.",
            field="key",
        ) from error


def read_trusted_keys(path: Path) -> dict[str, str]:
    """Return the public keys in a file, or in the files *.pem and *.pub of a folder.

    Returns:
        The name of the file of each key, by the key, hexadecimal.

    Raises:
        InvalidInput: A file has no Ed25519 public key in PEM, or cannot be read; or there are too many.
    """
    files = (
        sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
        if path.is_dir()
        else [path]
    )
    if len(files) > limits.trusted_keys_max:
        raise InvalidInput(
            f"{path} has {len(files)} keys, and at most {limits.trusted_keys_max} are trusted.",
            field="trusted_keys",
        )
    return {key: file.name for file in files for key in _keys_in(file)}


def _keys_in(path: Path) -> list[str]:
    blocks = _BLOCK.findall(_text(path, "trusted_keys"))[: limits.trusted_keys_max]
    if not blocks:
        raise _no_key(path)
    try:
        return [load_public_key(block).public_bytes_raw().hex() for block in blocks]
    except InvalidInput as error:
        raise _no_key(path) from error


def _no_key(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path} holds no Ed25519 public key in PEM: give the file that `fednet package keygen` made for "
        "the public key.",
        field="trusted_keys",
    )


def _text(path: Path, field: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(limits.text_characters_max).decode("ascii", "replace")
    except OSError as error:
        raise InvalidInput(f"Cannot read the key {path}: {error.strerror}.", field=field) from error
