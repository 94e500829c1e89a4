"""Blobs as objects of a bucket, on any server that speaks S3.

It uses HeadBucket, CreateBucket, PutObject, GetObject (with Range and If-Match), HeadObject, DeleteObject and
ListObjectsV2; for blobs of several parts CreateMultipartUpload, UploadPart, CompleteMultipartUpload,
AbortMultipartUpload and ListMultipartUploads. It uses no feature of a single server.

An object appears when its last byte has arrived, so a broken upload is never visible. A broken upload is aborted at
once; one that a killed process left is aborted when somebody opens the bucket a day later.
"""

from __future__ import annotations

import io
from contextlib import closing, suppress
from itertools import chain
from typing import TYPE_CHECKING, Final

from minio.error import MinioException

from fednet import limits
from fednet.digests import Algorithm, Digest, RunningDigest
from fednet.errors import FailedPrecondition, FednetError, InvalidInput, NotFound, Unavailable
from fednet.storage._blobs import check_key, check_range, no_such_blob, no_such_file
from fednet.storage._object_names import folder_name, key_of, object_name
from fednet.storage._s3_address import address_of
from fednet.storage._s3_connection import Pool, client_of, code_of, s3_errors
from fednet.storage._s3_presigner import S3Presigner
from fednet.storage._s3_reading import Reading
from fednet.storage._s3_uploads import Uploads
from fednet.tls import PUBLIC_CA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from minio.datatypes import Object

    from fednet.storage._s3_address import Address
    from fednet.tls import CallerTLS

_object_bytes_max: Final = 2**50


def open_blobs(url: str, tls: CallerTLS = PUBLIC_CA) -> S3Blobs:
    """Open the blobs in a bucket; create the bucket if it is absent.

    Args:
        url: See `_s3_address`.
        tls: The files of a caller, for a server that speaks https.

    Raises:
        InvalidInput: The URL is invalid, or a file cannot be used.
        FailedPrecondition: The server refuses; the message says why.
        Unavailable: The server does not answer.
    """
    tls.check()
    blobs = S3Blobs(address_of(url), tls)
    try:
        blobs.prepare()
    except BaseException:
        blobs.close()
        raise
    return blobs


class S3Blobs:
    """Blobs in a bucket.

    Args:
        address: The address of the bucket; nothing else may be kept in it.
        tls: The files of a caller.
    """

    work_folder = None

    def __init__(self, address: Address, tls: CallerTLS = PUBLIC_CA) -> None:
        self._bucket = address.bucket
        self._pools = Pool(tls, is_patient=True), Pool(tls, is_patient=False)
        self._client, self._probe = (client_of(address, pool) for pool in self._pools)
        self._uploads = Uploads(self._client, self._bucket)
        public = client_of(address, self._pools[0], address.public or address.url)
        self.presigner = S3Presigner(public, self._uploads, self._bucket)

    def prepare(self) -> None:
        """Create the bucket if it is absent, and abort the uploads of killed processes.

        Raises:
            InvalidInput: The name of the bucket is invalid.
            FednetError: The server refuses, or does not answer.
        """
        try:
            with s3_errors():
                if not self._has_bucket():
                    self._make_bucket()
        except ValueError as error:
            raise InvalidInput(
                f"Invalid URL of the blob store: {error}.", field="blob_store"
            ) from error
        self._uploads.abort_forgotten()

    def put(self, key: str, source: Iterable[bytes]) -> Digest:
        """See `Blobs.put`."""
        name = object_name(check_key(key))
        digest = RunningDigest(Algorithm.BLAKE3)
        parts = _parts(digest.passing(source))
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            with s3_errors():
                self._client.put_object(self._bucket, name, io.BytesIO(first), len(first))
        else:
            self._uploads.put(name, chain([first, second], parts))
        return digest.digest

    def put_file(self, key: str, path: Path, known: Digest | None = None) -> Digest:
        """See `Blobs.put_file`."""
        check_key(key)
        try:
            with path.open("rb") as file:
                stored = self.put(key, iter(lambda: file.read(limits.chunk_bytes), b""))
            path.unlink()
        except FileNotFoundError as error:
            raise no_such_file(path) from error
        except OSError as error:
            raise Unavailable(f"Cannot store {path}: {error.strerror}.") from error
        return known or stored

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Blobs.read`."""
        check_range(offset, length)
        if self.size(key) is None:
            raise no_such_blob(key)
        end = _object_bytes_max if length is None else min(offset + length, _object_bytes_max)
        return self._chunks(key, min(offset, end), end)

    def size(self, key: str) -> int | None:
        """See `Blobs.size`."""
        found = self._find(key)
        return None if found is None else found.size

    def version(self, key: str) -> str | None:
        """See `Blobs.version`."""
        found = self._find(key)
        return None if found is None else found.etag

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `Blobs.list`."""
        top = folder_name(prefix.rpartition("/")[0])
        with s3_errors():
            for found in self._client.list_objects(self._bucket, top, recursive=True):
                key = key_of(str(found.object_name))
                if key is not None and key.startswith(prefix):
                    yield key

    def delete(self, key: str) -> bool:
        """See `Blobs.delete`; of several calls at the same time, more than one may return True."""
        was_there = self._find(key) is not None
        with s3_errors():
            self._client.remove_object(self._bucket, object_name(key))
        return was_there

    def local_path(self, key: str) -> Path | None:
        """See `Blobs.local_path`: there are no files."""
        check_key(key)
        return None

    def is_ready(self) -> bool:
        """See `Blobs.is_ready`."""
        try:
            with s3_errors():
                return self._probe.bucket_exists(self._bucket)
        except FednetError:
            return False

    def close(self) -> None:
        """See `Blobs.close`."""
        for pool in self._pools:
            pool.clear()

    def _has_bucket(self) -> bool:
        """Return True if the bucket exists; list it, because unlike HeadBucket a refused list gives a reason."""
        try:
            next(iter(self._client.list_objects(self._bucket)), None)
        except MinioException as error:
            if code_of(error) == "NoSuchBucket":
                return False
            raise
        return True

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self._bucket)
        except MinioException as error:
            match code_of(error):
                case "BucketAlreadyOwnedByYou" | "BucketAlreadyExists":
                    return  # another process was faster
                case "AccessDenied":
                    raise FailedPrecondition(
                        f"The bucket {self._bucket!r} does not exist, and the access key may not create it: "
                        "create it, or give the key that right.",
                        field="blob_store",
                    ) from error
            raise

    def _find(self, key: str) -> Object | None:
        name = object_name(check_key(key))
        with suppress(NotFound), s3_errors():
            return self._client.stat_object(self._bucket, name)
        return None

    def _chunks(self, key: str, start: int, end: int) -> Iterator[bytes]:
        name = object_name(key)
        with closing(Reading(self._client, self._bucket, name, start, end)) as reading:
            try:
                while chunk := reading.next_chunk():
                    yield chunk
            except NotFound as error:
                raise no_such_blob(key) from error


def _parts(source: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in parts of `limits.blob_part_bytes`; the last part may be shorter."""
    part = bytearray()
    for chunk in source:
        rest = memoryview(chunk)
        while rest:
            taken = rest[: limits.blob_part_bytes - len(part)]
            part += taken
            rest = rest[len(taken) :]
            if len(part) == limits.blob_part_bytes:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)
