"""The client for notebooks and programs: what a person does with a network, over its REST API.

`fednet.api_reader` has the methods that look up; this module has those that connect, change, transfer, wait and draw.
Every refusal of a controller raises an error of `fednet.errors` with its reason. No method returns a refusal.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
import uuid
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote

from fednet import limits
from fednet.addresses import split_addresses, url_host
from fednet.api_reader import APIReader
from fednet.api_starter import APIStarter
from fednet.api_storage import APIStorage
from fednet.errors import DeadlineExceeded, Unavailable
from fednet.feed import entries_of_feed, page_of_feed
from fednet.http import Http
from fednet.identity import find_network, find_tls
from fednet.tls import CallerTLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from plotly.graph_objects import Figure

    Parameters = Sequence[Any] | Mapping[str, Any]

_FINAL_STATUSES = frozenset({"FINISHED", "FAILED", "TERMINATED"})


class APIClient(APIReader, APIStarter, APIStorage):
    """Drives a network through its controllers.

    Without a host, the address and the token come from FEDNET_URL and FEDNET_TOKEN, or else from
    the network that `fednet network use` has chosen, or else from the controller that last ran on
    this machine with the default data folder.

    Every call has a time-out and is repeated, with growing pauses, while no controller can be
    reached. A client may be used by several threads.

    Args:
        host: The controller's host name, or its whole URL such as
            "https://fednet.example.org:8092/". Those of several controllers are separated by commas:
            where one is away, calls go on with the next one.
        port: Its port, where `host` does not say it.
        secure: Whether to use https, where `host` is no URL.
        verify: Whether to check the server's certificate when using https. Without it, anybody
            between you and the server can read and use your token; `ca` is the better way to trust
            a certificate that your machine does not know.
        token: Who you are; FEDNET_TOKEN if not given.
        auth_scheme: The word before the token in the Authorization header; "Bearer" by default.
        username: A user to log in as, in place of a token.
        password: The user's password; it is sent once, and not kept.
        ca: A file with the authorities (PEM) whose servers are trusted, in place of the public ones;
            by default FEDNET_CA, or what is known of the network.
        certificate: A file with your own certificate and its chain (PEM), for a server that asks
            for one; by default FEDNET_CERTIFICATE, or what is known of the network.
        certificate_key: A file with the key of `certificate`, without a password; by default
            FEDNET_CERTIFICATE_KEY.

    Raises:
        InvalidInput: There is neither a host nor a network to be found, or a file cannot be used.
        Unauthenticated: The name or the password of the user is wrong.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        secure: bool = False,
        verify: bool = True,
        token: str | None = None,
        auth_scheme: str | None = None,
        *,
        username: str | None = None,
        password: str | None = None,
        ca: Path | str | None = None,
        certificate: Path | str | None = None,
        certificate_key: Path | str | None = None,
    ) -> None:
        api_url, token = find_network(_url(host, port, secure=secure), token)
        files = (Path(each) if each else None for each in (ca, certificate, certificate_key))
        tls = find_tls(api_url, CallerTLS(*files))
        tls.check()
        if username is not None:
            token = _token_of(api_url, username, password or "", verify=verify, tls=tls)
        super().__init__(Http(api_url, token, auth_scheme or "Bearer", verify=verify, tls=tls))
        self._pause = threading.Event()

    @property
    def api_url(self) -> str:
        """The controllers' addresses, separated by commas."""
        return self._http.api_url

    def on_transfer(self, tell: Callable[[int, int], None]) -> None:
        """Let `tell` know, while a file goes up or down, the bytes that have gone, and in all."""
        self._http.on_transfer = tell

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

    def stop_session(self, id: str) -> dict[str, Any]:  # noqa: A002 - as in get_session
        """End a session. What its committed rounds gave stays; the round under way is given up.

        Returns:
            The session, whose status is TERMINATED.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended already; says with which status.
        """
        return self._steer(id, "stop")

    def pause_session(self, id: str) -> dict[str, Any]:  # noqa: A002 - as in get_session
        """Let a session finish its round, and begin no other until it is resumed.

        Returns:
            The session, whose status is PAUSED.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended; says with which status.
        """
        return self._steer(id, "pause")

    def resume_session(self, id: str) -> dict[str, Any]:  # noqa: A002 - as in get_session
        """Let a paused session go on.

        Returns:
            The session.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It is not paused; says its status.
        """
        return self._steer(id, "resume")

    def continue_session(
        self,
        session_id: str | None = None,
        rounds: int = 5,
        *,
        id: str | None = None,  # noqa: A002 - as in get_session
    ) -> dict[str, Any]:
        """Let a session run for more rounds; one that has ended goes on from its newest model.

        Args:
            session_id: The session's id.
            rounds: How many rounds to add.
            id: Another name of `session_id`.

        Returns:
            The session, with the new rounds_total.

        Raises:
            NotFound: There is no such session.
            Conflict: Somebody else has added rounds at the same time.
            LimitExceeded: It would have more than limits.session_rounds_max.
        """
        session = self.get_session(session_id or id)
        total = session["rounds_total"] + rounds
        return self._steer(
            session["session_id"], "continue", {"rounds": rounds, "rounds_total": total}
        )

    def wait_session(
        self,
        id: str,  # noqa: A002 - as in get_session
        on_change: Callable[[dict[str, Any]], None] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Wait until a session has ended; the controller says so, it is not asked again and again.

        A controller that is away meanwhile does not end the wait: it goes on with the next one, or with the same one
        once it is back, within `limits.controller_absence_seconds_max`.

        Args:
            id: The session's id.
            on_change: Is called with the session as it is now, and after each change, the last one
                included. Without it the controller tells nothing but the end.
            timeout: How long to wait, in seconds; None for as long as it takes.

        Returns:
            The session as it ended: its status is FINISHED, FAILED or TERMINATED, and reason says
            why.

        Raises:
            DeadlineExceeded: It has not ended in time; it goes on.
            Unavailable: No controller answers any more.
            NotFound: There is no such session.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        session = self.get_session(id)
        if on_change is None:
            return session if _has_ended(session) else self._await_session(session, "end", deadline)
        on_change(session)
        while not _has_ended(session):
            session = self._await_session(session, "change", deadline)
            on_change(session)
        return session

    # The feed

    def get_feed(
        self,
        after: int = 0,
        *,
        kinds: Sequence[str] | None = None,
        session_id: str | None = None,
        seconds: float = 0,
    ) -> dict[str, Any]:
        """Return what has happened after a number; where nothing has, wait for it.

        Args:
            after: The number of the last entry that you have; 0 for none.
            kinds: Only these: session_changed, client_joined, client_left, combiner_up, combiner_down.
            session_id: Only entries about this session.
            seconds: How long to wait, at most `limits.wait_seconds_max`.

        Returns:
            entries, each with number, at, kind, ids and controller; next, the number to go on after; head, the number
            of the newest entry; oldest, that of the oldest one that is kept; and is_gap: entries after your number
            are not kept any more, so read the state anew.

        Raises:
            InvalidInput: A kind or a number is wrong.
        """
        return page_of_feed(self._http, after, kinds, session_id, seconds)

    def watch_feed(
        self,
        after: int | None = None,
        *,
        kinds: Sequence[str] | None = None,
        session_id: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield what happens, as it happens, without end; goes on at the next controller when one is away.

        Args:
            after: The number of the last entry that you have; None to begin with what comes from now on.
            kinds: Only these, as in `get_feed`.
            session_id: Only entries about this session.

        Yields:
            Entries as in `get_feed`. One of the kind "gap" says that entries are not kept any more: read the state
            anew.

        Raises:
            Unavailable: No controller has answered for `limits.controller_absence_seconds_max`.
        """
        if after is None:
            after = int(self.get_feed(limits.feed_numbers_max)["head"])
        return entries_of_feed(self._http, after, kinds, session_id, self._pause)

    # Models

    def download_model(self, id: str, path: str | Path) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Write a model's file to a path; it is there whole, or not at all.

        Returns:
            success (True) and message.

        Raises:
            NotFound: There is no such model.
            InvalidInput: The path cannot be written.
            TransferCorrupted: The bytes that arrived are not those of the model.
        """
        return self._http.download(f"/api/v1/models/{quote(id, safe='')}/download", Path(path))

    def set_active_model(
        self, path: str | Path | Parameters, *, helper: str | None = None
    ) -> dict[str, Any]:
        """Upload a model, and begin new sessions with it.

            api.set_active_model("seed.npz")
            api.set_active_model([weights, bias])
            api.set_active_model({"weights": weights, "bias": bias})
            api.set_active_model(module.state_dict())

        Args:
            path: The file; or the parameters themselves: a list of arrays, or arrays by name. An array
                may be a tensor of torch. Order and names are kept.
            helper: The format: "numpyhelper" for an npz, "safetensors", or for bare numbers
                "binaryhelper" (float64) or "androidhelper" (float32). If not given, the format that
                the file shows; bare numbers show none, and are taken for files of the helper of the
                package or model that was set last. Parameters become an npz.

        Returns:
            success (True), message and model_id.

        Raises:
            InvalidInput: The path cannot be read.
            InvalidModel: The file is no model, or not in this format; the parameters are no arrays of numbers.
        """
        if isinstance(path, str | Path):
            return self._upload("models/", path, {"helper": helper})
        with _file_of(path, helper or "numpyhelper") as file:
            return self._upload("models/", file, {"helper": helper})

    # Packages

    def download_package(self, path: str | Path) -> dict[str, Any]:
        """Write the active package's file to a path; it is there whole, or not at all.

        Returns:
            success (True) and message.

        Raises:
            NotFound: No package is set.
            InvalidInput: The path cannot be written.
            TransferCorrupted: The bytes that arrived are not those of the package.
        """
        return self._http.download("/api/v1/packages/active/download", Path(path))

    def set_active_package(
        self, path: str | Path, helper: str, name: str | None = None, description: str | None = None
    ) -> dict[str, Any]:
        """Upload a compute package, and let clients run it.

        Args:
            path: The file: a tgz, tar or zip with a fednet.yaml.
            helper: The format of the model files that it reads and writes: "numpyhelper",
                "binaryhelper", "androidhelper" or "safetensors".
            name: A name for people.
            description: What it does.

        Returns:
            success (True), message and package_id.

        Raises:
            InvalidInput: The path cannot be read.
            InvalidPackage: The file is no package.
        """
        said = {"helper": helper, "name": name, "description": description}
        return self._upload("packages/", path, {**said, "file_name": Path(path).name})

    # Plots

    def plot_validations(self, session_id: str, metric: str) -> Figure:
        """Draw what clients measured of each round's model, and their mean, weighted by examples.

        Args:
            session_id: The session's id.
            metric: The name of a number that the package's validation reports, such as "accuracy".

        Returns:
            A Plotly figure; `.show()` shows it, and so does a notebook.

        Raises:
            MissingExtra: Plotly is not installed: `pip install 'fednet[plots]'`.
            NotFound: There is no such session.
            InvalidInput: Nobody has reported the metric; says which there are.
        """
        from fednet import plots

        session = self.get_session(session_id)
        rounds = self._rounds_of(session_id)
        validations = self.get_validations(session_id=session_id)["result"]
        return plots.validations(session, rounds, validations, metric)

    def plot_rounds(self, session_id: str) -> Figure:
        """Draw where the time of each round of a session went, in seconds.

        The steps of training are those of the client that took longest: the round waited for it.

        Raises:
            MissingExtra: Plotly is not installed: `pip install 'fednet[plots]'`.
            NotFound: There is no such session.
        """
        from fednet import plots

        return plots.rounds(self.get_session(session_id), self._rounds_of(session_id))

    def plot_privacy(self, session_id: str) -> Figure:
        """Return a Plotly figure of ε that a session has spent after each round, and of its budget.

        Args:
            session_id: The session's id.

        Raises:
            NotFound: There is no such session.
            InvalidInput: The session has no differential privacy.
            MissingExtra: Plotly is not installed.
        """
        from fednet import plots

        return plots.privacy(self.get_session(session_id), self._rounds_of(session_id))

    def plot_model_trail(self) -> Figure:
        """Draw the chain of models that led to the active one: when each was committed, by which session.

        Raises:
            MissingExtra: Plotly is not installed: `pip install 'fednet[plots]'`.
            NotFound: No model is set.
        """
        from fednet import plots

        return plots.model_trail(self.get_model_trail())

    # What they are made of

    def _rounds_of(self, session_id: str) -> list[dict[str, Any]]:
        """Return the rounds of one session, in their order."""
        found = self.get_rounds(session_id=session_id)["result"]
        return sorted(found, key=lambda each: each["number"])

    def _steer(
        self, session_id: str, how: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        path = f"/api/v1/sessions/{quote(session_id, safe='')}/{how}"
        return dict(self._http.call("POST", path, body=body))

    def _await_session(
        self, session: dict[str, Any], wait_for: Literal["change", "end"], deadline: float | None
    ) -> dict[str, Any]:
        """Return the session once it has changed, or once it has ended."""
        known = session["version"]
        answered_at = time.monotonic()
        while True:
            seconds = _seconds_to_wait(session, deadline)
            asked_at = time.monotonic()
            try:
                session = self._get_changed(session, wait_for, known, seconds)
                answered_at = time.monotonic()
            except (Unavailable, DeadlineExceeded):
                if time.monotonic() - answered_at > limits.controller_absence_seconds_max:
                    raise
            # A version below the known one is an earlier state, restored from a backup: that is a change.
            if _has_ended(session) or (wait_for == "change" and session["version"] != known):
                return session
            if time.monotonic() - asked_at < seconds / 2:
                self._give_way(deadline)

    def _get_changed(
        self, session: dict[str, Any], wait_for: str, known: int, seconds: float
    ) -> dict[str, Any]:
        """Return the session as it is when something has happened, or when the time is over."""
        found = self._get(
            f"sessions/{quote(session['session_id'], safe='')}",
            query={"wait_for": wait_for, "after_version": known, "wait_seconds": seconds},
            waits=seconds,
        )
        return dict(found)

    def _give_way(self, deadline: float | None) -> None:
        """Leave the server alone for a moment: it had no room to let us wait, or is away."""
        seconds = limits.waiting_pause_seconds * random.uniform(0.5, 1)  # noqa: S311 - no secret
        if deadline is not None:
            seconds = min(seconds, max(deadline - time.monotonic(), 0))
        self._pause.wait(seconds)

    def _upload(self, path: str, file: str | Path, said: Mapping[str, Any]) -> dict[str, Any]:
        """Send a file under an id of ours, so that sending it twice makes one of it."""
        query = {"id": str(uuid.uuid4()), **said}
        return self._http.upload(f"/api/v1/{path}", Path(file), query)


@contextmanager
def _file_of(parameters: Parameters, helper: str) -> Iterator[Path]:
    """Give a file with the parameters, which is deleted at the end."""
    from fednet.parameters import given_arrays, model_format

    form = model_format(helper)
    arrays, structure = given_arrays(parameters)
    with tempfile.TemporaryDirectory(prefix="fednet-") as folder:
        file = Path(folder) / f"model{form.suffix}"
        form.write(file, arrays, structure)
        yield file


def _url(host: str | None, port: int | None, *, secure: bool) -> str | None:
    """Return the URLs of the hosts, separated by commas; None where no host is given."""
    if not host:
        return None
    return ",".join(_url_of_one(each, port, secure=secure) for each in split_addresses(host))


def _url_of_one(host: str, port: int | None, *, secure: bool) -> str:
    scheme = "https" if secure else "http"
    is_bare_ipv6 = "://" not in host and host.count(":") > 1 and "[" not in host
    written = url_host(host) if is_bare_ipv6 else host
    url = written if "://" in written else f"{scheme}://{written}"
    return url if port is None else f"{url}:{port}"


def _has_ended(session: dict[str, Any]) -> bool:
    return session["status"].upper() in _FINAL_STATUSES


def _seconds_to_wait(session: dict[str, Any], deadline: float | None) -> float:
    if deadline is None:
        return limits.wait_seconds_max
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded(
            f"Session {session['session_id']!r} has not ended in time: it is {session['status']}."
        )
    return min(left, limits.wait_seconds_max)


def _token_of(api_url: str, username: str, password: str, *, verify: bool, tls: CallerTLS) -> str:
    """Return a token for a user's name and password."""
    with closing(Http(api_url, None, verify=verify, tls=tls)) as http:
        credentials = {"name": username, "password": password}
        return str(http.call("POST", "/api/v1/auth/login", body=credentials)["token"])
