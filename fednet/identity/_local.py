"""The file by which `APIClient()` and the `fednet` command find the controller of their machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from fednet.identity import _private_files

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class LocalNetwork:
    """The controllers that run, or last ran, with this data folder.

    Attributes:
        api_url: Their REST addresses, such as http://127.0.0.1:8092, separated by commas.
        token: The admin token.
        ca: The file of the authorities that have signed the controllers' certificates; None for the public ones.
    """

    api_url: str
    token: str = field(repr=False)
    ca: str | None = None


def write_local_network(data_dir: Path, api_url: str, token: str, ca: Path | None = None) -> None:
    """Write the addresses of the controllers into `data_dir`/network.json (mode 0600).

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    network = LocalNetwork(api_url, token, str(ca.absolute()) if ca else None)
    known = {name: value for name, value in asdict(network).items() if value is not None}
    _private_files.replace(local_network_file(data_dir), json.dumps(known) + "\n")


def read_local_network(data_dir: Path) -> LocalNetwork | None:
    """Return the network that `write_local_network` has written; None if there is no valid file."""
    try:
        content = json.loads(local_network_file(data_dir).read_text(encoding="utf-8"))
        ca = content.get("ca")
        return LocalNetwork(str(content["api_url"]), str(content["token"]), ca and str(ca))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def local_network_file(data_dir: Path) -> Path:
    """Return the file in which a data folder's controllers leave word of themselves."""
    return data_dir / "network.json"
