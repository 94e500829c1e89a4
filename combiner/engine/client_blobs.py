"""The models and packages of running phases, each for the clients that have a task with it."""

from __future__ import annotations

from pathlib import Path

from fednet.errors import NotFound

from ..machine.values import BlobKind
from ..measures import CombinerMetrics
from .blobs import LocalBlobs
from .phases import Phases


class ClientBlobs:
    """The blobs that clients may read; see `BlobPort`. Downloads and URLs go through one check.

    Args:
        local: The blobs of running phases.
        phases: The phases, which know the tasks of each client.
        metrics: The combiner's metrics.
    """

    def __init__(self, local: LocalBlobs, phases: Phases, metrics: CombinerMetrics) -> None:
        self._local = local
        self._phases = phases
        self._sent_bytes = metrics.sent_bytes

    def path(self, client_id: str, kind: BlobKind, blob_id: str) -> Path:
        """Return the path of a blob that a task of the client names; raises as the port does."""
        self._check(client_id, kind, blob_id)
        return self._local.path(kind, blob_id)

    def url(self, client_id: str, kind: BlobKind, blob_id: str) -> str:
        """Return a URL of a blob that a task of the client names; raises as the port does."""
        self._check(client_id, kind, blob_id)
        return self._local.url(kind, blob_id)

    def sent(self, size_bytes: int) -> None:
        """Note that a client was sent so many bytes of a blob."""
        self._sent_bytes.inc(size_bytes)

    def _check(self, client_id: str, kind: BlobKind, blob_id: str) -> None:
        named = (
            blob for phase in self._phases.of_client(client_id) for blob in phase.assignment.blobs
        )
        if not any((blob.kind, blob.id) == (kind, blob_id) for blob in named):
            raise NotFound(
                "No running round asks this client to use this model or package.", field="id"
            )
