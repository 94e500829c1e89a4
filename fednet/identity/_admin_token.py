"""The administrator's token, made at the first start and kept in the controller's data folder."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from fednet.contract import Principal, Role
from fednet.errors import FailedPrecondition, Unauthenticated
from fednet.identity import _private_files

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.identity._signer import Signer


def admin_token_file(data_dir: Path) -> Path:
    """Return the file in which the controller with this data folder keeps the token of its administrator."""
    return data_dir / "admin.token"


def admin_token(data_dir: Path, signer: Signer) -> str:
    """Return the administrator's token; make it (file mode 0600) if there is none yet.

    Raises:
        FailedPrecondition: The folder cannot be written, or its token is not of the signer's
            network.
    """
    path = admin_token_file(data_dir)
    token = _private_files.read_if_there(path) or _private_files.create_once(path, _new(signer))
    try:
        signer.verifier.verify(token.strip())
    except Unauthenticated as error:
        raise FailedPrecondition(
            f"{path} was not signed with the network's key. Delete it: a new one is made at the next "
            "start.",
            field="data_dir",
        ) from error
    return token.strip()


def _new(signer: Signer) -> str:
    return signer.sign(Principal.of(Role.ADMIN, str(uuid.uuid4()), "admin")) + "\n"
