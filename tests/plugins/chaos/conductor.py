"""Holds clients at the beginning of a task, so that a fault falls at a known moment."""

import contextlib
import json
import socketserver
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Self, TypeAlias

SECONDS_MAX = 60.0
Task: TypeAlias = tuple[str, str, int]
"""A client's name, train or validate, and the round."""


class Conductor:
    """Every task begins here; as a context manager it serves for as long as its block lasts.

    Attributes:
        address: Where clients ask, `host:port`.
        begun: How often each task has begun.
    """

    def __init__(self) -> None:
        self.begun: Counter[Task] = Counter()
        self._held: set[Task] = set()
        self._waiting: Counter[Task] = Counter()
        self._changed = threading.Condition()
        conductor = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                said = json.loads(self.rfile.readline())
                conductor._begin((said["client"], said["task"], said["round"]))
                with contextlib.suppress(OSError):  # the client was killed while it waited
                    self.wfile.write(b"go on\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def hold(self, task: str, number: int, clients: Iterable[str]) -> None:
        """Hold these clients when they begin such a task of this round."""
        with self._changed:
            self._held |= {(client, task, number) for client in clients}

    def wait_for(self, task: str, number: int, clients: Iterable[str]) -> None:
        """Return once each of these clients is held in such a task of this round."""
        wanted = {(client, task, number) for client in clients}
        with self._changed:
            is_reached = self._changed.wait_for(
                lambda: all(self._waiting[each] for each in wanted), SECONDS_MAX
            )
            assert is_reached, f"{wanted} are not all held: {dict(self._waiting)}"

    def release(self) -> None:
        """Let everybody go on, and hold nobody any more."""
        with self._changed:
            self._held.clear()
            self._changed.notify_all()

    def release_round(self, number: int) -> None:
        """Let everybody go on who is held in this round."""
        with self._changed:
            self._held = {each for each in self._held if each[2] != number}
            self._changed.notify_all()

    def release_client(self, name: str) -> None:
        """Let a client go on, in whichever task it is held."""
        with self._changed:
            self._held = {each for each in self._held if each[0] != name}
            self._changed.notify_all()

    def _begin(self, key: Task) -> None:
        with self._changed:
            self.begun[key] += 1
            self._waiting[key] += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: key not in self._held)
            self._waiting[key] -= 1
