"""The signing key in a controller's data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet.identity import _private_files

if TYPE_CHECKING:
    from pathlib import Path


def signing_key_file(data_dir: Path) -> Path:
    """Return the file in which the controller with this data folder keeps the network's signing key."""
    return data_dir / "signing.key"


def read_signing_key(data_dir: Path) -> str | None:
    """Return the data folder's signing key in PEM; None if there is none.

    Raises:
        FailedPrecondition: The file cannot be read.
    """
    return _private_files.read_if_there(signing_key_file(data_dir))


def keep_signing_key(data_dir: Path, pem: str) -> str:
    """Write the signing key into the data folder (mode 0600) unless it has one; return the key that it has now.

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    return _private_files.create_once(signing_key_file(data_dir), pem)
