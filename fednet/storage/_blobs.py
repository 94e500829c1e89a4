"""The blobs protocol: named byte strings of any size, written whole or not at all.

Every backend behaves alike; `tests/storage/test_blobs.py` runs against each of them. All methods may be called from
any thread, and several processes may use one store, except for one in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fednet import limits
from fednet.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from fednet.digests import Digest


class Presigner(Protocol):
    """Makes URLs by which others reach single blobs in the store directly, for a limited time.

    A URL holds no secret, only a signature over the verb, the blob and the time: its owner may make this one request.
    The store does not limit the bytes that are sent to a URL; check `Blobs.size` afterwards. Every method raises
    InvalidInput for an invalid key; methods that ask the store raise Unavailable while it does not answer.
    """

    def get_url(self, key: str, seconds: int) -> str:
        """Return a URL to GET the blob, or ranges of it, that is valid for some seconds, at most a week."""

    def put_url(self, key: str, seconds: int) -> str:
        """Return a URL to PUT the whole blob in one request that is valid for some seconds, at most a week."""

    def begin_parts(self, key: str) -> str:
        """Begin a blob that is sent in parts, and return the id of the upload.

        Nothing of it is visible before `complete_parts`. An upload that is neither completed nor aborted is deleted
        after `limits.blob_upload_idle_seconds_max`.
        """

    def part_url(self, key: str, upload_id: str, number: int, seconds: int) -> str:
        """Return a URL to PUT one part, numbered from 1; `complete_parts` takes the `ETag` header of the answer.

        All parts except the last one have at least 5 MiB.
        """

    def complete_parts(self, key: str, upload_id: str, etags: Sequence[str]) -> None:
        """Make a blob of the parts, in place of the earlier one.

        Raises:
            NotFound: The upload does not exist; if it was completed before, the blob is there.
            InvalidInput: The parts differ from those that were sent.
        """

    def abort_parts(self, key: str, upload_id: str) -> None:
        """Delete an upload and its parts, if they are there."""


class Blobs(Protocol):
    """A store of blobs.

    A key is one or more non-empty names joined by slashes, such as `models/<model id>`, of at most
    `limits.blob_key_bytes_max` bytes of UTF-8. A name may hold any character except a slash, and a key may be the
    beginning of another one. Every method raises InvalidInput for an invalid key, and Unavailable while the store does
    not answer. The caller limits the size of a blob.
    """

    @property
    def presigner(self) -> Presigner | None:
        """Makes URLs for others; None if the store cannot."""

    @property
    def work_folder(self) -> Path | None:
        """Return a folder for files that `put_file` will move; None if the store has no files.

        The first user creates it. Every process with the store sees the same folder, and no file in it is a blob.
        """

    def put(self, key: str, source: Iterable[bytes]) -> Digest:
        """Store the bytes of a source, in place of the earlier blob, and return their BLAKE3 digest.

        Readers see the earlier blob until the new one is whole and safe. An error of the source passes through, and
        leaves nothing behind.
        """

    def put_file(self, key: str, path: Path, known: Digest | None = None) -> Digest:
        """Store a file and remove it; the store moves it if it can. Nobody may write to the file any more.

        Args:
            key: The key of the blob.
            path: The file.
            known: Its digest, if the caller has computed it; else it is computed here.

        Returns:
            The digest: the known one, or a BLAKE3 digest.

        Raises:
            NotFound: The file does not exist.
        """

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield a range in chunks of `limits.chunk_bytes`; the range may reach beyond the end of the blob.

        A reader sees the blob as it was when it took the first chunk, whatever happens to the key meanwhile.

        Raises:
            NotFound: The blob does not exist; raised by the call, or with the first chunk if the blob was deleted in
                between.
            InvalidInput: The offset or the length is negative.
        """

    def size(self, key: str) -> int | None:
        """Return the size in bytes; if absent, None."""

    def version(self, key: str) -> str | None:
        """Return a text that changes whenever the blob is replaced; if absent, None."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with a text, in any order.

        Keys that are added or deleted meanwhile may be among them or not.
        """

    def delete(self, key: str) -> bool:
        """Delete the blob; return True if it was there."""

    def local_path(self, key: str) -> Path | None:
        """Return the blob's file, to be read only; None if the blob is absent or the store has no files.

        Open or map the file at once: the content of an open file stays, but its path may disappear.
        """

    def is_ready(self) -> bool:
        """Return True if the store answers now; never raise."""

    def close(self) -> None:
        """Close files and connections; the store must not be used afterwards."""


def check_key(key: str) -> str:
    """Return a valid key.

    Raises:
        InvalidInput: The key is invalid.
    """
    if any("\ud800" <= character <= "\udfff" for character in key):
        raise InvalidInput(
            f"The key {key!r} has characters that cannot be stored: remove them.", field="key"
        )
    if not all(key.split("/")) or len(key.encode()) > limits.blob_key_bytes_max:
        raise InvalidInput(
            f"Invalid blob key {key!r}: use names joined by single slashes, at most "
            f"{limits.blob_key_bytes_max} bytes in all.",
            field="key",
        )
    return key


def check_range(offset: int, length: int | None) -> None:
    """Raise InvalidInput if the offset or the length is negative."""
    for name, number in (("offset", offset), ("length", length or 0)):
        if number < 0:
            raise InvalidInput(f"{name} must be at least 0, not {number}.", field=name)


def no_such_blob(key: str) -> NotFound:
    """Return the error for an absent blob, the same from every backend."""
    return NotFound(f"There is no blob {key!r}.")


def no_such_file(path: Path) -> NotFound:
    """Return the error for an absent file to be stored, the same from every backend."""
    return NotFound(f"There is no file {path} to store.")
