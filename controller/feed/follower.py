"""Following the feeds of the other controllers, so that their entries wake those who wait here."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError, Unavailable
from fednet.storage import Document
from fednet.tls import PUBLIC_CA, CallerTLS

from .feed import Feed

_log = logging.getLogger(__name__)


class Followers:
    """Follows every other living controller.

    Args:
        feed: Is told to look for new entries.
        controller: This controller's name.
        token: Returns a valid token of this controller.
        tls: This controller's files as a caller.
    """

    def __init__(
        self, feed: Feed, controller: str, token: Callable[[], str], tls: CallerTLS = PUBLIC_CA
    ) -> None:
        self._feed = feed
        self._tls = tls
        self._controller = controller
        self._token = token
        self._following: dict[str, _Follower] = {}

    def follow(self, living: Mapping[str, Document]) -> None:
        """Follow these controllers, and nobody else.

        Args:
            living: The leases of living controllers, by incarnation.
        """
        others = {id_: each for id_, each in living.items() if each["name"] != self._controller}
        for gone in self._following.keys() - others.keys():
            self._following.pop(gone).close()
        for new in others.keys() - self._following.keys():
            self._following[new] = _Follower(self._feed, others[new], self._token, self._tls)

    def close(self) -> None:
        """Follow nobody any more."""
        self.follow({})


class _Follower:
    """Asks one controller for its next entry, again and again; each question waits for an entry there."""

    def __init__(
        self, feed: Feed, lease: Document, token: Callable[[], str], tls: CallerTLS
    ) -> None:
        self._feed = feed
        self._tls = tls
        self._name = lease["name"]
        self._place = urlsplit(lease["address"])
        self._token = token
        self._connection: http.client.HTTPConnection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed-of-{self._name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, also in the middle of a question."""
        self._stopping.set()
        connection = self._connection
        if connection and connection.sock:
            with suppress(OSError):  # it has ended by itself
                connection.sock.shutdown(2)

    def _run(self) -> None:
        failures, after = 0, self._feed.head
        while not self._stopping.is_set():
            try:
                with closing(self._connected()) as connection:
                    while not self._stopping.is_set():
                        after = self._ask(connection, after)
                        failures = 0
            except (OSError, http.client.HTTPException, ValueError, FednetError) as error:
                _log.debug("the feed of %s does not answer: %s", self._name, error)
            failures += 1
            self._stopping.wait(backoff_seconds(failures))

    def _connected(self) -> http.client.HTTPConnection:
        connection = self._new_connection()
        connection.connect()
        connection.sock.settimeout(limits.wait_seconds_max + limits.call_seconds_max)
        self._connection = connection
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        host, port, seconds = (
            self._place.hostname or "",
            self._place.port,
            limits.connect_seconds_max,
        )
        if self._place.scheme == "https":
            context = self._tls.context()
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
        return http.client.HTTPConnection(host, port, timeout=seconds)

    def _ask(self, connection: http.client.HTTPConnection, after: int) -> int:
        """Wait for an entry that the controller appends after this one; return the number to go on after."""
        query = {"after": after, "controller": self._name, "seconds": limits.wait_seconds_max}
        headers = {"Authorization": f"Bearer {self._token()}"}
        connection.request("GET", f"/api/v1/feed?{urlencode(query)}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise Unavailable(f"{answer.status} {answer.reason}")
        page: dict[str, Any] = json.loads(body)
        if int(page["head"]) > self._feed.head:
            self._feed.look()
        if connection.sock is None:
            raise Unavailable("It stops.")
        return int(page["next"])
