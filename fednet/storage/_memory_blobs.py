"""Blobs in memory, for tests and notebooks; the simplest implementation of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet import limits
from fednet.digests import Algorithm, Digest, digest_of, sha256_of
from fednet.errors import InvalidInput
from fednet.storage._blobs import check_key, check_range, no_such_blob, no_such_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def open_blobs(url: str) -> MemoryBlobs:
    """Create an empty store; nobody else can open it.

    Raises:
        InvalidInput: The URL has more than the scheme.
    """
    if url != "memory://":
        raise InvalidInput("A store in memory has no name: use memory://.", field="blob_store")
    return MemoryBlobs()


class MemoryBlobs:
    """Blobs that live as long as this object.

    Each method performs one operation on one dict, so it needs no lock.
    """

    presigner = None
    work_folder = None

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, key: str, source: Iterable[bytes]) -> Digest:
        """See `Blobs.put`."""
        check_key(key)
        content = b"".join(source)
        self._contents[key] = content
        return digest_of(content, Algorithm.BLAKE3)

    def put_file(self, key: str, path: Path, known: Digest | None = None) -> Digest:
        """See `Blobs.put_file`."""
        check_key(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise no_such_file(path) from error
        stored = self.put(key, [content])
        path.unlink()
        return known or stored

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Blobs.read`."""
        check_range(offset, length)
        content = self._contents.get(check_key(key))
        if content is None:
            raise no_such_blob(key)
        end = len(content) if length is None else min(len(content), offset + length)
        starts = range(offset, end, limits.chunk_bytes)
        return (content[start : min(start + limits.chunk_bytes, end)] for start in starts)

    def size(self, key: str) -> int | None:
        """See `Blobs.size`."""
        content = self._contents.get(check_key(key))
        return None if content is None else len(content)

    def version(self, key: str) -> str | None:
        """See `Blobs.version`."""
        content = self._contents.get(check_key(key))
        return None if content is None else sha256_of(content)

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `Blobs.list`."""
        return (key for key in tuple(self._contents) if key.startswith(prefix))

    def delete(self, key: str) -> bool:
        """See `Blobs.delete`."""
        return self._contents.pop(check_key(key), None) is not None

    def local_path(self, key: str) -> Path | None:
        """See `Blobs.local_path`: there are no files."""
        check_key(key)
        return None

    def is_ready(self) -> bool:
        """See `Blobs.is_ready`."""
        return True

    def close(self) -> None:
        """See `Blobs.close`."""
