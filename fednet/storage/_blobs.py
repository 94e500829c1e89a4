"""The blobs protocol: named byte strings of any size, written whole or not at all.

Every backend answers alike; `tests/storage/test_blobs.py` runs against each of them. All methods
may be called from any thread, and by several processes on one store where the backend is not in
memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fednet import limits
from fednet.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Blob:
    """What was stored.

    Args:
        size_bytes: Its size.
        sha256: The digest of its content, in hexadecimal.
    """

    size_bytes: int
    sha256: str


class Presigner(Protocol):
    """Makes URLs by which others reach single blobs straight in the store, for a while.

    A URL holds no secret, only a signature over the verb, the blob and the time: whoever has it may
    do that one thing. The store does not limit how much is sent to one: see `Blobs.size` afterwards.
    Every method raises InvalidInput for a key that is none; those that ask the store raise
    Unavailable while it does not answer.
    """

    def get_url(self, key: str, seconds: int) -> str:
        """A URL to GET the blob, or ranges of it, for so many seconds, a week at the most."""

    def put_url(self, key: str, seconds: int) -> str:
        """A URL to PUT the whole blob in one request, for so many seconds, a week at the most."""

    def begin_parts(self, key: str) -> str:
        """Begin a blob that is sent in parts; the id of the upload.

        Nothing of it is visible before `complete_parts`. What is neither completed nor aborted goes
        after `limits.blob_upload_idle_seconds_max`.
        """

    def part_url(self, key: str, upload_id: str, number: int, seconds: int) -> str:
        """A URL to PUT one part, numbered from 1; the answer's header `ETag` goes to `complete_parts`.

        All parts but the last are 5 MiB or larger.
        """

    def complete_parts(self, key: str, upload_id: str, etags: Sequence[str]) -> None:
        """Make the parts the blob, in the place of what the key had.

        Raises:
            NotFound: There is no such upload any more; if it was completed before, the blob is there.
            InvalidInput: The parts are not those that were sent.
        """

    def abort_parts(self, key: str, upload_id: str) -> None:
        """Forget an upload and its parts; nothing happens if there is none."""


class Blobs(Protocol):
    """A store of blobs.

    A key is one or more non-empty names joined by slashes, such as `models/<model id>`, of
    `limits.blob_key_bytes_max` bytes of UTF-8 at most; a name may hold any character but a slash,
    and a key may be the beginning of another. Every method raises InvalidInput for a key that is
    none, and Unavailable while the store does not answer. The size of a blob is bounded by whoever
    hands it in.
    """

    @property
    def presigner(self) -> Presigner | None:
        """What makes URLs for others; None where the store cannot."""

    @property
    def work_folder(self) -> Path | None:
        """Return a folder for files that `put_file` is to move, made by its first user; None if there are no files.

        Everybody who has the store sees the same folder, and no file in it is a blob.
        """

    def put(self, key: str, source: Iterable[bytes]) -> Blob:
        """Store what the source yields, in the place of what the key had.

        Readers see what was there before until all of it is safe. An error of the source passes
        through, and leaves nothing behind.
        """

    def put_file(self, key: str, path: Path) -> Blob:
        """Store a file, which is gone afterwards; where the store can, the file is moved.

        Nobody may write to it any more.

        Raises:
            NotFound: There is no such file.
        """

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield a range in chunks of `limits.chunk_bytes`; beyond the end there is nothing.

        A reader sees the blob as it was when the first chunk was taken, whatever happens to the key
        meanwhile.

        Raises:
            NotFound: There is no such blob (at the call, or with the first chunk if it went in
                between).
            InvalidInput: The offset or the length is negative.
        """

    def size(self, key: str) -> int | None:
        """Return the size in bytes; if absent, None."""

    def version(self, key: str) -> str | None:
        """Return a text that changes whenever the blob is put anew; if absent, None."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with a text, in no order.

        Those put or deleted meanwhile may be among them or not.
        """

    def delete(self, key: str) -> bool:
        """Remove the blob; True if it was there."""

    def local_path(self, key: str) -> Path | None:
        """Return a file to be read only; None if the blob is absent or the store has no files.

        Open or map it at once: the content of an open file stays, its path may go.
        """

    def is_ready(self) -> bool:
        """Whether the store answers at the moment; never raises."""

    def close(self) -> None:
        """Let go of files and connections; the store is not used afterwards."""


def check_key(key: str) -> str:
    """The key, if it is one; raises InvalidInput otherwise."""
    if any("\ud800" <= character <= "\udfff" for character in key):
        raise InvalidInput(f"{key!r} has characters that cannot be stored.", field="key")
    if not all(key.split("/")) or len(key.encode()) > limits.blob_key_bytes_max:
        raise InvalidInput(
            f"{key!r} is no key of a blob: it takes names joined by single slashes, "
            f"of {limits.blob_key_bytes_max} bytes together.",
            field="key",
        )
    return key


def check_range(offset: int, length: int | None) -> None:
    """Raise InvalidInput if the offset or the length is negative."""
    for name, number in (("offset", offset), ("length", length or 0)):
        if number < 0:
            raise InvalidInput(f"{name} must be a number from 0 on, not {number}.", field=name)


def no_such_blob(key: str) -> NotFound:
    """The error for an absent blob, the same from every backend."""
    return NotFound(f"There is no blob {key!r}.")


def no_such_file(path: Path) -> NotFound:
    """The error for an absent file to be stored, the same from every backend."""
    return NotFound(f"There is no file {path} to store.")
