"""The enrolment of a combiner or a client: it registers over REST and keeps its own credentials.

The credentials lie in `<data_dir>/credentials-<name>.json` (mode 0600). With them an agent that comes back is known as
itself, and a combiner starts again while the controller is away. A new agent writes down an id of its own, the
`enrolment_id`, before it registers: with the same one it may repeat a registration whose answer was lost.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from fednet import limits
from fednet.addresses import is_part_of
from fednet.clocks import seconds_behind
from fednet.environment import default_data_dir
from fednet.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    FednetError,
    InvalidInput,
    Unauthenticated,
    Unavailable,
)
from fednet.http import Http
from fednet.identity import read_local_network, replace_private_file
from fednet.names import check_name
from fednet.settings import ClientSettings, CombinerSettings
from fednet.storage import CONTROLLER, is_shared

Settings: TypeAlias = CombinerSettings | ClientSettings


@dataclass(frozen=True)
class CombinerPlace:
    """A combiner's part in the network.

    Attributes:
        id: Its stable id.
        token: Its own token, for the REST API.
        public_keys: The keys that verify the network's tokens (PEM), the newest first.
        blob_store: The URL of the network's blob store: what the settings say, else the
            controller's folder if that is here, else `controller://`.
        seconds_behind: The time by which this machine's clock is behind the controller's; negative if it is ahead.
    """

    id: str
    token: str = field(repr=False)
    public_keys: tuple[str, ...]
    blob_store: str = field(repr=False)
    seconds_behind: float = 0.0


@dataclass(frozen=True)
class ClientPlace:
    """A client's part in the network.

    Attributes:
        id: Its stable id.
        token: Its own token, for the REST API.
        combiner: The name of the combiner that it is placed on.
        address: Where that combiner is reached, `host:port`.
        tls: True if it is reached over TLS.
        placement_token: Its token for that combiner.
        placement_seconds: The life of that token.
        public_keys: The keys that verify the warrants of tasks (PEM).
        seconds_behind: The time by which this machine's clock is behind the controller's; negative if it is ahead.
        object_store: Where the network's object store is reached, `https://host:port`; "" if there is none.
    """

    id: str
    token: str = field(repr=False)
    combiner: str
    address: str
    placement_token: str = field(repr=False)
    placement_seconds: float
    public_keys: tuple[str, ...] = ()
    seconds_behind: float = 0.0
    object_store: str = ""
    tls: bool = False


def enrol_combiner(
    settings: CombinerSettings, address: str, on_retry: Callable[[], None] = lambda: None
) -> CombinerPlace:
    """Register a combiner; while the controller is away, return its last answer.

    Args:
        settings: The combiner's settings.
        address: Its address, `host:port`.
        on_retry: Called before each repetition of the call.

    Raises:
        FednetError: The controller refuses, or is away and has never been asked.
    """
    check_name(settings.name)
    kept = _read_credentials(settings)
    try:
        body = {"name": settings.name, "address": address, "tls": settings.announces_tls}
        answer = _register(settings, "combiners", body, kept, on_retry=on_retry)
    except (Unavailable, DeadlineExceeded):
        if not isinstance(kept.get("blob_store"), str) or not kept.get("token"):
            raise
        place = _combiner_place(kept, kept["blob_store"])
    else:
        place = _kept_combiner(settings, answer)
    return replace(place, blob_store=settings.blob_store_url or place.blob_store)


def renew_combiner(
    settings: CombinerSettings, place: CombinerPlace, on_retry: Callable[[], None] = lambda: None
) -> CombinerPlace:
    """Return the place of a registered combiner with a newer token and all keys that sign tokens now.

    Raises:
        FednetError: The controller refuses, or does not answer.
    """
    answer = _post(settings, place.token, "combiners/renew", on_retry=on_retry)
    renewed = _kept_combiner(settings, answer)
    return replace(renewed, blob_store=settings.blob_store_url or renewed.blob_store)


def enrol_client(
    settings: ClientSettings, *, needs_package: bool, sandbox: str | None = None
) -> ClientPlace:
    """Register a client and learn which combiner serves it; `keep_client` makes that last.

    Each controller is asked once: the caller pauses between its attempts, and holds no connection meanwhile.

    Args:
        settings: The client's settings.
        needs_package: True if its code comes as a package.
        sandbox: The kind of sandbox in which packages run there; None for a client with its own code.

    Raises:
        FednetError: The controller refuses, or does not answer.
    """
    check_name(settings.name)
    body = {
        "name": settings.name,
        "needs_package": needs_package,
        "sandbox": sandbox,
        "preferred_combiner": settings.preferred_combiner,
    }
    kept = _read_credentials(settings)
    return _client_place(_register(settings, "clients", body, kept, retries_max=0))


def renew_client(
    settings: ClientSettings, place: ClientPlace, on_retry: Callable[[], None] = lambda: None
) -> ClientPlace:
    """Return the place of a registered client with newer tokens; `keep_client` makes that last.

    Raises:
        FednetError: The controller refuses, or does not answer.
    """
    return _client_place(_post(settings, place.token, "clients/renew", on_retry=on_retry))


def keep_client(settings: ClientSettings, place: ClientPlace) -> None:
    """Keep a client's credentials, with which it is known again.

    Raises:
        FailedPrecondition: The data folder cannot be written.
    """
    kept = {"id": place.id, "token": place.token, "public_keys": place.public_keys}
    _keep_credentials(settings, kept)


def kept_client_id(settings: ClientSettings) -> str:
    """Return the id that a network has given to a client.

    Raises:
        FailedPrecondition: The client has not joined a network with this folder yet.
    """
    client_id = _read_credentials(settings).get("id")
    if not isinstance(client_id, str):
        raise FailedPrecondition(
            f"The client {settings.name} has joined no network with the folder {settings.data_dir} yet: start it "
            "once, or give the --data-dir with which it was started.",
            field="data_dir",
        )
    return client_id


# Calls


def _register(
    settings: Settings,
    resource: str,
    body: dict[str, Any],
    kept: dict[str, Any],
    retries_max: int = limits.retry_attempts_max,
    on_retry: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Register with the agent's own token; if the controller refuses that, with the one that it was started with."""
    path = f"{resource}/register"
    given = settings.token or _local_token(settings.api_url)
    refused: FednetError = Unauthenticated(
        "There is no token to register with: give --token or set FEDNET_TOKEN.", field="token"
    )
    if own := kept.get("token"):
        try:
            return _post(settings, own, path, body, retries_max, on_retry)
        except FednetError as error:
            if error.retryable:
                raise
            refused = error
    if given:
        body = {**body, "enrolment_id": _enrolment_id(settings, kept)}
        return _post(settings, given, path, body, retries_max, on_retry)
    raise refused


def _post(
    settings: Settings,
    token: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    retries_max: int = limits.retry_attempts_max,
    on_retry: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    began = time.time()
    http = Http(
        settings.api_url,
        token,
        retries_max=retries_max,
        tls=settings.caller_tls,
        on_retry=on_retry,
    )
    with contextlib.closing(http):
        answer = http.call("POST", f"/api/v1/{path}", body=body, may_overlap=True)
    if not isinstance(answer, dict):
        raise _no_controller()
    return {**answer, "seconds_behind": _seconds_behind(answer, began)}


def _seconds_behind(answer: Mapping[str, Any], began: float) -> float:
    shown = answer.get("time")
    if not isinstance(shown, int | float):
        return 0.0
    return seconds_behind(shown, began, time.time())


def _combiner_place(said: Mapping[str, Any], blob_store: str) -> CombinerPlace:
    """Return the place that an answer or kept credentials describe; older credentials name one key."""
    keys = (
        _keys(said) if "public_keys" in said else _keys({"public_keys": [said.get("public_key")]})
    )
    return CombinerPlace(
        **_texts(said, {"id", "token"}),
        public_keys=keys,
        blob_store=blob_store,
        seconds_behind=said.get("seconds_behind", 0.0),
    )


def _client_place(answer: Mapping[str, Any]) -> ClientPlace:
    names = {each.name for each in fields(ClientPlace)} - {
        "placement_seconds",
        "public_keys",
        "seconds_behind",
        "object_store",
        "tls",
    }
    seconds = answer.get("placement_seconds")
    if not isinstance(seconds, int | float):
        raise _no_controller()
    return ClientPlace(
        **_texts(answer, names),
        placement_seconds=seconds,
        public_keys=_keys(answer),
        seconds_behind=answer["seconds_behind"],
        object_store=str(answer.get("object_store") or ""),
        tls=answer.get("tls") is True,  # a controller of an older version does not say it
    )


def _keys(said: Mapping[str, Any]) -> tuple[str, ...]:
    keys = said.get("public_keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _no_controller()
    return tuple(keys)


def _texts(said: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the texts with these names."""
    if not all(isinstance(said.get(name), str) for name in names):
        raise _no_controller()
    return {name: said[name] for name in names}


def _no_controller() -> FednetError:
    return InvalidInput(
        "The server at api_url is not a fednet controller: correct the address.",
        field="api_url",
    )


def _local_token(api_url: str) -> str | None:
    network = read_local_network(default_data_dir())
    return network.token if network and is_part_of(api_url, network.api_url) else None


# Credentials


def _kept_combiner(settings: CombinerSettings, answer: Mapping[str, Any]) -> CombinerPlace:
    blob_store = answer["blob_store"] if is_shared(answer) else CONTROLLER
    place = _combiner_place(answer, blob_store)
    kept = {name: value for name, value in asdict(place).items() if name != "seconds_behind"}
    _keep_credentials(settings, kept)
    return place


def _enrolment_id(settings: Settings, kept: Mapping[str, Any]) -> str:
    """Return the id of the registration that is under way; write it down before the first call."""
    id_ = kept.get("enrolment_id")
    if not isinstance(id_, str):
        id_ = str(uuid.uuid4())
        _keep_credentials(settings, {**kept, "enrolment_id": id_})
    return id_


def _credentials_file(settings: Settings) -> Path:
    return settings.data_dir / f"credentials-{settings.name}.json"


def _read_credentials(settings: Settings) -> dict[str, Any]:
    """Return the kept credentials; empty if there are none that can be used."""
    try:
        kept = json.loads(_credentials_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict) or not isinstance(kept.get("token", ""), str):
        return {}
    return kept


def _keep_credentials(settings: Settings, credentials: Mapping[str, Any]) -> None:
    replace_private_file(_credentials_file(settings), json.dumps(credentials))
