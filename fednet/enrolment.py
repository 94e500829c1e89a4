"""How a combiner or a client becomes part of a network: it registers over REST and keeps its own credentials.

The credentials lie in `<data_dir>/credentials-<name>.json` (mode 0600). With them an agent that comes back is known as
itself, and a combiner starts again while the controller is away.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fednet.errors import FednetError, InvalidInput, Unauthenticated, Unavailable
from fednet.http import Http
from fednet.identity import read_local_network, replace_private_file
from fednet.settings import ClientSettings, CombinerSettings, default_data_dir


@dataclass(frozen=True)
class CombinerPlace:
    """A combiner's part in the network.

    Attributes:
        id: Its stable id.
        token: Its own token.
        public_key: The key that verifies the network's tokens (PEM).
        blob_store: The URL of the network's blob store.
    """

    id: str
    token: str
    public_key: str
    blob_store: str


@dataclass(frozen=True)
class ClientPlace:
    """A client's part in the network.

    Attributes:
        id: Its stable id.
        token: Its own token.
        combiner: The name of the combiner that it is placed on.
        address: Where that combiner is reached, `host:port`.
    """

    id: str
    token: str
    combiner: str
    address: str


def enrol_combiner(settings: CombinerSettings, address: str) -> CombinerPlace:
    """Register a combiner; where the controller is away, what it said the last time holds.

    Raises:
        FednetError: The controller refuses, or is away and has never been asked.
    """
    kept = _read_credentials(settings)
    body = {"name": settings.name, "address": address}
    try:
        answer = _register(settings, "combiners", body, kept)
    except Unavailable:
        if kept is None:
            raise
        return CombinerPlace(**kept)
    place = CombinerPlace(
        id=answer["id"],
        token=answer["token"],
        public_key=answer["public_key"],
        blob_store=_blob_store(settings.blob_store or answer.get("blob_store")),
    )
    _keep_credentials(settings, asdict(place))
    return place


def enrol_client(settings: ClientSettings, *, needs_package: bool) -> ClientPlace:
    """Register a client and learn which combiner serves it.

    Raises:
        FednetError: The controller refuses, or does not answer.
    """
    body = {
        "name": settings.name,
        "needs_package": needs_package,
        "preferred_combiner": settings.preferred_combiner,
    }
    answer = _register(settings, "clients", body, _read_credentials(settings))
    place = ClientPlace(**{name: answer[name] for name in ("id", "token", "combiner", "address")})
    _keep_credentials(settings, asdict(place))
    return place


def _register(
    settings: CombinerSettings | ClientSettings,
    resource: str,
    body: dict[str, Any],
    kept: dict[str, Any] | None,
) -> dict[str, Any]:
    """Ask with the agent's own token; where that is not known any more, with the one it was started with."""
    path = f"/api/v1/{resource}/register"
    given = settings.token or _local_token(settings.api_url)
    tokens = [token for token in (kept and kept["token"], given) if token]
    refused: FednetError = Unauthenticated(
        "There is no token to register with: give --token or set FEDNET_TOKEN.", field="token"
    )
    for token in tokens:
        try:
            with contextlib.closing(Http(settings.api_url, token)) as http:
                answer = http.call("POST", path, body=body)
        except FednetError as error:
            if error.retryable:
                raise
            refused = error
        else:
            return dict(answer)
    raise refused


def _local_token(api_url: str) -> str | None:
    network = read_local_network(default_data_dir())
    return network.token if network and network.api_url == api_url else None


def _blob_store(url: str | None) -> str:
    if url is None:
        raise InvalidInput(
            "The controller's blob store is no folder: say where it is with --blob-store.",
            field="blob_store",
        )
    return url


def _credentials_file(settings: CombinerSettings | ClientSettings) -> Path:
    return settings.data_dir / f"credentials-{settings.name}.json"


def _read_credentials(settings: CombinerSettings | ClientSettings) -> dict[str, Any] | None:
    try:
        kept = json.loads(_credentials_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return dict(kept)


def _keep_credentials(
    settings: CombinerSettings | ClientSettings, credentials: dict[str, Any]
) -> None:
    replace_private_file(_credentials_file(settings), json.dumps(credentials))
