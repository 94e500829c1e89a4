"""The client for notebooks and programs: what a person does with a network, over its REST API.

Names, parameters and defaults are those of FEDn's APIClient. What FEDn answers as a dict with
`success` and `message` (`set_*`, `download_*`, `start_session`) stays such a dict, also where the
server refuses; every other refusal raises an error of `fednet.errors` with the server's words.
Where the server cannot be reached, all of them raise.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from fednet import limits, settings
from fednet.errors import DeadlineExceeded, InvalidInput
from fednet.http import Http
from fednet.identity import read_local_network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_FINAL_STATUSES = frozenset({"FINISHED", "FAILED", "TERMINATED"})


class APIClient:
    """Drives a network through its controller.

    Without a host, the address and the token come from FEDNET_URL and FEDNET_TOKEN, or else from
    the controller that last ran on this machine with the default data folder.

    Every call has a time-out and is repeated, with growing pauses, while the controller cannot be
    reached. A client may be used by several threads.

    Args:
        host: The controller's host name, or its whole URL such as
            "https://fednet.example.org:8092/".
        port: Its port, where `host` does not say it.
        secure: Whether to use https, where `host` is no URL.
        verify: Whether to check the server's certificate when using https. As in FEDn this is off
            by default, and then anybody between you and the server can read and use your token: set
            it wherever the server has a certificate that your machine trusts.
        token: Who you are; FEDNET_TOKEN if not given.
        auth_scheme: The word before the token in the Authorization header; "Bearer" by default.

    Raises:
        InvalidInput: There is neither a host nor a controller on this machine.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        secure: bool = False,
        verify: bool = False,
        token: str | None = None,
        auth_scheme: str | None = None,
    ) -> None:
        api_url, token = _where_and_who(_url(host, port, secure=secure), token)
        self._http = Http(api_url, token, auth_scheme or "Bearer", verify=verify)
        self._pause = threading.Event()

    @property
    def api_url(self) -> str:
        """The controller's address."""
        return self._http.api_url

    def close(self) -> None:
        """Give up the connections; a later call makes new ones."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Sessions

    def start_session(
        self,
        id: str | None = None,  # noqa: A002 - FEDn's name
        aggregator: str = "fedavg",
        aggregator_kwargs: dict[str, Any] | None = None,
        model_id: str | None = None,
        round_timeout: float = 180,
        rounds: int = 5,
        round_buffer_size: int = -1,
        delete_models: bool = True,
        validate: bool = True,
        helper: str = "numpyhelper",
        min_clients: int = 1,
        requested_clients: int = 8,
    ) -> dict[str, Any]:
        """Start a session.

        Args:
            id: The session's id, unique in the network; a new UUID if not given.
            aggregator: The name of the aggregator.
            aggregator_kwargs: The aggregator's settings.
            model_id: The model to begin with; the active one if not given.
            round_timeout: How long a round waits for updates, in seconds.
            rounds: The number of rounds.
            round_buffer_size: How many updates are enough to aggregate; -1 for those of all
                selected clients.
            delete_models: Whether updates and partials are deleted after each round.
            validate: Whether clients validate the model of each round.
            helper: The format of the model file.
            min_clients: How many clients must answer, in the whole network, for a round to count.
            requested_clients: How many clients are asked in each round, at the most.

        Returns:
            success, message and, where it was started, session_id and config.
        """
        options = {
            "session_id": id or str(uuid.uuid4()),
            "aggregator": aggregator,
            "aggregator_kwargs": aggregator_kwargs,
            "model_id": model_id,
            "round_timeout": round_timeout,
            "rounds": rounds,
            "round_buffer_size": round_buffer_size,
            "delete_models": delete_models,
            "validate": validate,
            "helper": helper,
            "min_clients": min_clients,
            "requested_clients": requested_clients,
        }
        return self._http.call_for_dict("POST", "/api/v1/sessions/", body=options)

    def get_session(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A session by its id.

        Raises:
            NotFound: There is no such session.
        """
        return self._get_object("sessions", id)

    def get_sessions(self, n_max: int | None = None) -> dict[str, Any]:
        """The sessions, newest first: count and result; all of them if n_max is None."""
        return self._list("sessions", n_max)

    def get_sessions_count(self) -> int:
        """How many sessions there are."""
        return self._count("sessions")

    def get_session_status(self, id: str) -> str:  # noqa: A002 - FEDn's name
        """A session's status: INITIALIZED, STARTED, FINISHED, FAILED or TERMINATED.

        Raises:
            NotFound: There is no such session.
        """
        return str(self.get_session(id)["status"])

    def session_is_finished(self, id: str) -> bool:  # noqa: A002 - FEDn's name
        """Whether a session has done all its rounds.

        Raises:
            NotFound: There is no such session.
        """
        return self.get_session_status(id).upper() == "FINISHED"

    def wait_session(
        self,
        id: str,  # noqa: A002 - as in get_session
        on_change: Callable[[dict[str, Any]], None] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Wait until a session has ended. The server answers when something happens.

        Args:
            id: The session's id.
            on_change: Is called with the session as it is now, and after each change, the last one
                included.
            timeout: How long to wait, in seconds; None for as long as it takes.

        Returns:
            The session as it ended: its status is FINISHED, FAILED or TERMINATED, and reason says
            why.

        Raises:
            DeadlineExceeded: It has not ended in time; it goes on.
            NotFound: There is no such session.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        session = self.get_session(id)
        while True:
            if on_change is not None:
                on_change(session)
            if session["status"].upper() in _FINAL_STATUSES:
                return session
            session = self._next_version(session, deadline)

    # Models

    def get_model(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A model by its id.

        Raises:
            NotFound: There is no such model.
        """
        return self._get_object("models", id)

    def get_models(self, session_id: str | None = None, n_max: int | None = None) -> dict[str, Any]:
        """The models, of one session if it is given, newest first: count and result."""
        return self._list("models", n_max, {"session_id": session_id})

    def get_models_count(self) -> int:
        """How many models there are."""
        return self._count("models")

    def get_active_model(self) -> dict[str, Any]:
        """The model that new sessions begin with: the last one that was committed or set.

        Raises:
            NotFound: No model is set.
        """
        return self._get_object("models", "active")

    def get_model_trail(
        self,
        id: str | None = None,  # noqa: A002 - FEDn's name
        include_self: bool = True,
        reverse: bool = True,
        n_max: int | None = None,
    ) -> list[dict[str, Any]]:
        """The chain of models that led to one.

        Args:
            id: The model where the chain ends; the active one if not given.
            include_self: Whether that model itself is part of it.
            reverse: True for oldest first, False for newest first.
            n_max: The most models, counted from the newest; all if None.

        Raises:
            NotFound: There is no such model.
        """
        trail: list[dict[str, Any]] = []
        start, include = id or "active", include_self
        while (wanted := _page_size(n_max, len(trail))) > 0:
            page = self._get(
                f"models/{quote(start, safe='')}/ancestors",
                query={"include_self": include},
                headers={"X-Limit": str(wanted)},
            )
            trail += page
            if len(page) < wanted:
                break
            start, include = page[-1]["id"], False
        return trail[::-1] if reverse else trail

    def download_model(self, id: str, path: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """Write a model's file to a path; it is there whole, or not at all.

        Returns:
            success and message.

        Raises:
            InvalidInput: The path cannot be written.
            TransferCorrupted: The bytes that arrived are not those of the model.
        """
        return self._http.download(f"/api/v1/models/{quote(id, safe='')}/download", Path(path))

    def set_active_model(self, path: str) -> dict[str, Any]:
        """Upload a model, an npz file with the arrays "0" to "n-1", and begin new sessions with it.

        Returns:
            success, message and, where it was accepted, model_id.

        Raises:
            InvalidInput: The path cannot be read.
        """
        return self._upload("models/", path, {})

    # Packages

    def get_package(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A compute package by its id.

        Raises:
            NotFound: There is no such package.
        """
        return self._get_object("packages", id)

    def get_packages(self, n_max: int | None = None) -> dict[str, Any]:
        """The compute packages, newest first: count and result."""
        return self._list("packages", n_max)

    def get_packages_count(self) -> int:
        """How many compute packages there are."""
        return self._count("packages")

    def get_active_package(self) -> dict[str, Any]:
        """The compute package that clients run.

        Raises:
            NotFound: No package is set.
        """
        return self._get_object("packages", "active")

    def get_package_checksum(self) -> dict[str, Any]:
        """The SHA-256 of the active package, in hexadecimal: checksum.

        Raises:
            NotFound: No package is set.
        """
        return dict(self._get("packages/checksum"))

    def download_package(self, path: str) -> dict[str, Any]:
        """Write the active package's file to a path; it is there whole, or not at all.

        Returns:
            success and message.

        Raises:
            InvalidInput: The path cannot be written.
            TransferCorrupted: The bytes that arrived are not those of the package.
        """
        return self._http.download("/api/v1/packages/active/download", Path(path))

    def set_active_package(
        self, path: str, helper: str, name: str | None = None, description: str | None = None
    ) -> dict[str, Any]:
        """Upload a compute package, and let clients run it.

        Args:
            path: The file: a tgz, tar or zip with a fednet.yaml.
            helper: The format of the model files that it reads and writes, such as "numpyhelper".
            name: A name for people.
            description: What it does.

        Returns:
            success, message and, where it was accepted, package_id.

        Raises:
            InvalidInput: The path cannot be read.
        """
        said = {"helper": helper, "name": name, "description": description}
        return self._upload("packages/", path, {**said, "file_name": Path(path).name})

    # Clients and combiners

    def get_client(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A client by its id or its name.

        Raises:
            NotFound: There is no such client.
        """
        return self._get_object("clients", id)

    def get_clients(self, n_max: int | None = None) -> dict[str, Any]:
        """The clients, newest first: count and result."""
        return self._list("clients", n_max)

    def get_active_clients(
        self, combiner_id: str | None = None, n_max: int | None = None
    ) -> dict[str, Any]:
        """The connected clients, of one combiner if its name is given: count and result."""
        return self._list("clients", n_max, {"status": "online", "combiner": combiner_id})

    def get_clients_count(self) -> int:
        """How many clients there are, connected or not."""
        return self._count("clients")

    def get_combiner(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A combiner by its id or its name.

        Raises:
            NotFound: There is no such combiner.
        """
        return self._get_object("combiners", id)

    def get_combiners(self, n_max: int | None = None) -> dict[str, Any]:
        """The combiners, newest first: count and result."""
        return self._list("combiners", n_max)

    def get_combiners_count(self) -> int:
        """How many combiners there are."""
        return self._count("combiners")

    # Rounds, statuses and validations

    def get_round(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A round by its id.

        Raises:
            NotFound: There is no such round.
        """
        return self._get_object("rounds", id)

    def get_rounds(self, n_max: int | None = None) -> dict[str, Any]:
        """The rounds of all sessions, newest first: count and result."""
        return self._list("rounds", n_max)

    def get_rounds_count(self) -> int:
        """How many rounds there are."""
        return self._count("rounds")

    def get_status(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A status by its id.

        Raises:
            NotFound: There is no such status.
        """
        return self._get_object("statuses", id)

    def get_statuses(
        self,
        session_id: str | None = None,
        event_type: str | None = None,
        sender_name: str | None = None,
        sender_role: str | None = None,
        n_max: int | None = None,
    ) -> dict[str, Any]:
        """What the network's parts logged, newest first: count and result."""
        filters = {
            "session_id": session_id,
            "type": event_type,
            "sender.name": sender_name,
            "sender.role": sender_role,
        }
        return self._list("statuses", n_max, filters)

    def get_statuses_count(self) -> int:
        """How many statuses there are."""
        return self._count("statuses")

    def get_validation(self, id: str) -> dict[str, Any]:  # noqa: A002 - FEDn's name
        """A validation by its id.

        Raises:
            NotFound: There is no such validation.
        """
        return self._get_object("validations", id)

    def get_validations(
        self,
        session_id: str | None = None,
        model_id: str | None = None,
        correlation_id: str | None = None,
        sender_name: str | None = None,
        sender_role: str | None = None,
        receiver_name: str | None = None,
        receiver_role: str | None = None,
        n_max: int | None = None,
    ) -> dict[str, Any]:
        """What clients measured of models, newest first: count and result; `data` is JSON."""
        filters = {
            "session_id": session_id,
            "model_id": model_id,
            "correlation_id": correlation_id,
            "sender.name": sender_name,
            "sender.role": sender_role,
            "receiver.name": receiver_name,
            "receiver.role": receiver_role,
        }
        return self._list("validations", n_max, filters)

    def get_validations_count(self) -> int:
        """How many validations there are."""
        return self._count("validations")

    # What they are made of

    def _get(self, path: str, **options: Any) -> Any:
        return self._http.call("GET", f"/api/v1/{path}", **options)

    def _get_object(self, resource: str, key: str) -> dict[str, Any]:
        return dict(self._get(f"{resource}/{quote(key, safe='')}"))

    def _count(self, resource: str) -> int:
        return int(self._get(f"{resource}/count"))

    def _list(
        self, resource: str, n_max: int | None, filters: Mapping[str, str | None] | None = None
    ) -> dict[str, Any]:
        """Page through a list; as additions move the pages, items are told apart by id."""
        found: dict[str, dict[str, Any]] = {}
        skip = 0
        while True:
            wanted = _page_size(n_max, len(found))
            page = self._get(
                f"{resource}/",
                query=filters,
                headers={"X-Limit": str(wanted), "X-Skip": str(skip)},
            )
            found |= {item["id"]: item for item in page["result"]}
            skip += len(page["result"])
            if len(page["result"]) < wanted or len(found) == n_max:
                return {"count": page["count"], "result": list(found.values())}

    def _next_version(self, session: dict[str, Any], deadline: float | None) -> dict[str, Any]:
        """The session after its next change."""
        while True:
            seconds = _seconds_to_wait(session, deadline)
            asked_at = time.monotonic()
            answer = self._get(
                f"sessions/{quote(session['session_id'], safe='')}",
                query={"after_version": session["version"], "wait_seconds": seconds},
                seconds=seconds + limits.call_seconds_max,
            )
            if answer["version"] > session["version"]:
                return dict(answer)
            if time.monotonic() - asked_at < seconds / 2:
                self._give_way(deadline)

    def _give_way(self, deadline: float | None) -> None:
        """The server had no room to let us wait: leave it alone for a moment."""
        seconds = limits.waiting_pause_seconds * random.uniform(0.5, 1)  # noqa: S311 - no secret
        if deadline is not None:
            seconds = min(seconds, max(deadline - time.monotonic(), 0))
        self._pause.wait(seconds)

    def _upload(self, path: str, file: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Send a file under an id of ours, so that sending it twice makes one of it."""
        query = {"id": str(uuid.uuid4()), **said}
        return self._http.upload(f"/api/v1/{path}", Path(file), query)


def _where_and_who(api_url: str | None, token: str | None) -> tuple[str, str | None]:
    """Address and token: as given, else from the environment, else of this machine's controller."""
    api_url = api_url or settings.api_url_from_environment()
    token = token or settings.token_from_environment()
    if api_url and token:
        return api_url, token
    local = read_local_network(settings.default_data_dir())
    if api_url is not None:
        is_local = local is not None and local.api_url.rstrip("/") == api_url.rstrip("/")
        return api_url, local.token if local is not None and is_local else None
    if local is None:
        raise InvalidInput(
            "There is no controller on this machine. Say where it is: "
            "APIClient(host, port, token=…), or set FEDNET_URL and FEDNET_TOKEN.",
            field="host",
        )
    return local.api_url, token or local.token


def _url(host: str | None, port: int | None, *, secure: bool) -> str | None:
    if not host:
        return None
    if "://" in host:
        return host if port is None else f"{host.rstrip('/')}:{port}"
    scheme = "https" if secure else "http"
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"


def _page_size(n_max: int | None, got: int) -> int:
    return limits.page_items_max if n_max is None else min(n_max - got, limits.page_items_max)


def _seconds_to_wait(session: dict[str, Any], deadline: float | None) -> float:
    if deadline is None:
        return limits.wait_seconds_max
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded(
            f"Session {session['session_id']!r} has not ended in time: it is {session['status']}."
        )
    return min(left, limits.wait_seconds_max)
