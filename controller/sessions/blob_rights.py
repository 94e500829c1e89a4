"""The check of a combiner's writes: each needs an order of an unfinished session, as the store has it now.

An order is given after its session is committed, so the documents know every order that a combiner can have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fednet.digests import Digest
from fednet.errors import PermissionDenied
from fednet.storage import Query

from ..records import Records
from .machine.blob_rights import may_delete, may_put
from .machine.state import UNFINISHED, Session


@dataclass(frozen=True)
class BlobRights:
    """The rights of combiners that write blobs through a controller.

    Args:
        records: The documents of all sessions.
    """

    records: Records

    def check_put(self, combiner: str, key: str, digest: Digest) -> None:
        """Check that a combiner has an order to make a blob.

        Raises:
            PermissionDenied: It has none, or the blob is a committed model.
        """
        self._check_uncommitted(key)
        if not any(may_put(each, combiner, key, digest) for each in self._unfinished()):
            raise _denied(combiner, key, "write")

    def check_delete(self, combiner: str, key: str) -> None:
        """Check that a blob is a partial of the combiner's own, or that it has an order to delete it.

        Raises:
            PermissionDenied: It is neither, or the blob is a committed model.
        """
        self._check_uncommitted(key)
        is_its_own = key.startswith("partials/") and key.endswith(f"/{combiner}")
        if not is_its_own and not any(may_delete(s, combiner, key) for s in self._unfinished()):
            raise _denied(combiner, key, "delete")

    def _unfinished(self) -> Iterator[Session]:
        for document in self.records.find("sessions", Query(where={"status": UNFINISHED})):
            yield Session.from_dict(document["state"])

    def _check_uncommitted(self, key: str) -> None:
        folder, _, name = key.partition("/")
        if folder == "models" and self.records.lookup("models", name) is not None:
            raise PermissionDenied("This model is committed: it stays as it is.", field="name")


def _denied(combiner: str, key: str, verb: str) -> PermissionDenied:
    return PermissionDenied(
        f"No running session has asked the combiner {combiner!r} to {verb} the blob {key!r}.",
        field="name",
    )
