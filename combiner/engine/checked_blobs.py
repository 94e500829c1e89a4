"""Reading of shared blobs, each only with the digest that the controller recorded. For worker threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from fednet import limits
from fednet.digests import Digest, RunningDigest, digest_of_file
from fednet.errors import Conflict, NotFound
from fednet.storage import Blobs


class CheckedBlobs:
    """The blobs that combiners and the controller share.

    A copy is checked while its bytes pass. A file of the store is read once for its check; its digest holds until the
    store has another version of it. A file that this combiner has put is not read again.

    Args:
        store: The blob store.

    Attributes:
        store: The blob store.
    """

    def __init__(self, store: Blobs) -> None:
        self.store = store
        self._known: OrderedDict[tuple[str, str], Digest] = OrderedDict()  # by key and version
        self._lock = threading.Lock()

    def path(self, key: str, recorded: Digest | None) -> Path | None:
        """Return the file of a blob; None where the store has no files.

        Raises:
            Conflict: It is not the blob that the controller recorded.
        """
        path = self.store.local_path(key)
        version = self.store.version(key) if path else None
        if path is None or version is None:
            return None
        recorded = _recorded(key, recorded)
        present = self._digest_of(key, version) or _digest_in(path, recorded)
        _check(key, present, recorded)
        self._note(key, version, present)
        return path

    def copy(self, key: str, recorded: Digest | None, target: Path) -> None:
        """Copy a blob to a path.

        Raises:
            NotFound: There is no such blob.
            Conflict: It is not the blob that the controller recorded; the copy is not to be used.
        """
        recorded = _recorded(key, recorded)
        digest = RunningDigest(recorded.algorithm)
        with target.open("wb") as file:
            for data in digest.passing(self.store.read(key)):
                file.write(data)
        _check(key, digest.digest, recorded)

    def put_file(self, key: str, path: Path, known: Digest | None = None) -> Digest:
        """Move a file into the store and return its digest, which is not computed again if it is known."""
        digest = self.store.put_file(key, path, known)
        if self.store.local_path(key) and (version := self.store.version(key)):
            self._note(key, version, digest)
        return digest

    def _digest_of(self, key: str, version: str) -> Digest | None:
        with self._lock:
            return self._known.get((key, version))

    def _note(self, key: str, version: str, digest: Digest) -> None:
        with self._lock:
            self._known[key, version] = digest
            self._known.move_to_end((key, version))
            while len(self._known) > limits.checked_blobs_max:
                self._known.popitem(last=False)


def _recorded(key: str, recorded: Digest | None) -> Digest:
    if recorded is None:
        raise Conflict(f"The controller recorded no digest of the blob {key!r}.")
    return recorded


def _digest_in(path: Path, recorded: Digest) -> Digest:
    try:
        return digest_of_file(path, recorded.algorithm)
    except FileNotFoundError as error:
        raise NotFound(f"The file {path.name!r} has vanished from the blob store.") from error


def _check(key: str, present: Digest, recorded: Digest) -> None:
    if present != recorded:
        raise Conflict(
            f"The blob {key!r} is not the one that the controller recorded: it has "
            f"{present.size_bytes} bytes and the digest {present.text}, instead of "
            f"{recorded.size_bytes} bytes and {recorded.text}."
        )
