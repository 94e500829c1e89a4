"""How a combiner or a client becomes part of a network: it registers over REST and keeps its own credentials.

The credentials lie in `<data_dir>/credentials-<name>.json` (mode 0600). With them an agent that comes back is known as
itself, and a combiner starts again while the controller is away.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fednet.addresses import is_part_of
from fednet.errors import (
    DeadlineExceeded,
    FednetError,
    InvalidInput,
    Unauthenticated,
    Unavailable,
)
from fednet.http import Http
from fednet.identity import read_local_network, replace_private_file
from fednet.names import check_name
from fednet.settings import ClientSettings, CombinerSettings, default_data_dir
from fednet.storage import CONTROLLER, is_shared


@dataclass(frozen=True)
class CombinerPlace:
    """A combiner's part in the network.

    Attributes:
        id: Its stable id.
        token: Its own token.
        public_key: The key that verifies the network's tokens (PEM).
        blob_store: The URL of the network's blob store: what the settings say, else the
            controller's folder if that is here, else `controller://`.
    """

    id: str
    token: str = field(repr=False)
    public_key: str
    blob_store: str = field(repr=False)


@dataclass(frozen=True)
class ClientPlace:
    """A client's part in the network.

    Attributes:
        id: Its stable id.
        token: Its own token, for the REST API.
        combiner: The name of the combiner that it is placed on.
        address: Where that combiner is reached, `host:port`.
        placement_token: Its token for that combiner.
        placement_seconds: The life of that token.
        public_keys: The keys that verify the warrants of tasks (PEM).
    """

    id: str
    token: str = field(repr=False)
    combiner: str
    address: str
    placement_token: str = field(repr=False)
    placement_seconds: float
    public_keys: tuple[str, ...] = ()


def enrol_combiner(settings: CombinerSettings, address: str) -> CombinerPlace:
    """Register a combiner; where the controller is away, what it said the last time holds.

    Raises:
        FednetError: The controller refuses, or is away and has never been asked.
    """
    check_name(settings.name)
    kept = _read_credentials(settings)
    try:
        answer = _register(settings, "combiners", {"name": settings.name, "address": address}, kept)
    except (Unavailable, DeadlineExceeded):
        if not _has(kept, _names(CombinerPlace)):
            raise
        place = CombinerPlace(**_picked(kept, _names(CombinerPlace)))
    else:
        blob_store = answer["blob_store"] if is_shared(answer) else CONTROLLER
        found = _picked(answer, {"id", "token", "public_key"})
        place = CombinerPlace(**found, blob_store=blob_store)
        _keep_credentials(settings, place)
    return replace(place, blob_store=settings.blob_store_url or place.blob_store)


def enrol_client(settings: ClientSettings, *, needs_package: bool) -> ClientPlace:
    """Register a client and learn which combiner serves it; `keep_client` makes that last.

    Raises:
        FednetError: The controller refuses, or does not answer.
    """
    check_name(settings.name)
    body = {
        "name": settings.name,
        "needs_package": needs_package,
        "preferred_combiner": settings.preferred_combiner,
    }
    answer = _register(settings, "clients", body, _read_credentials(settings))
    texts = _picked(answer, _names(ClientPlace) - {"placement_seconds", "public_keys"})
    seconds, keys = answer.get("placement_seconds"), answer.get("public_keys")
    if not isinstance(seconds, int | float) or not isinstance(keys, list):
        raise _no_controller()
    return ClientPlace(**texts, placement_seconds=seconds, public_keys=tuple(map(str, keys)))


def keep_client(settings: ClientSettings, place: ClientPlace) -> None:
    """Keep a client's credentials, with which it is known again.

    Raises:
        FailedPrecondition: The data folder cannot be written.
    """
    _keep_credentials(settings, place)


def _register(
    settings: CombinerSettings | ClientSettings,
    resource: str,
    body: dict[str, Any],
    kept: dict[str, Any],
) -> dict[str, Any]:
    """Ask with the agent's own token; where that is not known any more, with the one it was started with."""
    given = settings.token or _local_token(settings.api_url)
    tokens = [token for token in (kept.get("token"), given) if token]
    refused: FednetError = Unauthenticated(
        "There is no token to register with: give --token or set FEDNET_TOKEN.", field="token"
    )
    for token in tokens:
        http = Http(settings.api_url, token)
        try:
            with contextlib.closing(http):
                return _answer_of(http, f"/api/v1/{resource}/register", body)
        except FednetError as error:
            if error.retryable:
                raise
            refused = error
    raise refused


def _answer_of(http: Http, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = http.call("POST", path, body=body, may_overlap=True)
    if not isinstance(answer, dict):
        raise _no_controller()
    return answer


def _picked(answer: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What is wanted of an answer."""
    if not _has(answer, names):
        raise _no_controller()
    return {name: answer[name] for name in names}


def _no_controller() -> FednetError:
    return InvalidInput(
        "The server that answers at api_url is no fednet controller: correct the address.",
        field="api_url",
    )


def _has(values: dict[str, Any], names: Iterable[str]) -> bool:
    return all(isinstance(values.get(name), str) for name in names)


def _names(kind: type[ClientPlace | CombinerPlace]) -> set[str]:
    return {each.name for each in fields(kind)}


def _local_token(api_url: str) -> str | None:
    network = read_local_network(default_data_dir())
    return network.token if network and is_part_of(api_url, network.api_url) else None


def _credentials_file(settings: CombinerSettings | ClientSettings) -> Path:
    return settings.data_dir / f"credentials-{settings.name}.json"


def _read_credentials(settings: CombinerSettings | ClientSettings) -> dict[str, Any]:
    """What was kept; empty where nothing was, or nothing that can be used."""
    try:
        kept = json.loads(_credentials_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) and isinstance(kept.get("token"), str) else {}


def _keep_credentials(
    settings: CombinerSettings | ClientSettings, place: CombinerPlace | ClientPlace
) -> None:
    replace_private_file(_credentials_file(settings), json.dumps(asdict(place)))
