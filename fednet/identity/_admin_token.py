"""The administrator's token, made at the first start and kept in the controller's data folder."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from fednet.contract import Principal, Role
from fednet.errors import FailedPrecondition, Unauthenticated
from fednet.identity import _private_files
from fednet.identity._local import read_local_network, write_local_network
from fednet.identity._verifier import key_id_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from fednet.identity._signer import Signer
    from fednet.identity._verifier import Verifier


def admin_token_file(data_dir: Path) -> Path:
    """Return the file in which the controller with this data folder keeps the token of its administrator."""
    return data_dir / "admin.token"


def admin_token(
    data_dir: Path,
    signer: Signer,
    verifier: Verifier | None = None,
    retired: Collection[str] = (),
) -> str:
    """Return the administrator's token; make it (file mode 0600) if there is none yet.

    One that an older key of the network has signed is signed anew.

    Args:
        data_dir: The controller's data folder.
        signer: The key that signs now.
        verifier: Knows all keys of the network; by default the signer's alone.
        retired: The ids of keys that were the network's. A token of one of them is replaced.

    Raises:
        FailedPrecondition: The folder cannot be written, or its token is not of the signer's
            network.
    """
    path = admin_token_file(data_dir)
    text = _private_files.read_if_there(path) or _private_files.create_once(path, _new(signer))
    token = text.strip()
    try:
        claims = (verifier or signer.verifier).read(token)
    except Unauthenticated as error:
        if key_id_of(token) not in retired:
            raise FailedPrecondition(
                f"{path} was not signed with the network's key. Delete it: a new one is made at the next "
                "start.",
                field="data_dir",
            ) from error
        return _replace(data_dir, token, _new(signer).strip())
    if claims.key_id == signer.key_id:
        return token
    return _replace(data_dir, token, signer.sign_claims(claims))


def _replace(data_dir: Path, older: str, newer: str) -> str:
    """Keep a newer token, also where commands on this machine look for it."""
    _private_files.replace(admin_token_file(data_dir), newer + "\n")
    network = read_local_network(data_dir)
    if network and network.token == older:
        write_local_network(data_dir, network.api_url, newer)
    return newer


def _new(signer: Signer) -> str:
    return signer.sign(Principal.of(Role.ADMIN, str(uuid.uuid4()), "admin")) + "\n"
