"""The network's signing key: one for all controllers on a state store, which is where it is made."""

from __future__ import annotations

from pathlib import Path

from fednet.errors import FailedPrecondition
from fednet.identity import (
    Signer,
    keep_signing_key,
    new_signing_key,
    read_signing_key,
    signing_key_file,
)

from .records import Records, timestamp

_SECRETS = "secrets"
_ID = "signing_key"


def network_signer(records: Records, data_dir: Path) -> Signer:
    """Return the signer with the network's key, and keep a copy of the key in the data folder.

    The key in the state store counts. If the store has none, the folder's key becomes the network's, or a new key does.
    Of several controllers that begin at once, one makes the key, and the others take it.

    Args:
        records: The documents that all controllers share.
        data_dir: This controller's data folder. The copy serves `fednet token create`, which asks no network.

    Raises:
        FailedPrecondition: The folder has another key than the store, or one of them is no key; or the folder cannot be
            used.
        Unavailable: The store does not answer.
    """
    path = signing_key_file(data_dir)
    own = read_signing_key(data_dir)
    if own is not None:
        Signer.from_pem(own, str(path))  # a damaged file never becomes the network's key
    pem = _agreed(records, own)
    signer = Signer.from_pem(pem, "The state store's document signing_key")
    copy = keep_signing_key(data_dir, pem)
    if Signer.from_pem(copy, str(path)).public_key != signer.public_key:
        raise FailedPrecondition(
            f"{path} differs from the network's signing key in the state store. If this folder belongs to another "
            "network, give --data-dir or --state-store of the same one. To join the network of this state store, move "
            "signing.key and admin.token away: tokens that the moved key has signed are refused from then on.",
            field="data_dir",
        )
    return signer


def _agreed(records: Records, own: str | None) -> str:
    """Return the store's key in PEM; before that, offer ours, or a new one, where the store has none."""
    if records.documents.get(_SECRETS, _ID) is None:
        offered = {"id": _ID, "pem": own or new_signing_key(), "committed_at": timestamp()}
        records.documents.insert_missing(_SECRETS, [offered])
    return str(records.get(_SECRETS, _ID)["pem"])
