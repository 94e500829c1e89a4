"""The way of the client's files: directly to and from the object store, or through the combiner.

`auto` tries the object store first. If the network has none, or it cannot be reached, files go through the combiner for
a while; bytes that have arrived by then are not sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.digests import Digest
from fednet.errors import FailedPrecondition, FednetError
from fednet.rpc import download, download_object, received_bytes, upload, upload_object
from fednet.tls import CallerTLS

from .connection import Connection
from .measures import ClientMetrics


class Transfer:
    """The transfer of one client's files; one thread may send while another one fetches.

    Args:
        way: The client's setting.
        tls: The client's files as a caller.
        connection: The connection to its combiner.
        report: Writes a line into the network's log.
        metrics: The client's metrics.
    """

    def __init__(
        self,
        way: Literal["auto", "grpc", "object-store"],
        tls: CallerTLS,
        connection: Connection,
        report: Callable[[str], None],
        metrics: ClientMetrics,
    ) -> None:
        self._metrics = metrics
        self._way = way
        self._tls = tls
        self._connection = connection
        self._report = report
        self._through_combiner_until = 0.0

    def upload(self, path: Path, task_id: str, *, digest: Digest, is_again: bool) -> None:
        """Send a file as the update of a task, with few retries.

        Args:
            path: The file.
            task_id: The task.
            digest: The digest of the file.
            is_again: True if an earlier call may have brought the update, or a part of it, to the combiner.

        Raises:
            FailedPrecondition: The client may use only the object store, and the network has none.
            FednetError: The update was refused, or failed without progress.
        """
        straight = partial(upload_object, digest=digest)
        through_combiner = partial(
            upload, digest=digest, resumes=is_again, attempts_max=limits.delivery_attempts_max
        )
        if is_again and self._lies_there(path, task_id):
            # The combiner checks the bytes that it has; they are not sent again.
            through_combiner(self._connection.models, path, task_id, stop=self._connection.stopping)
        else:
            self._move(straight, through_combiner, path, task_id)
            self._metrics.sent_bytes.inc(digest.size_bytes)

    def download(self, ref: BlobRef, path: Path) -> None:
        """Fetch a model or package to a path.

        Raises:
            FailedPrecondition: The client may use only the object store, and the network has none.
            FednetError: The download was refused, or failed too many times without progress.
        """
        self._move(download_object, download, ref, path)
        self._metrics.received_bytes.inc(ref.digest.size_bytes)

    def _lies_there(self, path: Path, task_id: str) -> bool:
        """Return True if the combiner already has the whole update."""
        return received_bytes(self._connection.models(), task_id) == path.stat().st_size

    def _move(
        self, straight: Callable[..., bool], through_combiner: Callable[..., None], *what: Any
    ) -> None:
        if not self._goes_straight(straight, *what):
            through_combiner(self._connection.models, *what, stop=self._connection.stopping)

    def _goes_straight(self, straight: Callable[..., bool], *what: Any) -> bool:
        """Try the object store, if it is allowed and was reachable; return True if the file is transferred."""
        if self._way == "grpc" or time.monotonic() < self._through_combiner_until:
            return False
        try:
            is_done = self._tried(straight, *what)
        except FednetError as problem:
            if not self._has_another_way(problem):
                raise
            self._report(f"Files go through the combiner for a while: {problem}")
            is_done = False
        if not is_done:
            self._through_combiner_until = time.monotonic() + limits.object_pause_seconds
        return is_done

    def _tried(self, straight: Callable[..., bool], *what: Any) -> bool:
        only, stop = self._way == "object-store", self._connection.stopping
        attempts = limits.transfer_attempts_max if only else limits.object_attempts_max
        models, store = self._connection.models, self._connection.object_store
        is_done = straight(
            models, *what, stop=stop, attempts_max=attempts, store=store, tls=self._tls
        )
        if only and not is_done:
            raise FailedPrecondition(
                "This client transfers files only through an object store, but the network has none: "
                "set transfer to auto or grpc.",
                field="transfer",
            )
        return is_done

    def _has_another_way(self, problem: FednetError) -> bool:
        """Return True if the problem is temporary or that of the store, so that the combiner may help."""
        if self._way == "object-store" or self._connection.stopping.is_set():
            return False
        return problem.retryable or problem.field == "blob_store"
