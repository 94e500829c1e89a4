"""Blobs through the controller, for a combiner that cannot reach the blob store itself.

A blob is read as one stream, which resumes where its connection broke. It is sent in pieces, one request each; a last
request with the size and the digest stores it. Pieces that the controller has lost meanwhile are sent again.
"""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.digests import Algorithm, Digest, digest_of_open
from fednet.errors import (
    Conflict,
    DeadlineExceeded,
    FednetError,
    NotFound,
    TransferCorrupted,
    Unavailable,
)
from fednet.storage._blobs import check_key, check_range, no_such_blob, no_such_file
from fednet.storage._object_names import object_name

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from fednet.http import Http

_folder = "/api/v1/blobs/"


class ControllerBlobs:
    """The blobs of a network, through its controller.

    Args:
        http: The connection to the controller, with the token of a combiner; closed with the store.
    """

    presigner = None
    work_folder = None

    def __init__(self, http: Http) -> None:
        self._http = http
        self._closed = threading.Event()

    def put(self, key: str, source: Iterable[bytes]) -> Digest:
        """See `Blobs.put`."""
        check_key(key)
        with tempfile.TemporaryFile() as file:  # pieces that the controller loses are sent again
            file.writelines(source)
            return self._send(key, file)

    def put_file(self, key: str, path: Path, known: Digest | None = None) -> Digest:
        """See `Blobs.put_file`."""
        check_key(key)
        try:
            with path.open("rb") as file:
                stored = self._send(key, file, known)
        except FileNotFoundError as error:
            raise no_such_file(path) from error
        path.unlink()
        return stored

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Blobs.read`."""
        check_range(offset, length)
        if self._find(key) is None:
            raise no_such_blob(key)
        return self._chunks(key, offset, length)

    def size(self, key: str) -> int | None:
        """See `Blobs.size`."""
        found = self._find(key)
        return None if found is None else found.size_bytes

    def version(self, key: str) -> str | None:
        """See `Blobs.version`."""
        found = self._find(key)
        return None if found is None else found.version

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `Blobs.list`."""
        if prefix.encode(errors="ignore").decode() != prefix:
            return  # no key has such characters
        rest = b""
        with self._http.stream(_folder, query={"prefix": prefix}) as chunks:
            for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                yield from map(json.loads, lines)

    def delete(self, key: str) -> bool:
        """See `Blobs.delete`."""
        return bool(self._http.call("DELETE", _path(key))["deleted"])

    def local_path(self, key: str) -> Path | None:
        """See `Blobs.local_path`: there are no files."""
        check_key(key)
        return None

    def is_ready(self) -> bool:
        """See `Blobs.is_ready`."""
        try:
            self._http.call("GET", "/health")
        except FednetError:
            return False
        return True

    def close(self) -> None:
        """See `Blobs.close`."""
        self._closed.set()
        self._http.close()

    def _find(self, key: str) -> _Found | None:
        try:
            headers = self._http.head(_path(key))
            return _Found(int(headers["Content-Length"]), headers["ETag"].strip('"'))
        except NotFound:
            return None
        except KeyError as error:
            raise Unavailable(
                f"The controller's answer came without the header {error}: let the proxy before the controller pass it."
            ) from error

    def _chunks(self, key: str, offset: int, length: int | None) -> Iterator[bytes]:
        """Read the blob as it is now; fail if it is replaced meanwhile."""
        for conflicts in range(limits.transfer_attempts_max):
            if conflicts:
                self._closed.wait(backoff_seconds(conflicts))
            found = self._find(key)
            if found is None:
                raise no_such_blob(key)
            end = found.size_bytes if length is None else min(offset + length, found.size_bytes)
            with closing(self._range(key, found.version, offset, end)) as chunks:
                try:
                    first = next(chunks, None)
                except Conflict:
                    continue  # it was replaced between the two calls
                if first is not None:
                    yield first
                    yield from chunks
                return
        raise _changed()

    def _range(self, key: str, version: str, start: int, end: int) -> Generator[bytes, None, None]:
        """Yield the bytes of one version; connect again after a break if there was progress."""
        failures = 0
        position = start
        while position < end:
            headers = {"Range": f"bytes={position}-{end - 1}", "If-Match": f'"{version}"'}
            try:
                with self._http.stream(_path(key), headers=headers) as chunks:
                    for chunk in chunks:
                        position += len(chunk)
                        failures = 0
                        yield chunk
            except Conflict as error:
                if position > start:
                    raise _changed() from error
                raise
            except (Unavailable, DeadlineExceeded):
                failures += 1
                if failures == limits.transfer_attempts_max:
                    raise

    def _send(self, key: str, file: BinaryIO, known: Digest | None = None) -> Digest:
        digest = known or digest_of_open(file, Algorithm.BLAKE3)
        for _ in range(limits.transfer_attempts_max):
            try:
                self._send_once(key, file, digest)
            except (Conflict, TransferCorrupted) as error:  # the sent pieces are lost: begin again
                problem = error
            else:
                return digest
        raise Unavailable(
            f"The controller lost the blob {limits.transfer_attempts_max} times. Try again."
        ) from problem

    def _send_once(self, key: str, file: BinaryIO, digest: Digest) -> None:
        upload_id = str(uuid.uuid4())
        for offset in range(0, max(digest.size_bytes, 1), limits.blob_part_bytes):
            file.seek(offset)
            piece = file.read(limits.blob_part_bytes)
            place = {"upload_id": upload_id, "offset": offset}
            self._http.call("PATCH", _folder, query=place, content=piece)
        whole = {
            "upload_id": upload_id,
            "size_bytes": digest.size_bytes,
            "digest": digest.text,
        }
        seconds = (
            limits.transfer_idle_seconds_max + digest.size_bytes / limits.checked_bytes_per_second
        )
        self._http.call("PUT", _path(key), query=whole, seconds=seconds)


class _Found(NamedTuple):
    size_bytes: int
    version: str


def _path(key: str) -> str:
    return _folder + object_name(check_key(key))


def _changed() -> Unavailable:
    return Unavailable("The blob was replaced while it was read. Read it again.")
