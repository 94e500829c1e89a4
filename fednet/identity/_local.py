"""The file by which `APIClient()` and the `fednet` command find the controller of their machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fednet.identity import _private_files
from fednet.identity._caller_files import tls_from_json, tls_to_json
from fednet.tls import PUBLIC_CA, CallerTLS

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class LocalNetwork:
    """The controllers that run, or last ran, with this data folder.

    Attributes:
        api_url: Their REST addresses, such as http://127.0.0.1:8092, separated by commas.
        token: The admin token.
        tls: The files of a caller there.
    """

    api_url: str
    token: str = field(repr=False)
    tls: CallerTLS = PUBLIC_CA


def write_local_network(
    data_dir: Path, api_url: str, token: str, tls: CallerTLS = PUBLIC_CA
) -> None:
    """Write the addresses of the controllers into `data_dir`/network.json (mode 0600).

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    content = {"api_url": api_url, "token": token, **tls_to_json(tls)}
    _private_files.replace(local_network_file(data_dir), json.dumps(content) + "\n")


def read_local_network(data_dir: Path) -> LocalNetwork | None:
    """Return the network that `write_local_network` has written; None if there is no valid file."""
    try:
        content = json.loads(local_network_file(data_dir).read_text(encoding="utf-8"))
        return LocalNetwork(str(content["api_url"]), str(content["token"]), tls_from_json(content))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def local_network_file(data_dir: Path) -> Path:
    """Return the file in which a data folder's controllers leave word of themselves."""
    return data_dir / "network.json"
