"""The check of tasks: a client works only at what the network's controller has signed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from fednet.enrolment import ClientPlace
from fednet.errors import PermissionDenied, Unauthenticated
from fednet.identity import Warrant, WarrantReader
from fednet.task_ids import task_id_of

from .tasks import Task

_log = logging.getLogger(__name__)


class Warrants:
    """The warrants that this client accepts.

    Args:
        fetch_keys: Returns the network's public keys now. It is called when a warrant names a key that is not known,
            which happens after the network has changed its key.
    """

    def __init__(self, fetch_keys: Callable[[], Sequence[str]]) -> None:
        self._fetch_keys = fetch_keys
        self._client_id = ""
        self._reader = WarrantReader(())
        self._lock = threading.Lock()

    def trust(self, place: ClientPlace) -> None:
        """Accept warrants for this place, signed with the keys that the controller has told."""
        reader = WarrantReader(place.public_keys)
        with self._lock:
            self._client_id, self._reader = place.id, reader

    def check(self, task: Task) -> None:
        """Check that the controller has signed a task.

        Raises:
            PermissionDenied: The task has no warrant of this network, or differs from its warrant; says in what.
            FednetError: The controller cannot be asked for a new key.
        """
        try:
            self._check(task)
        except PermissionDenied as error:
            _log.error("the combiner has sent the task %s: %s", task.id, error.message)
            raise

    def _check(self, task: Task) -> None:
        try:
            warrant = self._reader_for(task.warrant).read(task.warrant)
        except Unauthenticated as error:
            raise PermissionDenied(f"The task is refused. {error.message}") from error
        if differences := self._differences(task, warrant):
            raise PermissionDenied(
                "The task is refused: it differs from what the controller has signed, in "
                f"{', '.join(differences)}."
            )

    def _reader_for(self, warrant: str) -> WarrantReader:
        with self._lock:
            reader = self._reader
        if not warrant or reader.knows_key_of(warrant):
            return reader
        reader = WarrantReader(self._fetch_keys())
        with self._lock:
            self._reader = reader
        return reader

    def _differences(self, task: Task, warrant: Warrant) -> list[str]:
        """Return the names of the fields in which a task differs from its warrant."""
        expected = {
            "id": task_id_of(warrant.phase_id, self._client_id),
            "kind": warrant.kind,
            "round_number": warrant.round_number,
            "helper": warrant.helper,
            "model": warrant.model,
            "package": warrant.package,
            "privacy": warrant.privacy,
            "secure": warrant.secure,
        }
        return [name for name, value in expected.items() if getattr(task, name) != value]
